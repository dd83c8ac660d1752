"""Apply events in the order they came: whose is it, what does it tell of them, then every handler in turn."""

import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import clock, due, logs, work
from bot.base.database import Database, table
from bot.events import happened, people, permissions
from bot.events.happened import Happened
from bot.tables.events import Event, is_of_a_page, is_of_others

log = logs.get(__name__)

Handler = Callable[[AsyncSession, Happened, datetime], Awaitable[object]]
"""Told of each event once. One that answers False says "this was told before": those after it do not hear of it."""

Settle = Callable[[AsyncSession, Happened], Awaitable[tuple[str, str]]]
"""Whose the ids are that an event names, if its source did not say; and a word where that stays unclear."""

APPLYING = "events"
"""Whoever else writes what events tell takes turns with us under this name: orders are read, then changed."""
_GIVE_UP = 10
_BATCH = 200
_SHARE = 50  # of them pages get while others fill the rest
_LANE_LEASE = timedelta(seconds=15)
_TOGETHER = 0.04  # seconds of events in one transaction: longer would keep a chat waiting for the database
_rows = table(Event)
_NEW = _rows.c.status == "new"
_OTHERS = due.Claim(_rows, _BATCH - _SHARE, where=[_NEW, is_of_others(_rows)])
_PAGES = {limit: due.Claim(_rows, limit, where=[_NEW, is_of_a_page(_rows)]) for limit in (_SHARE, _BATCH)}


