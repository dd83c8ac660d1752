"""What staff are told about a promise: which one it is, when it runs out to the second, and why it was missed."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support import history
from bot.support.desk import Desk, span
from bot.support.sla.values import REPLIES, Clock
from bot.tables.outbox import Message
from bot.tables.support import SlaTimer, Ticket

_OUTBOX = table(Message)
_LATE = 2.0
"""Seconds on the way into the topic that nobody calls late."""


def promise(desk: Desk, ticket: Ticket, promised: Clock | SlaTimer, now: datetime) -> str:
    """Plain text: what was promised, and until when; that it was missed, if it was."""
    what = "breached" if promised.state == "breached" or promised.target_at < now else "warning"
    kind = "" if promised.metric in REPLIES else f".{promised.metric}"
    target = span(promised.target_seconds)
    which = desk.staff(f"staff.sla.promise.{promised.metric}", target=target, policy=promised.policy)
    due_at = desk.when(promised.target_at, now)
    return desk.staff(f"staff.sla.{what}{kind}", number=ticket.number, due=due_at, promise=which)


async def causes(session: AsyncSession, desk: Desk, ticket: Ticket, promised: Clock, now: datetime) -> list[str]:
    """What is known about why it was missed that is not the staff's doing."""
    known = [desk.staff(f"staff.sla.why.{promised.cause}")] if promised.cause else []
    if promised.metric in REPLIES and (late := await _late(session, ticket, promised)):
        known.append(desk.staff("staff.sla.late", seconds=round(late)))
    elif promised.metric in REPLIES and await _still_on_its_way(session, ticket, now):
        known.append(desk.staff("staff.sla.not_shown"))
    return known


async def _late(session: AsyncSession, ticket: Ticket, promised: Clock) -> float:
    assert ticket.id is not None
    events = await history.of(session, ticket.id)
    return max(_seconds(events, promised.start_at), default=0.0)


def _seconds(events: Iterable[history.Row], since: datetime) -> Iterable[float]:
    return (float(data.get("seconds", 0)) for _, at, _, name, data in events if name == "relayed" and at >= since)


async def _still_on_its_way(session: AsyncSession, ticket: Ticket, now: datetime) -> bool:
    """Words of the customer that the topic does not show yet."""
    waiting = sa.select(sa.func.min(_OUTBOX.c.planned_at, type_=_OUTBOX.c.planned_at.type)).where(
        _OUTBOX.c.ticket_id == ticket.id, _OUTBOX.c.purpose == "relay", _OUTBOX.c.due_at.is_not(None)
    )
    since: datetime | None = await session.scalar(waiting)
    return since is not None and (now - since).total_seconds() > _LATE
