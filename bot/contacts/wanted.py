"""What somebody waits for in the catalogue, when two contacts become one, and when one is forgotten."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.contacts.belonging import Person
from bot.tables.catalogue import StockAlert

_alerts = table(StockAlert)
_OPEN = ("asked", "waiting", "released")  # the later, the more somebody has to lose
_OVER: dict[str, Any] = {"status": "cancelled", "due_at": None, "lease_until": None, "lease_by": None}


async def join_alerts(session: AsyncSession, keep_id: int, gone_id: int, _now: datetime) -> None:
    """Who waits for one thing twice is told once. What only a page asked for takes nothing from a wish that counts."""
    waiting = {_thing(row): row for row in await _open(session, keep_id)}
    for row in await _open(session, gone_id):
        known = waiting.get(_thing(row))
        if known is not None:
            second = min(row, known, key=lambda one: _OPEN.index(one["status"]))
            await session.execute(sa.update(_alerts).where(_alerts.c.id == second["id"]).values(_OVER))


async def end_alerts(session: AsyncSession, who: Person, _now: datetime) -> None:
    theirs = sa.update(_alerts).where(_alerts.c.contact_id.in_(who.contacts), _alerts.c.status.in_(_OPEN))
    await session.execute(theirs.values(_OVER))


async def _open(session: AsyncSession, contact_id: int) -> Sequence[sa.RowMapping]:
    mine = sa.select(_alerts).where(_alerts.c.contact_id == contact_id, _alerts.c.status.in_(_OPEN))
    return (await session.execute(mine)).mappings().all()


def _thing(row: sa.RowMapping) -> tuple[str, str, str]:
    return row["store"], row["product_id"], row["variant_id"]
