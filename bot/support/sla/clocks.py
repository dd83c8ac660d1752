"""The clocks of tickets: whatever happens is written into the history, and the rows of the timers follow from it.

Nothing else changes a timer. What runs live and what is computed again from the history are the same function.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.config.types import WorkingDays
from bot.base.database import table
from bot.outbound import outbox
from bot.support import history
from bot.support.desk import Desk
from bot.support.sla import policies, rows
from bot.support.sla.fold import fold
from bot.support.sla.values import FIRST as FIRST_RESPONSE
from bot.support.sla.values import UNREACHABLE, Event, Folded, Promise
from bot.tables.support import SlaTimer, Ticket

__all__ = ["FIRST_RESPONSE", "UNREACHABLE", "counted_at", "happened", "of_ticket", "recompute", "review"]

_TICKETS = table(Ticket)
_TIMERS = table(SlaTimer)
_OLDEST_BELIEVED = timedelta(hours=24)
_NO_MATTER = frozenset(
    {
        "asked_fixed", "commented", "danger", "deleted", "edited", "linked", "noted", "rated", "reminded",
        "tags_changed", "undone", "unlinked",
    }
)  # fmt: skip
_RELEASING = frozenset({"kind_changed", "merged", "priority_changed", "rated", "spam", "status_changed"})
"""After these, marketing that waits for the customer's tickets is asked again whether it may leave."""
_REVIEWED = ("metric", "policy", "target_seconds", "in_days", "always_open", "calendar", "calendar_version")


def counted_at(at: datetime, received_at: datetime) -> datetime:
    """The provider's time of a message, or ours when the provider's is from the future or a day old."""
    return received_at if at > received_at or received_at - at > _OLDEST_BELIEVED else at


async def happened(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    actor: str,
    name: str,
    now: datetime,
    /,
    *,
    at: datetime | None = None,
    **data: Any,
) -> None:
    """Write it into the history of the ticket, and let its clocks follow. `at` when it counts (else `now`).

    Change the columns of the ticket first: the policy is chosen by them. Names and data: `history`.
    """
    assert ticket.id is not None
    await _hold(session, ticket.id)
    await history.write(session, ticket.id, at or now, actor, name, **data)
    if name in _RELEASING:
        await outbox.ask_again(session, ticket.contact_id, outbox.HELD, now)
    if name not in _NO_MATTER:
        await follow(session, desk, ticket, now)


async def _hold(session: AsyncSession, ticket_id: int) -> None:
    """Nobody else writes its history until the end of the transaction. SQLite has one writer anyhow."""
    if session.get_bind().dialect.name != "sqlite":
        await session.execute(sa.select(_TICKETS.c.id).where(_TICKETS.c.id == ticket_id).with_for_update())


async def follow(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> int:
    """Bring the promise and the clocks of a held ticket up to date. Returns how many rows had to change."""
    assert ticket.id is not None
    events = await rows.histories(session, ticket.id)
    promise = policies.promise_for(desk, ticket, now)
    held = _held(events[ticket.id])
    if not promise.same(held) and (held is not None or promise.policy is not None):
        await rows.keep_calendar(session, desk, promise, now)
        await history.write(session, ticket.id, now, "clock", "promised", **promise.data)
        events = await rows.histories(session, ticket.id)
    return await _write(session, desk, ticket, events)


def _held(events: list[Event]) -> Promise | None:
    """The promise that was given last."""
    return next((Promise.of(event) for event in reversed(events) if event.name == "promised"), None)


async def _write(session: AsyncSession, desk: Desk, ticket: Ticket, events: Mapping[int, list[Event]]) -> int:
    assert ticket.id is not None
    calendars = await rows.calendars(session, desk, events)
    folded = fold(ticket.id, events, calendars)
    changed = await rows.reconcile(session, desk, ticket, folded.clocks, calendars)
    if any(event.name == "opened" for event in events[ticket.id]):
        _mark(ticket, folded)
        await session.flush()  # whoever reads it anew under its lock would lose what is not written
    return changed


def _mark(ticket: Ticket, folded: Folded) -> None:
    if ticket.waiting_since != folded.waiting_since:
        ticket.waiting_since = folded.waiting_since
    if folded.answered_at is not None and ticket.answered_at != folded.answered_at:
        ticket.answered_at = folded.answered_at


async def recompute(session: AsyncSession, desk: Desk, ticket: Ticket) -> int:
    """Fold the whole history afresh into the rows of the ticket. Returns how many differed: 0 is the truth.

    Every column comes out of the history (what was seen and done about a timer has its own events), but for `due_at`,
    its lease and `attempts`: they only say when the loop looks next.
    """
    assert ticket.id is not None
    await _hold(session, ticket.id)
    session.info.pop("histories", None)
    return await _write(session, desk, ticket, await rows.histories(session, ticket.id))


async def of_ticket(session: AsyncSession, ticket_id: int, metric: str = FIRST_RESPONSE) -> SlaTimer | None:
    """The newest timer of the metric."""
    newest = select(SlaTimer).where(SlaTimer.ticket_id == ticket_id, SlaTimer.metric == metric)
    return (await session.scalars(newest.order_by(col(SlaTimer.cycle).desc()).limit(1))).first()


async def review(session: AsyncSession, desk: Desk, now: datetime, after: int = 0, limit: int = 100) -> int | None:
    """Tickets with a running promise that the configuration does not give any more (an edited policy or calendar)
    get the one that holds now. Call again with the returned ticket id until it is None."""
    running = _TIMERS.c.state.in_(("running", "paused"))
    columns = [_TIMERS.c[name] for name in _REVIEWED]
    found = {tuple(row) for row in await session.execute(sa.select(*columns).where(running).distinct())}
    stale = found - set(_given(desk))
    if not stale:
        return None
    odd = sa.or_(*(sa.and_(*(column == value for column, value in zip(columns, one, strict=True))) for one in stale))
    asked = sa.select(_TIMERS.c.ticket_id).where(running, odd, _TIMERS.c.ticket_id > after).distinct()
    ids = (await session.scalars(asked.order_by(_TIMERS.c.ticket_id).limit(limit))).all()
    for ticket_id in ids:
        ticket = await session.get(Ticket, ticket_id, with_for_update=True, populate_existing=True)
        if ticket is not None:
            await follow(session, desk, ticket, now)
    return ids[-1] if ids else None


def _given(desk: Desk) -> Iterator[tuple[Any, ...]]:
    """What the policies of the configuration may promise, as the rows have it."""
    support = desk.ground.config.support
    for policy in support.sla:
        names = {policy.calendar} if policy.calendar else {"", *(one.calendar for one in support.departments)}
        for name in {""} if policy.always_open else names:
            version = "" if policy.always_open else desk.calendar_of(name).version
            for metric, target in policies.targets(policy).items():
                in_days = isinstance(target, WorkingDays)
                yield metric, policy.name, int(target.total_seconds()), in_days, policy.always_open, name, version
