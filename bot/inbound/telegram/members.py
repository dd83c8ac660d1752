"""Who belongs to a group, asked from Telegram and remembered for a while."""

import time
from typing import Any

from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import GetChatMember

from bot.outbound.telegram_bot import ask, field

_REMEMBERED = 600.0  # seconds


class NoAnswer(Exception):  # noqa: N818 - says what is missing
    """Telegram is away: it is asked again later, and nothing is given up for it."""


class Members:
    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self._known: dict[tuple[int, int], tuple[float, bool]] = {}

    async def include(self, chat_id: int, user_id: int) -> bool:
        """Raises NoAnswer while Telegram does not answer: then nobody knows."""
        known = self._known.get((chat_id, user_id))
        if known and known[0] > time.monotonic():
            return known[1]
        try:
            found = _belongs(await ask(self.bot, GetChatMember(chat_id=chat_id, user_id=user_id)))
        except (TelegramBadRequest, TelegramForbiddenError):
            found = False
        except (TelegramNetworkError, TelegramServerError, TelegramRetryAfter, ClientDecodeError) as error:
            raise NoAnswer(type(error).__name__) from error
        if len(self._known) > 10_000:
            self._known.clear()
        # A no is asked again soon: somebody may just have been let in.
        self._known[chat_id, user_id] = (time.monotonic() + (_REMEMBERED if found else 10), found)
        return found

    def forget(self, chat_id: int, user_id: int) -> None:
        """They came or went: the next time is asked."""
        self._known.pop((chat_id, user_id), None)


def _belongs(member: Any) -> bool:
    status = field(member, "status")
    return status in ("creator", "administrator", "member") or (
        status == "restricted" and bool(field(member, "is_member"))
    )
