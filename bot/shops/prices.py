"""Prices over time: what the shop told, what people saw, and the lowest of the last weeks."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.events import Happened
from bot.shops import lines
from bot.tables.catalogue import PriceChange, SeenPrice
from bot.tables.shop import Product

Thing = tuple[str, str, str]
"""Store, product, variant."""

SEEN_FOR = timedelta(days=30)
"""A price seen longer ago is no longer on anybody's mind."""

LOOKS = frozenset({
    "Product Viewed", "Product Added", "Product Added to Wishlist", "Wishlist Product Added to Cart", "Cart Viewed",
    "Cart Updated",
})  # fmt: skip
"""Events in which somebody sees a price."""

_LINES_AT_MOST = 50
_changes, _seen, _products = table(PriceChange), table(SeenPrice), table(Product)


async def told(session: AsyncSession, store: str, product_id: str) -> dict[str, Mapping[str, Any]]:
    """The last price that the shop told of the product and its variants, by variant id."""
    return (await told_of_many(session, store, [product_id])).get(product_id, {})


async def told_of_many(
    session: AsyncSession, store: str, product_ids: Collection[str]
) -> dict[str, dict[str, Mapping[str, Any]]]:
    mine = _changes.c.product_id.in_(sorted(product_ids)), _changes.c.store == store
    last = sa.select(sa.func.max(_changes.c.id)).where(*mine).group_by(_changes.c.product_id, _changes.c.variant_id)
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in (await session.execute(sa.select(_changes).where(_changes.c.id.in_(last)))).mappings():
        found.setdefault(row["product_id"], {})[row["variant_id"]] = dict(row)
    return found


def change(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any] | None:
    """The price of a row of a product as a change to be kept; None if it says nothing new."""
    new = {name: after[name] for name in ("store", "product_id", "variant_id", "price", "currency")}
    if after["price"] is None or (before and (before["price"], before["currency"]) == (new["price"], new["currency"])):
        return None
    return {**new, "at": after["updated_at"]}


async def prior(session: AsyncSession, things: Collection[Thing], within: timedelta = SEEN_FOR) -> dict[Thing, int]:
    """The lowest price that held in the time before today's began, by store, product and variant: what a reduction must
    be compared with by the EU's directive 98/6/EC, Art. 6a. Nothing where no price from before is known.
    """
    wanted = set(things)
    ids = sorted({product_id for _, product_id, _ in wanted})
    asked = sa.select(_changes).where(_changes.c.product_id.in_(ids)).order_by(_changes.c.at, _changes.c.id)
    told: dict[Thing, list[Mapping[str, Any]]] = {}
    for row in (await session.execute(asked)).mappings():
        told.setdefault((row["store"], row["product_id"], row["variant_id"]), []).append(dict(row))
    found = {thing: _lowest(rows[:-1], rows[-1], within) for thing, rows in told.items() if thing in wanted}
    return {thing: price for thing, price in found.items() if price is not None}


def _lowest(before: Sequence[Mapping[str, Any]], today: Mapping[str, Any], within: timedelta) -> int | None:
    lowest: int | None = None
    for row in before:
        if row["currency"] != today["currency"]:
            continue
        # The one in force when the time began counts too; whatever came before that one does not.
        began = row["at"] <= today["at"] - within
        lowest = row["price"] if began or lowest is None else min(row["price"], lowest)
    return lowest


def least_before(thing: Mapping[str, Any], percent: float, units: float) -> int:
    """The lowest earlier price from which today's is a reduction by `percent`, and by `units` of its currency."""
    by_share = math.ceil(Decimal(thing["price"] * 100) / (100 - Decimal(str(percent))))
    by_units = int(thing["price"]) + max(1, lines.amount(units, thing["currency"]) or 0)
    return max(by_share, by_units)


async def note(session: AsyncSession, happened: Happened, currency: str) -> None:
    """Write down at which price somebody saw what the event names.

    What the page says counts as far as the shop's own price was not lower: nobody shall make us call something reduced
    that never was.
    """
    if happened.contact_id is None:
        return
    said = happened.properties
    of = lines.currency(said, currency)
    listed = said.get("products")
    named = listed[:_LINES_AT_MOST] if isinstance(listed, list) else [said]
    wanted = {
        (lines.text(one["product_id"]), lines.text(one.get("variant_id"))): lines.amount(one.get("price"), of)
        for one in named
        if isinstance(one, Mapping) and lines.text(one.get("product_id"))
    }
    if not wanted:
        return
    ids = sorted({product_id for product_id, _ in wanted})
    known = {
        (row.product_id, row.variant_id): row
        for row in await session.execute(_HELD, {"ids": ids, "store": happened.store})
    }
    seen: dict[tuple[str, str], int] = {}
    for (product_id, variant_id), price in wanted.items():
        row = known.get((product_id, variant_id)) or known.get((product_id, ""))
        if row is not None and row.price is not None and row.currency == of:
            price = row.price if price is None else min(price, row.price)  # noqa: PLW2901
        if price:
            seen[product_id, row.variant_id if row is not None else variant_id] = price
    if seen:
        each = {"contact_id": happened.contact_id, "store": happened.store, "currency": of, "at": happened.ts}
        rows = [
            {**each, "product_id": thing[0], "variant_id": thing[1], "price": seen[thing]} for thing in sorted(seen)
        ]
        await session.execute(_upsert(session.get_bind().dialect.name), rows)


_HELD = sa.select(_products.c.product_id, _products.c.variant_id, _products.c.price, _products.c.currency).where(
    _products.c.product_id.in_(sa.bindparam("ids", expanding=True)),
    _products.c.store == sa.bindparam("store"),
    _products.c.rank != "page",
)


@cache
def _upsert(dialect: str) -> sa.Executable:
    """Built once: views come by the thousand, and building it costs more than running it."""
    put = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(_seen)
    changed = {name: put.excluded[name] for name in ("price", "currency", "at")}
    return put.on_conflict_do_update(
        index_elements=["contact_id", "product_id", "variant_id", "store"],
        set_=changed,
        where=_seen.c.at <= put.excluded.at,
    )


async def forget(session: AsyncSession, now: datetime) -> None:
    """What was seen too long ago to matter goes."""
    await session.execute(sa.delete(_seen).where(_seen.c.at < now - SEEN_FOR - timedelta(days=1)))
