"""Polling: one process over all asks Telegram for updates, stores them, and only then acknowledges them."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    TelegramConflictError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import DeleteWebhook, GetUpdates

from bot.base import clock, due, logs
from bot.base.database import Database
from bot.inbound.telegram import inbox

log = logs.get(__name__)

LANE = "telegram:polling"
_LEASE = timedelta(seconds=40)
_LONG_POLL = 10  # seconds that Telegram keeps a question open; the lane is renewed between two of them
_T = TypeVar("_T")


class _RawUpdates(GetUpdates):
    """Updates as plain JSON: one that aiogram's models refuse must not stop all others."""

    __returning__ = list[dict[str, Any]]


class Polling:
    """`kinds` are the updates to ask for (`message`, `callback_query`, …)."""

    def __init__(self, database: Database, bot: Bot, worker: int, kinds: Sequence[str]) -> None:
        self.database = database
        self.bot = bot
        self.worker = worker
        self.kinds = list(kinds)
        self._offset = 0
        self._prepared = False
        self._troubles = 0

    async def poll(self, stop: asyncio.Event) -> None:
        """Runs until `stop`. Updates that came but were not stored by then come again at the next start."""
        while not stop.is_set():
            if not await self._hold():
                self._prepared = False
                await _rest(stop, 5)
                continue
            if (pause := await self._ask(stop)) > 0:
                await _rest(stop, pause)

    async def _hold(self) -> bool:
        try:
            async with self.database.transaction() as session:
                return await due.hold_lane(session, LANE, self.worker, clock.now(), _LEASE)
        except Exception as error:  # the database is away: updates wait at Telegram
            log.warning("no updates are read: database", reason=logs.clean(str(error))[:200])
            return False

    async def _ask(self, stop: asyncio.Event) -> float:
        """One question. Returns the seconds to pause afterwards."""
        try:
            if not self._prepared:
                await self.bot(DeleteWebhook())  # while a webhook is set, Telegram refuses to be polled
                self._prepared = True
            question = _RawUpdates(offset=self._offset, timeout=_LONG_POLL, allowed_updates=self.kinds)
            answer: Any = await _or_stop(self.bot(question, request_timeout=_LONG_POLL + 10), stop)
        except TelegramRetryAfter as error:
            return float(error.retry_after)
        except TelegramConflictError as error:
            self._prepared = False
            log.warning("another program reads the updates of this bot; stop it", reason=str(error))
            return 5
        except (TelegramUnauthorizedError, TelegramNotFound):
            log.error("Telegram does not know telegram.token; ask BotFather for a new one")
            return 60
        except AiogramError as error:
            self._troubles += 1
            log.warning("no answer from Telegram, will ask again", reason=logs.clean(str(error))[:200])
            return float(min(30, 2**self._troubles / 2))
        self._troubles = 0
        return await self._store(answer) if answer else 0

    async def _store(self, updates: list[dict[str, Any]]) -> float:
        """The next question acknowledges what is committed here."""
        try:
            async with self.database.transaction() as session:
                await inbox.store(session, updates, clock.now())
        except Exception as error:  # the database is away: not acknowledged, so they come again
            log.warning("updates not stored, will ask for them again", reason=logs.clean(str(error))[:200])
            return 2
        self._offset = max(int(update["update_id"]) for update in updates) + 1
        return 0


async def _or_stop(question: Awaitable[_T], stop: asyncio.Event) -> _T | None:
    """The answer, or None as soon as `stop` is set."""
    asked, stopped = asyncio.ensure_future(question), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({asked, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return asked.result() if asked.done() else None
    finally:
        asked.cancel()
        stopped.cancel()


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
