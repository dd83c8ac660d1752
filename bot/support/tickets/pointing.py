"""How a notice points at a colleague (so that Telegram rings) and at the topic of another ticket."""

import html

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.tables.chat import StaffMember, Topic
from bot.tables.support import Ticket


def at(staff: StaffMember) -> str:
    """A mention as HTML; it reaches people without a username too."""
    return f'<a href="tg://user?id={staff.telegram_id}">{html.escape(staff.name, quote=False)}</a>'


async def at_assignee(session: AsyncSession, ticket: Ticket) -> str:
    """The mention of whoever has the ticket, or empty."""
    staff = await session.get(StaffMember, ticket.assignee_id) if ticket.assignee_id else None
    return at(staff) if staff else ""


async def to(session: AsyncSession, ticket: Ticket) -> str:
    """`#1042` as HTML, a link into its topic if it has one."""
    topic = (await session.scalars(select(Topic).where(col(Topic.ticket_id) == ticket.id))).first()
    link = address(topic) if topic else None
    return f'<a href="{link}">#{ticket.number}</a>' if link else f"#{ticket.number}"


def address(topic: Topic) -> str | None:
    """Where members of the group open the topic. None for one that does not stand yet, or a small group."""
    chat = str(topic.chat_id)
    if topic.thread_id is None or topic.state not in ("ready", "bare") or not chat.startswith("-100"):
        return None
    return f"https://t.me/c/{chat.removeprefix('-100')}/{topic.thread_id}"
