"""How far the pull of each kind of things is: one row each, moved on in the transaction that keeps what was read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import insert, table
from bot.inbound.shops.shop import RESOURCES
from bot.tables.shop import PulledResource

rows = table(PulledResource)
Row = Mapping[str, Any]


async def begin(session: AsyncSession, store: str, now: datetime, *, again: bool = False) -> None:
    """What is not begun begins now; `again`: all of it, from the beginning."""
    fresh = {"cursor": {}, "taken": 0, "total": None, "began_at": now, "finished_at": None, "good_at": None}
    if again:
        await session.execute(sa.update(rows).where(rows.c.store == store).values(**fresh))
    for resource in RESOURCES:
        new = insert(session, rows).values(store=store, resource=resource, lost=0, lost_in_all=0, **fresh)
        await session.execute(new.on_conflict_do_nothing())


async def every(session: AsyncSession) -> list[Row]:
    """Store by store, in the order in which they are pulled."""
    found = (await session.execute(sa.select(rows))).mappings()
    return sorted((dict(row) for row in found), key=lambda row: (row["store"], RESOURCES.index(row["resource"])))


async def of_store(session: AsyncSession, store: str) -> list[Row]:
    return [row for row in await every(session) if row["store"] == store]


async def write(session: AsyncSession, row: Row, **changed: Any) -> None:
    await session.execute(sa.update(rows).where(rows.c.id == row["id"]).values(**changed))
