"""The Bot API client: aiogram's, with our limits around every call that sends and an answer that cannot be misread."""

from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import ClientDecodeError, TelegramRetryAfter
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType

from bot.outbound.telegram_limits import Limits

TIMEOUT = 15.0
"""Seconds for one call: several of them must fit into the lease of an outbox row."""

# What counts against Telegram's limits: messages, edits, topics (td issue 2592), and pins, as each of them posts a
# message of its own. Reactions, deleting and reads do not.
_PACED = ("send", "copy", "forward", "edit", "pin", "createForumTopic", "closeForumTopic", "reopenForumTopic")


def _count(method: TelegramMethod[Any]) -> int:
    """How many messages come of a call: each file of an album is one."""
    several = getattr(method, "media", None) or getattr(method, "message_ids", None)
    return len(several) if isinstance(several, list) else 1


class _Paced(BaseRequestMiddleware):
    """Around every call of the bot, whoever makes it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[TelegramType],
        bot: Bot,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        chat_id = getattr(method, "chat_id", None)
        name = method.__api_method__
        if isinstance(chat_id, int) and name.startswith(_PACED) and name != "sendChatAction":
            await self.limits.turn(chat_id, _count(method))
        try:
            return await make_request(bot, method)
        except TelegramRetryAfter as error:
            if isinstance(chat_id, int):
                self.limits.freeze(chat_id, error.retry_after)
            raise


def connect(token: str, api_base: str, limits: Limits) -> Bot:
    """A client of the Bot API at `api_base`. Close it with `await bot.session.close()`."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(api_base), timeout=TIMEOUT)
    session.middleware(_Paced(limits))
    return Bot(token, session=session)


async def ask(bot: Bot, method: TelegramMethod[Any]) -> Any:
    """The result of a call.

    A Bot API newer or older than aiogram's models may answer in a shape they refuse, although the call was done;
    repeating it would send twice. Then the result comes as plain JSON values.
    """
    try:
        return await bot(method)
    except ClientDecodeError as error:
        if isinstance(error.data, dict) and error.data.get("ok"):
            return error.data.get("result")
        raise


def field(result: Any, name: str) -> Any:
    """A field of a result, whether it came as a model or as JSON values."""
    return result.get(name) if isinstance(result, dict) else getattr(result, name, None)
