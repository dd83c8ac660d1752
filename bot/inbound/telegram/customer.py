"""What customers write to the bot in private: words, files, /start, and changes of what they wrote."""

from datetime import UTC, datetime

from aiogram import F, Router
from aiogram.filters import CommandStart
from aiogram.types import Message, MessageReactionUpdated, ReactionTypeEmoji, Update, User
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.contacts import profile
from bot.inbound.telegram import content
from bot.support import conversation
from bot.support.desk import Desk
from bot.support.tickets import edits, mirrors, reactions
from bot.tables.people import Contact


def router() -> Router:
    made = Router(name="customer")
    private = F.chat.type == "private"
    made.message.register(started, private, CommandStart())
    made.message.register(said, private, content.says_anything)
    made.edited_message.register(changed, private, content.says_something)
    made.message_reaction.register(reacted, private)
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
    assert contact.id is not None
    reply_to_id, quote = await _answers(session, message)
    words = conversation.Said(
        contact_id=contact.id,
        channel="telegram",
        text=content.text(message),
        attachment=content.of_any_kind(message),
        provider_key=content.key(message),
        at=message.date,
        received_at=received_at,
        source=content.source(message),
        reply_to_id=reply_to_id,
        quote=quote,
    )
    await conversation.customer_said(session, desk, words, now)


async def _answers(session: AsyncSession, message: Message) -> tuple[int | None, str]:
    """The line that it answers, and the words that it takes up; of a message that is no line its own words."""
    quote, original = content.quote(message), message.reply_to_message
    if original is None:
        return None, quote
    line = await mirrors.line_at(session, original.chat.id, original.message_id)
    return (line.id, quote) if line is not None else (None, quote or content.text(original))


async def changed(message: Message, event_update: Update, session: AsyncSession, desk: Desk, now: datetime) -> None:
    await conversation.customer_changed(session, desk, edited(message, event_update, now), now)


def edited(message: Message, update: Update, now: datetime) -> edits.Edited:
    """The message as it is now."""
    at = datetime.fromtimestamp(message.edit_date, UTC) if message.edit_date else now
    return edits.Edited(content.key(message), content.text(message), at, update.update_id, content.attachment(message))


async def reacted(change: MessageReactionUpdated, event_update: Update, session: AsyncSession, now: datetime) -> None:
    signs, others = emojis(change)
    await reactions.customer_reacted(
        session, change.chat.id, change.message_id, signs, others, event_update.update_id, now
    )


def emojis(change: MessageReactionUpdated) -> tuple[list[str], bool]:
    """The signs that stand there now, and whether there are some that no bot may set."""
    signs = [sign.emoji for sign in change.new_reaction if isinstance(sign, ReactionTypeEmoji)]
    return signs, len(signs) < len(change.new_reaction)