class Applier:
    """One process at a time applies events, by id. One that cannot be applied comes again later and ends as failed.

    Anybody can make a page say much: what the shop and people say does not wait behind it, except for what the same
    browser told before.

    What an event may say is asked here once (`permissions`): `handlers` hear what is allowed, `hints` what is only a
    hint, nobody what is refused. `secret` keys the address hashes of the consent ledger. With `double_opt_in` a handler
    asks for the second yes. `zone` is the shop's: days of people are days there.
    """

    def __init__(
        self,
        database: Database,
        handlers: Sequence[Handler],
        worker: int,
        *,
        hints: Sequence[Handler] = (),
        secret: str,
        double_opt_in: bool = False,
        settle: Settle | None = None,
        zone: tzinfo | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.database = database
        self.now = now
        self.handlers = handlers
        self.hints = hints
        self.worker = worker
        self.secret = secret
        self.double_opt_in = double_opt_in
        self.settle = settle
        self.zone = zone

    def kind(self) -> work.Kind:
        async def next_due() -> datetime | None:
            async with self.database.reading() as session:
                return await due.next_due(session, _rows)

        return work.Kind("events", self.apply_due, next_due)

    async def apply_due(self) -> int:
        """Apply one batch. Returns how many events were taken."""
        rows = await self._claim(self.now())
        at = 0
        while at < len(rows):
            at = await self._some(rows, at)
        return len(rows)

    async def _claim(self, now: datetime) -> list[dict[str, Any]]:
        async with self.database.transaction() as session:
            if not await due.hold_lane(session, "events", self.worker, now, _LANE_LEASE):
                return []
            others = await due.claim(session, _OTHERS, self.worker, now)
            before = await self._told_before(session, others, now)
            share = _SHARE if len(others) == _OTHERS.limit else _BATCH
            rows = [*others, *before, *await due.claim(session, _PAGES[share], self.worker, now)]
        # Picked by due time, which an index gives, and done by id: of two that come again together, or that came
        # while the clock was set back, the one written down first goes first.
        return sorted(rows, key=itemgetter("id"))

    async def _told_before(
        self, session: AsyncSession, others: Sequence[Mapping[str, Any]], now: datetime
    ) -> list[dict[str, Any]]:
        """What pages told of the browsers of these events before them: taking a thing out of a cart comes after putting
        it in, also where the person signed in between.
        """
        last: dict[str, int] = {}
        for row in others:
            if row["browser"] is not None:
                last[row["browser"]] = max(row["id"], last.get(row["browser"], 0))
        if not last:
            return []
        waiting = sa.select(_rows.c.id, _rows.c.browser).where(
            is_of_a_page(_rows), due.is_due(_rows, now), _rows.c.browser.in_(sorted(last)),
            _rows.c.id < max(last.values()),
        )  # fmt: skip
        found = (await session.execute(waiting.order_by(_rows.c.id).limit(_BATCH))).all()
        ids = [row.id for row in found if row.id < last[row.browser]]
        return await due.claim_these(session, _rows, ids, self.worker, now) if ids else []

    async def _some(self, rows: Sequence[Mapping[str, Any]], at: int) -> int:
        """As many events as fit into one short transaction, each behind a savepoint of its own."""
        started = time.monotonic()
        async with self.database.transaction() as session:
            if not await due.hold_lane(session, "events", self.worker, self.now(), _LANE_LEASE):
                await self._give_back(session, rows[at:])
                return len(rows)
            await due.take_turns(session, APPLYING)
            while at < len(rows) and time.monotonic() - started < _TOGETHER:
                await self._one(session, rows[at], self.now())
                at += 1
        return at

    async def _one(self, session: AsyncSession, row: Mapping[str, Any], now: datetime) -> None:
        values: dict[str, Any] = {"status": "done", "error": None, "due_at": None}
        try:
            async with session.begin_nested():
                values |= await self._apply(session, row, now)
        except Exception as error:  # one bad event never stops the others
            log.exception("event not applied", event_id=row["id"], attempts=row["attempts"])
            failed = row["attempts"] >= _GIVE_UP
            values = {
                "status": "failed" if failed else "new",
                "error": logs.clean(f"{type(error).__name__}: {error}")[:500],
                "due_at": None if failed else due.later(row["attempts"], now),
            }
        if values["due_at"] is None:
            values["browser"] = None
        done = sa.update(_rows).where(_rows.c.id == row["id"])
        await session.execute(done.values(lease_until=None, lease_by=None, **values))
        session.expunge_all()  # the next event starts with fresh rows, and a long batch does not pile them up

    async def _apply(self, session: AsyncSession, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        ours = row["source"] == happened.OURS
        word = permissions.of_event(row["kind"], row["name"], row["rank"], ours=ours)
        if word == "refused":
            return {"status": "refused", "error": "rank"}
        contact_id = row["contact_id"]
        if contact_id is None:
            whose = await people.whose(session, self.secret, row, now)
            if whose.erased:
                return {"status": "erased", "body": {}}
            contact_id = whose.contact_id
        else:  # merged since it was written down, perhaps by the event before this one
            contact = await contacts.current(session, contact_id)
            contact_id = contact.id if contact and contact.status == "active" else None
        told = happened.of_row(row, contact_id)
        said, found = told, dict[str, Any]()
        if self.settle is not None and not told.store:
            store, unclear = await self.settle(session, told)
            told = dataclasses.replace(told, store=store)
            found = {"store": store, "error": unclear or None}
        if contact_id is not None:
            # At once, so that a handler which asks for the events of the contact finds this one too.
            known = {"contact_id": contact_id, "store": told.store}
            await session.execute(sa.update(_rows).where(_rows.c.id == row["id"]).values(**known))
            # With the store that its source named: so are the ids of its people kept.
            news = await people.hear(session, self.secret, said, now, double_opt_in=self.double_opt_in, zone=self.zone)
            if news is False:
                return {**found, "status": "known"}
        for handler in self.handlers if word == "allowed" else self.hints:
            if await handler(session, told, now) is False:
                return {**found, "status": "known"}
        await session.flush()
        return {**found, "status": "done" if word == "allowed" else "hint"}

    async def _give_back(self, session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
        mine = sa.update(_rows).where(_rows.c.id.in_([row["id"] for row in rows]), _rows.c.lease_by == self.worker)
        await session.execute(mine.values(lease_until=None, lease_by=None, attempts=_rows.c.attempts - 1))
