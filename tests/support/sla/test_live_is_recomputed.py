"""Whatever happens in whatever order, with restarts and edited settings: the rows are what the history says."""

import asyncio
import random
import shutil
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import make
import pytest
from clockwork import WORKDAYS
from conftest import NOON
from deskwork import GROUP, Stage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support import hours
from bot.support.escalation.timers import Timers
from bot.support.sla import clocks
from bot.support.tickets import blocking, closing, marking, merging, statuses
from bot.tables.support import PRIORITIES, SlaTimer, Ticket

_LOOKS = {"due_at", "lease_until", "lease_by", "attempts"}
_OPEN_ALWAYS: dict[str, Any] = {}
_OFFICE = {day: ["09:00-17:00"] for day in WORKDAYS}
_LUNCH = {**{day: ["09:00-12:00", "13:00-18:00"] for day in WORKDAYS}, "timezone": "Asia/Kathmandu"}
_POLICIES = [
    {"name": "urgent", "priority": "urgent", "first_response": "20s", "next_response": "20s", "resolution": "10m"},
    {"name": "chat", "first_response": "1m", "next_response": "90s", "resolution": "30m"},
]
_OTHER_POLICIES = [{"name": "chat", "first_response": "5m", "resolution": "2d", "fixed": "1d", "warn_at": [0.9]}]


def _support(week: dict[str, Any], policies: list[dict[str, Any]]) -> dict[str, Any]:
    return {"hours": week, "sla": policies, "undo": "0s"}


