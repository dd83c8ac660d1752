"""Which ticket: of a topic, by its number."""

from sqlalchemy import exists
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.tables.chat import FormerTopic, Topic
from bot.tables.support import Ticket


async def by_topic(session: AsyncSession, chat_id: int, thread_id: int) -> Ticket | None:
    """The ticket of a forum topic; of one that it left for another group none (see `routing.transfer.former`).

    Never one of several: an answer would go to the wrong customer.
    """
    found = select(Ticket).join(Topic, col(Topic.ticket_id) == col(Ticket.id))
    left = exists().where(col(FormerTopic.chat_id) == chat_id, col(FormerTopic.thread_id) == thread_id)
    here = found.where(Topic.chat_id == chat_id, Topic.thread_id == thread_id, ~left)
    return (await session.scalars(here)).one_or_none()


async def by_number(session: AsyncSession, number: int) -> Ticket | None:
    return (await session.scalars(select(Ticket).where(Ticket.number == number))).first()
