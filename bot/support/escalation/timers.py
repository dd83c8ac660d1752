"""The loop that looks at clocks whose time has come: warnings, the note that a promise ran out, the ladder after it.

It sleeps until the next one, so a 30 s promise warns at 15 s. Verdicts do not wait for it: they come from timestamps.
What a step of the ladder says stands in the same message as the warning or the miss: a group has few calls to spare.
"""

import html
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import clock, due, logs, work
from bot.base.database import Database, table
from bot.support import hours
from bot.support.desk import Desk
from bot.support.escalation import ladder, told
from bot.support.escalation.case import Case, Pending
from bot.support.escalation.told import Delays
from bot.support.sla import clocks, looks, measuring, rows
from bot.support.sla.values import Clock
from bot.tables.support import SlaTimer, Ticket

log = logs.get(__name__)

_TIMERS = table(SlaTimer)
_AT_ONCE = 100
_OVERDUE = (
    sa.select(_TIMERS.c.id, _TIMERS.c.ticket_id, _TIMERS.c.attempts)
    .where(due.is_due(_TIMERS, sa.bindparam("now", type_=_TIMERS.c.due_at.type)))
    .order_by(_TIMERS.c.due_at, _TIMERS.c.id)
    .limit(_AT_ONCE)
)
_FREE_TICKETS = (
    select(Ticket)
    .where(col(Ticket.id).in_(sa.bindparam("ids", expanding=True)))
    .order_by(col(Ticket.id))
    .with_for_update(skip_locked=True)
    .execution_options(populate_existing=True)
)
_THESE = sa.select(_TIMERS).where(_TIMERS.c.id.in_(sa.bindparam("ids", expanding=True)))
_LATE = timedelta(minutes=1)
"""A miss that was seen later than that is told when the desk opens."""

_Row = Mapping[Any, Any]


@dataclass
class _Look:
    """One due timer under a held ticket."""

    session: AsyncSession
    desk: Desk
    case: Case
    pending: Pending
    delays: Delays
    now: datetime
    changed: bool = field(default=False, init=False)

    async def look(self) -> None:
        kept = self.case.clock
        if kept.settled_at is not None or kept.state == "paused":
            self._next(None)
        elif kept.overdue(self.now) and kept.detected_at is None:
            await self._breached()
        elif kept.state == "breached":
            await self._missed()
        else:
            await self._warned()

    async def _breached(self) -> None:
        self.pending.happened(self.case, "timer_breached")
        self._is(measuring.noticed(self.case.clock, self.now))
        done = await self._climb()
        kept = self.case.clock
        found_late = self.now - (kept.breached_at or kept.target_at) > _LATE
        opens = hours.opens_at(self.case.calendar, self.now) if found_late else self.now
        causes = told.causes(self.desk, kept, self.delays, self.now)
        self._notice("breached:0", [self._promise(), *causes], done, at=opens)
        self._next(done.again)

    async def _missed(self) -> None:
        """A later step."""
        done = await self._climb()
        if done.words:
            self._notice(f"breached:{self.now.isoformat()}", [self._promise()], done, later=True)
        self._next(done.again)

    async def _warned(self) -> None:
        kept, calendar = self.case.clock, self.case.calendar
        parts = looks.fractions(self.desk, kept)
        new = [part for part in parts if part not in kept.warned and looks.warn_at(kept, part, calendar) <= self.now]
        opens = hours.opens_at(calendar, self.now)
        if new and opens < kept.target_at and opens - self.now > looks.INSTANT:
            self._next(opens)  # found late, at night: nobody is warned while the desk is closed
            return
        if not new:
            self._next(looks.next_look(kept, calendar, parts))
            return
        self.pending.happened(self.case, "timer_warned", parts=new)
        self._is(measuring.warned(kept, new))
        done = await self._climb()
        after = self.case.clock
        if after.state == "running":
            self._notice(f"warning:{len(kept.warned)}", [self._promise()], done)
        if after.state == "running" and after.settled_at is None:
            self._next(looks.next_look(after, self.case.calendar, looks.fractions(self.desk, after)))
        else:
            self._next(self.now)  # a step changed the promise, and it is over

    def _is(self, kept: Clock) -> None:
        self.case = replace(self.case, clock=kept)

    async def _climb(self) -> ladder.Climbed:
        done = await ladder.climb(self.session, self.desk, self.case, self.pending, self.now)
        if done.changed:
            self.changed = True
            await self.pending.write(self.session)
            fresh = await _cases(
                self.session, self.desk, {self.case.ticket.id or 0: self.case.ticket}, [self.case.timer_id]
            )
            self.case = fresh[self.case.timer_id]
        for step in done.steps:
            if step not in self.case.clock.climbed:
                self._is(measuring.climbed(self.case.clock, step))
        return done

    def _promise(self) -> str:
        return told.promise(self.desk, self.case.ticket, self.case.clock, self.now)

    def _next(self, at: datetime | None) -> None:
        self.pending.looked(self.case, at)

    def _notice(
        self,
        key: str,
        lines: Sequence[str],
        done: ladder.Climbed,
        *,
        at: datetime | None = None,
        later: bool = False,
    ) -> None:
        """`later`: the words of the steps are all that is new, and not said to anybody once it is settled."""
        text = "\n".join(lines)
        content: dict[str, Any] = {"text": text}
        if done.words:
            calls = "\n".join(done.words)
            content = {"text": html.escape(text, quote=False), "html": True, "calls": calls, "later": later}
        if done.spare and later:
            content["spare"] = True  # the card shows it, too
        self.pending.notice(self.case, content, key, at or self.now)


