"""Which ticket: of a topic, by its number."""

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.tables.chat import Topic
from bot.tables.support import Ticket


async def by_topic(session: AsyncSession, chat_id: int, thread_id: int) -> Ticket | None:
    """The ticket of a forum topic."""
    found = select(Ticket).join(Topic, col(Topic.ticket_id) == col(Ticket.id))
    return (await session.scalars(found.where(Topic.chat_id == chat_id, Topic.thread_id == thread_id))).first()


async def by_number(session: AsyncSession, number: int) -> Ticket | None:
    return (await session.scalars(select(Ticket).where(Ticket.number == number))).first()
