"""The steps of the ladder: each at its time, once, in one message with the warning or the miss that it is about."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import make
import pytest
from conftest import NOON
from deskwork import GROUP, Stage, seconds
from sqlmodel import col, select

from bot.base.config import Config
from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.outbox import Outcome, Send, Skip
from bot.support.escalation.timers import Timers
from bot.support.routing import presence
from bot.support.sla import clocks
from bot.support.stages import stages
from bot.tables.chat import StaffMember
from bot.tables.support import SlaTimer, Ticket, TicketEvent

HUMAN = "I want to talk to a human"
BERLIN = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
LEAD = 903


async def _stage(database: Database, texts: Texts, **support: Any) -> Stage:
    stage = await Stage.set(database, texts, support={"undo": "0s", **support}, shop={"timezone": "Europe/Berlin"})
    await stage.customer_says(HUMAN)
    return stage


async def _look(stage: Stage, *at: float) -> None:
    for moment in at:
        await stage.timers_run(seconds(moment))


async def _notices(stage: Stage) -> list[Mapping[str, Any]]:
    """What the topic and General are told about the promise, as it would leave now."""
    rows = [row for row in await stage.queued("notice") if "timer_id" in row["payload"]]
    async with stage.database.transaction() as session:
        words = await stages(stage.desk)["notice"].prepare(session, rows, NOON)
    return [words[row["id"]].payload for row in rows if isinstance(words.get(row["id"]), Send)]  # type: ignore[union-attr]


async def _texts(stage: Stage) -> list[str]:
    return [str(content["text"]) for content in await _notices(stage)]


async def _steps(stage: Stage) -> list[tuple[str, str]]:
    async with stage.database.reading() as session:
        events = select(TicketEvent).where(TicketEvent.name == "escalated").order_by(col(TicketEvent.id))
        return [(event.data["step"], event.data["outcome"]) for event in await session.scalars(events)]


async def test_the_warning_calls_whoever_has_the_ticket_in_the_same_message(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.staff_takes(seconds(3))
    await _look(stage, 15)
    (text,) = await _texts(stage)
    assert text == (
        "⏰ #1001: please answer by 13:00:30 (first answer within 0:00:30, policy chat)\n"
        '👉 <a href="tg://user?id=901">Anna</a>'
    )
    assert await _steps(stage) == [("warn:ping_assignee", "assignee")]


async def test_a_ticket_that_nobody_has_is_called_out_to_the_department(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await _look(stage, 15, 15)
    (text,) = await _texts(stage)
    assert "Nobody has it: /take" in text
    assert "tg://user?id=901" in text and "tg://user?id=902" in text


async def test_a_colleague_who_is_away_is_named_and_the_others_are_called(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts, reassign_when_away=False)
    await stage.staff_takes(seconds(3))
    await stage.staff_writes("/away", seconds(4))
    await _look(stage, 15)
    (text,) = await _texts(stage)
    assert "Anna has it and is away." in text
    assert "tg://user?id=902" in text and "tg://user?id=901" not in text


async def test_the_ladder_as_it_comes_is_climbed_step_by_step(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.staff_takes(seconds(3))
    await _look(stage, 15, 30.001, 100, 630, 630, 1230, 1830, 9000)
    assert await _steps(stage) == [
        ("warn:ping_assignee", "assignee"),
        ("breach:ping_department", "department"),
        ("breach+10m:raise_priority", "high"),
        ("breach+20m:reassign", "dropped"),
        ("breach+30m:page_lead", "group"),
    ]
    missed, raised, dropped, general, paged = await _texts(stage)  # the warning is over by now
    assert missed.startswith("🔴 #1001: the answer was due at 13:00:30")
    assert "⬆️ The priority is now: high" in raised.replace("High", "high")
    assert "Anna had it and did not answer" in dropped and "tg://user?id=902" in dropped
    assert "tg://user?id=901" not in dropped
    assert "Please look: #1001" in general and "Told everybody in the staff group" in paged
    ticket = await stage.ticket()
    assert (ticket.priority, ticket.assignee_id) == ("high", None)


async def test_between_two_steps_the_loop_sleeps_until_the_next(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await _look(stage, 15, 30.001)
    timer = await stage.timer()
    assert timer is not None and timer.due_at == seconds(630)
    await _look(stage, 630)
    timer = await stage.timer()
    assert timer is not None and timer.due_at == seconds(1230)


async def test_after_a_restart_nothing_is_done_twice_and_nothing_is_left_out(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await _look(stage, 15, 30.001)
    again = Stage(stage.database, stage.desk, stage.contact, stage.anna, stage.ben)
    await Timers(again.database, again.desk, 2).run(seconds(1300))
    assert [step for step, _ in await _steps(again)] == [
        "warn:ping_assignee", "breach:ping_department", "breach+10m:raise_priority", "breach+20m:reassign",
    ]  # fmt: skip
    async with database.transaction() as session:
        ticket = await session.get(Ticket, (await stage.ticket()).id)
        assert ticket is not None and await clocks.recompute(session, stage.desk, ticket) == 0


async def test_an_answer_ends_the_ladder(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.staff_takes(seconds(3))
    await _look(stage, 30.001)
    await stage.staff_says("Here I am", seconds(40))
    await stage.arrive(seconds(41))
    await _look(stage, 630, 1230, 1830)
    assert [step for step, _ in await _steps(stage)] == ["breach:ping_department"]


async def test_nobody_is_called_any_more_about_what_was_answered_meanwhile(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.staff_takes(seconds(3))
    await _look(stage, 30.001)
    await stage.staff_says("Here I am", seconds(31))
    await stage.arrive(seconds(32))
    (text,) = await _texts(stage)
    assert text.startswith("🔴 #1001: the answer was due at 13:00:30")
    assert "tg://user" not in text


async def test_steps_wait_for_the_opening_and_count_open_minutes(database: Database, texts: Texts) -> None:
    """Due one minute before closing: ten open minutes later is the next morning, and a breach at closing is told."""
    stage = await Stage.set(database, texts, support={"hours": BERLIN}, shop={"timezone": "Europe/Berlin"})
    await stage.customer_says(HUMAN, datetime(2026, 3, 4, 15, 58, 30, tzinfo=UTC))
    await stage.timers_run(datetime(2026, 3, 4, 15, 59, 0, 1000, tzinfo=UTC))
    timer = await stage.timer()
    assert timer is not None and timer.due_at == datetime(2026, 3, 5, 8, 9, tzinfo=UTC)


async def test_a_miss_at_closing_time_is_told_at_once(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support={"hours": BERLIN}, shop={"timezone": "Europe/Berlin"})
    await stage.customer_says(HUMAN, datetime(2026, 3, 4, 15, 59, 30, tzinfo=UTC))
    at = datetime(2026, 3, 4, 16, 0, 0, 1000, tzinfo=UTC)
    await stage.timers_run(at)
    (row,) = [row for row in await stage.queued("notice") if "timer_id" in row["payload"]]
    assert row["due_at"] == at
    assert "breach:ping_department" in [step for step, _ in await _steps(stage)]


async def test_a_miss_that_is_found_at_night_is_told_and_climbed_in_the_morning(
    database: Database, texts: Texts
) -> None:
    stage = await Stage.set(database, texts, support={"hours": BERLIN}, shop={"timezone": "Europe/Berlin"})
    await stage.customer_says(HUMAN, datetime(2026, 3, 4, 15, 0, tzinfo=UTC))
    await stage.timers_run(datetime(2026, 3, 4, 22, tzinfo=UTC))
    opens = datetime(2026, 3, 5, 8, tzinfo=UTC)
    (row,) = [row for row in await stage.queued("notice") if "timer_id" in row["payload"]]
    timer = await stage.timer()
    assert row["due_at"] == opens and "calls" not in row["payload"]
    assert timer is not None and (timer.state, timer.breached_at) == ("breached", timer.target_at)
    assert timer.due_at == opens and await _steps(stage) == []
    await stage.timers_run(opens)
    assert len(await _steps(stage)) == 4


async def test_steps_are_for_whom_they_say(database: Database, texts: Texts) -> None:
    ladder = [
        {"when": "breach", "action": "raise_priority", "policy": "mail"},
        {"when": "breach", "action": "raise_priority", "priority": "high"},
        {"when": "breach", "action": "page_lead", "department": "returns"},
        {"when": "breach", "action": "ping_assignee", "metric": "next_response"},
        {"when": "breach + 5m", "action": "ping_department", "metric": "first_response"},
    ]
    stage = await _stage(database, texts, ladder=ladder)
    await _look(stage, 30.001, 330, 3000)
    assert await _steps(stage) == [("breach+5m:ping_department", "department")]


async def test_without_steps_it_only_warns_and_tells(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts, ladder=[])
    await _look(stage, 15, 30.001, 2000)
    assert len(await _texts(stage)) == 1 and await _steps(stage) == []  # the warning is over by then


async def test_the_round_gives_it_to_somebody_else(database: Database, texts: Texts) -> None:
    house = [{"name": "desk", "members": [901, 902], "give": "round_robin"}]
    ladder = [{"when": "breach", "action": "reassign"}]
    stage = await _stage(database, texts, departments=house, ladder=ladder)
    first = (await stage.ticket()).assignee_id
    await _look(stage, 30.001)
    ticket = await stage.ticket()
    assert first is not None and ticket.assignee_id not in (None, first)
    assert await _steps(stage) == [("breach:reassign", "given")]


async def test_urgent_already_is_as_high_as_it_goes(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts, ladder=[{"when": "breach", "action": "raise_priority"}])
    await stage.staff_writes("/prio urgent", seconds(1))
    await _look(stage, 30.001, 60)
    assert await _steps(stage) == [("breach:raise_priority", "highest_already")]


async def _with_a_lead(database: Database, texts: Texts, *, started: bool) -> Stage:
    house = [{"name": "desk", "members": [901, 902], "leads": [LEAD]}]
    stage = await _stage(database, texts, departments=house, ladder=[{"when": "breach", "action": "page_lead"}])
    async with database.transaction() as session:
        await make.staff(session, "Lea", LEAD)
        if started:
            await make.telegram_contact(session, LEAD)
    await _look(stage, 30.001)
    return stage


async def test_a_lead_who_knows_the_bot_is_told_in_their_own_chat(database: Database, texts: Texts) -> None:
    stage = await _with_a_lead(database, texts, started=True)
    (page,) = [row for row in await stage.queued("notice") if row["channel"] == "telegram"]
    assert page["payload"]["chat_id"] == LEAD
    assert "the answer was due at 13:00:30" in page["payload"]["text"]
    assert "📟 Lea was told." in (await _texts(stage))[-1]
    assert await _steps(stage) == [("breach:page_lead", "lead")]


async def test_a_lead_who_never_wrote_to_the_bot_is_called_in_general(database: Database, texts: Texts) -> None:
    stage = await _with_a_lead(database, texts, started=False)
    (page,) = [row for row in await stage.queued("notice") if row["receiver"] == f"staff:{GROUP}"]
    assert f'<a href="tg://user?id={LEAD}">Lea</a>' in page["payload"]["text"]
    assert await _steps(stage) == [("breach:page_lead", "group")]


async def test_a_page_that_telegram_refuses_goes_to_general(database: Database, texts: Texts) -> None:
    stage = await _with_a_lead(database, texts, started=True)
    (page,) = [row for row in await stage.queued("notice") if row["channel"] == "telegram"]
    async with database.transaction() as session:
        await stages(stage.desk)["notice"].settled(session, page, Outcome("failed", seconds(31), "blocked"))
    (told,) = [row for row in await stage.queued("notice") if row["receiver"] == f"staff:{GROUP}"]
    assert f"tg://user?id={LEAD}" in told["payload"]["text"]


async def test_a_page_is_not_sent_when_the_answer_came_first(database: Database, texts: Texts) -> None:
    stage = await _with_a_lead(database, texts, started=True)
    await stage.staff_takes(seconds(31))
    await stage.staff_says("Here I am", seconds(32))
    await stage.arrive(seconds(33))
    rows = [row for row in await stage.queued("notice") if row["channel"] == "telegram"]
    async with database.transaction() as session:
        words = await stages(stage.desk)["notice"].prepare(session, rows, seconds(34))
    assert all(isinstance(word, Skip) for word in words.values()) and words


async def test_where_nobody_is_here_the_lead_is_told_and_the_topic_says_so(database: Database, texts: Texts) -> None:
    house = [{"name": "desk", "title": "Desk", "members": [901], "leads": [901]}]
    stage = await _stage(database, texts, departments=house)
    async with database.transaction() as session:
        anna = await session.get(StaffMember, stage.anna.id)
        assert anna is not None
        await presence.change(session, anna, False, None, seconds(1))
    await _look(stage, 15)
    text = (await _texts(stage))[-1]
    assert "Nobody has it" in text and "Nobody of “Desk” is here." in text and "Told everybody" in text
    assert await _steps(stage) == [("warn:ping_assignee", "group")]


@pytest.mark.parametrize("ending", ["/spam", "/noreply"])
async def test_what_is_spam_or_needs_no_answer_calls_nobody(ending: str, database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.staff_takes(seconds(1))
    await stage.staff_writes(ending, seconds(2))
    await _look(stage, 15, 30.001, 1000, 2000)
    assert await _steps(stage) == []


async def test_a_long_promise_rests_while_the_customer_is_waited_for(database: Database, texts: Texts) -> None:
    policy = {"name": "slow", "resolution": "1h"}
    stage = await _stage(database, texts, sla=[policy], ladder=[{"when": "breach+10m", "action": "ping_assignee"}])
    await stage.staff_takes(seconds(1))
    await _look(stage, 3600.001)
    await stage.staff_writes("/wait customer", seconds(3700))
    await _look(stage, 4200, 4800.1)
    assert await _steps(stage) == []


async def test_the_miss_says_that_our_own_queue_was_late(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    async with database.transaction() as session:
        ticket = await session.get(Ticket, (await stage.ticket()).id)
        timer = (await session.scalars(select(SlaTimer))).first()
        assert ticket is not None and timer is not None
        data = {"said": 1, "seconds": 21.4}
        await clocks.happened(session, stage.desk, ticket, "bot", "relayed", seconds(22), at=seconds(22), **data)
    await _look(stage, 30.001)
    assert "brought the customer's words here 21 s late" in (await _texts(stage))[-1]


async def test_the_miss_says_that_words_are_still_on_their_way(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await _look(stage, 30.001)  # nothing has left the outbox on this stage
    assert "they are not shown here yet" in (await _texts(stage))[-1]


async def test_the_words_are_there_in_chinese(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, shop={"language": "zh_CN"})
    await stage.customer_says(HUMAN)
    await _look(stage, 15)
    (text,) = await _texts(stage)
    assert "请在" in text and "首次答复" in text and "无人负责" in text


def test_a_moment_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match='write "warn", "breach" or, for later, "breach\\+10m"'):
        Config.model_validate({"support": {"ladder": [{"when": "later", "action": "reassign"}]}})
