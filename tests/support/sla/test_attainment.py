"""The share of promises kept, counted as the rules say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import NOON
from deskwork import Stage, seconds
from past import add
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support import history
from bot.support.sla import attainment, measured
from bot.support.sla.attainment import Kept, Percentiles

DAY = timedelta(days=1)


async def by(stage: Stage, what: str, now: datetime | None = None) -> list[Kept]:
    async with stage.database.reading() as session:
        return await attainment.by(session, stage.desk, what, NOON - DAY, NOON + DAY, now or seconds(60))


async def counts(stage: Stage, what: str) -> dict[str, tuple[int, int, int]]:
    return {one.of: (one.met, one.breached, one.overdue) for one in await by(stage, what)}


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts)


async def test_overdue_clocks_count_as_missed_and_running_and_excluded_ones_not(stage: Stage) -> None:
    """88 met, 7 breached, 2 open and overdue, 3 running, 2 excluded are 88/97 = 90.7 %."""
    await add(stage, "met", 88, waited=20)
    await add(stage, "breached", 7, waited=50)
    await add(stage, "running", 1)
    await add(stage, "breached", 1, breached_at=seconds(30), detected_at=seconds(31))  # seen, still nobody answered
    await add(stage, "running", 3, start_at=seconds(50))
    await add(stage, "cancelled", reason="unreachable")
    await add(stage, "cancelled", reason="closed_without_reply")
    (kept,) = await by(stage, "channel")
    assert (kept.met, kept.breached, kept.overdue, kept.running, kept.left_out) == (88, 7, 2, 3, 2)
    assert kept.attainment == pytest.approx(88 / 97) and f"{kept.attainment:.1%}" == "90.7%"
    assert dict(kept.reasons) == {"unreachable": 1, "closed_without_reply": 1}
    assert kept.waited == Percentiles(20, 20, 50)
    assert not kept.few


async def test_a_clock_is_overdue_only_after_its_last_instant(stage: Stage) -> None:
    await add(stage, "running")
    assert [(one.overdue, one.running) for one in await by(stage, "channel", seconds(30))] == [(0, 1)]
    assert [(one.overdue, one.running) for one in await by(stage, "channel", seconds(30.001))] == [(1, 0)]


@pytest.mark.parametrize(
    "reason", ["bot_resolved", "closed_without_reply", "no_reply_needed", "unreachable", "merged", "spam", "abandoned"]
)
async def test_what_does_not_count_is_listed(reason: str, stage: Stage) -> None:
    await add(stage, "cancelled", reason=reason)
    (kept,) = await by(stage, "channel")
    assert kept.attainment is None and dict(kept.reasons) == {reason: 1} and kept.waited == Percentiles()


async def test_a_miss_that_was_merged_away_stays_missed(stage: Stage) -> None:
    await add(stage, "breached", settled_at=seconds(40), breached_at=seconds(30))
    assert await counts(stage, "channel") == {"telegram": (0, 1, 0)}


async def test_drills_never_count(stage: Stage) -> None:
    await add(stage, "breached", 3, waited=50, ticket={"kind": "drill"})
    assert await by(stage, "channel") == []


async def test_causes_of_misses_are_told(stage: Stage) -> None:
    await add(stage, "breached", 2, waited=50, cause="delivery_delay")
    await add(stage, "breached", waited=50)
    (kept,) = await by(stage, "channel")
    assert dict(kept.causes) == {"delivery_delay": 2, "": 1}


async def test_by_agent_it_is_who_answered_or_had_the_ticket_when_it_was_due(stage: Stage) -> None:
    await add(stage, "met", 2, waited=20, staff_id=stage.anna.id)
    (dropped, kept_on, never) = await add(stage, "running", 3)

    async def happened(session: AsyncSession, ticket: int, at: float, name: str, actor: str, **data: Any) -> None:
        await history.write(session, ticket, seconds(at), actor, name, **data)

    async with stage.database.transaction() as session:
        await happened(session, dropped, 5, "taken", f"staff:{stage.anna.id}")
        await happened(session, dropped, 10, "dropped", f"staff:{stage.anna.id}", why="by_hand")
        await happened(session, kept_on, 5, "assigned", "bot", staff=stage.ben.id, why="round")
        await happened(session, kept_on, 45, "dropped", "clock", why="escalated")
        await happened(session, never, 45, "taken", f"staff:{stage.anna.id}")
    assert await counts(stage, "agent") == {"Anna": (2, 0, 0), "Ben": (0, 0, 1), "nobody": (0, 0, 2)}


async def test_priority_and_department_are_those_of_the_moment_that_it_was_due(stage: Stage) -> None:
    """The ladder raises what was missed: that must not make urgent tickets look bad."""
    (ticket,) = await add(stage, "running", ticket={"priority": "urgent", "department": "orders"})
    async with stage.database.transaction() as session:
        await history.write(session, ticket, seconds(10), "staff:1", "department_changed", old="", new="returns")
        await history.write(session, ticket, seconds(40), "staff:1", "department_changed", old="returns", new="orders")
        await history.write(session, ticket, seconds(40), "clock", "priority_changed", old="normal", new="high")
        await history.write(session, ticket, seconds(50), "clock", "priority_changed", old="high", new="urgent")
    assert await counts(stage, "priority") == {"normal": (0, 0, 1)}
    assert await counts(stage, "department") == {"returns": (0, 0, 1)}


async def test_the_hour_and_the_day_are_those_of_the_shop(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, shop={"timezone": "Asia/Shanghai"})
    await add(stage, "met", waited=5, start_at=datetime(2026, 3, 4, 15, 59, tzinfo=UTC))
    await add(stage, "met", waited=5, start_at=datetime(2026, 3, 4, 16, 0, tzinfo=UTC))
    assert set(await counts(stage, "hour")) == {"23:00", "00:00"}
    today = attainment.days(stage.desk, 1, datetime(2026, 3, 4, 17, tzinfo=UTC))
    assert today == datetime(2026, 3, 4, 16, tzinfo=UTC)
    async with database.reading() as session:
        assert len(await measured.of(session, stage.desk, today, today + DAY, NOON + DAY)) == 1


async def test_policies_and_calendars_are_those_that_it_was_measured_by(stage: Stage) -> None:
    await add(stage, "met", waited=5, policy="gold", always_open=True)
    assert await counts(stage, "policy") == {"gold": (1, 0, 0)}
    assert await counts(stage, "calendar") == {"always open": (1, 0, 0)}


async def test_waits_are_told_in_opening_hours_and_by_the_clock_on_the_wall(database: Database, texts: Texts) -> None:
    hours = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    stage = await Stage.set(
        database, texts, shop={"timezone": "Europe/Berlin"}, support={"hours": hours, "undo": "0s", "ladder": []}
    )
    await stage.customer_says("I want to talk to a human", datetime(2026, 3, 4, 15, 59, tzinfo=UTC))  # 16:59 there
    await stage.staff_takes(datetime(2026, 3, 5, 8, 1, tzinfo=UTC))
    await stage.staff_says("Good morning", datetime(2026, 3, 5, 8, 1, tzinfo=UTC))
    await stage.arrive(datetime(2026, 3, 5, 8, 2, tzinfo=UTC))
    (kept,) = await by(stage, "calendar", NOON + DAY)
    assert (kept.of, kept.waited.p50, kept.wall.p50) == ("shop hours", 180, 16 * 3600 + 180)


async def test_any_answer_counts_the_bot_too_from_the_first_words_on(stage: Stage) -> None:
    (ticket,) = await add(stage, "met", waited=20)
    first, bot = (NOON - timedelta(seconds=40)).isoformat(), (NOON - timedelta(seconds=38)).isoformat()
    async with stage.database.transaction() as session:
        await history.write(session, ticket, NOON, "customer", "opened", first=first, bot_answered=bot)
    (kept,) = await by(stage, "channel")
    assert (kept.any_answer.p50, kept.wall.p50) == (2, 20)


async def test_few_clocks_are_called_few(stage: Stage) -> None:
    await add(stage, "met", 19, waited=5)
    assert [one.few for one in await by(stage, "channel")] == [True]
    await add(stage, "met", waited=5)
    assert [one.few for one in await by(stage, "channel")] == [False]


def test_percentiles_are_waits_that_somebody_had() -> None:
    assert Percentiles.of([*range(1, 11), None]) == Percentiles(5, 9, 10)
