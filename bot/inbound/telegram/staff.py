"""What staff write in the staff group: answers, notes and commands in the topic of a ticket.

Only what stands in a real topic counts: replies in plain groups carry a thread id that is no topic. A message that
replies to nothing names the topic's first message as what it replies to.
"""

from collections.abc import Collection
from datetime import datetime

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message, MessageReactionUpdated, Update, User
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import logs
from bot.inbound.telegram import content, customer
from bot.outbound import outbox, staff_group
from bot.support.desk import Desk
from bot.support.routing import presence, transfer
from bot.support.staff_room import speaking
from bot.support.tickets import closing, edits, find, reactions
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket

log = logs.get(__name__)


def router() -> Router:
    made = Router(name="staff")
    made.message.register(moved, F.migrate_to_chat_id, in_group)
    made.message.register(refused, of_nobody_here, in_group)
    made.message.register(topic_closed, F.forum_topic_closed, F.is_topic_message, in_group)
    made.message.register(without_name, F.sender_chat, F.is_topic_message, in_group, content.says_something)
    made.message.register(wrote, F.is_topic_message, in_group, content.says_something)
    made.message.register(commanded, ~F.is_topic_message, F.text.startswith("/"), in_group)
    made.edited_message.register(unheard, of_nobody_here, in_group)
    made.edited_message.register(changed, F.is_topic_message, in_group, content.says_something)
    made.message_reaction.register(reacted, in_group)
    return made


def in_group(event: Message | CallbackQuery | MessageReactionUpdated, groups: Collection[int]) -> bool:
    message = event.message if isinstance(event, CallbackQuery) else event
    return message is not None and message.chat.id in groups


def counts(message: Message) -> bool:
    """Whether it says something to the desk if who wrote it belongs to the group."""
    user = message.from_user
    if user is None or user.is_bot or message.sender_chat is not None:
        return False
    return bool(message.is_topic_message) or (message.text or "").startswith("/")


def of_nobody_here(message: Message, member: bool) -> bool:
    """A group that is public, or has comments of a channel, can be written into by everybody."""
    return counts(message) and not member


async def refused(message: Message, session: AsyncSession, now: datetime, desk: Desk) -> None:
    """Told once an hour to each: a colleague of whom Telegram says nothing must know, and a stranger must not be able
    to fill the group with our words."""
    ticket = await _ticket(session, message)
    assert message.from_user is not None
    log.info("somebody who is no member wrote in a staff group", chat_id=message.chat.id, user=message.from_user.id)
    if content.says_something(message) and (ticket is not None or not message.is_topic_message):
        key = f"refused:{message.chat.id}:{message.from_user.id}:{now:%Y-%m-%dT%H}"
        await _answer(session, ticket, message, desk.staff("group.outsider"), now, key=key)


async def unheard(_message: Message) -> None:
    """What they change is heard as little."""


async def member(session: AsyncSession, user: User, now: datetime, group: int | None = None) -> StaffMember:
    """The colleague, written down at first sight, by today's name, with the staff group they are seen in."""
    return await presence.seen(
        session,
        user.id,
        user.full_name,
        now,
        username=user.username,
        language=user.language_code,
        group=group,
    )


async def moved(message: Message, session: AsyncSession, now: datetime) -> None:
    assert message.migrate_to_chat_id is not None
    await staff_group.move(session, message.chat.id, message.migrate_to_chat_id, now)


async def topic_closed(message: Message, session: AsyncSession, desk: Desk, now: datetime) -> None:
    """Closing a topic by hand closes its ticket."""
    ticket = await _ticket(session, message)
    if ticket is not None and message.from_user is not None and not message.from_user.is_bot:
        await closing.close(session, desk, ticket, await member(session, message.from_user, now, message.chat.id), now)


async def without_name(message: Message, session: AsyncSession, desk: Desk, now: datetime) -> None:
    """An anonymous admin or a channel: nobody would know who answered, and it must not vanish silently."""
    ticket = await _ticket(session, message)
    if ticket is not None:
        await _answer(session, ticket, message, desk.staff("group.as_yourself"), now)


