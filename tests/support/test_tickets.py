"""What staff do in the topic, with the outbox rows as witnesses."""

from datetime import timedelta

import make
import pytest
from conftest import NOON
from deskwork import GROUP, Stage, seconds
from sqlmodel import select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.outbox import Outcome, Send, Skip
from bot.outbound.sender import Receipt
from bot.support import conversation
from bot.support.stages import stages
from bot.tables.feedback import Rating
from bot.tables.people import Identity
from bot.tables.support import TicketMessage

PROBLEM = "I want to talk to a human"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    made = await Stage.set(database, texts)
    await made.customer_says(PROBLEM)
    return made


async def _lines(stage: Stage, author: str) -> list[TicketMessage]:
    async with stage.database.reading() as session:
        return list((await session.scalars(select(TicketMessage).where(TicketMessage.author == author))).all())


async def test_an_answer_waits_for_the_time_to_undo_and_goes_to_the_customers_chat(stage: Stage) -> None:
    await stage.staff_takes(seconds(5))
    await stage.staff_says("We are on it", seconds(10))
    (row,) = await stage.queued("answer")
    assert row["receiver"] == "telegram:501" and row["payload"] == {"chat_id": 501, "text": "We are on it"}
    assert row["due_at"] == seconds(15) and row["priority"] == 10


async def test_an_undone_answer_never_leaves_and_stays_as_a_note(stage: Stage) -> None:
    await stage.staff_takes(seconds(5))
    await stage.staff_says("oops", seconds(10))
    undo = next(row for row in await stage.queued("notice") if row["key"].startswith("undo:"))
    words = await stage.staff_presses(undo["payload"]["buttons"][0][0]["data"], seconds(12))
    (row,) = await stage.queued("answer")
    assert (row["due_at"], row["skip_reason"]) == (None, "undone")
    assert "note" in (words or "") and [line.text for line in await _lines(stage, "note")] == ["oops"]


async def test_undo_after_it_left_says_so(stage: Stage) -> None:
    await stage.staff_takes(seconds(5))
    await stage.staff_says("We are on it", seconds(10))
    await stage.arrive(seconds(15))
    (line,) = await _lines(stage, "staff")
    assert "Too late" in (await stage.staff_presses(f"1:undo:{line.id}", seconds(16)) or "")


async def test_words_in_a_topic_that_nobody_took_are_asked_about_first(stage: Stage) -> None:
    await stage.staff_says("shall we send this?", seconds(5))
    assert await stage.queued("answer") == []
    question = next(row for row in await stage.queued("notice") if row["key"].startswith("ask:"))
    send, keep = question["payload"]["buttons"][0]
    assert send["data"].startswith("1:send:") and keep["data"].startswith("1:keep:")
    await stage.staff_presses(send["data"], seconds(8), who=stage.ben)
    await stage.staff_presses(send["data"], seconds(9), who=stage.ben)
    assert await stage.texts("answer") == ["shall we send this?"]
    ticket = await stage.ticket()
    assert (ticket.assignee_id, ticket.status) == (stage.ben.id, "open")
    (line,) = await _lines(stage, "staff")
    assert (line.staff_id, line.at) == (stage.ben.id, seconds(8))


async def test_kept_words_stay_inside_with_a_mark(stage: Stage) -> None:
    await stage.staff_says("he is right, you know", seconds(5))
    question = next(row for row in await stage.queued("notice") if row["key"].startswith("ask:"))
    await stage.staff_presses(question["payload"]["buttons"][0][1]["data"], seconds(8))
    assert await stage.queued("answer") == []
    assert any(row["payload"].get("react") for row in await stage.queued("notice"))


async def test_a_note_stays_inside_with_a_mark(stage: Stage) -> None:
    await stage.staff_takes(seconds(2))
    await stage.staff_notes("ask the warehouse", seconds(5))
    assert await stage.queued("answer") == []
    (mark,) = [row["payload"]["react"] for row in await stage.queued("notice") if "react" in row["payload"]]
    assert mark["message_id"] == stage.number


