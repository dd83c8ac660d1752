"""What the shop deleted for good while webhooks were lost: no list of changes shows it.

Each night the shop is asked which of the things that we know it has no more: the newest first, so many of each kind a
night, and on where the night before stopped. What seems gone is asked for once more by itself before it counts. Where
very much seems gone nothing counts: more likely the API or its rights changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, logs, stores
from bot.base.database import Database, table
from bot.inbound.shops import news, progress
from bot.inbound.shops.shop import Shop
from bot.shops import standing
from bot.tables.people import Identity
from bot.tables.shop import Order, Product

log = logs.get(__name__)

_A_NIGHT = 10_000
_PART, _MOST, _FEW = 10, 200, 3
"""One of so many may be gone, and not more than that many at once; so few always."""
_orders, _products, _known = table(Order), table(Product), table(Identity)


@dataclass(frozen=True)
class Missing:
    """`believed` is False where so much seemed gone that nothing was changed."""

    asked: int = 0
    gone: int = 0
    believed: bool = True


async def find(database: Database, shop: Shop, store: str, row: progress.Row, *, believe: bool = False) -> Missing:
    """Look at one kind of things; with `believe` however much is gone. What is gone comes in as its webhook would."""
    resource, before = row["resource"], (row["cursor"] or {}).get("before")
    async with database.reading() as session:
        held = await _held(session, shop, store, resource, before)
    ids = list(dict.fromkeys(name for _, name in held if name.isascii() and name.isdecimal()))
    missing = sorted(await shop.missing(resource, ids)) if ids else []
    if len(missing) > max(_FEW, min(_MOST, len(ids) // _PART)) and not believe:
        log.error("much of a shop seems gone, nothing is changed", store=store, resource=resource, gone=len(missing))
        return Missing(len(ids), len(missing), believed=False)
    gone = [one for one in missing if await shop.is_gone(resource, one)]
    now = clock.now()
    async with database.transaction() as session:
        await news.put(session, shop, [shop.deleted(resource, one, now) for one in gone], now)
        on = {"before": held[-1][0]} if len(held) == _A_NIGHT else {}
        await progress.write(session, row, cursor=on)
    return Missing(len(ids), len(gone))


async def _held(
    session: AsyncSession, shop: Shop, store: str, resource: str, before: int | None
) -> Sequence[tuple[int, str]]:
    """What the shop itself told of and that is not over: number of the row, id in the shop; the newest first."""
    rows, asked = _LISTS[resource](shop, store)
    if before is not None:
        asked = asked.where(rows.c.id < before)
    found = (await session.execute(asked.order_by(rows.c.id.desc()).limit(_A_NIGHT))).all()
    if resource == "customers":
        return [(row[0], stores.plain(row[1])) for row in found]
    if resource == "orders":
        return [(row[0], row[1] if standing.is_of_the_shop(row[2]) else "") for row in found]
    return [(row[0], row[1]) for row in found]


def _list_orders(_shop: Shop, store: str) -> tuple[sa.Table, sa.Select[Any]]:
    mine = sa.select(_orders.c.id, _orders.c.order_id, _orders.c.facts)
    return _orders, mine.where(_orders.c.store == store, _orders.c.status != "cancelled")


def _list_products(_shop: Shop, store: str) -> tuple[sa.Table, sa.Select[Any]]:
    """A file may name products by their handle or SKU."""
    mine = sa.select(_products.c.id, _products.c.product_id).where(
        _products.c.store == store, _products.c.variant_id == "", _products.c.published, _products.c.rank != "page",
        _products.c.product_id != _products.c.handle, _products.c.product_id != _products.c.sku,
    )  # fmt: skip
    return _products, mine


def _list_customers(shop: Shop, store: str) -> tuple[sa.Table, sa.Select[Any]]:
    begins = stores.person(store, "")
    mine = sa.func.substr(_known.c.value, 1, len(begins)) == begins
    return _known, sa.select(_known.c.id, _known.c.value).where(_known.c.kind == shop.system, mine)


_LISTS = {"orders": _list_orders, "products": _list_products, "customers": _list_customers}