async def wrote(message: Message, session: AsyncSession, desk: Desk, now: datetime) -> None:
    ticket = await _ticket(session, message)
    if message.from_user is None or message.from_user.is_bot:
        return
    if ticket is None:
        await _elsewhere(session, desk, message, message.from_user, now)
        return
    colleague = await member(session, message.from_user, now, message.chat.id)
    answer = await speaking.wrote(session, desk, ticket, colleague, _said(message), now)
    if answer:
        await _answer(session, ticket, message, answer, now)


async def _elsewhere(session: AsyncSession, desk: Desk, message: Message, user: User, now: datetime) -> None:
    """In a topic that its ticket left for another group: whoever writes there is told, and nothing vanishes."""
    thread = message.message_thread_id
    ticket = await transfer.former(session, message.chat.id, thread) if thread is not None else None
    if ticket is not None and thread is not None:
        colleague = await member(session, user, now, message.chat.id)
        place = {**content.source(message), "thread_id": thread}
        text, attachment = content.text(message), content.attachment(message)
        key = content.key(message)
        await transfer.said_in_former(session, desk, ticket, colleague, text, attachment, key, place, now)


def _said(message: Message) -> speaking.Wrote:
    original = _replied(message)
    return speaking.Wrote(
        content.text(message),
        content.key(message),
        content.source(message),
        message.date,
        content.attachment(message),
        content.key(original) if original else None,
        content.quote(message),
    )


async def changed(message: Message, event_update: Update, session: AsyncSession, desk: Desk, now: datetime) -> None:
    ticket = await _ticket(session, message)
    if ticket is None or message.from_user is None or message.from_user.is_bot:
        return
    colleague = await member(session, message.from_user, now, message.chat.id)
    answer = await edits.staff_edited(session, desk, colleague, customer.edited(message, event_update, now), now)
    if answer:
        await _answer(session, ticket, message, answer, now)


async def reacted(
    change: MessageReactionUpdated, event_update: Update, session: AsyncSession, desk: Desk, now: datetime, member: bool
) -> None:
    if member:
        signs, _ = customer.emojis(change)
        update_id = event_update.update_id
        await reactions.staff_reacted(session, desk, change.chat.id, change.message_id, signs, update_id, now)


async def commanded(message: Message, session: AsyncSession, desk: Desk, now: datetime) -> None:
    """A command outside of the topics: about the queue, oneself, the day."""
    if message.from_user is None or message.from_user.is_bot:
        return
    colleague = await member(session, message.from_user, now, message.chat.id)
    answer = await speaking.command(session, desk, None, colleague, _said(message), now)
    if answer:
        await _answer(session, None, message, answer, now)


def _replied(message: Message) -> Message | None:
    """What it replies to; a message in a topic that replies to nothing names the topic's first one."""
    original = message.reply_to_message
    return None if original is None or original.message_id == message.message_thread_id else original


async def _ticket(session: AsyncSession, message: Message) -> Ticket | None:
    if not message.is_topic_message or message.message_thread_id is None:
        return None
    return await find.by_topic(session, message.chat.id, message.message_thread_id)


async def _answer(
    session: AsyncSession, ticket: Ticket | None, message: Message, text: str, now: datetime, *, key: str = ""
) -> None:
    """A word to whoever wrote this message, in its topic or in General. Said once for each `key`."""
    receiver = f"ticket:{ticket.id}" if ticket else f"staff:{message.chat.id}"
    await outbox.queue(
        session,
        channel="staff_topic",
        purpose="notice",
        receiver=receiver,
        payload={"ticket_id": ticket.id if ticket else None, "text": text, "reply_to": message.message_id},
        key=key or f"reply:{content.key(message)}:{message.edit_date or ''}",
        now=now,
        priority=30,
        ticket_id=ticket.id if ticket else None,
    )
