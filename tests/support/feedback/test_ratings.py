"""Asking how it was: when, how often, what counts as a comment, and what a low score does."""

from datetime import UTC, datetime, timedelta

import make
import pytest
from conftest import NOON
from deskwork import GROUP, Stage, seconds
from sqlmodel import col, select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.outbox import Send, Skip
from bot.support.stages import stages
from bot.tables.feedback import Rating
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketEvent

PROBLEM = "I want to talk to a human"


async def _stage(database: Database, texts: Texts, **support: object) -> Stage:
    stage = await Stage.set(database, texts, support=support)
    await stage.customer_says(PROBLEM)
    await stage.staff_takes(seconds(5))
    return stage


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await _stage(database, texts)


async def _ratings(stage: Stage) -> list[Rating]:
    async with stage.database.reading() as session:
        return list((await session.scalars(select(Rating).order_by(col(Rating.id)))).all())


async def _gives(stage: Stage, score: int, at: datetime) -> str | None:
    data = (await stage.queued("rating"))[-1]["payload"]["buttons"][0][score - 1]["data"]
    return await stage.customer_presses(data, at)


async def _named(stage: Stage, name: str) -> list[TicketEvent]:
    async with stage.database.reading() as session:
        return list((await session.scalars(select(TicketEvent).where(TicketEvent.name == name))).all())


