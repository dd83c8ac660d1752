"""The Telegram chats of people: `more["chats"]` is the newest one that still takes messages."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts
from automations.asking.facts import Person, loads
from bot.base.database import table
from bot.tables.people import Identity


@loads("chats")
async def _chats(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    known = table(Identity)
    chats = sa.select(known.c.contact_id, known.c.value).where(
        facts.among(known.c.contact_id, ids), known.c.kind == "telegram", known.c.unreachable_at.is_(None)
    )
    for row in await session.execute(chats.order_by(known.c.created_at, known.c.id)):
        people[row.contact_id].more["chats"] = row.value  # the newest overwrites