class Timers:
    """Held tickets keep two processes apart, so that a look is one transaction: a row needs no lease of its own."""

    def __init__(self, database: Database, desk: Desk, worker: int) -> None:
        self.database = database
        self.desk = desk
        self.worker = worker
        self._reviewed = False
        self._soonest: tuple[datetime | None] | None = None

    def kind(self) -> work.Kind:
        return work.Kind("timers", self._look, self.next_due)

    async def _look(self) -> int:
        """Nothing, too, once it is known when there will be more: an empty look costs as much as one with a warning."""
        count = await self.run()
        return count if self._soonest is None else 0

    async def run(self, now: datetime | None = None) -> int:
        """Does one batch; returns how many rows it was."""
        moment = now or clock.now()
        if not self._reviewed:
            await self._review(moment)
        self._soonest = None
        try:
            async with self.database.transaction() as session:
                found = await _due(session, moment)
                done = await self._some(session, found, moment)
                if len(found) < _AT_ONCE:
                    self._soonest = (await due.next_due(session, _TIMERS),)
                return len(done)
        except Exception:  # one of many: the others must not wait for it
            log.exception("timers could not be looked at together")
        async with self.database.reading() as session:
            found = await _due(session, moment)
        return sum([await self._one(row, moment) for row in found])

    async def _review(self, now: datetime) -> None:
        """The first thing after a start: the configuration may promise something else than before."""
        after: int | None = 0
        while after is not None:
            async with self.database.transaction() as session:
                after = await clocks.review(session, self.desk, now, after)
        self._reviewed = True

    async def _some(self, session: AsyncSession, found: Sequence[_Row], now: datetime) -> Sequence[int]:
        """Look at these; returns those that were still due once their tickets were held."""
        if not found:
            return ()
        tickets = await _held(session, {row["ticket_id"] for row in found})
        cases = await _cases(session, self.desk, tickets, [row["id"] for row in found], now)
        missed = {case.ticket.id or 0 for case in cases.values() if case.clock.target_at < now}
        delays = await told.delays(session, missed) if missed else {}
        pending, changed = Pending(now), set[int]()
        for timer_id, as_it_was in cases.items():
            case, ticket_id = as_it_was, as_it_was.ticket.id or 0
            if ticket_id in changed:  # by what was done about another of its clocks
                await pending.write(session)
                case = (await _cases(session, self.desk, tickets, [timer_id])).get(timer_id, case)
            one = _Look(session, self.desk, case, pending, delays.get(ticket_id, Delays()), now)
            await one.look()
            if one.changed:
                changed.add(ticket_id)
        await pending.write(session)
        return tuple(cases)

    async def _one(self, row: _Row, now: datetime) -> int:
        """By itself, as others with it failed."""
        try:
            async with self.database.transaction() as session:
                return len(await self._some(session, [row], now))
        except Exception:  # it alone moves away
            log.exception("timer could not be looked at", timer_id=row["id"])
        async with self.database.transaction() as session:
            attempts = row["attempts"] + 1
            again = sa.update(_TIMERS).where(_TIMERS.c.id == row["id"])
            await session.execute(again.values(due_at=due.later(attempts, now), attempts=attempts))
        return 1

    async def next_due(self) -> datetime | None:
        """Right after a look, what that look saw."""
        if self._soonest is not None:
            (at,), self._soonest = self._soonest, None
            return at
        async with self.database.reading() as session:
            return await due.next_due(session, _TIMERS)


async def _due(session: AsyncSession, now: datetime) -> Sequence[_Row]:
    """What is due by now. Nobody is kept from it yet: whoever holds the ticket does it."""
    connection = await session.connection()
    return (await connection.execute(_OVERDUE, {"now": now})).mappings().all()


async def _held(session: AsyncSession, ticket_ids: Collection[int]) -> dict[int, Ticket]:
    """The tickets that nobody else is at, always held in one order and before their timers.

    Of the others the timers stay due: another process looks at them, or whoever answers changes them just now.
    """
    found = await session.scalars(_FREE_TICKETS, {"ids": list(ticket_ids)})
    return {ticket.id: ticket for ticket in found if ticket.id is not None}


async def _cases(
    session: AsyncSession,
    desk: Desk,
    tickets: Mapping[int, Ticket],
    timer_ids: Sequence[int],
    due_by: datetime | None = None,
) -> dict[int, Case]:
    """The timers as they are now that their tickets are held, in the order of `timer_ids`; only what is still due."""
    connection = await session.connection()
    asked = await connection.execute(_THESE, {"ids": list(timer_ids)})
    found = {row["id"]: row for row in asked.mappings() if row["ticket_id"] in tickets}
    calendars = await rows.versions(session, desk, {row["calendar_version"] for row in found.values()})
    cases = {}
    for timer_id in timer_ids:
        row = found.get(timer_id)
        if row is None or (due_by is not None and (row["due_at"] is None or row["due_at"] > due_by)):
            continue
        kept = rows.read(row)
        cases[timer_id] = Case(tickets[row["ticket_id"]], timer_id, kept, measuring.calendar_of(kept, calendars))
    return cases
