"""Products as the shop tells them; what a cart of it says about one counts only until it has told of the product.

A price or a stock that changed becomes an event of ours, `Product Price Changed` or `Product Stock Changed`, of nobody.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot import events
from bot.base import money, stores
from bot.base.database import insert, table
from bot.events import Happened, NewEvent, permissions
from bot.shops import adoption, lines, prices, stock
from bot.tables.catalogue import PriceChange, StockAlert
from bot.tables.shop import Product

SOURCE = "aftercart"
_KEY = ["product_id", "variant_id", "store"]
_LOOSE = ("", stores.IMPORT, stores.BEFORE)
_rows, _prices, _alerts = table(Product), table(PriceChange), table(StockAlert)

TOLD = _rows.c.rank != "page"
"""Rows that the shop told of; others are what pages said before their rank was asked for."""


async def apply(session: AsyncSession, happened: Happened, now: datetime, currency: str) -> bool | None:
    """`Product Updated` (with `variants`) and `Product Deleted`. False if it is older than what we hold."""
    said = happened.properties
    product_id = lines.text(said.get("product_id"))
    if not product_id:
        return None
    at = lines.told_at(said, happened.ts, happened.received_at)
    await _take_in(session, happened.store, product_id, said)
    await adoption.adopt(session, happened.store, product_id, said, at)
    held = await _held(session, happened.store, product_id)
    if happened.name == "Product Deleted":
        await _gone(session, happened, held, list(held), at, now)
        return None
    known = await prices.told(session, happened.store, product_id)
    if is_stale(said, at, held, known, currency):
        return False
    stated = await _write(session, happened, at, currency)
    new = [one for one in stated if one not in held or one not in known]
    waited_for = await _waited_for(session, happened.store, product_id) if new else set()
    for variant_id, values in stated.items():
        await _compare_prices(session, happened, known.get(variant_id), values, now)
        before = held.get(variant_id)
        if variant_id in new and variant_id in waited_for:
            before = {**values, "stock": 0}  # the shop tells of it for the first time, and somebody found it sold out
        if before is not None:
            await _compare_stock(session, happened, before, values, now)
    if isinstance(said.get("variants"), list):
        await _gone(session, happened, held, [one for one in held if one not in stated], at, now)
    return None


def is_stale(
    said: Mapping[str, Any], at: datetime, held: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Mapping[str, Any]], currency: str,
) -> bool:  # fmt: skip
    """Whether the rows that are held of the product are newer; `known` are its prices."""
    if "" not in held:
        return False
    before = held[""]["updated_at"]
    tie = at == before and lines.moment(said.get("updated_at")) is not None  # by the shop's clock, not by ours
    return bool(at < before or (tie and _is_less(said, known, currency)))


async def put(session: AsyncSession, happened: Happened, currency: str) -> None:
    """The product as this event tells it, and its prices as the first ones that are known; nobody hears of it."""
    at = lines.told_at(happened.properties, happened.ts, happened.received_at)
    for values in (await _write(session, happened, at, currency)).values():
        if (first := prices.change(None, values)) is not None:
            await session.execute(sa.insert(_prices).values(first))


async def _write(session: AsyncSession, happened: Happened, at: datetime, currency: str) -> dict[str, dict[str, Any]]:
    """The rows of the product and its variants as the event tells them, by variant id."""
    items = await stock.held(session, happened.store, stock.item_ids(happened.properties))
    counted = stock.of_variants(happened, items, at)
    stated = rows_of(happened, counted, at, currency)
    await stock.keep(session, counted.rows)
    await keep(session, list(stated.values()))
    return stated


def rows_of(happened: Happened, counted: stock.Counted, at: datetime, currency: str) -> dict[str, dict[str, Any]]:
    said, product_id = happened.properties, lines.text(happened.properties.get("product_id"))
    whole = {"store": happened.store, **_values(said, product_id, "", lines.currency(said, currency), at)}
    if counted.rows:
        whole["stock"] = _together([one.get("stock") for one in counted.variants])
    rows = (whole, *(_variant(whole, one) for one in counted.variants))
    return {values["variant_id"]: values for values in rows}


async def keep(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of products as their shop tells them; a handle that is not told stays."""
    if rows:
        await session.execute(_upsert(session.get_bind().dialect.name, tuple(rows[0])), list(rows))


@cache
def _upsert(dialect: str, columns: Sequence[str]) -> sa.Executable:
    new = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(_rows)
    changed: dict[str, Any] = {name: new.excluded[name] for name in columns if name not in _KEY}
    changed["handle"] = sa.case((new.excluded.handle == "", _rows.c.handle), else_=new.excluded.handle)
    return new.on_conflict_do_update(index_elements=_KEY, set_=changed)


