"""What somebody saw in the catalogue and waits for, when two contacts become one, and when one is forgotten."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.tables.catalogue import SeenPrice, StockAlert

_seen, _alerts = table(SeenPrice), table(StockAlert)
_OVER: dict[str, Any] = {"status": "cancelled", "due_at": None, "lease_until": None, "lease_by": None}


async def join(session: AsyncSession, keep_id: int, gone_id: int) -> None:
    """Of a price that both saw the later one counts; who waits for one thing twice is told once."""
    mine = {(row["product_id"], row["variant_id"]): row for row in await _rows(session, _seen, keep_id)}
    for row in await _rows(session, _seen, gone_id):
        known = mine.get((row["product_id"], row["variant_id"]))
        if known is not None:
            older = row if row["at"] <= known["at"] else known
            await session.execute(sa.delete(_seen).where(_seen.c.id == older["id"]))
    waiting = {
        (row["product_id"], row["variant_id"]): row for row in await _rows(session, _alerts, keep_id) if _open(row)
    }
    for row in await _rows(session, _alerts, gone_id):
        known = waiting.get((row["product_id"], row["variant_id"]))
        if _open(row) and known is not None:
            second = known if row["status"] == "released" and known["status"] == "waiting" else row
            await session.execute(sa.update(_alerts).where(_alerts.c.id == second["id"]).values(_OVER))


async def forget(session: AsyncSession, people: Sequence[int]) -> None:
    await session.execute(sa.delete(_seen).where(_seen.c.contact_id.in_(people)))
    theirs = sa.update(_alerts).where(_alerts.c.contact_id.in_(people), _alerts.c.status.in_(("waiting", "released")))
    await session.execute(theirs.values(_OVER))


def _open(row: sa.RowMapping) -> bool:
    return row["status"] in ("waiting", "released")


async def _rows(session: AsyncSession, rows: sa.Table, contact_id: int) -> Sequence[sa.RowMapping]:
    return (await session.execute(sa.select(rows).where(rows.c.contact_id == contact_id))).mappings().all()
