"""The one way in which a ticket changes its status: columns, history and clocks, card, topic."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import work
from bot.base.database import table
from bot.support import post, routing
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.tables.support import STATUSES, Ticket, TicketEvent

LOOP = "tickets"
"""The kind of work that looks at tickets whose `due_at` has come."""

OURS = ("new", "open")
"""Statuses in which it is our turn."""

_EVENTS = table(TicketEvent)
_TURNS = ("opened", "status_changed", "resolved", "reopened")  # the last two are of version 0.1


async def to(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    status: str,
    actor: str,
    now: datetime,
    *,
    at: datetime | None = None,
    until: datetime | None = None,
    keep: bool = False,
    why: str = "",
) -> bool:
    """Give it the status. False when it has it already (a snooze may be given another end).

    `until` and `keep` are of a snooze: its end, and that the customer's words do not end it before. `at` is when the
    change counts (a message's own time); `why` stays in the history.
    """
    assert status in STATUSES and ticket.id is not None
    assert (until is not None) == (status == "snoozed")
    await hold(session, ticket)
    old = ticket.status
    if old == status and (status != "snoozed" or (ticket.snoozed_until, ticket.snooze_keeps) == (until, keep)):
        return False
    ticket.status, ticket.snoozed_until, ticket.snooze_keeps = status, until, keep
    ticket.resolved_at = (at or now) if status == "resolved" else None
    wake_at(session, ticket, wakes_at(desk, ticket, now))
    data: dict[str, Any] = {"old": old, "new": status, **({"why": why} if why else {})}
    if until is not None:
        data |= {"until": until.isoformat(), "keep": keep}
    await session.flush()
    await sla.happened(session, desk, ticket, actor, "status_changed", now, at=at, **data)
    if status in ("resolved", "snoozed"):
        routing.freed(session, desk, ticket)
    turn = "close" if status == "resolved" else "reopen" if old == "resolved" else None
    await post.card(session, ticket, f"{old}>{status}", now, topic=turn)
    return True


async def hold(session: AsyncSession, ticket: Ticket) -> None:
    """Nobody else changes it until the end of the transaction, and it is as it stands now."""
    await session.flush()  # what was changed and not written yet would be lost
    await session.refresh(ticket, with_for_update=True)


async def answered(
    session: AsyncSession, desk: Desk, ticket: Ticket, by: str, accepted_at: datetime, now: datetime
) -> bool:
    """An answer reached the customer: the turn is theirs, unless they wrote again after it. True if it turned."""
    if ticket.waiting_since is not None or ticket.status not in OURS:
        return False
    return await to(session, desk, ticket, "waiting_customer", by, now, at=accepted_at)


def wakes_at(desk: Desk, ticket: Ticket, quiet_since: datetime) -> datetime | None:
    """When somebody must look at it again by the clock: the end of a snooze, or of the patience with the customer."""
    if ticket.status == "snoozed":
        return ticket.snoozed_until
    patience = _patience(desk)
    return quiet_since + patience if ticket.status == "waiting_customer" and patience is not None else None


def _patience(desk: Desk) -> timedelta | None:
    config = desk.ground.config.support
    return config.remind_idle or config.close_idle


def wake_at(session: AsyncSession, ticket: Ticket, at: datetime | None) -> None:
    """Let the loop look at it then (None: never). Whoever holds it for an older reason finds nothing to do."""
    ticket.due_at, ticket.lease_until, ticket.lease_by, ticket.attempts = at, None, None, 0
    if at is not None:
        work.kick(session, LOOP)


async def since(session: AsyncSession, ticket: Ticket) -> datetime:
    """Since when it has its status."""
    changed = sa.select(sa.func.max(_EVENTS.c.at)).where(_EVENTS.c.ticket_id == ticket.id, _EVENTS.c.name.in_(_TURNS))
    return await session.scalar(changed) or ticket.opened_at


async def counts_at(session: AsyncSession, ticket: Ticket, at: datetime, now: datetime) -> datetime:
    """When a change counts that words of `at` cause: then, but never before the change that it takes back."""
    return at if at >= await since(session, ticket) else now
