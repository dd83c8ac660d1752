"""The history of a ticket: who did what when. What the clocks and reports say can be computed again from it."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.tables.support import TicketEvent


async def write(session: AsyncSession, ticket_id: int, at: datetime, actor: str, name: str, **data: Any) -> None:
    """`actor` is customer, bot, clock or `staff:ID`; `name` a past participle such as opened, taken, answered."""
    session.add(TicketEvent(ticket_id=ticket_id, at=at, actor=actor, name=name, data=data))
    await session.flush()