async def test_the_second_to_take_is_told_who_has_it(stage: Stage) -> None:
    await stage.staff_takes(seconds(5))
    assert "Anna has this case already" in await stage.staff_takes(seconds(6), who=stage.ben)
    assert (await stage.ticket()).assignee_id == stage.anna.id


async def test_a_colleague_who_answers_at_the_same_time_is_asked_first(stage: Stage) -> None:
    await stage.staff_takes(seconds(5))
    await stage.staff_says("Hello Ada", seconds(10))
    await stage.staff_says("Hi, what is it?", seconds(12), who=stage.ben)
    assert await stage.texts("answer") == ["Hello Ada"]
    assert any("Anna is answering" in text for text in await stage.texts("notice"))


async def test_a_replayed_staff_message_is_sent_once(stage: Stage) -> None:
    await stage.staff_takes(seconds(5))
    for _ in range(2):
        await stage.staff_says("We are on it", seconds(10), number=55)
    assert await stage.texts("answer") == ["We are on it"]


async def test_a_delivered_answer_is_kept_with_its_time_and_shown_to_staff(stage: Stage) -> None:
    await stage.staff_takes(seconds(5))
    await stage.staff_says("We are on it", seconds(10))
    await stage.arrive(seconds(16))
    (line,) = await _lines(stage, "staff")
    assert line.accepted_at == seconds(16)
    assert (await stage.ticket()).status == "waiting_customer"
    assert (await stage.queued("notice"))[-1]["payload"]["react"]["emoji"] == "👌"
    await stage.customer_says("thanks", seconds(30))
    assert (await stage.ticket()).status == "open"


async def test_a_blocked_bot_is_told_in_the_topic_and_remembered(stage: Stage) -> None:
    await stage.staff_takes(seconds(5))
    await stage.staff_says("We are on it", seconds(10))
    await stage.refuse(seconds(16))
    assert "⚠️ Not delivered: the customer has blocked the bot." in await stage.texts("notice")
    async with stage.database.reading() as session:
        (address,) = (await session.scalars(select(Identity))).all()
    assert address.unreachable_reason == "blocked"
    await stage.staff_says("hello?", seconds(60))
    assert len(await stage.queued("answer")) == 1
    assert len([text for text in await stage.texts("notice") if "Not delivered" in text]) == 2


