"""Which chat the staff group is: the configured one, or what Telegram made of it when it became a supergroup."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import logs
from bot.base.database import insert, table
from bot.tables.chat import Topic
from bot.tables.settings import Setting

log = logs.get(__name__)
_NAME = "staff_chat_id"


async def current(session: AsyncSession, configured: int | None) -> int | None:
    """The id under which the configured group is reached now."""
    moves = await _moves(session)
    found = configured
    while found is not None and str(found) in moves:
        found = moves[str(found)]
    return found


async def move(session: AsyncSession, old: int, new: int, now: datetime) -> None:
    """The group `old` is `new` from now on: for every topic, and for every later start with the old configuration."""
    moves = await _moves(session)
    moves.pop(str(new), None)  # never in a circle
    moves[str(old)] = new
    settings = table(Setting)
    kept = insert(session, settings).values(name=_NAME, value=moves, changed_at=now)
    await session.execute(
        kept.on_conflict_do_update(index_elements=[settings.c.name], set_={"value": moves, "changed_at": now})
    )
    topics = table(Topic)
    await session.execute(sa.update(topics).where(topics.c.chat_id == old).values(chat_id=new))
    log.warning("the staff group has a new id; please put it into telegram.staff_chat_id", old=old, new=new)


async def _moves(session: AsyncSession) -> dict[str, int]:
    value = await session.scalar(select(Setting.value).where(col(Setting.name) == _NAME))
    return dict(value) if isinstance(value, dict) else {}
