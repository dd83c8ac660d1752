"""Each night: what changed in the shop since the last good look is pulled and compared with what we know.

What webhooks lost comes in as news with its own date: what is younger than a day may start what it starts, what is
older only ends what it ends (an order always ends the reminders of its cart).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, logs, stores
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.inbound.files import aftermath
from bot.inbound.shops import deletions, news, progress
from bot.inbound.shops.shop import Shop, Thing
from bot.shops import troubles
from bot.tables.events import Event
from bot.tables.people import Identity
from bot.tables.shop import InventoryItem, Order, Product

log = logs.get(__name__)

_OVERLAP = timedelta(hours=1)  # the clocks of two machines differ, and what is being written is not listed yet
_HISTORY = timedelta(days=2)
_NIGHT = range(2, 6)
_ONCE_A_NIGHT, _AT_LATEST = timedelta(hours=12), timedelta(hours=30)
_orders, _products, _items = table(Order), table(Product), table(InventoryItem)
_known, _events = table(Identity), table(Event)


@dataclass(frozen=True)
class Compared:
    """`missing` is what was deleted for good, as far as this night looked; `lost` counts it, too."""

    resource: str
    looked_at: int
    lost: int
    missing: deletions.Missing = deletions.Missing()  # noqa: RUF009 - frozen


def is_due(rows: Collection[Mapping[str, Any]], now: datetime, zone: tzinfo) -> bool:
    """Once a night where the shop is; by day only if the last nights had none. Nothing before the pull is whole."""
    if not rows or any(row["finished_at"] is None for row in rows):
        return False
    last: datetime = min(row["compared_at"] or row["finished_at"] for row in rows)
    return now - last > (_ONCE_A_NIGHT if now.astimezone(zone).hour in _NIGHT else _AT_LATEST)


async def compare(database: Database, ground: Ground, shop: Shop, *, believe: bool = False) -> list[Compared]:
    """Look once; nothing if the first pull is not whole. Broken off, the next one begins where this one began.

    `believe` that is gone what seems to be, however much it is.
    """
    shops = ground.config.shops
    store, shared = shops.of_source(shop.source), shops.is_shared(shops.of_source(shop.source))
    async with database.reading() as session:
        rows = await progress.of_store(session, shops.pull_of(shop.source))
    if not rows or any(row["finished_at"] is None for row in rows):
        return []
    found = list[Compared]()
    for row in rows:
        one = await _resource(database, shop, store, row)
        # Of a store of two systems neither has what the other told of.
        missing = deletions.Missing() if shared else await deletions.find(database, shop, store, row, believe=believe)
        found.append(await _counted(database, row, one, missing))
    await _note_much(database, shop, store, found)
    if lost := {one.resource: one.lost for one in found if one.lost}:
        log.warning("webhooks of the shop were lost, and are made good", store=store, **lost)
    else:
        log.info("compared with the shop, nothing was lost", store=store)
    return found


async def _note_much(database: Database, shop: Shop, store: str, found: Sequence[Compared]) -> None:
    """That so much seems gone that a person must say whether it is."""
    doubted = [one for one in found if not one.missing.believed]
    words = ", ".join(f"{one.resource} {one.missing.gone}/{one.missing.asked}" for one in doubted)
    async with database.transaction() as session:
        if doubted:
            await troubles.remember(session, shop.system, store, troubles.FEW, words, clock.now())
        else:
            kept = await troubles.of_store(session, store)
            await troubles.forget(session, [one for one in kept if one.kind == troubles.FEW])


async def _resource(database: Database, shop: Shop, store: str, row: Mapping[str, Any]) -> Compared:
    began, looked_at, lost = clock.now(), 0, 0
    since = row["good_at"] - _OVERLAP
    cursor: Mapping[str, Any] | None = {}
    while cursor is not None:
        page = await shop.page(row["resource"], cursor, since)
        looked_at += page.count
        async with database.reading() as session:  # hundreds of questions: no writer waits for them
            missed = await _lost(session, shop, store, page.things, row["began_at"])
        if missed:
            async with database.transaction() as session:
                await news.put(session, shop, missed, clock.now())
                if any(one.changed is not None and one.changed < began - _HISTORY for one in missed):
                    await aftermath.history_came(session, clock.now())
        lost += len({thing.id for thing in missed})
        cursor = page.next
    async with database.transaction() as session:
        await progress.write(session, row, good_at=began)
    return Compared(row["resource"], looked_at, lost)


async def _counted(
    database: Database, row: Mapping[str, Any], one: Compared, missing: deletions.Missing
) -> Compared:  # fmt: skip
    lost = one.lost + (missing.gone if missing.believed else 0)
    async with database.transaction() as session:
        counted = {"lost": lost, "lost_in_all": row["lost_in_all"] + lost}
        await progress.write(session, row, compared_at=clock.now(), **counted)
    return replace(one, lost=lost, missing=missing)


async def _lost(
    session: AsyncSession, shop: Shop, store: str, things: Sequence[Thing], began_at: datetime
) -> list[Thing]:
    """Those of which we do not know the state that the shop tells."""
    found, now = list[Thing](), clock.now()
    for thing in things:
        if thing.changed is None:
            continue
        at = await _known_at(session, shop, store, thing, began_at)
        if (at is None or at < thing.changed) and news.tells_something(shop, thing, now):
            found.append(thing)
    return found


async def _known_at(session: AsyncSession, shop: Shop, store: str, thing: Thing, began_at: datetime) -> datetime | None:
    """Of when the newest word is that we have of it."""
    kind = thing.topic.replace(".", "/").partition("/")[0].removesuffix("s")
    asked: sa.Select[tuple[Any]]
    if kind == "order":
        asked = sa.select(_orders.c.changed_at).where(_orders.c.order_id == thing.id, _orders.c.store == store)
    elif kind == "product":
        asked = sa.select(_products.c.updated_at).where(
            _products.c.product_id == thing.id, _products.c.variant_id == "", _products.c.store == store
        )
    elif kind == "inventory_item":
        asked = sa.select(_items.c.tracked_at).where(_items.c.item_id == thing.id, _items.c.store == store)
    else:
        return await _person_known_at(session, shop, store, thing, began_at)
    at: datetime | None = await session.scalar(asked)
    return at


async def _person_known_at(
    session: AsyncSession, shop: Shop, store: str, thing: Thing, began_at: datetime
) -> datetime | None:
    """What was told of them as news is an event; what is older came with the pull."""
    assert thing.changed is not None
    mine = sa.select(_known.c.contact_id).where(
        _known.c.kind == shop.system, _known.c.value == stores.person(store, thing.id)
    )
    contact_id = await session.scalar(mine)
    if contact_id is None:
        return None
    if thing.changed < began_at:
        return thing.changed
    told = sa.select(sa.func.max(_events.c.ts)).where(
        _events.c.contact_id == contact_id, _events.c.name == "", _events.c.kind == "identify",
        _events.c.source == shop.system, _events.c.store == store,
    )  # fmt: skip
    at: datetime | None = await session.scalar(told)
    return at
