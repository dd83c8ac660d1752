"""Fifty shoppers write at once through one group that takes twenty calls a minute; a minute is a second and a half.

The stand-in for Telegram refuses what is too much, by the same fast clock.
"""

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta

import make
import pytest
import sqlalchemy as sa
from telegram_office import Office
from telegram_world import ROWS, World

from bot.base import clock
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.demo.telegram import Telegram
from bot.demo.telegram_limits import Clock
from bot.inbound.telegram import inbox
from bot.outbound.outbox import Outbox
from bot.outbound.telegram_bot import connect
from bot.outbound.telegram_limits import Limits
from bot.support.escalation import timers
from bot.tables.support import SlaTimer, TicketEvent, TicketMessage

SPEED = 40
SHOPPERS = 50
LINES = 4
BEGUN = time.time()

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def fast() -> float:
    return BEGUN + (time.time() - BEGUN) * SPEED


def fast_now() -> datetime:
    now = clock.now()
    return now + timedelta(seconds=(time.time() - BEGUN) * (SPEED - 1))


class Counting(Limits):
    """Our limits, and how often Telegram had to ask for silence all the same."""

    refusals = 0

    def freeze(self, chat_id: int, seconds: float) -> None:
        self.refusals += 1
        super().freeze(chat_id, seconds)


class Day:
    def __init__(self, office: Office, outbox: Outbox) -> None:
        self.office, self.outbox = office, outbox
        self.timers = timers.Timers(office.here.database, office.desk, 1)

    async def go_on(self) -> None:
        """One round of everything that a program does."""
        telegram, database = self.office.telegram, self.office.here.database
        if telegram.updates.pending:
            async with database.transaction() as session:
                await inbox.store(session, telegram.updates.pending, clock.now())
            telegram.updates.pending.clear()
        while await self.office.inbox.run():
            pass
        await self.timers.run()
        for channel in ("telegram", "staff_topic"):
            await self.outbox.deliver_due(channel)

    async def rest(self) -> int:
        waiting = sa.select(sa.func.count()).select_from(ROWS).where(ROWS.c.due_at.is_not(None))
        async with self.office.here.database.reading() as session:
            return int(await session.scalar(waiting) or 0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the same on both; this one is long
async def test_fifty_shoppers_lose_nothing_keep_their_order_and_the_alarms_are_true(
    database: Database, texts: Texts
) -> None:
    async with Telegram(strict_limits=True, clock=Clock(fast)) as telegram:
        about = {"token": telegram.token, "api_base": telegram.url, "staff_chat_id": telegram.group.id}
        promise = [{"name": "chat", "first_response": "5s"}]
        ground = make.ground(texts, telegram=about, support={"sla": promise, "flood": {"messages": 1000}})
        limits = Counting(fast, lambda seconds: asyncio.sleep(seconds / SPEED))
        bot = connect(telegram.token, telegram.url, limits)
        try:
            here = World(telegram, bot, database, ground, limits=limits)
            office = Office(here)
            outbox = Outbox(database, here.outbox.senders, here.stages, 1, now=fast_now)
            await _day(Day(office, outbox))
        finally:
            await bot.session.close()


async def _day(day: Day) -> None:
    telegram = day.office.telegram
    shoppers = [telegram.shopper(2000 + number, f"Shopper{number}") for number in range(SHOPPERS)]
    for line in range(LINES):
        for shopper in shoppers:
            shopper.says(_line(shopper.id, line))
        await day.go_on()
    end = time.monotonic() + 120
    while await day.rest() and time.monotonic() < end:
        await day.go_on()
        await asyncio.sleep(0.02)
    await day.outbox.landed(5)
    group = telegram.messages(telegram.group.id)
    everything = "\n".join(one.text for one in group)
    for shopper in shoppers:
        places = [everything.index(_line(shopper.id, number)) for number in range(LINES)]
        assert places == sorted(places), "in the order in which they were written"
        assert everything.count(_line(shopper.id, 1)) == 1, "once"
    assert len(telegram.group.topics) == SHOPPERS
    assert isinstance(limits := day.office.here.limits, Counting) and limits.refusals <= 5
    await _alarms(day, Counter(one.thread_id for one in group if one.thread_id and one.text.startswith("🔴 #")))


def _line(shopper: int, line: int) -> str:
    return f"line {line} of {shopper}" if line else f"I want to talk to a human please, case {shopper}"


async def _alarms(day: Day, told: Counter[int | None]) -> None:
    """Nobody answered, so every promise of an answer was missed, once; what came late says so."""
    promises = await day.office.rows(SlaTimer)
    assert [one.state for one in promises if one.metric == "first_response"] == ["breached"] * SHOPPERS
    assert set(told.values()) <= {1}
    late = {event.data["said"] for event in await day.office.rows(TicketEvent) if event.name == "relayed"}
    said = table(TicketMessage)
    took = sa.select(ROWS.c.said_id, ROWS.c.settled_at, ROWS.c.created_at).where(ROWS.c.purpose == "relay")
    async with day.office.here.database.reading() as session:
        rows = (await session.execute(took)).all()
        assert await session.scalar(sa.select(sa.func.count()).select_from(said)) >= SHOPPERS * LINES
    assert late == {row[0] for row in rows if row[1] - row[2] > timedelta(seconds=2)}
