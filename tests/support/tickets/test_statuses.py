from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import make
import pytest
from deskwork import Stage, seconds
from sqlmodel import col, select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.tickets import times
from bot.tables.staff_room import Draft
from bot.tables.support import TicketEvent

PROBLEM = "I want to talk to a human"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    made = await Stage.set(database, texts)
    await made.customer_says(PROBLEM)
    await made.staff_takes(seconds(2))
    return made


async def _answered(stage: Stage, text: str = "We are on it", at: float = 10) -> None:
    await stage.staff_says(text, seconds(at))
    await stage.arrive(seconds(at + 6))


async def _changes(stage: Stage) -> list[tuple[str, str, str]]:
    async with stage.database.reading() as session:
        asked = select(TicketEvent).where(TicketEvent.name == "status_changed").order_by(col(TicketEvent.id))
        return [(one.actor, one.data["old"], one.data["new"]) for one in (await session.scalars(asked)).all()]


async def _press(stage: Stage, start: str, at: datetime) -> str | None:
    """The newest button in the topic whose data begins so."""
    for row in reversed(await stage.queued("notice", "held")):
        for line in row["payload"].get("buttons") or ():
            for button in line:
                if button["data"].startswith(start):
                    return await stage.staff_presses(button["data"], at)
    raise AssertionError(f"no button {start}")


async def test_every_change_of_status_stands_in_the_history_with_its_actor(stage: Stage) -> None:
    await _answered(stage)
    await stage.customer_says("and now?", seconds(30))
    await stage.staff_writes("/wait supplier", seconds(40))
    await stage.staff_writes("/close", seconds(50))
    await stage.staff_writes("/reopen", seconds(60))
    anna = f"staff:{stage.anna.id}"
    assert await _changes(stage) == [
        (anna, "new", "open"),
        (anna, "open", "waiting_customer"),
        ("customer", "waiting_customer", "open"),
        (anna, "open", "waiting_supplier"),
        (anna, "waiting_supplier", "resolved"),
        (anna, "resolved", "open"),
    ]


async def test_the_customers_words_bring_a_ticket_back_that_waits_for_a_supplier(stage: Stage) -> None:
    await stage.staff_writes("/wait supplier", seconds(40))
    await stage.customer_says("any news?", seconds(50))
    assert (await stage.ticket()).status == "open"


async def test_wait_alone_asks_for_whom(stage: Stage) -> None:
    await stage.staff_writes("/wait", seconds(40))
    words = await _press(stage, "1:wait:1:supplier", seconds(41))
    assert "supplier" in (words or "")
    assert (await stage.ticket()).status == "waiting_supplier"


async def test_the_wait_of_the_customer_is_kept_until_an_answer_arrives(stage: Stage) -> None:
    await stage.customer_says("hello?", seconds(5))
    assert (await stage.ticket()).waiting_since == seconds(0)
    await _answered(stage)
    assert (await stage.ticket()).waiting_since is None
    await stage.customer_says("one more thing", seconds(30))
    await stage.customer_says("please", seconds(40))
    assert (await stage.ticket()).waiting_since == seconds(30)


async def test_an_answer_that_arrives_before_the_customers_newest_words_leaves_the_turn_with_us(stage: Stage) -> None:
    await stage.staff_says("We are on it", seconds(10))
    await stage.customer_says("still there?", seconds(20))
    await stage.arrive(seconds(16))
    ticket = await stage.ticket()
    assert (ticket.status, ticket.waiting_since) == ("open", seconds(20))


async def test_a_snoozed_ticket_comes_back_at_its_time_and_rings_who_has_it(stage: Stage) -> None:
    await _answered(stage)
    words = await stage.staff_writes("/snooze 2h", seconds(60))
    ticket = await stage.ticket()
    assert ticket.status == "snoozed" and ticket.due_at == ticket.snoozed_until == seconds(60 + 7200)
    assert words and "14:01:00" in words
    assert await stage.tickets_run(seconds(60 + 7199)) == 0
    assert await stage.tickets_run(seconds(60 + 7200)) == 1
    ticket = await stage.ticket()
    assert (ticket.status, ticket.snoozed_until, ticket.due_at) == ("open", None, None)
    (told,) = [text for text in await stage.texts("notice") if "time has come" in text]
    assert told.startswith('<a href="tg://user?id=901">Anna</a>')
    assert await stage.tickets_run(seconds(60 + 7201)) == 0


