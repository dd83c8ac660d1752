"""Looks again at what changed in the catalogue, and tells those whom it concerns: a batch of people at a time.

Whoever is told gets an event of their own (`Product Back In Stock`, `Product Price Dropped`); flows start from those.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition.flow import Flow
from automations.definition.goods import Drop
from automations.running import alerts, on_catalogue
from bot import contacts
from bot.base import clock, due, logs, money, work
from bot.base.database import Database, table
from bot.shops import catalogue, prices
from bot.tables.catalogue import CatalogueWatch, SeenPrice, StockAlert
from bot.tables.people import Contact, Identity

log = logs.get(__name__)

BATCH = 500
"""People who are told in one transaction."""

MAX_ATTEMPTS = 8
_watches, _alerts = table(CatalogueWatch), table(StockAlert)
_seen, _contacts, _known = table(SeenPrice), table(Contact), table(Identity)
_WATCHES, _ALERTS = due.Claim(_watches, limit=20), due.Claim(_alerts, limit=500)
_REST: Mapping[str, Any] = {"due_at": None, "lease_until": None, "lease_by": None}


class Shelves:
    """Works on due `CatalogueWatch` and `StockAlert` rows."""

    def __init__(self, database: Database, flows: Iterable[Flow], worker: int) -> None:
        self.database = database
        self.flows = flows
        self.worker = worker

    def kind(self) -> work.Kind:
        return work.Kind(on_catalogue.KIND, self.run, self.next_due)

    async def next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            found = [await due.next_due(session, rows) for rows in (_watches, _alerts)]
        return min((at for at in found if at is not None), default=None)

    async def run(self, now: datetime | None = None) -> int:
        """Claim and do one batch of each. Returns how many rows it took."""
        moment = now or clock.now()
        async with self.database.transaction() as session:
            rows = await due.claim(session, _WATCHES, self.worker, moment)
        for row in rows:
            await self._guarded(row, moment)
        return len(rows) + await self._review(moment)

    async def _guarded(self, row: Mapping[str, Any], now: datetime) -> None:
        try:
            async with self.database.transaction() as session:
                held = sa.select(_watches).where(_watches.c.id == row["id"], _watches.c.lease_by == self.worker)
                mine = (await session.execute(held.with_for_update())).mappings().first()
                if mine is not None:  # not changed meanwhile, which says anew when it is due
                    changed = await self._look(session, dict(mine), now)
                    await session.execute(sa.update(_watches).where(_watches.c.id == row["id"]).values(changed))
        except Exception:  # one row of a loop: it alone moves away
            log.exception("a change of the catalogue could not be told", watch_id=row["id"], attempts=row["attempts"])
            until = None if row["attempts"] >= MAX_ATTEMPTS else due.later(row["attempts"], now)
            async with self.database.transaction() as session:
                again = sa.update(_watches).where(_watches.c.id == row["id"], _watches.c.lease_by == self.worker)
                await session.execute(again.values({**_REST, "due_at": until}))

    async def _look(self, session: AsyncSession, row: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """The columns of the watch afterwards."""
        thing = await catalogue.find(session, row["store"], row["product_id"], row["variant_id"])
        if thing is None or thing["variant_id"] != row["variant_id"]:
            return _REST
        if row["kind"] == "restock":
            return await self._restocked(session, row, thing, now)
        return await self._price_dropped(session, row, thing, now)

    async def _restocked(
        self, session: AsyncSession, row: Mapping[str, Any], thing: Mapping[str, Any], now: datetime
    ) -> Mapping[str, Any]:
        rule = on_catalogue.restock(self.flows)
        there = catalogue.available(thing)
        if rule is None or (there is not None and there < (1 if row["rounds"] else rule.minimum)):
            return _REST
        most = BATCH if there is None else min(BATCH, there * rule.per_unit)
        told = await alerts.release(session, (row["store"], row["product_id"], row["variant_id"]), most, now)
        if told:
            log.info("told people that it is back", product_id=row["product_id"], variant_id=row["variant_id"],
                     people=told)  # fmt: skip
        if told < most:  # nobody waits any more
            return _REST
        # Where the shop does not count, there is enough for everybody.
        return {**_REST, "due_at": now if there is None else now + rule.pause, "rounds": row["rounds"] + 1,
                "attempts": 0}  # fmt: skip

    async def _price_dropped(
        self, session: AsyncSession, row: Mapping[str, Any], thing: Mapping[str, Any], now: datetime
    ) -> Mapping[str, Any]:
        rule = on_catalogue.drop(self.flows)
        if rule is None or not thing["price"] or catalogue.available(thing) == 0:
            return _REST
        found = await _people(session, thing, rule, row["after"], now)
        named = {"product_id": row["product_id"], **({"variant_id": row["variant_id"]} if row["variant_id"] else {})}
        price = str(money.from_minor(thing["price"], thing["currency"]))
        said = {**named, "price": price, "currency": thing["currency"]}
        mark = f"{row['store']}:{row['product_id']}:{row['variant_id']}:{int(row['since'].timestamp())}"
        told = [(f"drop:{mark}:{contact_id}", contact_id, said) for contact_id in found]
        await alerts.tell(session, "Product Price Dropped", row["store"], told, now)
        if len(found) < BATCH:
            return _REST
        return {**_REST, "due_at": now, "after": found[-1], "rounds": row["rounds"] + 1, "attempts": 0}

    async def _review(self, now: datetime) -> int:
        async with self.database.transaction() as session:
            rows = await due.claim(session, _ALERTS, self.worker, now)
            if not rows:
                return 0
            waiting = await alerts.review(session, rows, now)
        rule = on_catalogue.restock(self.flows)
        if waiting and rule is not None:
            await self._again(waiting, now + rule.pause, now)
        return len(rows)

    async def _again(self, rows: Sequence[Mapping[str, Any]], due_at: datetime, now: datetime) -> None:
        """Their mail could not leave. If it still is there they come with the next batch.

        A transaction of its own: the events lock what changed in the catalogue before they lock requests.
        """
        async with self.database.transaction() as session:
            for row in rows:
                await on_catalogue.watch(
                    session, "restock", row, now, due_at, unless_running=True, rounds=1
                )  # fmt: skip


async def _people(
    session: AsyncSession, thing: Mapping[str, Any], rule: Drop, after: int, now: datetime
) -> Sequence[int]:
    """Who has an address (or a page said which) and saw it dearer, in the order of their ids behind `after`."""
    reachable = sa.exists().where(
        _known.c.contact_id == _seen.c.contact_id, _known.c.kind == "email", _known.c.unreachable_at.is_(None)
    )
    claimed = contacts.last_claimed(_seen.c.contact_id, "email").is_not(None)
    found = (
        sa.select(_seen.c.contact_id)
        .join(_contacts, _contacts.c.id == _seen.c.contact_id)
        .where(
            _seen.c.store == thing["store"], _seen.c.product_id == thing["product_id"],
            _seen.c.variant_id == thing["variant_id"],
            _seen.c.contact_id > after, _seen.c.currency == thing["currency"], _seen.c.at > now - prices.SEEN_FOR,
            _seen.c.price >= prices.least_before(thing, rule.percent, rule.least), sa.or_(reachable, claimed),
            _contacts.c.status == "active",
        )
        .order_by(_seen.c.contact_id)
        .limit(BATCH)
    )  # fmt: skip
    return (await session.scalars(found)).all()
