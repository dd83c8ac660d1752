"""What could not be kept as an event, for people to look at: a list of the newest."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.events.happened import Rejected
from bot.tables.events import RejectedEvent

KEPT = 1000
_rows = table(RejectedEvent)


async def keep(session: AsyncSession, told: Sequence[Rejected]) -> None:
    """Write them down; what the list has no room for any more goes."""
    if not told:
        return
    lines = [
        {
            "source": one.source,
            "rank": one.rank,
            "reason": one.reason,
            "body": one.body,
            "received_at": one.received_at,
        }
        for one in told[-KEPT:]
    ]
    await session.execute(sa.insert(_rows), lines)
    last = sa.select(_rows.c.id).order_by(_rows.c.id.desc()).offset(KEPT).limit(1)
    await session.execute(sa.delete(_rows).where(_rows.c.id <= last.scalar_subquery()))