async def test_the_customers_words_end_a_snooze(stage: Stage) -> None:
    await stage.staff_writes("/snooze 2h", seconds(60))
    await stage.customer_says("hello?", seconds(100))
    assert (await stage.ticket()).status == "open"
    assert any("the customer wrote" in text for text in await stage.texts("notice"))
    assert await stage.tickets_run(seconds(60 + 7200)) == 0


async def test_a_kept_snooze_sleeps_on_when_the_customer_writes(stage: Stage) -> None:
    await _answered(stage)
    await stage.staff_writes("/snooze tomorrow 9:00 keep", seconds(60))
    await stage.customer_says("hello?", seconds(100))
    ticket = await stage.ticket()
    assert (ticket.status, ticket.waiting_since) == ("snoozed", seconds(100))
    assert "hello?" in await stage.texts("relay")
    assert ticket.snoozed_until is not None
    await stage.tickets_run(ticket.snoozed_until)
    assert (await stage.ticket()).status == "open"


async def test_snooze_alone_offers_times_as_buttons(stage: Stage) -> None:
    await stage.staff_writes("/snooze", seconds(60))
    await _press(stage, "1:snooze:1:3h", seconds(61))
    assert (await stage.ticket()).snoozed_until == seconds(61 + 3 * 3600)


async def test_a_snooze_that_nobody_can_read_is_answered_with_how(stage: Stage) -> None:
    assert "2026-03-05 10:00" in (await stage.staff_writes("/snooze someday", seconds(60)) or "")
    assert (await stage.ticket()).status == "open"


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("2h", "2026-03-04T14:00:00Z"),
        ("1h 30m", "2026-03-04T13:30:00Z"),
        ("tomorrow 9:00", "2026-03-05T08:00:00Z"),
        ("tomorrow", "2026-03-05T08:00:00Z"),
        ("明天 10:30", "2026-03-05T09:30:00Z"),
        ("15:00", "2026-03-04T14:00:00Z"),
        ("9:00", "2026-03-05T08:00:00Z"),
        ("fri 14:00", "2026-03-06T13:00:00Z"),
        ("周五", "2026-03-06T08:00:00Z"),
        ("wed 9:00", "2026-03-11T08:00:00Z"),
        ("2026-03-29 02:30", "2026-03-29T01:00:00Z"),
        ("2026-03-30 10:00", "2026-03-30T08:00:00Z"),
    ],
)
def test_times_are_read_in_the_zone_of_the_desk(words: str, at: str) -> None:
    assert times.parse(words, seconds(0), ZoneInfo("Europe/Berlin")) == datetime.fromisoformat(at)


@pytest.mark.parametrize("words", ["", "never", "2020-01-01 10:00", "10s", "900d", "tomorrow 25:00", "2026-13-01"])
def test_what_is_no_time_to_come_is_refused(words: str) -> None:
    assert times.parse(words, seconds(0), ZoneInfo("Europe/Berlin")) is None


async def test_a_silent_ticket_is_closed_by_the_clock_and_asked_about(stage: Stage) -> None:
    await _answered(stage)
    await stage.tickets_run(seconds(16) + timedelta(days=6, hours=23))
    assert (await stage.ticket()).status == "waiting_customer"
    await stage.tickets_run(seconds(16) + timedelta(days=7))
    assert (await stage.ticket()).status == "resolved"
    assert ("clock", "waiting_customer", "resolved") in await _changes(stage)
    assert any("heard nothing more" in text for text in await stage.texts("auto_answer"))
    assert len(await stage.queued("rating")) == 1


