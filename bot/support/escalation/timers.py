"""The loop that looks at clocks whose time has come: warnings, the note that a promise ran out, the ladder after it.

It sleeps until the next one, so a 30 s promise warns at 15 s. Verdicts do not wait for it: they come from timestamps.
What a step of the ladder says stands in the same message as the warning or the miss: a group has few calls to spare.
"""

import html
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import clock, due, logs, work
from bot.base.database import Database, table
from bot.support import hours, post
from bot.support.desk import Desk
from bot.support.escalation import ladder, told
from bot.support.sla import clocks, looks, measuring, rows
from bot.support.sla.values import Calendars, Clock
from bot.tables.support import SlaTimer, Ticket

log = logs.get(__name__)

_TIMERS = table(SlaTimer)
_CLAIM = due.Claim(_TIMERS, limit=100)
_LATE = timedelta(minutes=1)
"""A miss that was seen later than that is told when the desk opens."""


@dataclass(frozen=True)
class _Look:
    """One due timer under a held ticket."""

    session: AsyncSession
    desk: Desk
    ticket: Ticket
    timer_id: int
    now: datetime

    async def look(self) -> None:
        kept = await self._clock()
        if kept is None or kept[0].settled_at is not None or kept[0].state == "paused":
            await self._next(None)
        elif kept[0].overdue(self.now) and kept[0].detected_at is None:
            await self._breached(*kept)
        elif kept[0].state == "breached":
            await self._missed(*kept)
        else:
            await self._warned(*kept)

    async def _clock(self) -> tuple[Clock, Calendars] | None:
        found = await self.session.execute(sa.select(_TIMERS).where(_TIMERS.c.id == self.timer_id))
        row = found.mappings().first()
        if row is None:
            return None
        kept = rows.read(row)
        return kept, await rows.versions(self.session, self.desk, {kept.calendar_version})

    async def _breached(self, kept: Clock, calendars: Calendars) -> None:
        await self._happened("timer_breached", kept)
        after = await self._clock()
        if after is None or after[0].state != "breached":
            return  # the history knows better: the row is as it says by now, and due when it says
        done = await self._climb(after[0], calendars)
        calendar = measuring.calendar_of(after[0], calendars)
        found_late = self.now - (after[0].breached_at or after[0].target_at) > _LATE
        opens = hours.opens_at(calendar, self.now) if found_late else self.now
        text = told.promise(self.desk, self.ticket, after[0], self.now)
        causes = await told.causes(self.session, self.desk, self.ticket, after[0], self.now)
        await self._notice("breached:0", "\n".join([text, *causes]), done, at=opens)
        await self._next(done.again)

    async def _missed(self, kept: Clock, calendars: Calendars) -> None:
        """A later step."""
        done = await self._climb(kept, calendars)
        if done.words:
            text = told.promise(self.desk, self.ticket, kept, self.now)
            await self._notice(f"breached:{self.now.isoformat()}", text, done, later=True)
        await self._next(done.again)

    async def _warned(self, kept: Clock, calendars: Calendars) -> None:
        calendar = measuring.calendar_of(kept, calendars)
        parts = looks.fractions(self.desk, kept)
        new = [part for part in parts if part not in kept.warned and looks.warn_at(kept, part, calendar) <= self.now]
        opens = hours.opens_at(calendar, self.now)
        if new and opens < kept.target_at and opens - self.now > looks.INSTANT:
            await self._next(opens)  # found late, at night: nobody is warned while the desk is closed
            return
        if not new:
            await self._next(looks.next_look(kept, calendar, parts))
            return
        await self._happened("timer_warned", kept, parts=new)
        done = await self._climb(kept, calendars)
        after = await self._clock()
        if after is None or after[0].state != "running":
            return  # a step changed the promise, and the row is due when that says
        text = told.promise(self.desk, self.ticket, after[0], self.now)
        await self._notice(f"warning:{len(kept.warned)}", text, done)
        await self._next(looks.next_look(after[0], measuring.calendar_of(after[0], after[1]), parts))

    async def _climb(self, kept: Clock, calendars: Calendars) -> ladder.Climbed:
        timer = await self.session.get(SlaTimer, self.timer_id, populate_existing=True)
        assert timer is not None
        calendar = measuring.calendar_of(kept, calendars)
        done = await ladder.climb(self.session, self.desk, self.ticket, timer, calendar, self.now)
        await self.session.flush()
        return done

    async def _next(self, at: datetime | None) -> None:
        values = {"due_at": at, "lease_until": None, "lease_by": None, "attempts": 0}
        await self.session.execute(sa.update(_TIMERS).where(_TIMERS.c.id == self.timer_id).values(values))

    async def _happened(self, name: str, kept: Clock, **data: Any) -> None:
        about = {"metric": kept.metric, "cycle": kept.cycle, **data}
        await clocks.happened(self.session, self.desk, self.ticket, "clock", name, self.now, **about)

    async def _notice(
        self, key: str, text: str, done: ladder.Climbed, *, at: datetime | None = None, later: bool = False
    ) -> None:
        """`later`: the words of the steps are all that is new, and not said to anybody once it is settled."""
        content: dict[str, Any] = {"text": text, "timer_id": self.timer_id}
        if done.words:
            calls = "\n".join(done.words)
            content |= {"text": html.escape(text, quote=False), "html": True, "calls": calls, "later": later}
        if done.spare and later:
            content["spare"] = True  # the card shows it, too
        await post.to_topic(
            self.session, self.ticket, "notice", content, f"sla:{self.timer_id}:{key}", self.now, priority=30, due_at=at
        )