async def recount(session: AsyncSession, happened: Happened, now: datetime) -> bool | None:
    """An inventory item or level changed: so may how many there are to be had."""
    at = lines.not_ahead(happened.ts, happened.received_at)
    product_id = await stock.take(session, happened.store, happened.name, happened.properties, at)
    if not product_id:
        return None
    held = await _held(session, happened.store, product_id)
    counts = await stock.counts(session, happened.store, product_id)
    new = {variant_id: counts[variant_id] for variant_id in held if variant_id in counts}
    if "" in held and new:
        new[""] = _together([counts.get(one, held[one]["stock"]) for one in held if one and held[one]["published"]])
    for variant_id, count in new.items():
        row = held[variant_id]
        if row["stock"] != count:
            await session.execute(sa.update(_rows).where(_rows.c.id == row["id"]).values(stock=count))
            await _compare_stock(session, happened, row, {**row, "stock": count}, now)
    return None


def _together(counts: Sequence[int | None]) -> int | None:
    known = [one for one in counts if one is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _is_less(said: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], currency: str) -> bool:
    """Of two words of one second nobody knows which is the newer: the dearer one stands, whichever came first, so
    that nobody is promised a price that may be gone."""
    before = known[""]["price"] if "" in known else None
    price = lines.amount(said.get("price"), lines.currency(said, currency))
    return price is not None and before is not None and price < before


def available(row: Mapping[str, Any]) -> int | None:
    """How many can be bought: none of what is not on show, None where the shop does not count."""
    return (None if row["stock"] is None else max(0, row["stock"])) if row["published"] else 0


async def find(session: AsyncSession, store: str, product_id: str, variant_id: str) -> Mapping[str, Any] | None:
    """That variant, or the product where it has none of that id."""
    both = sa.select(_rows).where(
        _rows.c.product_id == product_id, _rows.c.variant_id.in_(("", variant_id)), _rows.c.store == store
    )
    found = {row["variant_id"]: dict(row) for row in (await session.execute(both)).mappings()}
    return found.get(variant_id) or found.get("")


async def product_of(session: AsyncSession, store: str, variant_id: str) -> str:
    """The product that has this variant, or nothing."""
    mine = sa.select(_rows.c.product_id).where(_rows.c.variant_id == variant_id, _rows.c.store == store).limit(1)
    return await session.scalar(mine) or ""


async def named(session: AsyncSession, store: str, product_id: str, variant_id: str) -> tuple[str, str]:
    """The ids under which the catalogue has it: WooCommerce tells of a variation as of a product of its own."""
    both = sa.tuple_(_rows.c.product_id, _rows.c.variant_id).in_([(product_id, variant_id), (variant_id, "")])
    asked = sa.select(_rows.c.product_id, _rows.c.variant_id).where(both, _rows.c.store == store)
    found = {tuple(row) for row in await session.execute(asked)}
    alone = variant_id and (variant_id, "") in found and (product_id, variant_id) not in found
    return (variant_id, "") if alone else (product_id, variant_id)


async def has_variants(session: AsyncSession, store: str, product_id: str) -> bool:
    one = sa.select(_rows.c.id).where(
        _rows.c.product_id == product_id, _rows.c.variant_id != "", _rows.c.store == store
    )
    return await session.scalar(one.limit(1)) is not None


async def _take_in(session: AsyncSession, store: str, product_id: str, said: Mapping[str, Any]) -> None:
    """Rows of before its store was known, or out of a file, are the shop's if they show the same article: a page's
    word about goods of a store that nobody named is taken as a hint of these.
    """
    if not store:
        return
    other = _rows.alias()
    mine = sa.exists().where(other.c.product_id == product_id, other.c.store == store)
    loose = sa.select(_rows.c.store, _rows.c.sku, _rows.c.name).where(
        _rows.c.product_id == product_id, _rows.c.variant_id == "", _rows.c.store.in_(_LOOSE), ~mine
    )
    for row in await session.execute(loose):
        alike = any(
            row_said and row_said == lines.text(said.get(name))
            for name, row_said in zip(("sku", "name"), row[1:], strict=True)
        )
        if row.store == "" or alike:
            for rows in (_rows, _prices, _alerts):
                moved = sa.update(rows).where(rows.c.product_id == product_id, rows.c.store == row.store)
                await session.execute(moved.values(store=store))
            return


async def _held(session: AsyncSession, store: str, product_id: str) -> dict[str, Mapping[str, Any]]:
    return (await rows_held(session, store, [product_id])).get(product_id, {})


async def rows_held(
    session: AsyncSession, store: str, product_ids: Collection[str]
) -> dict[str, dict[str, Mapping[str, Any]]]:
    """The rows of these products, by product and variant."""
    mine = sa.select(_rows).where(_rows.c.product_id.in_(sorted(product_ids)), _rows.c.store == store)
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in (await session.execute(mine)).mappings():
        found.setdefault(row["product_id"], {})[row["variant_id"]] = dict(row)
    return found


async def _waited_for(session: AsyncSession, store: str, product_id: str) -> set[str]:
    """The variants of which somebody wants to hear when they are back."""
    asked = sa.select(_alerts.c.variant_id).where(
        _alerts.c.product_id == product_id, _alerts.c.store == store, _alerts.c.status == "waiting"
    )
    return set((await session.scalars(asked)).all())