async def test_another_answer_gives_the_customer_the_whole_time_again(stage: Stage) -> None:
    await _answered(stage)
    later = 6 * 86400
    await _answered(stage, "Did you see this?", later)
    await stage.tickets_run(seconds(16) + timedelta(days=7))
    ticket = await stage.ticket()
    assert (ticket.status, ticket.due_at) == ("waiting_customer", seconds(later + 6) + timedelta(days=7))


async def test_what_sleeps_or_waits_for_a_supplier_is_never_closed_for_being_idle(stage: Stage) -> None:
    await _answered(stage)
    await stage.staff_writes("/wait supplier", seconds(30))
    assert await stage.tickets_run(seconds(0) + timedelta(days=30)) == 0
    await stage.staff_writes("/snooze 60d", seconds(40))
    assert await stage.tickets_run(seconds(0) + timedelta(days=30)) == 0
    assert (await stage.ticket()).status == "snoozed"


async def test_the_customer_is_reminded_once_before_the_end(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support={"close_idle": "7d", "remind_idle": "5d"})
    await stage.customer_says(PROBLEM)
    await stage.staff_takes(seconds(2))
    await _answered(stage)
    for day in (4, 5, 6):
        await stage.tickets_run(seconds(16) + timedelta(days=day))
    reminders = [text for text in await stage.texts("auto_answer") if "solved for you" in text]
    assert len(reminders) == 1 and (await stage.ticket()).status == "waiting_customer"
    await stage.tickets_run(seconds(16) + timedelta(days=7))
    assert (await stage.ticket()).status == "resolved"


async def test_closing_idle_tickets_can_be_off(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support={"close_idle": "off"})
    await stage.customer_says(PROBLEM)
    await stage.staff_takes(seconds(2))
    await _answered(stage)
    assert (await stage.ticket()).due_at is None
    assert await stage.tickets_run(seconds(0) + timedelta(days=365)) == 0


async def test_tickets_that_waited_while_closing_was_off_are_looked_at_when_it_is_on(
    database: Database, texts: Texts
) -> None:
    stage = await Stage.set(database, texts, support={"close_idle": "off"})
    await stage.customer_says(PROBLEM)
    await stage.staff_takes(seconds(2))
    await _answered(stage)
    stage.desk = replace(stage.desk, ground=make.ground(texts))
    await stage.tickets_run(seconds(60))
    assert (await stage.ticket()).due_at == seconds(16) + timedelta(days=7)


async def test_priority_and_tags_are_changed_by_command_and_button(stage: Stage) -> None:
    await stage.staff_writes("/prio urgent", seconds(30))
    await stage.staff_writes("/prio", seconds(31))
    await _press(stage, "1:prio:1:high", seconds(32))
    await stage.staff_writes("/tag Parcel late", seconds(33))
    words = await stage.staff_writes("/tag -late lost", seconds(34))
    ticket = await stage.ticket()
    assert (ticket.priority, ticket.tags) == ("high", ["parcel", "lost"])
    assert words == "Tags: #parcel #lost"
    assert "spaces" in (await stage.staff_writes("/tag a!b", seconds(35)) or "")


async def test_words_behind_close_are_shown_first_and_close_only_when_they_arrived(stage: Stage) -> None:
    await stage.staff_writes("/close duplicate of 1003", seconds(30))
    assert await stage.queued("answer") == [] and (await stage.ticket()).status != "resolved"
    async with stage.database.reading() as session:
        draft = (await session.scalars(select(Draft))).one()
    await stage.staff_presses(f"1:draft_send:{draft.id}", seconds(32))
    assert await stage.texts("answer") == ["duplicate of 1003"]
    await stage.arrive(seconds(38))
    assert (await stage.ticket()).status == "resolved" and len(await stage.queued("rating")) == 1


async def test_closing_without_a_message_says_nothing_to_the_customer(stage: Stage) -> None:
    before = await stage.texts("auto_answer", "answer", "rating")
    await stage.staff_writes("/close no message", seconds(30))
    assert (await stage.ticket()).status == "resolved"
    assert await stage.texts("auto_answer", "answer", "rating") == before