async def test_closing_tells_the_customer_closes_the_topic_and_asks_for_stars_once(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    await stage.staff_closes(seconds(21))
    assert any("#1001 is closed" in text for text in await stage.texts("auto_answer"))
    (asked,) = await stage.queued("rating")
    assert [button["data"].rsplit(":", 1)[1] for button in asked["payload"]["buttons"][0]] == list("12345")
    card = (await stage.queued("card"))[-1]["payload"]
    assert card["topic"] == "close" and (card["sign"], card["state"]) == ("✅", "solved")


async def _stars(stage: Stage) -> str:
    data = (await stage.queued("rating"))[-1]["payload"]["buttons"][0][0]["data"]
    return str(data).rsplit(":", 1)[0]


async def test_a_low_score_goes_to_the_staff_group_with_a_way_back_into_the_ticket(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    words = await stage.customer_presses(await _stars(stage) + ":1", seconds(60))
    await stage.customer_presses(await _stars(stage) + ":1", seconds(61))
    assert words == "Thank you: 1 of 5."
    (warning,) = [row for row in await stage.queued("notice") if row["receiver"] == f"staff:{GROUP}"]
    assert "1 of 5" in warning["payload"]["text"]
    await stage.staff_presses(warning["payload"]["buttons"][0][0]["data"], seconds(90))
    assert (await stage.ticket()).status == "open"


async def test_the_next_words_within_ten_minutes_are_the_comment(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    await stage.customer_presses(await _stars(stage) + ":2", seconds(60))
    await stage.customer_says("took too long", seconds(120))
    await stage.customer_says("how much does shipping cost?", seconds(130))
    async with stage.database.reading() as session:
        (rating,) = (await session.scalars(select(Rating))).all()
    assert (rating.score, rating.comment) == (2, "took too long")
    assert any("took too long" in text for text in await stage.texts("notice"))
    assert "Shipping costs" in (await stage.texts("auto_answer"))[-1]


async def test_each_time_a_ticket_is_resolved_it_is_rated_anew(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    await stage.customer_says("it happened again, please look", seconds(60))
    await stage.staff_closes(seconds(120))
    async with stage.database.reading() as session:
        assert [rating.cycle for rating in (await session.scalars(select(Rating))).all()] == [1, 2]
    assert len(await stage.queued("rating")) == 2


async def test_a_star_of_somebody_else_is_not_taken(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    stars = await _stars(stage)
    async with stage.database.transaction() as session:
        stranger = await make.telegram_contact(session, 777)
        words = await conversation.customer_pressed(session, stage.desk, stranger.id or 0, f"{stars}:5", seconds(30))
    assert words == "This button is not in use any more."


async def test_one_card_waits_for_a_ticket_and_shows_what_is_when_it_leaves(stage: Stage) -> None:
    await stage.staff_takes(seconds(5))
    (card,) = await stage.queued("card")
    async with stage.database.transaction() as session:
        words = await stages(stage.desk)["card"].prepare(session, [card], seconds(6))
    left = words[card["id"]]
    assert isinstance(left, Send) and "With Anna" in left.payload["text"]


async def test_a_warning_is_not_said_when_the_answer_came_before_it_left(stage: Stage) -> None:
    await stage.timers_run(seconds(15))
    (warning,) = [row for row in await stage.queued("notice") if "timer_id" in row["payload"]]
    prepare = stages(stage.desk)["notice"].prepare
    async with stage.database.transaction() as session:
        word = (await prepare(session, [warning], seconds(16)))[warning["id"]]
    assert isinstance(word, Send) and "timer_id" not in word.payload
    await stage.staff_takes(seconds(17))
    await stage.staff_says("Here", seconds(18))
    await stage.arrive(seconds(23))
    async with stage.database.transaction() as session:
        assert isinstance((await prepare(session, [warning], seconds(24)))[warning["id"]], Skip)


async def test_a_warning_that_was_held_up_until_the_breach_is_not_said(stage: Stage) -> None:
    await stage.timers_run(seconds(15))
    await stage.timers_run(seconds(31))
    warning, breach = [row for row in await stage.queued("notice") if "timer_id" in row["payload"]]
    async with stage.database.transaction() as session:
        words = await stages(stage.desk)["notice"].prepare(session, [warning, breach], seconds(32))
    assert isinstance(words[warning["id"]], Skip) and isinstance(words[breach["id"]], Send)


async def test_what_cannot_be_copied_into_the_topic_is_told(stage: Stage) -> None:
    await stage.customer_says("see this", seconds(5), attachment={"kind": "photo", "file_id": "x", "name": ""})
    row = (await stage.queued("relay"))[-1]
    async with stage.database.transaction() as session:
        await stages(stage.desk)["relay"].settled(session, row, Outcome("failed", seconds(6), "rejected"))
    assert "see this" in (await stage.texts("relay"))[-1] and "cannot be shown" in (await stage.texts("relay"))[-1]


async def test_our_automatic_words_are_kept_with_the_time_they_arrived(stage: Stage) -> None:
    row = (await stage.queued("auto_answer"))[-1]
    at = NOON + timedelta(seconds=2)
    async with stage.database.transaction() as session:
        await stages(stage.desk)["auto_answer"].settled(session, row, Outcome("sent", at, receipt=Receipt(at, "9")))
    (line,) = await _lines(stage, "bot")
    assert line.accepted_at == at
