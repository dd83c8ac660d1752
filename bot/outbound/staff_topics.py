"""Messages to staff in Telegram, into a ticket's topic or into General: the sender of the channel `staff_topic`."""

from collections.abc import Mapping
from typing import Any

from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramAPIError, TelegramBadRequest, TelegramMigrateToChat
from aiogram.methods import CloseForumTopic, EditForumTopic, PinChatMessage, ReopenForumTopic, TelegramMethod

from bot.base import clock, logs
from bot.base.database import Database
from bot.base.ground import Ground
from bot.outbound import staff_group, telegram_actions, telegram_content, telegram_errors, telegram_limits, topics
from bot.outbound.sender import DeliveryError, Outgoing, Receipt
from bot.outbound.telegram import LANE
from bot.outbound.telegram_content import Place
from bot.outbound.topics import Found, Topics

log = logs.get(__name__)

_REPAIRS = 4


class StaffTopicSender:
    """The staff group. Keys of the payload beside those of `telegram_actions.put`:

    `ticket_id` (None: General, or the topic `thread_id` that a ticket left), `card` (pinned at first, edited
    afterwards), `title` (of the topic), `topic` (close or reopen), `in_chat` (where the messages stand that it names:
    numbers of messages mean others in another group).
    """

    ordered = True
    exclusive = LANE
    batch = 1
    claim = 30

    def __init__(self, database: Database, bot: Bot, ground: Ground, worker: int) -> None:
        self.database = database
        self.bot = bot
        self.topics = Topics(database, bot, ground, worker)

    async def send(self, message: Outgoing) -> Receipt:
        telegram_limits.begin(message.priority)
        try:
            for _ in range(_REPAIRS):
                try:
                    return await self._send(message)
                except TelegramMigrateToChat as error:
                    await self._follow(error)
        except AiogramError as error:
            raise telegram_errors.to_group(error) from error
        raise DeliveryError("the staff group keeps changing its id", retry_after=60)

    async def close(self) -> None:
        """The bot is closed by whoever connected it: both senders share it."""

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
                return await self._into(found, payload)
            except TelegramBadRequest as error:
                if telegram_errors.says(error, "topic_closed"):
                    await self._turn(ReopenForumTopic(chat_id=found.chat_id, message_thread_id=found.thread_id))
                elif telegram_errors.topic_is_gone(error):
                    await self.topics.lost(found)
                else:
                    raise
        raise DeliveryError("the topic does not stay", retry_after=60)

    async def _outside(self, place: Place, payload: Mapping[str, Any]) -> Receipt:
        """Into General, or into a topic that a ticket left: when that is gone, nobody is there to read it."""
        numbers: list[int] = []
        try:
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

    async def _topic(self, ticket_id: int, payload: Mapping[str, Any]) -> Found | None:
        """The topic to write into; None if there is none and nothing that would need one."""
        if not telegram_actions.has_content(payload):
            return await self.topics.find(ticket_id)
        title = payload.get("title")
        return await self.topics.open(ticket_id, str(title) if title else None)

    async def _into(self, found: Found, payload: Mapping[str, Any]) -> Receipt:
        place = Place(found.chat_id, found.thread_id)
        if found.bare:
            await self._repeat(found, place, payload)
        if (before := await self.topics.before(found, payload.get("in_chat"))) is not None:
            if not telegram_actions.is_new(payload):
                return await self._outside(Place(before), payload)
            payload = {key: value for key, value in payload.items() if key not in ("reply_to", "quote")}
        if payload.get("topic") == "reopen":
            await self._turn(ReopenForumTopic(chat_id=place.chat_id, message_thread_id=found.thread_id))
        await self._rename(found, payload)
        if payload.get("card"):
            numbers = [await self._card(found, place, payload)]
        elif telegram_actions.asks_for_something(payload):
            numbers = await telegram_actions.put(self.bot, place, payload)
        else:
            numbers = []
        if payload.get("topic") == "close":
            telegram_limits.half_done()
            await self._turn(CloseForumTopic(chat_id=place.chat_id, message_thread_id=found.thread_id))
        return telegram_actions.receipt(place, payload, numbers, clock.now())

    async def _rename(self, found: Found, payload: Mapping[str, Any]) -> None:
        name = str(payload.get("title") or "")[: topics.LONGEST_NAME]
        if name and name != found.title:  # each call counts against the limit of the group
            await self._turn(EditForumTopic(chat_id=found.chat_id, message_thread_id=found.thread_id, name=name))
            await self.topics.renamed(found, name)

    async def _repeat(self, found: Found, place: Place, payload: Mapping[str, Any]) -> None:
        """The card and what was said, in a topic made anew. Nothing later is written before this stands there."""
        if found.card and not payload.get("card"):
            await self._card(found, place, found.card)
        telegram_limits.half_done()
        await telegram_content.put(self.bot, place, {"text": await self.topics.recap(found.ticket_id)})
        await self.topics.repeated(found)

    async def _card(self, found: Found, place: Place, payload: Mapping[str, Any]) -> int:
        content = {key: payload[key] for key in ("text", "html", "buttons") if key in payload}
        if found.card_message_id is not None:
            number = (await telegram_content.put(self.bot, place, {**content, "edit": found.card_message_id}))[-1]
        else:
            number = (await telegram_content.put(self.bot, place, content))[-1]
        if number != found.card_message_id:
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
