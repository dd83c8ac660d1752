from datetime import timedelta

import pytest
from deskwork import Stage, seconds
from sqlmodel import select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.answers import guards
from bot.tables.support import TicketEvent, TicketMessage

PROBLEM = "I want to talk to a human"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    made = await Stage.set(database, texts)
    await made.customer_says(PROBLEM)
    await made.staff_takes(seconds(2))
    return made


async def _names(stage: Stage) -> list[str]:
    async with stage.database.reading() as session:
        return [event.name for event in (await session.scalars(select(TicketEvent).order_by(TicketEvent.id))).all()]


async def test_words_written_before_the_close_and_read_after_it_belong_to_the_closed_ticket(stage: Stage) -> None:
    await stage.staff_closes(seconds(60))
    await stage.customer_says("how much does shipping cost?", seconds(58), seen=seconds(65))
    (ticket,) = await stage.tickets()
    assert (ticket.status, ticket.waiting_since) == ("open", seconds(58))
    assert (await stage.texts("relay"))[-1] == "how much does shipping cost?"
    assert not any("Shipping costs" in text for text in await stage.texts("auto_answer"))


async def test_the_window_to_reopen_counts_from_when_it_was_written(stage: Stage) -> None:
    await stage.staff_closes(seconds(60))
    written = seconds(60) + timedelta(hours=71, minutes=59)
    await stage.customer_says("it broke again, I am not happy with it", written, seen=written + timedelta(minutes=5))
    assert [(one.number, one.status) for one in await stage.tickets()] == [(1001, "open")]


async def test_each_channel_has_its_own_window(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support={"reopen": {"telegram": "1h"}, "reopen_within": "72h"})
    await stage.customer_says(PROBLEM)
    await stage.staff_closes(seconds(60))
    await stage.customer_says(PROBLEM, seconds(60) + timedelta(hours=2))
    assert [one.status for one in await stage.tickets()] == ["resolved", "new"]


async def test_thanks_after_the_close_reopens_and_one_button_closes_it_again_without_a_word(stage: Stage) -> None:
    await stage.staff_closes(seconds(60))
    said = await stage.texts("auto_answer")
    await stage.customer_says("Thank you so much! 🙏", seconds(100))
    assert (await stage.ticket()).status == "open"
    ask = (await stage.queued("notice"))[-1]["payload"]
    assert ask["buttons"][0][0]["text"] == "No reply needed"
    assert [text for text in (await stage.texts("auto_answer"))[len(said) :] if "again" in text] == []
    ratings = len(await stage.queued("rating"))
    await stage.staff_presses(ask["buttons"][0][0]["data"], seconds(110))
    ticket = await stage.ticket()
    assert (ticket.status, ticket.waiting_since) == ("resolved", None)
    assert (await _names(stage))[-2:] == ["no_reply_needed", "status_changed"]
    assert len(await stage.queued("rating")) == ratings


async def test_no_reply_needed_in_an_open_ticket_leaves_the_turn_with_the_customer(stage: Stage) -> None:
    await stage.staff_says("Done", seconds(10))
    await stage.arrive(seconds(16))
    await stage.customer_says("thanks", seconds(30))
    await stage.staff_writes("/noreply", seconds(40))
    ticket = await stage.ticket()
    assert (ticket.status, ticket.waiting_since) == ("waiting_customer", None)


@pytest.mark.parametrize(
    "text",
    [
        "thanks",
        "Thank you so much!",
        "ok thanks a lot 🙏",
        "👍",
        "Great, thank you",
        "谢谢",
        "好的，谢谢您！",
        "非常感谢",
    ],
)
def test_a_short_thank_you_is_known(text: str) -> None:
    assert guards.only_thanks(text)


@pytest.mark.parametrize(
    "text",
    [
        "thanks but it is still broken",
        "thank you, when will it come?",
        "thanks for nothing",
        "Thanks. Order 1042",
        "thank you, please send the other pair",
        "谢谢，但还没收到",
        "谢谢，什么时候到",
        "ok",
        "",
        "thanks " * 30,
    ],
)
def test_what_says_more_is_no_mere_thank_you(text: str) -> None:
    assert not guards.only_thanks(text)


async def test_more_than_a_few_tickets_a_day_go_into_the_newest_one(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support={"reopen_within": "5s", "flood": {"tickets": 2}})
    for start in (0, 100, 200):
        await stage.customer_says(PROBLEM, seconds(start))
        await stage.staff_closes(seconds(start + 50))
    assert len(await stage.tickets()) == 2
    async with stage.database.reading() as session:
        said = (await session.scalars(select(TicketMessage).where(TicketMessage.author == "customer"))).all()
    assert {line.ticket_id for line in said} == {1, 2}


async def test_after_a_split_the_customer_goes_on_where_they_were_spoken_to_last(stage: Stage) -> None:
    await stage.staff_says("Which size is it?", seconds(10))
    await stage.arrive(seconds(16))
    await stage.customer_says("by the way, where is my other parcel", seconds(30))
    await stage.staff_writes("/split 1", seconds(40))
    first, second = await stage.tickets()
    await stage.customer_says("it is the blue one", seconds(50))
    stage.topic = first.number
    await stage.staff_says("Size 40 or 41?", seconds(60))
    await stage.arrive(seconds(66))
    await stage.customer_says("41 please", seconds(70))
    async with stage.database.reading() as session:
        said = {line.text: line.ticket_id for line in (await session.scalars(select(TicketMessage))).all()}
    assert said["it is the blue one"] == second.id and said["41 please"] == first.id


async def test_the_history_tells_when_the_talk_with_the_bot_began(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts)
    await stage.customer_says("do you ship internationally", seconds(-7200))
    await stage.customer_says("do you ship internationally", seconds(10))
    await stage.customer_says(PROBLEM, seconds(40))
    async with database.reading() as session:
        (opened,) = (await session.scalars(select(TicketEvent).where(TicketEvent.name == "opened"))).all()
    assert opened.at == seconds(40)
    assert (opened.data["first"], opened.data["bot_answered"]) == (seconds(10).isoformat(), seconds(10).isoformat())
