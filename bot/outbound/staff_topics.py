"""Messages to staff in Telegram, into a ticket's topic or into General: the sender of the channel `staff_topic`."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal
from weakref import WeakValueDictionary

import msgspec
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramAPIError, TelegramBadRequest, TelegramMigrateToChat
from aiogram.methods import (
    CloseForumTopic,
    DeleteForumTopic,
    EditForumTopic,
    PinChatMessage,
    ReopenForumTopic,
    TelegramMethod,
)

from bot.base import clock, logs
from bot.base.database import Database
from bot.base.ground import Ground
from bot.outbound import (
    staff_group,
    telegram_actions,
    telegram_content,
    telegram_errors,
    telegram_limits,
    topics,
    twins,
)
from bot.outbound.sender import DeliveryError, Outgoing, Receipt
from bot.outbound.shut_groups import ShutGroups
from bot.outbound.telegram import LANE
from bot.outbound.telegram_content import Place
from bot.outbound.telegram_sizes import ICON_STAYS
from bot.outbound.topic_icons import Icons
from bot.outbound.topics import Found, Topics

log = logs.get(__name__)

_REPAIRS = 4


class StaffTopicSender:
    """The staff group. Keys of the payload beside those of `telegram_actions.put`:

    `ticket_id` (None: General, or the topic `thread_id` that a ticket left), `card` (pinned at first, edited
    afterwards), `topic` (close, reopen, delete, or again: deleted, and made anew for what comes
    next), `in_chat` (where the messages stand that it names: numbers of messages mean others in another group), `spare`
    (left out in a busy group, or `instead` done, which costs nothing).
    `title` is that of the topic, with `state` (one of
    `topic_icons.STATES`, shown by the icon) and `sign` (ahead of it where there are no icons); of anything but a card
    they only serve to make the topic.
    """

    ordered: Literal["lanes"] = "lanes"
    exclusive = LANE
    batch = 1
    claim = 30

    def __init__(self, database: Database, bot: Bot, ground: Ground, worker: int) -> None:
        self.database = database
        self.bot = bot
        self.topics = Topics(database, bot, ground, worker)
        self.icons = Icons(bot)
        self.shut = ShutGroups(database, ground)
        self._locks: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    async def send(self, message: Outgoing) -> Receipt:
        telegram_limits.begin(message.priority, message.key, spare=bool(message.payload.get("spare")))
        try:
            try:
                receipt = await self._follow_the_group(message)
            except telegram_limits.Busy:
                if not message.payload.get("instead"):
                    return Receipt(clock.now())
                telegram_limits.begin(message.priority, message.key)
                receipt = await self._follow_the_group(_instead(message))
        except AiogramError as error:
            if telegram_errors.group_mends(error):
                self.shut.refused(error, message.key)
            raise telegram_errors.to_group(error) from error
        if chat_id := receipt.extra.get("chat_id"):
            self.shut.reached(int(chat_id))
        return receipt

    async def _follow_the_group(self, message: Outgoing) -> Receipt:
        for _ in range(_REPAIRS):
            try:
                return await self._send(message)
            except TelegramMigrateToChat as error:
                await self._follow(error)
        raise DeliveryError("the staff group keeps changing its id", retry_after=60)

    async def close(self) -> None:
        """The bot is closed by whoever connected it: both senders share it."""
        await self.shut.close()

    async def _follow(self, error: TelegramMigrateToChat) -> None:
        old = getattr(error.method, "chat_id", None)
        async with self.database.transaction() as session:
            await staff_group.move(session, int(old or 0), error.migrate_to_chat_id, clock.now())

    async def _send(self, message: Outgoing) -> Receipt:
        payload = message.payload
        ticket_id = payload.get("ticket_id")
        if ticket_id is None:
            chat_id = await self.topics.group(message.receiver)
            return await self._outside(Place(chat_id, payload.get("thread_id")), payload)
        for _ in range(_REPAIRS):
            found = await self._topic(int(ticket_id), payload)
            if found is None:
                return Receipt(clock.now())
            try:
                return await self._arrived(found, message) or await self._into(found, payload)
            except TelegramBadRequest as error:
                if telegram_errors.says(error, "topic_closed"):
                    await self._turn(ReopenForumTopic(chat_id=found.chat_id, message_thread_id=found.thread_id))
                elif telegram_errors.topic_is_gone(error):
                    await self.topics.lost(found)
                else:
                    raise
        raise DeliveryError("the topic does not stay", retry_after=60)

    async def _arrived(self, found: Found, message: Outgoing) -> Receipt | None:
        """A message whose answer was lost may stand there already."""
        place = Place(found.chat_id, found.thread_id)
        if not message.uncertain or message.payload.get("card"):
            return None
        number = await twins.find(self.bot, self.database, message, place)
        return telegram_actions.receipt(place, message.payload, [number], clock.now()) if number else None

    async def _outside(self, place: Place, payload: Mapping[str, Any]) -> Receipt:
        """Into General, or into a topic that a ticket left: when that is gone, nobody is there to read it."""
        numbers: list[int] = []
        try:
            if payload.get("topic") == "delete" and place.thread_id is not None:
                await self._turn(DeleteForumTopic(chat_id=place.chat_id, message_thread_id=place.thread_id))
                return telegram_actions.receipt(place, payload, numbers, clock.now())
            numbers = await telegram_actions.put(self.bot, place, payload)
            if payload.get("topic") == "close" and place.thread_id is not None:
                telegram_limits.half_done()
                await self._turn(CloseForumTopic(chat_id=place.chat_id, message_thread_id=place.thread_id))
        except TelegramBadRequest as error:
            if place.thread_id is None or not (
                telegram_errors.topic_is_gone(error) or telegram_errors.says(error, "topic_closed")
            ):
                raise
        return telegram_actions.receipt(place, payload, numbers, clock.now())

    def _lock(self, ticket_id: int, what: str) -> asyncio.Lock:
        """Messages into one topic are on their way side by side: it is made by one, and one changes the card."""
        return self._locks.setdefault((ticket_id, what), asyncio.Lock())

    async def _topic(self, ticket_id: int, payload: Mapping[str, Any]) -> Found | None:
        """The topic to write into; None if there is none and nothing that would need one."""
        if not telegram_actions.has_content(payload):
            return await self.topics.find(ticket_id)
        async with self._lock(ticket_id, "topic"):
            found = await self.topics.find(ticket_id)
            if found is None:
                state = str(payload.get("state") or "")
                icon = await self.icons.of(state)
                name = await self._name(payload) or None
                found = await self.topics.open(ticket_id, name, (state, icon) if icon else None)
            if found.bare:
                await self._repeat(found, payload)
        return found

    async def _into(self, found: Found, payload: Mapping[str, Any]) -> Receipt:
        place = Place(found.chat_id, found.thread_id)
        if (before := await self.topics.before(found, payload.get("in_chat"))) is not None:
            if not telegram_actions.is_new(payload):
                return await self._outside(Place(before), payload)
            payload = {key: value for key, value in payload.items() if key not in ("reply_to", "quote")}
        if payload.get("topic") == "delete":
            await self._turn(DeleteForumTopic(chat_id=place.chat_id, message_thread_id=found.thread_id))
            await self.topics.deleted(found)
            return telegram_actions.receipt(place, payload, [], clock.now())
        if payload.get("topic") == "again":
            await self._turn(DeleteForumTopic(chat_id=place.chat_id, message_thread_id=found.thread_id))
            await self.topics.lost(found)
            return telegram_actions.receipt(place, payload, [], clock.now())
        if payload.get("topic") == "reopen":
            await self._turn(ReopenForumTopic(chat_id=place.chat_id, message_thread_id=found.thread_id))
        if payload.get("card"):
            numbers = [await self._newest_card(found, payload)]
        elif telegram_actions.asks_for_something(payload):
            numbers = await telegram_actions.put(self.bot, place, payload)
        else:
            numbers = []
        if payload.get("topic") == "close":
            await self._turn(CloseForumTopic(chat_id=place.chat_id, message_thread_id=found.thread_id))
        return telegram_actions.receipt(place, payload, numbers, clock.now())

    async def _name(self, payload: Mapping[str, Any]) -> str:
        title, sign, state = (str(payload.get(key) or "") for key in ("title", "sign", "state"))
        if title and sign and await self.icons.of(state) is None:
            title = f"{sign} {title}"
        return title[: topics.LONGEST_NAME]

    async def _face(self, found: Found, payload: Mapping[str, Any]) -> None:
        """Name and icon in one call, and only what has changed: each call counts against the limit of the group."""
        name = await self._name(payload)
        state = str(payload.get("state") or "")
        icon = await self.icons.of(state) if state != found.icon else None
        if icon and found.icon_at is not None and clock.now() - found.icon_at < ICON_STAYS:
            icon = None  # whoever asked for the card comes back for it
        if name == found.title:
            name = ""
        if not name and not icon:
            return
        face = EditForumTopic(
            chat_id=found.chat_id,
            message_thread_id=found.thread_id,
            name=name or None,
            icon_custom_emoji_id=icon or None,
        )
        await self._turn(face)
        if name:
            await self.topics.renamed(found, name)
        if icon:
            await self.topics.marked(found, state)

    async def _repeat(self, found: Found, payload: Mapping[str, Any]) -> None:
        """The card and what was said, in a topic made anew. Nothing later is written before this stands there."""
        if found.card and not payload.get("card"):
            await self._card(found, found.card)
        place = Place(found.chat_id, found.thread_id)
        await telegram_content.put(self.bot, place, {"text": await self.topics.recap(found.ticket_id)})
        await self.topics.repeated(found)

    async def _newest_card(self, found: Found, payload: Mapping[str, Any]) -> int:
        async with self._lock(found.ticket_id, "card"):
            found = await self.topics.find(found.ticket_id) or found
            number = await self._card(found, payload)
            await self._face(found, payload)
        return number

    async def _card(self, found: Found, payload: Mapping[str, Any]) -> int:
        """Each step is kept, so that one that had to give way goes on where it was."""
        place = Place(found.chat_id, found.thread_id)
        content = {key: payload[key] for key in ("text", "html", "buttons") if key in payload}
        shown, number = dict(found.card), found.card_message_id
        pin = bool(shown.pop("pin", False)) or number is None
        if number is None:
            number = (await telegram_content.put(self.bot, place, content))[-1]
        elif not _same(content, shown):
            edited = (await telegram_content.put(self.bot, place, {**content, "edit": number}))[-1]
            pin, number = pin or edited != number, edited
        elif not pin:
            return number
        await self.topics.keep_card(found, number, {**content, "pin": True} if pin else content)
        if pin:
            await self._pin(place, number)
            await self.topics.keep_card(found, number, content)
        return number

    async def _pin(self, place: Place, number: int) -> None:
        """A card that cannot be pinned is still a card."""
        try:
            await self.bot(PinChatMessage(chat_id=place.chat_id, message_id=number, disable_notification=True))
        except TelegramAPIError as error:
            log.warning("card not pinned", chat_id=place.chat_id, reason=logs.clean(str(error)))

    async def _turn(self, change: TelegramMethod[bool]) -> None:
        """Change the topic; it may be so already."""
        try:
            await self.bot(change)
        except TelegramBadRequest as error:
            if not telegram_errors.says(error, "topic_not_modified"):
                raise


def _instead(message: Outgoing) -> Outgoing:
    kept = {key: message.payload[key] for key in ("ticket_id", "in_chat") if key in message.payload}
    return replace(message, payload={**kept, **message.payload["instead"]})


def _same(content: Mapping[str, Any], shown: Mapping[str, Any]) -> bool:
    """Whether a card shows that already; what is shown comes out of the database."""
    return bool(msgspec.json.decode(msgspec.json.encode(content)) == shown)
