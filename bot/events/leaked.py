"""Server keys that came from a browser: remembered until others stand in the configuration in their place."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.config.events import EventKey
from bot.base.database import insert, table
from bot.tables.settings import Setting

_NAME = "leaked_key:"
_SETTINGS = table(Setting)


async def remember(session: AsyncSession, digest: str, now: datetime) -> None:
    """The key by its digest: it may get another name and is as leaked, or the name another key and is well."""
    row = {"name": f"{_NAME}{digest}", "value": now.isoformat(), "changed_at": now}
    await session.execute(insert(session, _SETTINGS).values(row).on_conflict_do_nothing())


async def names(session: AsyncSession, keys: Sequence[EventKey]) -> list[str]:
    """Which of the server keys are known to have leaked, by name."""
    asked = {f"{_NAME}{one.digest}": one.name for one in keys if one.kind == "server"}
    if not asked:
        return []
    found = await session.scalars(sa.select(_SETTINGS.c.name).where(_SETTINGS.c.name.in_(asked)))
    return sorted(asked[name] for name in found)
