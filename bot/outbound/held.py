"""What may have happened already after a backup was taken: held when it is restored, until a person lets it go on.

A held row is due a thousand years later than it was. So whatever ends the row or plans it anew ends the hold too, and
no other part needs to know of it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import due, work
from bot.base.database import insert, table
from bot.tables.outbox import Message
from bot.tables.settings import Setting

BACKED_UP = "backed_up_at"
"""The setting of a backup that says of which moment it is."""

_AWAY = timedelta(days=365_250)
_HELD_FROM = datetime(2900, 1, 1, tzinfo=UTC)
_BOOKKEEPING = ("telegramchat",)  # nobody sees or hears of it
_settings, _messages = table(Setting), table(Message)
KINDS = {
    "message": "messages", "enrolment": "steps of flows", "broadcast": "broadcasts", "cataloguewatch": "watched goods",
    "stockalert": "stock alerts", "slatimer": "alarms of promises", "ticket": "tickets that wake by themselves",
    "event": "events", "webhookdelivery": "webhooks", "telegramupdate": "chat updates",
    "receivedmail": "mails that came",
}  # fmt: skip


def _tables(only: str = "") -> list[sa.Table]:
    return [rows for rows in due.due_tables() if rows.name not in _BOOKKEEPING and only in ("", rows.name)]


async def note(session: AsyncSession, now: datetime) -> None:
    """Write down of which moment this copy is."""
    fresh = {"value": now.isoformat(), "changed_at": now}
    written = insert(session, _settings).values(name=BACKED_UP, **fresh)
    await session.execute(written.on_conflict_do_update(index_elements=[_settings.c.name], set_=fresh))


async def moment(session: AsyncSession) -> datetime | None:
    value = await session.scalar(sa.select(_settings.c.value).where(_settings.c.name == BACKED_UP))
    return datetime.fromisoformat(value) if isinstance(value, str) else None


async def hold(session: AsyncSession, now: datetime) -> dict[str, int]:
    """Hold all that was due at the backup or became due since: each may have been done in a life that is forgotten.

    Marketing that was being handed over stays as it is: that ends as `unknown` by itself. Returns how many of which.
    """
    workers = (await session.scalars(sa.select(table(due.Worker).c.id))).all()
    await due.release(session, workers)
    found = {}
    for rows in _tables():
        where = [rows.c.due_at <= now, rows.c.status != "handed"] if rows is _messages else [rows.c.due_at <= now]
        if count := await _moved(session, rows, where, _AWAY):
            found[rows.name] = count
    return found


async def held(session: AsyncSession) -> dict[str, int]:
    found = {}
    for rows in _tables():
        counted = sa.select(sa.func.count()).select_from(rows).where(rows.c.due_at >= _HELD_FROM)
        if count := await session.scalar(counted):
            found[rows.name] = int(count)
    return found


async def release(session: AsyncSession, only: str = "") -> dict[str, int]:
    """Let what is held go on, of one kind or all: whoever asks for this says that nothing of it happened."""
    found = {}
    for rows in _tables(only):
        if count := await _moved(session, rows, [rows.c.due_at >= _HELD_FROM], -_AWAY):
            found[rows.name] = count
            await _kick(session, rows)
    return found


async def _moved(
    session: AsyncSession, rows: sa.Table, where: Sequence[sa.ColumnElement[bool]], distance: timedelta
) -> int:
    key = next(iter(rows.primary_key))
    found = (await session.execute(sa.select(key, rows.c.due_at).where(rows.c.due_at.is_not(None), *where))).all()
    moved = sa.update(rows).where(key == sa.bindparam("row")).values(
        due_at=sa.bindparam("at"), lease_until=None, lease_by=None
    )  # fmt: skip
    changes: list[dict[str, Any]] = [{"row": row[0], "at": row[1] + distance} for row in found]
    if changes:
        connection = await session.connection()
        await connection.execute(moved, changes)
    return len(changes)


async def _kick(session: AsyncSession, rows: sa.Table) -> None:
    """A program that runs looks within half a minute anyway; messages leave at once."""
    if rows is _messages:
        for channel in await session.scalars(sa.select(rows.c.channel).where(rows.c.due_at.is_not(None)).distinct()):
            work.kick(session, f"messages:{channel}")
