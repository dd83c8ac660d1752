"""Messages to people on Telegram: the sender of the channel `telegram`."""

from aiogram import Bot
from aiogram.exceptions import AiogramError

from bot.base import clock
from bot.base.database import Database
from bot.outbound import telegram_actions, telegram_content, telegram_errors, telegram_limits, twins
from bot.outbound.sender import DeliveryError, Outgoing, Receipt

LANE = "telegram"
"""The lane that both Telegram senders hold, so that one process keeps the limits of the bot as a whole."""


class TelegramSender:
    """Private chats. The payload names `chat_id`; see `telegram_actions.put` for the rest."""

    ordered = True
    exclusive = LANE
    batch = 1
    claim = 30

    def __init__(self, database: Database, bot: Bot) -> None:
        self.database = database
        self.bot = bot

    async def send(self, message: Outgoing) -> Receipt:
        telegram_limits.begin(message.priority)
        place = telegram_content.Place(int(message.payload["chat_id"]))
        if not telegram_actions.asks_for_something(message.payload):
            raise DeliveryError("nothing to send: no text and no copy", permanent=True, reason="empty")
        try:
            there = await twins.find(self.bot, self.database, message, place) if message.uncertain else None
            numbers = [there] if there else await telegram_actions.put(self.bot, place, message.payload)
        except AiogramError as error:
            raise telegram_errors.to_person(error) from error
        return telegram_actions.receipt(place, message.payload, numbers, clock.now())

    async def close(self) -> None:
        """The bot is closed by whoever connected it: both senders share it."""
