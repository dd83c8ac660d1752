"""The worked examples of the first response played through the desk."""

from datetime import UTC, datetime, timedelta

import pytest
from conftest import NOON
from deskwork import Stage, seconds

from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.sla import clocks as sla
from bot.support.sla import explain

PROBLEM = "I want to talk to a human"
BERLIN = {
    "shop": {"timezone": "Europe/Berlin"},
    "support": {
        "hours": {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
        "sla": [{"name": "chat", "first_response": "30s"}],
        "undo": "0s",
    },
}


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts)


async def test_the_second_message_moves_nothing_and_equality_is_met(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.customer_says("hello?", seconds(20))
    await stage.staff_takes(seconds(21))
    await stage.staff_says("Here I am", seconds(22))
    await stage.arrive(seconds(30))
    timer = await stage.timer()
    assert timer is not None
    assert (timer.start_at, timer.target_at, timer.state) == (NOON, seconds(30), "met")


async def test_neither_our_acknowledgement_nor_a_note_is_an_answer(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.staff_takes(seconds(5))
    await stage.staff_notes("who knows this?", seconds(10))
    await stage.timers_run(seconds(30.001))
    await stage.staff_says("Here I am", seconds(30.5))
    await stage.arrive(seconds(31))
    timer = await stage.timer()
    assert timer is not None
    assert (timer.state, timer.cause, timer.target_at) == ("breached", None, seconds(30))
    assert (timer.detected_at, timer.answered_at) == (seconds(30.001), seconds(31))


async def test_a_weekend_message_is_due_after_the_next_opening(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, **BERLIN)
    await stage.customer_says(PROBLEM, datetime(2026, 3, 7, 13, tzinfo=UTC))
    await stage.staff_takes(datetime(2026, 3, 9, 8, 0, 5, tzinfo=UTC))
    await stage.staff_says("Good morning", datetime(2026, 3, 9, 8, 0, 9, tzinfo=UTC))
    await stage.arrive(datetime(2026, 3, 9, 8, 0, 10, tzinfo=UTC))
    timer = await stage.timer()
    assert timer is not None
    assert (timer.target_at, timer.state) == (datetime(2026, 3, 9, 8, 0, 30, tzinfo=UTC), "met")
    assert "back at" in (await stage.texts("auto_answer"))[0]


async def test_late_delivery_of_a_timely_answer_is_our_delay(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.staff_takes(seconds(20))
    await stage.staff_says("Here I am", seconds(25))
    await stage.timers_run(seconds(31))
    await stage.arrive(seconds(33))
    timer = await stage.timer()
    assert timer is not None
    assert (timer.state, timer.cause, timer.agent_at) == ("breached", "delivery_delay", seconds(25))


async def test_a_customer_who_blocked_us_is_left_out(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.staff_takes(seconds(10))
    await stage.staff_says("Here I am", seconds(20))
    await stage.refuse(seconds(21))
    timer = await stage.timer()
    assert timer is not None
    assert (timer.state, timer.reason) == ("cancelled", "unreachable")
    assert any("blocked the bot" in text for text in await stage.texts("notice"))


async def test_closing_without_an_answer_is_left_out_before_it_was_due(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.staff_closes(seconds(20))
    timer = await stage.timer()
    assert timer is not None
    assert (timer.state, timer.reason) == ("cancelled", "closed_without_reply")


async def test_closing_without_an_answer_is_a_miss_when_it_was_due(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.staff_closes(seconds(31))
    timer = await stage.timer()
    assert timer is not None and timer.state == "breached"


async def test_an_answer_on_its_way_counts_although_the_ticket_was_closed(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.staff_takes(seconds(5))
    await stage.staff_says("Done, bye", seconds(10))
    await stage.staff_closes(seconds(11))
    await stage.arrive(seconds(15))
    timer = await stage.timer()
    assert timer is not None
    assert (timer.state, timer.reason, timer.answered_at) == ("met", None, seconds(15))


async def test_an_answer_after_reopening_does_not_touch_the_old_verdict(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.staff_takes(seconds(5))
    await stage.staff_closes(seconds(10))
    await stage.customer_says("I want to talk to a human again", seconds(600))
    await stage.staff_says("Yes?", seconds(700))
    await stage.arrive(seconds(705))
    timer = await stage.timer()
    assert timer is not None
    assert (timer.state, timer.reason) == ("cancelled", "closed_without_reply")


async def test_staff_are_warned_at_half_of_a_short_promise_and_told_of_the_breach_once(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    first = await stage.timer()
    assert first is not None and first.due_at == seconds(15)
    for moment in (15, 16, 29, 30, 31, 32, 90):
        await stage.timers_run(seconds(moment))
    words = [text for text in await stage.texts("notice") if "1001" in text]
    assert ["please answer by" in text for text in words] == [True, False]


async def test_nobody_is_warned_at_night_about_a_warning_found_late(database: Database, texts: Texts) -> None:
    policy = {"name": "chat", "first_response": "2h"}
    stage = await Stage.set(database, texts, **{**BERLIN, "support": {**BERLIN["support"], "sla": [policy]}})
    await stage.customer_says(PROBLEM, datetime(2026, 3, 4, 14, 45, tzinfo=UTC))  # half of it is over at 16:45 local
    await stage.timers_run(datetime(2026, 3, 4, 22, tzinfo=UTC))
    timer = await stage.timer()
    assert timer is not None
    assert timer.due_at == datetime(2026, 3, 5, 8, tzinfo=UTC)
    assert not any("please answer by" in text for text in await stage.texts("notice"))


async def test_a_time_from_the_future_or_of_yesterday_is_not_believed() -> None:
    day = timedelta(days=1)
    assert sla.counted_at(seconds(5), NOON) == NOON
    assert sla.counted_at(NOON - day - timedelta(seconds=1), NOON) == NOON
    assert sla.counted_at(seconds(-5), NOON) == seconds(-5)


async def test_the_explanation_tells_start_budget_due_and_why(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.staff_takes(seconds(20))
    await stage.staff_says("Here I am", seconds(25))
    await stage.arrive(seconds(33))
    async with stage.database.reading() as session:
        text = await explain.explain(session, stage.desk, await stage.ticket(), seconds(60))
    for part in ("12:00:00", "0:00:33 of 0:00:30", "Due: 12:00:30", "missed", "written in time, delivered late"):
        assert part in text


async def test_a_refusal_is_judged_by_the_answer_and_not_by_when_we_looked(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.staff_takes(seconds(5))
    await stage.staff_says("Here I am", seconds(27))
    await stage.timers_run(seconds(30.001))
    await stage.refuse(seconds(32))
    timer = await stage.timer()
    assert timer is not None
    assert (timer.state, timer.reason) == ("cancelled", "unreachable")


async def test_an_answer_to_somebody_who_had_blocked_us_already_settles_the_clock(stage: Stage) -> None:
    await stage.customer_says(PROBLEM, NOON)
    await stage.staff_takes(seconds(5))
    async with stage.database.transaction() as session:
        await contacts.mark_unreachable(session, "telegram", 501, "blocked", seconds(6))
    await stage.staff_says("Here I am", seconds(20))
    await stage.timers_run(seconds(30.001))
    timer = await stage.timer()
    assert timer is not None
    assert (timer.state, timer.reason) == ("cancelled", "unreachable")
