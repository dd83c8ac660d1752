"""The desk with its doors, between a stand-in for Telegram and a database: what is said there takes effect here."""

import asyncio
import time
from typing import Any

import deskwork
import sqlalchemy as sa
from sqlmodel import select
from telegram_world import ROWS, World

from bot.base import clock
from bot.base.database import table
from bot.demo.telegram_memory import Posted
from bot.inbound.telegram import inbox
from bot.inbound.telegram.each_update import EachUpdate
from bot.inbound.telegram.inbox import Inbox
from bot.outbound.telegram_limits import Limits
from bot.support.stages import stages
from bot.tables.chat import TelegramChat, TelegramUpdate
from bot.tables.support import Ticket


def hurried() -> Limits:
    """Telegram's limits as if a minute were less than a second: these tests are about something else."""
    return Limits(lambda: time.monotonic() * 100)


class Office:
    """The desk with its doors; `settle` lets everything that was said take effect."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.telegram = here.telegram
        self.desk = deskwork.desk(here.ground, clock.now())
        here.stages.update(stages(self.desk))
        self.inbox = Inbox(here.database, EachUpdate(here.database, here.bot, self.desk), 1)

    async def settle(self) -> None:
        async with self.here.database.transaction() as session:
            await inbox.store(session, self.telegram.updates.pending, clock.now())
        self.telegram.updates.pending.clear()
        while await self.inbox.run():
            pass
        await self.here.deliver()

    async def rows(self, model: type[Any]) -> list[Any]:
        async with self.here.database.reading() as session:
            key = next(iter(table(model).primary_key))
            return list((await session.scalars(select(model).order_by(key))).all())

    async def ticket(self) -> Ticket:
        (found,) = await self.rows(Ticket)
        return found  # type: ignore[no-any-return]

    async def topic(self) -> int:
        number = (await self.ticket()).number
        topic = self.telegram.topic_of(f"#{number}")
        assert topic is not None
        return topic.thread_id

    async def shown(self) -> list[str]:
        """What stands in the topic of the only ticket."""
        messages = self.telegram.messages(self.telegram.group.id, await self.topic())
        return [one.text or one.kind for one in messages]

    async def albums(self) -> None:
        """Let albums arrive: they wait a second for more of them."""
        await self.settle()
        await asyncio.sleep(1.05)
        await self.here.deliver()

    async def answers_leave(self) -> None:
        """As if the time to call them back were over."""
        async with self.here.database.transaction() as session:
            waiting = sa.and_(ROWS.c.purpose == "answer", ROWS.c.due_at.is_not(None))
            await session.execute(sa.update(ROWS).where(waiting).values(due_at=clock.now()))
        await self.here.deliver()

    async def posted(self) -> list[Posted]:
        """The messages in the topic of the only ticket."""
        return self.telegram.messages(self.telegram.group.id, await self.topic())

    async def again(self) -> None:
        """Every update that ever came, once more."""
        async with self.here.database.transaction() as session:
            await session.execute(sa.update(table(TelegramUpdate)).values(status="new"))
            await session.execute(sa.update(table(TelegramChat)).values(due_at=clock.now()))
        await self.settle()