class Timers:
    def __init__(self, database: Database, desk: Desk, worker: int) -> None:
        self.database = database
        self.desk = desk
        self.worker = worker
        self._reviewed = False

    def kind(self) -> work.Kind:
        return work.Kind("timers", self.run, self.next_due)

    async def run(self, now: datetime | None = None) -> int:
        """Claims and does one batch; returns how many rows it took."""
        moment = now or clock.now()
        if not self._reviewed:
            await self._review(moment)
        async with self.database.transaction() as session:
            found = await due.claim(session, _CLAIM, self.worker, moment)
        if found:
            async with self.database.transaction() as session:
                tickets = await _held(session, [row["ticket_id"] for row in found])
                for row in found:
                    await self._one(session, row, tickets.get(row["ticket_id"]), moment)
        return len(found)

    async def _review(self, now: datetime) -> None:
        """The first thing after a start: the configuration may promise something else than before."""
        after: int | None = 0
        while after is not None:
            async with self.database.transaction() as session:
                after = await clocks.review(session, self.desk, now, after)
        self._reviewed = True

    async def _one(self, session: AsyncSession, row: dict[str, Any], ticket: Ticket | None, now: datetime) -> None:
        try:
            async with session.begin_nested():
                if ticket is not None:
                    await _Look(session, self.desk, ticket, row["id"], now).look()
        except Exception:  # one row of a loop: it alone moves away
            log.exception("timer could not be looked at", timer_id=row["id"])
            again = sa.update(_TIMERS).where(_TIMERS.c.id == row["id"])
            await session.execute(again.values(due_at=due.later(row["attempts"], now), lease_until=None, lease_by=None))

    async def next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            return await due.next_due(session, _TIMERS)


async def _held(session: AsyncSession, ticket_ids: list[int]) -> dict[int, Ticket]:
    """The tickets, always held in one order and before their timers: nobody waits for somebody who waits for them."""
    asked = select(Ticket).where(col(Ticket.id).in_(set(ticket_ids))).order_by(col(Ticket.id))
    found = await session.scalars(asked.with_for_update().execution_options(populate_existing=True))
    return {ticket.id: ticket for ticket in found if ticket.id is not None}
