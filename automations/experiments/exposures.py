"""Who came to the step where the arms of an experiment part, written down the first time."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import insert, table
from bot.tables.experiments import Exposure

_exposures = table(Exposure)


async def record(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Each row has experiment, contact_id, variant, flow, enrolment_id and at; whoever was exposed before stays so."""
    if rows:
        await session.execute(insert(session, _exposures).on_conflict_do_nothing(), [dict(row) for row in rows])