async def _gone(
    session: AsyncSession, happened: Happened, held: Mapping[str, Mapping[str, Any]], variants: Sequence[str],
    at: datetime, now: datetime,
) -> None:  # fmt: skip
    for variant_id in variants:
        row = held[variant_id]
        gone = sa.update(_rows).where(_rows.c.id == row["id"])
        await session.execute(gone.values(published=False, updated_at=at))
        await _compare_stock(session, happened, row, {**row, "published": False, "updated_at": at}, now)


async def _compare_prices(
    session: AsyncSession, happened: Happened, before: Mapping[str, Any] | None, after: Mapping[str, Any], now: datetime
) -> None:
    """Keep a price that is new. The first one, and one in another currency, is no change of anything."""
    new = prices.change(before, after)
    if new is None:
        return
    await session.execute(sa.insert(_prices).values(new))
    if before is None or before["currency"] != after["currency"]:
        return
    old_and_new = {
        "old": str(money.from_minor(before["price"], after["currency"])),
        "new": str(money.from_minor(after["price"], after["currency"])),
        "currency": after["currency"],
    }
    await _tell(session, happened, "price", "Product Price Changed", after, old_and_new, now)


async def _compare_stock(
    session: AsyncSession, happened: Happened, before: Mapping[str, Any], after: Mapping[str, Any], now: datetime
) -> None:
    old, new = available(before), available(after)
    if old != new:
        await _tell(session, happened, "stock", "Product Stock Changed", after, {"from": old, "to": new}, now)


async def _tell(
    session: AsyncSession, happened: Happened, kind: str, name: str, row: Mapping[str, Any], what: Mapping[str, Any],
    now: datetime,
) -> None:  # fmt: skip
    """Once for each event that told of it, however often that one is applied again; history is told to nobody."""
    if happened.history:
        return
    key = f"{kind}:{row['store']}:{row['product_id']}:{row['variant_id']}:{happened.id}"
    named = {"product_id": row["product_id"], **({"variant_id": row["variant_id"]} if row["variant_id"] else {})}
    body = {"properties": {**named, **what}}
    told = NewEvent(
        SOURCE, key, "track", name, row["updated_at"], now, body, rank=happened.rank, store=row["store"]
    )  # fmt: skip
    await events.record(session, told)


def _values(said: Mapping[str, Any], product_id: str, variant_id: str, currency: str, at: datetime) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "variant_id": variant_id,
        "rank": "shop",
        "handle": "" if variant_id else adoption.handle_of(said),
        **{name: lines.text(said.get(name)) for name in ("sku", "name", "category", "brand", "url", "image_url")},
        "price": lines.amount(said.get("price"), currency),
        "currency": currency,
        "variant": lines.text(said.get("variant")),
        "compare_at": lines.amount(said.get("compare_at_price"), currency),
        "tags": lines.words(said.get("tags")),
        "stock": lines.pieces(said.get("stock")),
        "published": said.get("published") is not False,
        "updated_at": at,
    }


def _variant(whole: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    said = {**whole, "price": None, "stock": None, **{key: value for key, value in one.items() if value is not None}}
    values = _values(
        said, whole["product_id"], lines.text(one.get("variant_id")), whole["currency"], whole["updated_at"]
    )
    return {"store": whole["store"], **values}


async def learn(session: AsyncSession, happened: Happened, currency: str) -> None:
    """Products that we never heard of, from what somebody put into a cart or looked at; a known one is left as it is.

    A page adds nothing to the catalogue: everybody's mails would show what one stranger said.
    """
    if not permissions.may(happened.rank, "properties.products"):
        return
    said = happened.properties
    of = lines.currency(said, currency)
    listed = said.get("products")
    for one in listed if isinstance(listed, list) else [said]:
        if not isinstance(one, Mapping) or not lines.text(one.get("product_id")):
            continue
        ids = lines.text(one["product_id"]), lines.text(one.get("variant_id"))
        values = {**_values(one, ids[0], ids[1], of, happened.ts), "store": happened.store, "stock": None,
                  "published": True}  # fmt: skip
        await session.execute(insert(session, _rows).values(values).on_conflict_do_nothing())


async def with_categories(
    session: AsyncSession, store: str, items: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The lines of an order with the shop's category of their products, if they lack it: Shopify's always do."""
    unknown = {line["product_id"] for line in items if line["product_id"] and not line["category"]}
    return categorised(items, await categories(session, store, unknown))


async def categories(session: AsyncSession, store: str, product_ids: Collection[str]) -> dict[str, str]:
    if not product_ids:
        return {}
    asked = sa.select(_rows.c.product_id, _rows.c.category).where(
        _rows.c.product_id.in_(sorted(product_ids)), _rows.c.store == store, _rows.c.category != "", TOLD
    )
    return {row.product_id: row.category for row in await session.execute(asked)}


def categorised(items: Sequence[Mapping[str, Any]], known: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{**line, "category": line["category"] or known.get(line["product_id"], "")} for line in items]
