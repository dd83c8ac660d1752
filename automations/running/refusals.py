"""Why somebody did not enter a flow although what starts it had happened: the newest answer for each flow is kept."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import insert, table
from bot.tables.automations import Refusal

_rows = table(Refusal)


async def note(
    session: AsyncSession, flow: str, contact_id: int, reason: str, event_id: int | None, now: datetime
) -> None:
    put = insert(session, _rows).values(
        contact_id=contact_id, flow=flow, reason=reason, event_id=event_id, times=1, at=now
    )
    changed = {
        "reason": put.excluded.reason, "event_id": put.excluded.event_id, "at": put.excluded.at,
        "times": _rows.c.times + 1,
    }  # fmt: skip
    await session.execute(put.on_conflict_do_update(index_elements=["contact_id", "flow"], set_=changed))
