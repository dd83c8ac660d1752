"""What customers write to the bot in private: words, files, /start, and changes of what they wrote."""

from datetime import datetime

from aiogram import F, Router
from aiogram.filters import CommandStart
from aiogram.types import Message, User
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts
from bot.contacts import profile
from bot.inbound.telegram import content
from bot.support import conversation
from bot.support.desk import Desk
from bot.tables.people import Contact
from bot.tables.support import TicketMessage


def router() -> Router:
    made = Router(name="customer")
    private = F.chat.type == "private"
    made.message.register(started, private, CommandStart())
    made.message.register(said, private, content.says_something)
    made.edited_message.register(changed, private, content.says_something)
    return made


async def contact_of(session: AsyncSession, user: User, now: datetime) -> Contact:
    """The person behind a private chat: Telegram vouches for them, so the identity is proven."""
    contact = await contacts.find_or_create(
        session,
        [("telegram", user.id)],
        now,
        proven=True,
        first_name=user.first_name,
        last_name=user.last_name or "",
        language=profile.language(user.language_code),
        last_seen_at=now,
    )
    await contacts.mark_reachable(session, "telegram", user.id)
    return contact


async def started(message: Message, session: AsyncSession, desk: Desk, now: datetime) -> None:
    """`/start`, also with a payload that somebody invented."""
    assert message.from_user is not None and isinstance(message.from_user.id, int)
    contact = await contact_of(session, message.from_user, now)
    assert contact.id is not None
    await conversation.greet(session, desk, contact.id, "telegram", now)


async def said(message: Message, session: AsyncSession, desk: Desk, now: datetime, received_at: datetime) -> None:
    assert message.from_user is not None
    contact = await contact_of(session, message.from_user, now)
    words = _said(message, contact, content.text(message), received_at)
    await conversation.customer_said(session, desk, words, now)


async def changed(message: Message, session: AsyncSession, desk: Desk, now: datetime, received_at: datetime) -> None:
    """Staff are told what a message was changed to; before there is a ticket, a change is not a new question."""
    assert message.from_user is not None
    original = select(TicketMessage).where(col(TicketMessage.provider_key) == content.key(message))
    known = await session.scalar(original)
    if known is None or known.ticket_id is None or known.text == content.text(message):
        return
    contact = await contact_of(session, message.from_user, now)
    told = desk.staff("customer.edited", text=content.text(message))
    words = _said(message, contact, told, received_at, edit=int(message.edit_date or 0))
    await conversation.customer_said(session, desk, words, now)


def _said(
    message: Message, contact: Contact, text: str, received_at: datetime, edit: int | None = None
) -> conversation.Said:
    assert contact.id is not None
    first_time = edit is None
    return conversation.Said(
        contact_id=contact.id,
        channel="telegram",
        text=text,
        attachment=content.attachment(message) if first_time else {},
        provider_key=content.key(message) if first_time else f"{content.key(message)}:{edit}",
        at=message.date if first_time else received_at,
        received_at=received_at,
        source=content.source(message) if first_time else {},
    )
