"""Did a message arrive whose answer was lost? Telegram knows no key that would make it the same message twice.

What can be known: numbers of messages in a chat only grow, so the lost one stands at a number after those known when it
was queued, and at none that we know. Whether anything stands there costs nothing to ask (taking away a reaction that
is not there). What stands there is read by sending the words again as an answer to it: the result carries what is
answered. If these are the same words of ours in the same topic, the second copy is taken back; it lived for a moment.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import DeleteMessage, EditForumTopic, SendMessage, SetMessageReaction
from aiogram.types import ReplyParameters
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import logs
from bot.base.database import Database, table
from bot.outbound.sender import Outgoing
from bot.outbound.telegram_bot import ask, field
from bot.outbound.telegram_content import Place
from bot.outbound.telegram_errors import says
from bot.outbound.telegram_sizes import TEXT, units
from bot.tables.chat import FormerTopic, TelegramUpdate, Topic
from bot.tables.outbox import Message
from bot.tables.support import Mirror

log = logs.get(__name__)

_NEWEST = 300  # rows that are looked at for numbers
_BEYOND = 5  # numbers after the last known one
_MOST = 60
_A_WORD = "…"
_FORMER = table(FormerTopic)
_MESSAGES, _TOPICS, _MIRRORS, _UPDATES = table(Message), table(Topic), table(Mirror), table(TelegramUpdate)


async def find(bot: Bot, database: Database, message: Outgoing, place: Place) -> int | None:
    """The number of the message if it is there already. Only plain words can be told; None for everything else."""
    text = str(message.payload.get("text") or "")
    if not text or units(text) > TEXT or set(message.payload) & {"edit", "copy", "album", "files", "edits", "delete"}:
        return None
    async for number in unknown(bot, database, place, message.row["created_at"]):
        if await _says(bot, place, number, message.payload, text):
            log.info("a message whose answer was lost had arrived", message_id=message.id)
            return number
    return None


async def find_topic(
    bot: Bot, database: Database, chat_id: int, name: str, icon: str | None, since: datetime
) -> int | None:
    """The thread of a topic that was asked for by this name after `since`, if it was made.

    The first message of a topic keeps the name that it was made with, and ours have the number of the ticket in it:
    another topic whose answer is still on its way, or that somebody made by hand, is not taken for this one.
    """
    async for number in unknown(bot, database, Place(chat_id), since):
        if not await _made(bot, chat_id, number, name):
            continue
        face = EditForumTopic(chat_id=chat_id, message_thread_id=number, name=name, icon_custom_emoji_id=icon)
        try:
            await ask(bot, face)
        except TelegramBadRequest as error:
            if not says(error, "topic_not_modified"):
                continue
        log.info("a topic whose answer was lost had been made", chat_id=chat_id, thread_id=number)
        return number
    return None


async def _made(bot: Bot, chat_id: int, number: int, name: str) -> bool:
    """Whether we made the topic of this number by this name. To read that, a word is sent into it and taken back."""
    try:
        _, first = await _answer(bot, Place(chat_id, number), number, _A_WORD)
    except TelegramBadRequest:
        return False  # no topic, or one that nobody may write into
    created = field(first, "forum_topic_created") if first is not None else None
    return created is not None and _by_bot(first) and _plain(field(created, "name")) == _plain(name)


async def unknown(bot: Bot, database: Database, place: Place, since: datetime) -> AsyncIterator[int]:
    """Messages that stand in the chat, came after `since`, and are none that we know."""
    async with database.reading() as session:
        known = await _known(session, place)
        last = max([*known, await _newest_private(session) if place.chat_id > 0 else 0], default=0)
    before = max((number for number, at in known.items() if at and at < since), default=0)
    strange = [number for number in range(before + 1, last + _BEYOND + 1) if number not in known]
    for number in strange[:_MOST]:
        if await _stands(bot, place, number):
            yield number


async def _stands(bot: Bot, place: Place, number: int) -> bool:
    try:
        await ask(bot, SetMessageReaction(chat_id=place.chat_id, message_id=number, reaction=[]))
    except TelegramBadRequest as error:
        return not says(error, "not found", "message_id_invalid")
    return True


async def _says(bot: Bot, place: Place, number: int, payload: Mapping[str, Any], text: str) -> bool:
    sent, other = await _answer(bot, place, number, text, "HTML" if payload.get("html") else None)
    if other is None:
        return False
    same_topic = place.thread_id is None or field(other, "message_thread_id") == place.thread_id
    return bool(same_topic and _by_bot(other) and field(other, "text") == field(sent, "text"))


async def _answer(bot: Bot, place: Place, number: int, text: str, mode: str | None = None) -> tuple[Any, Any]:
    """Answers a message and takes that back: what was sent, and what it answered (None if it is not there)."""
    probe = SendMessage(
        chat_id=place.chat_id,
        message_thread_id=place.thread_id,
        text=text,
        parse_mode=mode,
        reply_parameters=ReplyParameters(message_id=number, allow_sending_without_reply=True),
        disable_notification=True,
    )
    sent = await ask(bot, probe)
    await ask(bot, DeleteMessage(chat_id=place.chat_id, message_id=int(field(sent, "message_id"))))
    other = field(sent, "reply_to_message")
    return sent, other if other is not None and field(other, "message_id") == number else None


def _by_bot(message: Any) -> bool:
    author = field(message, "from_user") or field(message, "from")
    return bool(author and field(author, "is_bot"))


def _plain(name: Any) -> str:
    """Without what Telegram may change of white space."""
    return " ".join(str(name).split())


async def _known(session: AsyncSession, place: Place) -> dict[int, datetime | None]:
    """Numbers of messages in the chat that we know, and since when: ours, and those of people."""
    known: dict[int, datetime | None] = {}
    in_chat = sa.or_(_TOPICS.c.chat_id == place.chat_id, _MESSAGES.c.receiver == _receiver(place))
    ours = sa.select(_MESSAGES.c.provider_id, _MESSAGES.c.settled_at).outerjoin(
        _TOPICS, sa.and_(_TOPICS.c.ticket_id == _MESSAGES.c.ticket_id, _MESSAGES.c.channel == "staff_topic")
    )
    ours = ours.where(
        _MESSAGES.c.channel.in_(("telegram", "staff_topic")), _MESSAGES.c.provider_id.is_not(None), in_chat
    )
    for number, at in await session.execute(ours.order_by(_MESSAGES.c.id.desc()).limit(_NEWEST)):
        if str(number).isdigit():
            known[int(number)] = at
    mirrored = sa.select(_MIRRORS.c.message_id).where(_MIRRORS.c.chat_id == place.chat_id)
    for number in await session.scalars(mirrored.order_by(_MIRRORS.c.id.desc()).limit(_NEWEST)):
        known.setdefault(number, None)
    made = sa.select(_TOPICS.c.thread_id, _TOPICS.c.card_message_id).where(_TOPICS.c.chat_id == place.chat_id)
    for row in await session.execute(made.order_by(_TOPICS.c.id.desc()).limit(_NEWEST)):
        known |= {number: known.get(number) for number in row if number}
    left = sa.select(_FORMER.c.thread_id).where(_FORMER.c.chat_id == place.chat_id)
    for number in await session.scalars(left.order_by(_FORMER.c.id.desc()).limit(_NEWEST)):
        known.setdefault(number, None)
    updates = sa.select(_UPDATES.c.body, _UPDATES.c.received_at).where(_UPDATES.c.chat_id == place.chat_id)
    for body, at in await session.execute(updates.order_by(_UPDATES.c.update_id.desc()).limit(_NEWEST)):
        if (number := _number(msgspec.json.decode(body))) is not None:
            known[number] = at
    return known


async def _newest_private(session: AsyncSession) -> int:
    """Private chats share their numbers: the newest that we know of any of them."""
    newest = sa.select(_MIRRORS.c.message_id).where(_MIRRORS.c.chat_id > 0).order_by(_MIRRORS.c.id.desc()).limit(1)
    return int(await session.scalar(newest) or 0)


def _receiver(place: Place) -> str:
    return f"staff:{place.chat_id}" if place.chat_id < 0 else f"telegram:{place.chat_id}"


def _number(update: Mapping[str, Any]) -> int | None:
    for name in ("message", "edited_message"):
        if name in update:
            return int(update[name]["message_id"])
    return None