@dataclass
class _Play:
    """A desk under a hand that throws dice."""

    stage: Stage
    texts: Texts
    dice: random.Random
    now: datetime = NOON
    settled: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    async def step(self) -> None:
        self.now += timedelta(
            milliseconds=int(self.dice.choice((10, 900, 15_000, 70_000, 600_000, 40_000_000)) * self.dice.random())
        )
        tickets = await self.stage.tickets()
        names = ["says", "restart", "looks"] if not tickets else list(_WEIGHTS)
        weights = None if not tickets else list(_WEIGHTS.values())
        (name,) = self.dice.choices(names, weights)
        await getattr(self, name)()

    async def says(self) -> None:
        words = self.dice.choice(("I want to talk to a human", "and another thing", "thanks"))
        late = self.dice.choice((0, 0, 2, 30))
        await self.stage.customer_says(words, self.now - timedelta(seconds=late))
        if late:
            self.settled.clear()  # words that come to us late may show that an older verdict was of other words

    async def answers(self) -> None:
        await self.stage.staff_takes(self.now)
        await self.stage.staff_says("Here I am", self.now)
        self.now += timedelta(seconds=self.dice.choice((0, 1, 8, 65)))

    async def arrives(self) -> None:
        await self.stage.arrive(self.now - timedelta(milliseconds=self.dice.choice((0, 300))))

    async def refused(self) -> None:
        await self.stage.refuse(self.now, self.dice.choice(("blocked", "too_large")))

    async def looks(self) -> None:
        await Timers(self.stage.database, self.stage.desk, 1).run(self.now)
        await self.stage.tickets_run(self.now)

    async def restart(self) -> None:
        """Another process with perhaps another configuration."""
        support = _support(
            self.dice.choice((_OPEN_ALWAYS, _OFFICE, _LUNCH)), self.dice.choice((_POLICIES, _OTHER_POLICIES))
        )
        ground = make.ground(self.texts, telegram={"staff_chat_id": GROUP}, support=support)
        calendars = hours.calendars(ground.config, NOON)
        self.stage.desk = replace(self.stage.desk, ground=ground, calendar=calendars[""], calendars=calendars)
        await self.looks()

    async def turns(self) -> None:
        status = self.dice.choice(("open", "waiting_customer", "waiting_supplier", "snoozed", "resolved"))
        until = self.now + timedelta(hours=2) if status == "snoozed" else None
        async with self.stage.database.transaction() as session:
            ticket = await self._any(session)
            await statuses.to(session, self.stage.desk, ticket, status, "staff:1", self.now, until=until)

    async def closes(self) -> None:
        async with self.stage.database.transaction() as session:
            await closing.close(session, self.stage.desk, await self._any(session), self.stage.anna, self.now)

    async def hurries(self) -> None:
        async with self.stage.database.transaction() as session:
            priority = self.dice.choice(PRIORITIES)
            await marking.prioritise(session, self.stage.desk, await self._any(session), priority, "staff:1", self.now)

    async def leaves_it(self) -> None:
        async with self.stage.database.transaction() as session:
            await marking.no_reply(session, self.stage.desk, await self._any(session), "staff:1", self.now)

    async def spam(self) -> None:
        async with self.stage.database.transaction() as session:
            ticket = await self._any(session)
            mark = blocking.not_spam if ticket.spam else blocking.spam
            await mark(session, self.stage.desk, ticket, "staff:1", self.now)
        self.settled.clear()

    async def splits(self) -> None:
        await self.stage.staff_writes("/split 1", self.now)

    async def merges(self) -> None:
        async with self.stage.database.transaction() as session:
            tickets = (await session.scalars(select(Ticket).order_by(col(Ticket.id)))).all()
            gone, kept = self.dice.choice(tickets), self.dice.choice(tickets)
            if gone.merged_into is not None:
                await merging.unmerge(session, self.stage.desk, gone, self.stage.anna, self.now)
            elif merging.refused(self.stage.desk, gone, kept, self.now) is None and not (gone.spam or kept.spam):
                await merging.merge(session, self.stage.desk, gone, kept, self.stage.anna, self.now)
        self.settled.clear()

    async def _any(self, session: Any) -> Ticket:
        return self.dice.choice(list((await session.scalars(select(Ticket).order_by(col(Ticket.id)))).all()))

    async def rows(self) -> list[dict[str, Any]]:
        async with self.stage.database.reading() as session:
            found = (await session.scalars(select(SlaTimer).order_by(col(SlaTimer.id)))).all()
            return [one.model_dump(exclude=_LOOKS) for one in found]

    async def check(self) -> None:
        live = await self.rows()
        async with self.stage.database.transaction() as session:
            for ticket in (await session.scalars(select(Ticket))).all():
                assert await clocks.recompute(session, self.stage.desk, ticket) == 0, self.now
        assert await self.rows() == live
        for row in live:
            if row["state"] not in ("met", "breached") or row["settled_at"] is None:
                continue
            verdict = row["state"], row["policy"], row["target_at"], row["calendar_version"]
            assert self.settled.setdefault(row["id"], verdict) == verdict, row


_WEIGHTS = {
    "says": 8, "answers": 5, "arrives": 5, "refused": 1, "looks": 6, "restart": 2, "turns": 3, "closes": 2,
    "hurries": 2, "leaves_it": 1, "spam": 1, "splits": 2, "merges": 2,
}  # fmt: skip


async def _play(file: Path, texts: Texts, seed: int, steps: int) -> None:
    database = Database(f"sqlite:///{file}")
    try:
        stage = await Stage.set(database, texts, support=_support(_OPEN_ALWAYS, _POLICIES))
        play = _Play(stage, texts, random.Random(seed))
        for _ in range(steps):
            await play.step()
            await play.check()
    finally:
        await database.close()


@given(seed=st.integers(0, 2**32), steps=st.integers(5, 20))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_live_clocks_are_the_recomputed_ones(
    sqlite_template: Path, tmp_path: Path, texts: Texts, seed: int, steps: int
) -> None:
    file = tmp_path / f"{seed}-{steps}.db"
    shutil.copy(sqlite_template, file)
    asyncio.run(_play(file, texts, seed, steps))
    file.unlink()


@pytest.mark.slow
def test_a_long_history_is_still_what_it_says(sqlite_template: Path, tmp_path: Path, texts: Texts) -> None:
    file = tmp_path / "long.db"
    shutil.copy(sqlite_template, file)
    asyncio.run(_play(file, texts, 7, 80))
