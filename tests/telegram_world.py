"""A stand-in for Telegram, a bot that talks to it, an outbox with both Telegram senders: what Telegram tests need."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import make
import sqlalchemy as sa
from aiogram import Bot

from bot.base import clock
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.demo.telegram import Telegram
from bot.outbound import outbox
from bot.outbound.outbox import Outbox, Stage
from bot.outbound.staff_topics import StaffTopicSender
from bot.outbound.telegram import TelegramSender
from bot.outbound.telegram_bot import connect
from bot.outbound.telegram_limits import Limits
from bot.tables.outbox import Message
from bot.tables.support import Ticket

ROWS = table(Message)


@dataclass
class World:
    telegram: Telegram
    bot: Bot
    database: Database
    ground: Ground
    stages: dict[str, Stage] = field(default_factory=dict)
    worker: int = 1
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        senders = {
            "telegram": TelegramSender(self.database, self.bot),
            "staff_topic": StaffTopicSender(self.database, self.bot, self.ground, self.worker),
        }
        self.outbox = Outbox(self.database, senders, self.stages, self.worker)

    @property
    def group(self) -> int:
        return self.telegram.group.id

    async def ticket(self, number: int = 1042, **fields: Any) -> Ticket:
        async with self.database.transaction() as session:
            return await make.ticket(session, number, **fields)

    async def to_person(self, chat_id: int, key: str = "", **payload: Any) -> None:
        await self._queue("telegram", f"telegram:{chat_id}", {"chat_id": chat_id, **payload}, key)

    async def to_topic(self, ticket: Ticket, key: str = "", **payload: Any) -> None:
        await self._queue("staff_topic", f"ticket:{ticket.id}", {"ticket_id": ticket.id, **payload}, key)

    async def to_general(self, text: str) -> None:
        await self._queue("staff_topic", f"staff:{self.group}", {"ticket_id": None, "text": text}, "")

    async def _queue(self, channel: str, receiver: str, payload: Mapping[str, Any], key: str) -> None:
        async with self.database.transaction() as session:
            await outbox.queue(
                session,
                channel=channel,
                purpose="answer",
                receiver=receiver,
                payload=payload,
                key=key or f"{receiver}:{payload}",
                now=clock.now(),
            )

    async def deliver(self, *, at_once: bool = False) -> None:
        """Send until nothing is due. `at_once` does not wait out pauses after refusals."""
        for _ in range(50):
            if at_once:
                async with self.database.transaction() as session:
                    waiting = ROWS.c.due_at.is_not(None)
                    await session.execute(sa.update(ROWS).where(waiting).values(due_at=clock.now()))
            taken = [await self.outbox.deliver_due(channel) for channel in ("telegram", "staff_topic")]
            if not await self.outbox.landed() and not any(taken):
                return
        raise AssertionError("the outbox does not come to rest")

    async def messages(self) -> list[dict[str, Any]]:
        async with self.database.reading() as session:
            return [dict(row) for row in (await session.execute(sa.select(ROWS).order_by(ROWS.c.id))).mappings()]


@asynccontextmanager
async def world(
    database: Database, texts: Texts, *, limits: Limits | None = None, **sections: Any
) -> AsyncIterator[World]:
    """`sections` are of the configuration; the Telegram one is filled in."""
    async with Telegram() as telegram:
        ground = make.ground(
            texts,
            telegram={"token": telegram.token, "api_base": telegram.url, "staff_chat_id": telegram.group.id},
            **sections,
        )
        limits = limits or Limits()
        bot = connect(telegram.token, telegram.url, limits)
        try:
            yield World(telegram, bot, database, ground, limits=limits)
        finally:
            await bot.session.close()