async def test_after_a_score_the_bot_asks_for_words_and_the_answer_is_shown_in_the_topic(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    await _gives(stage, 5, seconds(60))
    assert "anything that we should know" in (await stage.texts("auto_answer"))[-1]
    await stage.customer_says("Anna was so kind", seconds(90))
    (rating,) = await _ratings(stage)
    assert (rating.score, rating.comment) == (5, "Anna was so kind")
    assert "💬 5 of 5: “Anna was so kind”" in await stage.texts("notice")
    assert not [row for row in await stage.queued("notice") if row["receiver"] == f"staff:{GROUP}"]
    assert (await stage.ticket()).status == "resolved"


@pytest.mark.parametrize("words", ["how much does shipping cost", "can I also change my address?", "真的吗？"])
async def test_a_new_question_is_answered_and_not_swallowed_as_a_comment(stage: Stage, words: str) -> None:
    await stage.staff_closes(seconds(20))
    await _gives(stage, 5, seconds(60))
    asked = len(await stage.texts("auto_answer"))
    await stage.customer_says(words, seconds(90))
    assert [rating.comment for rating in await _ratings(stage)] == [""]
    assert len(await stage.texts("auto_answer")) > asked
    assert "every comment" not in (await stage.texts("auto_answer"))[-1]


async def test_who_has_nothing_to_add_may_go_on_with_something_else(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    await _gives(stage, 4, seconds(60))
    button = (await stage.queued("auto_answer"))[-1]["payload"]["buttons"][0][0]
    await stage.customer_presses(button["data"], seconds(70))
    await stage.customer_says("the blue bowl has a crack", seconds(90))
    assert [rating.comment for rating in await _ratings(stage)] == [""]


async def test_words_that_come_much_later_are_no_comment(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    await _gives(stage, 5, seconds(60))
    await stage.customer_says("the blue bowl has a crack", seconds(60) + timedelta(minutes=31))
    assert [rating.comment for rating in await _ratings(stage)] == [""]


async def test_anger_is_a_comment_and_reaches_a_person_too(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    await _gives(stage, 1, seconds(60))
    await stage.customer_says("this is unacceptable, a scam", seconds(90))
    assert [rating.comment for rating in await _ratings(stage)] == ["this is unacceptable, a scam"]
    assert (await stage.ticket()).status == "open"
    assert "this is unacceptable, a scam" in await stage.texts("relay")


async def test_a_low_score_may_take_the_ticket_up_again_and_call_its_colleague(
    database: Database, texts: Texts
) -> None:
    stage = await _stage(database, texts, ratings={"low": "reopen"})
    await stage.staff_closes(seconds(20))
    await _gives(stage, 2, seconds(60))
    assert (await stage.ticket()).status == "open"
    (event,) = [one for one in await _named(stage, "status_changed") if one.data.get("why") == "low_score"]
    assert (event.actor, event.data["old"], event.data["new"]) == ("customer", "resolved", "open")
    assert any("tg://user?id=901" in text and "2 of 5" in text for text in await stage.texts("notice"))
    (warning,) = [row for row in await stage.queued("notice") if row["receiver"] == f"staff:{GROUP}"]
    assert "open again" in warning["payload"]["text"] and "buttons" not in warning["payload"]
    await stage.customer_says("it came broken", seconds(80))
    assert [rating.comment for rating in await _ratings(stage)] == ["it came broken"]
    assert "it came broken" in await stage.texts("relay")


async def test_a_low_score_long_after_only_tells(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts, ratings={"low": "reopen"})
    await stage.staff_closes(seconds(20))
    await _gives(stage, 1, NOON + timedelta(days=30))
    assert (await stage.ticket()).status == "resolved"
    assert any("1 of 5" in text for text in await stage.texts("notice"))


async def test_nobody_is_asked_about_another_ticket_within_a_week(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    for days, questions in ((4, 1), (8, 2)):
        later = NOON + timedelta(days=days)
        await stage.customer_says(PROBLEM, later)
        await stage.staff_closes(later + timedelta(minutes=1))
        assert len(await stage.queued("rating")) == questions


async def test_zero_asks_about_every_ticket(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts, ratings={"ask_every": "0s"})
    await stage.staff_closes(seconds(20))
    await stage.customer_says(PROBLEM, NOON + timedelta(days=4))
    await stage.staff_closes(NOON + timedelta(days=4, minutes=1))
    assert len(await stage.queued("rating")) == 2


async def test_a_rated_ticket_that_only_a_thank_you_opened_is_not_asked_about_again(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    await _gives(stage, 5, seconds(30))
    await stage.staff_presses(f"1:reopen:{(await stage.ticket()).id}", seconds(40))
    await stage.staff_closes(seconds(50))
    assert len(await stage.queued("rating")) == 1


@pytest.mark.parametrize("fields", [{"kind": "drill"}, {"spam": True}, {"merged_into": 1}])
async def test_drills_spam_and_merged_tickets_are_never_asked_about(stage: Stage, fields: dict[str, object]) -> None:
    async with stage.database.transaction() as session:
        ticket = await session.get_one(Ticket, (await stage.ticket()).id)
        for name, value in fields.items():
            setattr(ticket, name, value)
    await stage.staff_closes(seconds(20))
    await stage.staff_writes("/csat", seconds(30))
    assert await stage.queued("rating") == []


async def test_a_blocked_customer_is_never_asked(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        (await session.get_one(Contact, stage.contact.id)).blocked_at = NOON
    await stage.staff_closes(seconds(20))
    assert await stage.queued("rating") == []


NIGHT = datetime(2026, 3, 4, 23, tzinfo=UTC)


async def test_at_night_the_question_waits_for_the_morning_and_holds_no_answer_up(stage: Stage) -> None:
    await stage.staff_closes(NIGHT)
    (row,) = await stage.queued("rating")
    assert datetime(2026, 3, 5, 8, tzinfo=UTC) <= row["due_at"] < datetime(2026, 3, 5, 8, 15, tzinfo=UTC)
    assert row["receiver"] == "telegram:501#later"


async def test_whoever_is_just_writing_is_asked_at_night_too(stage: Stage) -> None:
    await stage.customer_says("thank you, that is all", NIGHT - timedelta(minutes=5))
    await stage.staff_closes(NIGHT)
    (row,) = await stage.queued("rating")
    assert (row["due_at"], row["receiver"]) == (NIGHT, "telegram:501")


async def test_a_question_that_waited_is_not_put_when_the_ticket_is_open_again(stage: Stage) -> None:
    await stage.staff_closes(NIGHT)
    (row,) = await stage.queued("rating")
    await stage.customer_says("it happened again, please look", NIGHT + timedelta(minutes=10))
    async with stage.database.transaction() as session:
        words = await stages(stage.desk)["rating"].prepare(session, [row], row["due_at"])
    assert words[row["id"]] == Skip("reopened")
    morning = NIGHT + timedelta(hours=12)
    await stage.staff_closes(morning)
    last = (await stage.queued("rating"))[-1]
    assert last["id"] != row["id"]
    async with stage.database.transaction() as session:
        word = (await stages(stage.desk)["rating"].prepare(session, [last], morning))[last["id"]]
    assert isinstance(word, Send) and set(word.payload) == {"chat_id", "text", "buttons"}
    assert [(one.cycle, one.withdrawn) for one in await _ratings(stage)] == [(1, True), (2, False)]


async def test_csat_asks_by_hand_whatever_was_asked_lately(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    assert "asked" in (await stage.staff_writes("/csat", seconds(40)) or "")
    assert len(await stage.queued("rating")) == 2
    assert len(await _ratings(stage)) == 1
    await _gives(stage, 4, seconds(60))
    assert "rated this already" in (await stage.staff_writes("/csat", seconds(70)) or "")


async def test_the_rating_remembers_who_had_the_ticket(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    (rating,) = await _ratings(stage)
    assert rating.staff_id == stage.anna.id


async def test_pressing_again_soon_corrects_the_score_once(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    await _gives(stage, 1, seconds(60))
    await _gives(stage, 5, seconds(70))
    await _gives(stage, 5, seconds(75))
    await _gives(stage, 2, seconds(60) + timedelta(minutes=11))
    assert [event.data["score"] for event in await _named(stage, "rated")] == [1, 5]
    assert [rating.score for rating in await _ratings(stage)] == [5]


async def test_a_star_and_a_word_of_somebody_else_are_not_theirs(stage: Stage) -> None:
    await stage.staff_closes(seconds(20))
    await _gives(stage, 5, seconds(60))
    async with stage.database.transaction() as session:
        stage.contact = await make.telegram_contact(session, 777)
    assert await _gives(stage, 1, seconds(61)) == "This button is not in use any more."
    assert [rating.score for rating in await _ratings(stage)] == [5]
