"""Tickets whose time has come: the end of a snooze, or of the patience with a silent customer."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, due, logs, work
from bot.base.database import Database, table
from bot.support.desk import Desk
from bot.support.tickets import idle, snooze, statuses
from bot.tables.support import Ticket

log = logs.get(__name__)

_TICKETS = table(Ticket)
_CLAIM = due.Claim(_TICKETS, limit=50)


async def look(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    """What a due ticket needs."""
    if ticket.status == "snoozed" and ticket.snoozed_until is not None:
        if ticket.snoozed_until <= now:
            await snooze.wake(session, desk, ticket, now)
        else:
            statuses.wake_at(session, ticket, ticket.snoozed_until)
    elif ticket.status == "waiting_customer":
        await idle.look(session, desk, ticket, now)
    else:
        statuses.wake_at(session, ticket, None)


class Waking:
    """Looks at due tickets. Workers share them: each is claimed by one, and looked at once more under its lock."""

    def __init__(self, database: Database, desk: Desk, worker: int) -> None:
        self.database = database
        self.desk = desk
        self.worker = worker
        self._adopted = False

    def kind(self) -> work.Kind:
        return work.Kind(statuses.LOOP, self.run, self.next_due)

    async def run(self, now: datetime | None = None) -> int:
        """Claims and does one batch; returns how many rows it took."""
        moment = now or clock.now()
        async with self.database.transaction() as session:
            if not self._adopted:
                await idle.adopt(session, self.desk, moment)
            rows = await due.claim(session, _CLAIM, self.worker, moment)
        self._adopted = True
        for row in rows:
            try:
                await self._one(row["id"], moment)
            except Exception:  # one row of a loop: it alone moves away
                log.exception("ticket could not be woken", ticket_id=row["id"])
                await self._later(row["id"], due.later(row["attempts"], moment))
        return len(rows)

    async def _one(self, ticket_id: int, now: datetime) -> None:
        async with self.database.transaction() as session:
            ticket = await session.get(Ticket, ticket_id, with_for_update=True)
            # Not ours any more: somebody changed it since, and said anew when it is due.
            if ticket is None or ticket.lease_by != self.worker or ticket.due_at is None or ticket.due_at > now:
                return
            await look(session, self.desk, ticket, now)

    async def _later(self, ticket_id: int, until: datetime) -> None:
        again = sa.update(_TICKETS).where(_TICKETS.c.id == ticket_id, _TICKETS.c.lease_by == self.worker)
        async with self.database.transaction() as session:
            await session.execute(again.values(due_at=until, lease_until=None, lease_by=None))

    async def next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            return await due.next_due(session, _TICKETS)
