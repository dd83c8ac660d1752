"""One promise that is looked at, with its ticket; and what is written about many of them at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.outbound import lanes, outbox
from bot.support import hours
from bot.support.sla import rows
from bot.support.sla.values import Clock
from bot.tables.support import SlaTimer, Ticket, TicketEvent

_TIMERS, _EVENTS = table(SlaTimer), table(TicketEvent)
_FREE = {"lease_until": None, "lease_by": None, "attempts": 0}
_LOOKED_AT = ("state", "breached_at", "detected_at", "warned", "climbed", "due_at", *_FREE)
_HAPPENED = sa.insert(_EVENTS)
_WRITTEN = (
    sa.update(_TIMERS)
    .where(_TIMERS.c.id == sa.bindparam("timer_id"))
    .values({name: sa.bindparam(name, type_=_TIMERS.c[name].type) for name in _LOOKED_AT})
)


@dataclass(frozen=True)
class Case:
    """A clock of a held ticket as its row has it, and the opening hours that it is measured by."""

    ticket: Ticket
    timer_id: int
    clock: Clock
    calendar: hours.Calendar


class Pending:
    """What a batch of looks found, written in three statements however many they were.

    It says what the history says, and the rows as the history would have them: the fold of these events and the values
    of the rows come from the same functions. Write before anything else is done about a ticket.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._events: list[dict[str, Any]] = []
        self._timers: list[dict[str, Any]] = []
        self._messages: list[dict[str, Any]] = []

    def happened(self, case: Case, name: str, **data: Any) -> None:
        about = {"metric": case.clock.metric, "cycle": case.clock.cycle, **data}
        values = {"ticket_id": case.ticket.id, "at": self.now, "actor": "clock", "name": name, "data": about}
        self._events.append(values)

    def looked(self, case: Case, due_at: datetime | None) -> None:
        """The row as the clock is now, to be looked at again then."""
        self._timers.append({"timer_id": case.timer_id, "due_at": due_at, **rows.seen(case.clock), **_FREE})

    def notice(self, case: Case, content: Mapping[str, Any], key: str, due_at: datetime) -> None:
        self._messages.append(
            {
                "channel": "staff_topic",
                "purpose": "notice",
                "receiver": f"ticket:{case.ticket.id}",
                "payload": {"ticket_id": case.ticket.id, "timer_id": case.timer_id, **content},
                "key": f"sla:{case.timer_id}:{key}",
                "now": self.now,
                "due_at": due_at,
                "priority": lanes.ALERTS,
                "ticket_id": case.ticket.id,
            }
        )

    async def write(self, session: AsyncSession) -> None:
        connection = await session.connection()
        if self._events:
            await connection.execute(_HAPPENED, self._events)
            session.info.pop("histories", None)  # what was read before is not the whole any more
        if self._timers:
            await connection.execute(_WRITTEN, self._timers)
        await outbox.queue_many(session, self._messages)
        self._events, self._timers, self._messages = [], [], []
