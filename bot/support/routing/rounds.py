"""The loop of the rounds: absences end by themselves, and what waits unclaimed is given when somebody has room.

Decisions only kick it: else whoever closes a ticket would hold the lock of all rounds to the end of their own work.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, work
from bot.base.database import Database, table
from bot.support.desk import Desk
from bot.support.routing import presence, turn
from bot.tables.chat import StaffMember

KIND = "rounds"
_STAFF = table(StaffMember)


def kick(session: AsyncSession, desk: Desk) -> None:
    """Somebody may have room now."""
    if turn.rounds(desk):
        work.kick(session, KIND)


class Rounds:
    def __init__(self, database: Database, desk: Desk) -> None:
        self.database = database
        self.desk = desk

    def kind(self) -> work.Kind:
        return work.Kind(KIND, self.run, self.next_due)

    async def run(self, now: datetime | None = None) -> int:
        """Returns how many absences ended and tickets were given."""
        moment = now or clock.now()
        async with self.database.transaction() as session:
            await turn.lock(session, moment)
            back = await presence.over(session, moment)
            return len(back) + await turn.serve(session, self.desk, moment)

    async def next_due(self) -> datetime | None:
        """The next end of an absence, and the opening of a desk that gives."""
        async with self.database.reading() as session:
            away = sa.select(sa.func.min(_STAFF.c.away_until, type_=_STAFF.c.away_until.type))
            ends: datetime | None = await session.scalar(away.where(_STAFF.c.presence == presence.AWAY))
        now = clock.now()
        opens = [at for one in turn.rounds(self.desk) if (at := turn.opens_at(self.desk, one, now)) > now]
        return min([*opens, *([ends] if ends is not None else [])], default=None)
