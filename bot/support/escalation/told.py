"""What staff are told about a promise: which one it is, when it runs out to the second, and why it was missed."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support.desk import Desk
from bot.support.sla.values import REPLIES, Clock
from bot.tables.outbox import Message
from bot.tables.support import Ticket, TicketEvent

_OUTBOX, _EVENTS = table(Message), table(TicketEvent)
_LATE = 2.0
"""Seconds on the way into the topic that nobody calls late."""


def promise(desk: Desk, ticket: Ticket, promised: Clock, now: datetime) -> str:
    """Plain text: what was promised, and until when; that it was missed, if it was."""
    what = "breached" if promised.state == "breached" or promised.target_at < now else "warning"
    kind = "" if promised.metric in REPLIES else f".{promised.metric}"
    target = desk.target(promised.target_seconds, in_days=promised.in_days)
    which = desk.staff(f"staff.sla.promise.{promised.metric}", target=target, policy=promised.policy)
    due_at = desk.when(promised.target_at, now)
    return desk.staff(f"staff.sla.{what}{kind}", number=ticket.number, due=due_at, promise=which)


@dataclass(frozen=True)
class Delays:
    """What our own queue did to the words of a ticket: when they came late, with the seconds; since when some wait."""

    late: Sequence[tuple[datetime, float]] = ()
    waiting_since: datetime | None = None


async def delays(session: AsyncSession, ticket_ids: Collection[int]) -> dict[int, Delays]:
    """Of these tickets, where there were any."""
    late: dict[int, list[tuple[datetime, float]]] = defaultdict(list)
    events = sa.select(_EVENTS.c.ticket_id, _EVENTS.c.at, _EVENTS.c.data).where(
        _EVENTS.c.ticket_id.in_(ticket_ids), _EVENTS.c.name == "relayed"
    )
    for event in await session.execute(events):
        late[event.ticket_id].append((event.at, float(event.data.get("seconds", 0))))
    waiting = (
        sa.select(_OUTBOX.c.ticket_id, sa.func.min(_OUTBOX.c.planned_at, type_=_OUTBOX.c.planned_at.type))
        .where(_OUTBOX.c.ticket_id.in_(ticket_ids), _OUTBOX.c.purpose == "relay", _OUTBOX.c.due_at.is_not(None))
        .group_by(_OUTBOX.c.ticket_id)
    )
    since: dict[int, datetime] = {row[0]: row[1] for row in await session.execute(waiting)}
    return {one: Delays(late.get(one, ()), since.get(one)) for one in {*late, *since}}


def causes(desk: Desk, promised: Clock, of: Delays, now: datetime) -> list[str]:
    """What is known about why it was missed that is not the staff's doing, as plain text."""
    known = [desk.staff(f"staff.sla.why.{promised.cause}")] if promised.cause else []
    if promised.metric in REPLIES:
        late = max((seconds for at, seconds in of.late if at >= promised.start_at), default=0.0)
        if late:
            known.append(desk.staff("staff.sla.late", seconds=round(late)))
        elif of.waiting_since is not None and (now - of.waiting_since).total_seconds() > _LATE:
            known.append(desk.staff("staff.sla.not_shown"))
    return known
