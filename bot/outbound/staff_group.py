"""Which chats the staff groups are: the configured ones, or what Telegram made of them as supergroups."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import logs
from bot.base.config import Config
from bot.base.database import insert, table
from bot.tables.chat import FormerTopic, StaffMember, Topic
from bot.tables.settings import Setting
from bot.tables.support import Ticket

log = logs.get(__name__)
_NAME = "staff_chat_id"
_TOPICS = table(Topic)


async def current(session: AsyncSession, configured: int | None) -> int | None:
    """The id under which a configured group is reached now."""
    return None if configured is None else _now(configured, await _moves(session))


async def of(session: AsyncSession, config: Config, department: str) -> tuple[int, ...]:
    """The groups of a department as they are reached now; empty when the shop has none at all."""
    return await _all(session, config.groups_of(department))


async def every(session: AsyncSession, config: Config) -> tuple[int, ...]:
    """Every staff group as it is reached now, the main one first."""
    return await _all(session, config.staff_groups)


async def _all(session: AsyncSession, configured: Iterable[int]) -> tuple[int, ...]:
    moves = await _moves(session)
    return tuple(dict.fromkeys(_now(group, moves) for group in configured))


def _now(configured: int, moves: dict[str, int]) -> int:
    found = configured
    while str(found) in moves:
        found = moves[str(found)]
    return found


async def pick(session: AsyncSession, config: Config, ticket_id: int) -> int | None:
    """The group for the topic of a ticket: where it has been if that still fits, else the least busy one.

    None when the shop has no staff group. Busy is a group by the open tickets in it; of equals the first in the file.
    """
    about = sa.select(col(Ticket.department), _TOPICS.c.chat_id).outerjoin(_TOPICS, _TOPICS.c.ticket_id == Ticket.id)
    row = (await session.execute(about.where(col(Ticket.id) == ticket_id))).first()
    groups = await of(session, config, row[0] if row else "")
    if len(groups) < 2 or (row and row[1] in groups):
        return row[1] if row and row[1] in groups else next(iter(groups), None)
    busy = (
        sa.select(_TOPICS.c.chat_id, sa.func.count())
        .join(table(Ticket), table(Ticket).c.id == _TOPICS.c.ticket_id)
        .where(_TOPICS.c.chat_id.in_(groups), table(Ticket).c.status != "resolved")
        .group_by(_TOPICS.c.chat_id)
    )
    counts: dict[int, int] = {row[0]: row[1] for row in await session.execute(busy)}
    return min(groups, key=lambda group: (counts.get(group, 0), groups.index(group)))


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
    await _topics_follow(session, old, new)
    await _members_follow(session, old, new)
    log.warning("a staff group has a new id; please put it into the configuration", old=old, new=new)


async def _topics_follow(session: AsyncSession, old: int, new: int) -> None:
    """What is known of the new group by its own id is true there; a topic of that number is no other ticket's."""
    former = table(FormerTopic)
    known = sa.union(*(sa.select(rows.c.thread_id).where(rows.c.chat_id == new) for rows in (_TOPICS, former)))
    lost = sa.update(_TOPICS).where(_TOPICS.c.chat_id == old, _TOPICS.c.thread_id.in_(known))
    await session.execute(lost.values(state="gone", thread_id=None, card_message_id=None))
    await session.execute(sa.delete(former).where(former.c.chat_id == old, former.c.thread_id.in_(known)))
    for rows in (_TOPICS, former):
        await session.execute(sa.update(rows).where(rows.c.chat_id == old).values(chat_id=new))


async def _members_follow(session: AsyncSession, old: int, new: int) -> None:
    rows = table(StaffMember)
    for member_id, groups in (await session.execute(sa.select(rows.c.id, rows.c.groups))).all():
        if old in groups:
            followed: list[Any] = sorted({new if group == old else group for group in groups})
            await session.execute(sa.update(rows).where(rows.c.id == member_id).values(groups=followed))


async def _moves(session: AsyncSession) -> dict[str, int]:
    value = await session.scalar(select(Setting.value).where(col(Setting.name) == _NAME))
    return dict(value) if isinstance(value, dict) else {}
