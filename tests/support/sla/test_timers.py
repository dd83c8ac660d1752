"""The loop of the clocks: warnings, misses, what follows them, other promises after a restart; and /sla."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import make
import pytest
from clockwork import WORKDAYS
from conftest import NOON
from deskwork import GROUP, Stage, seconds
from sqlmodel import col, select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support import hours
from bot.support.escalation.timers import Timers
from bot.support.sla import clocks, explain
from bot.support.tickets import marking, statuses
from bot.tables.support import CalendarVersion, SlaTimer, Ticket

PROBLEM = "I want to talk to a human"
OFFICE = {"timezone": "Europe/Berlin", **{day: ["09:00-17:00"] for day in WORKDAYS}}
POLICY = {"name": "chat", "first_response": "60s", "next_response": "10m", "resolution": "8h"}


async def _stage(database: Database, texts: Texts, **support: Any) -> Stage:
    return await Stage.set(database, texts, support={"undo": "0s", "sla": [POLICY], **support})


async def _timer(stage: Stage, metric: str) -> SlaTimer:
    async with stage.database.reading() as session:
        asked = select(SlaTimer).where(SlaTimer.metric == metric).order_by(col(SlaTimer.cycle).desc()).limit(1)
        return (await session.scalars(asked)).one()


async def test_a_miss_found_after_a_restart_happened_when_it_was_due(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.customer_says(PROBLEM)
    await Timers(stage.database, stage.desk, 2).run(seconds(3000))
    timer = await _timer(stage, "first_response")
    assert (timer.state, timer.breached_at, timer.detected_at) == ("breached", seconds(60), seconds(3000))


async def test_a_paused_clock_rings_nobody(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.customer_says(PROBLEM)
    await stage.staff_takes(seconds(5))
    await stage.staff_says("Which one?", seconds(6))
    await stage.arrive(seconds(7))
    timer = await _timer(stage, "resolution")
    assert (timer.state, timer.due_at) == ("paused", None)
    await stage.customer_says("the red one", seconds(3607))
    timer = await _timer(stage, "resolution")
    assert (timer.state, timer.target_at) == ("running", seconds(9 * 3600))
    assert timer.due_at == seconds(5 * 3600)  # half of the budget, the pause not counted


async def test_another_priority_is_another_promise_from_the_same_start(database: Database, texts: Texts) -> None:
    urgent = {"name": "urgent", "priority": "urgent", "first_response": "20s"}
    stage = await _stage(database, texts, sla=[urgent, POLICY])
    await stage.customer_says(PROBLEM)
    async with stage.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        await marking.prioritise(session, stage.desk, ticket, "urgent", "staff:1", seconds(30))
    timer = await _timer(stage, "first_response")
    assert (timer.policy, timer.start_at, timer.target_at) == ("urgent", NOON, seconds(20))
    assert (timer.state, timer.cause, timer.breached_at) == ("breached", "retarget", seconds(30))
    await stage.timers_run(seconds(31))
    assert (await _timer(stage, "first_response")).detected_at == seconds(31)


async def test_edited_hours_are_followed_after_a_restart_and_the_old_ones_kept(
    database: Database, texts: Texts
) -> None:
    stage = await _stage(database, texts, hours=OFFICE)
    friday = datetime(2026, 3, 6, 15, 59, 50, tzinfo=UTC)  # ten seconds before closing
    await stage.customer_says(PROBLEM, friday)
    assert (await _timer(stage, "first_response")).target_at == datetime(2026, 3, 9, 8, 0, 50, tzinfo=UTC)
    support = {"undo": "0s", "sla": [POLICY], "hours": {**OFFICE, "sat": ["10:00-14:00"]}}
    ground = make.ground(texts, telegram={"staff_chat_id": GROUP}, support=support)
    calendars = hours.calendars(ground.config, friday)
    edited = replace(stage.desk, ground=ground, calendar=calendars[""], calendars=calendars)
    await Timers(stage.database, edited, 1).run(friday + timedelta(hours=1))
    timer = await _timer(stage, "first_response")
    assert (timer.target_at, timer.calendar_version) == (
        datetime(2026, 3, 7, 9, 0, 50, tzinfo=UTC),
        calendars[""].version,
    )
    async with stage.database.reading() as session:
        assert len((await session.scalars(select(CalendarVersion))).all()) == 2


async def test_a_promise_in_days_runs_over_working_days(database: Database, texts: Texts) -> None:
    policy = {"name": "chat", "resolution": "3d"}
    stage = await _stage(database, texts, hours=OFFICE, sla=[policy])
    thursday = datetime(2026, 3, 5, 9, tzinfo=UTC)  # 10:00 in Berlin
    await stage.customer_says(PROBLEM, thursday)
    timer = await _timer(stage, "resolution")
    assert (timer.target_at, timer.in_days) == (datetime(2026, 3, 10, 9, tzinfo=UTC), True)
    assert timer.due_at == datetime(2026, 3, 6, 13, tzinfo=UTC)  # half of them are gone
    async with stage.database.transaction() as session:
        ticket = await stage.ticket()
        text = await explain.explain(session, stage.desk, ticket, datetime(2026, 3, 6, 13, tzinfo=UTC))
        assert "1.50 of 3 working days" in text
        ticket = await session.merge(ticket)
        ticket.status = "snoozed"
        at = datetime(2026, 3, 6, 9, tzinfo=UTC)
        await clocks.happened(session, stage.desk, ticket, "bot", "status_changed", at, old="open", new="snoozed")
        ticket.status = "open"
        at = datetime(2026, 3, 9, 9, tzinfo=UTC)
        await clocks.happened(session, stage.desk, ticket, "bot", "status_changed", at, old="snoozed", new="open")
    assert (await _timer(stage, "resolution")).target_at == datetime(2026, 3, 11, 9, tzinfo=UTC)


async def test_days_that_became_working_days_are_followed_after_a_restart(database: Database, texts: Texts) -> None:
    policy = {"name": "chat", "resolution": "72h"}
    stage = await _stage(database, texts, hours=OFFICE, sla=[policy])
    thursday = datetime(2026, 3, 5, 9, tzinfo=UTC)
    await stage.customer_says(PROBLEM, thursday)
    assert (await _timer(stage, "resolution")).target_at == datetime(2026, 3, 18, 9, tzinfo=UTC)  # nine days of 8 hours
    support = {"undo": "0s", "sla": [{"name": "chat", "resolution": "3d"}], "hours": OFFICE}
    edited = replace(stage.desk, ground=make.ground(texts, telegram={"staff_chat_id": GROUP}, support=support))
    await Timers(stage.database, edited, 1).run(thursday + timedelta(hours=1))
    assert (await _timer(stage, "resolution")).target_at == datetime(2026, 3, 10, 9, tzinfo=UTC)


async def test_a_department_brings_its_hours(database: Database, texts: Texts) -> None:
    night = {"name": "night", "timezone": "UTC", **{day: ["22:00-06:00"] for day in WORKDAYS}}
    departments = [{"name": "late", "calendar": "night"}]
    stage = await _stage(database, texts, calendars=[night], departments=departments)
    await stage.customer_says(PROBLEM)
    async with stage.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        ticket.department = "late"
        await clocks.happened(session, stage.desk, ticket, "bot", "department_changed", NOON, old="", new="late")
    timer = await _timer(stage, "first_response")
    assert (timer.calendar, timer.target_at) == ("night", NOON.replace(hour=22, minute=1))


@pytest.mark.parametrize("language", ["en", "zh_CN"])
async def test_the_explanation_tells_pauses_with_their_cost(database: Database, texts: Texts, language: str) -> None:
    stage = await Stage.set(
        database, texts, shop={"language": language, "timezone": "UTC"}, support={"undo": "0s", "sla": [POLICY]}
    )
    await stage.customer_says(PROBLEM)
    await stage.staff_takes(seconds(5))
    async with stage.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        await statuses.to(session, stage.desk, ticket, "waiting_supplier", "staff:1", seconds(600))
        await statuses.to(session, stage.desk, ticket, "open", "staff:1", seconds(1200))
    async with stage.database.reading() as session:
        text = await explain.explain(session, stage.desk, await stage.ticket(), seconds(1800))
    for part in ("12:10:00", "12:20:00", "0:10:00", "0:20:00", "8:00:00", "20:10:00"):
        assert part in text, text
    assert len(text) < 700 and "staff.sla" not in text
