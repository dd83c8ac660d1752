"""Danger to life and health reaches a person at once: on every channel, in every state, past all that holds words."""

from collections.abc import AsyncIterator

import letters
import make
import pytest
import sqlalchemy as sa
from deskwork import GROUP, Stage, seconds
from mail_office import MailOffice, opened
from sqlmodel import select

from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.support import conversation, surveys
from bot.support.tickets import edits
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketEvent, TicketMessage

DANGER = "My son swallowed a button battery"
LEAD = 777
DEPARTMENTS = [{"name": "lamps", "groups": [GROUP], "members": [901], "leads": [LEAD]}]


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    made = await Stage.set(
        database, texts, support={"departments": DEPARTMENTS},
        mail={"smtp_url": "smtp://127.0.0.1:1", "from": "Shop <help@shop.example>"},
    )  # fmt: skip
    async with database.transaction() as session:
        await make.telegram_contact(session, LEAD)  # the lead once opened a chat with the bot
    return made


async def _heard(stage: Stage, times: int = 1) -> None:
    """Staff and the customer were told so many times, and no machine answered."""
    ticket = await stage.ticket()
    assert ticket.priority == "urgent" and ticket.status in ("new", "open")
    rows = [row for row in await stage.queued("notice") if "life or health" in row["payload"].get("text", "")]
    to_group = [row for row in rows if row["channel"] == "staff_topic"]
    to_lead = [row for row in rows if row["receiver"] == f"telegram:{LEAD}"]
    assert len(to_group) == len(to_lead) == times
    assert f"tg://user?id={LEAD}" in to_group[0]["payload"]["text"]
    assert all(row["due_at"] <= row["created_at"] for row in rows)
    sentences = [row for row in await stage.queued("auto_answer") if "emergency" in row["payload"]["text"]]
    assert len(sentences) == times
    assert all("buttons" not in row["payload"] for row in sentences)


async def _shown(stage: Stage) -> list[str]:
    return [row["payload"]["text"] for row in await stage.queued("relay")]


async def test_the_first_words_of_a_stranger_open_an_urgent_ticket(stage: Stage) -> None:
    await stage.customer_says(DANGER)
    await _heard(stage)
    assert DANGER in "".join(await _shown(stage))
    assert len(await stage.texts("auto_answer")) == 1


async def test_in_chinese_the_sentence_is_chinese(stage: Stage) -> None:
    await stage.customer_says("充电宝着火了")
    (words,) = await stage.texts("auto_answer")
    assert "急救或报警电话" in words and (await stage.ticket()).priority == "urgent"


async def test_an_open_ticket_becomes_urgent(stage: Stage) -> None:
    await stage.customer_says("I want to talk to a human")
    await stage.customer_says(DANGER, seconds(30))
    assert len(await stage.tickets()) == 1
    await _heard(stage)


async def test_a_ticket_that_waits_for_the_customer_is_ours_again(stage: Stage) -> None:
    await stage.customer_says("I want to talk to a human")
    await stage.staff_takes(seconds(1))
    await stage.staff_closes(seconds(5))
    await stage.customer_says(f"thanks. {DANGER}", seconds(10))
    assert len(await stage.tickets()) == 1
    await _heard(stage)


async def test_it_interrupts_the_question_for_an_address(stage: Stage) -> None:
    await stage.customer_says("where is my order")
    assert "mail" in (await stage.texts("auto_answer"))[0]
    await stage.customer_says(f"ada@example.org {DANGER}", seconds(5))
    await _heard(stage)


async def test_it_interrupts_the_question_how_it_was(stage: Stage) -> None:
    await stage.customer_says("I want to talk to a human")
    await stage.staff_takes(seconds(1))
    await stage.staff_says("Here I am", seconds(2))
    await stage.arrive(seconds(3))
    await stage.staff_closes(seconds(5))
    ratings = [row["payload"] for row in await stage.queued("rating")]
    data = next(button["data"] for one in ratings for line in one["buttons"] for button in line)
    await stage.customer_presses(data, seconds(6))
    await stage.customer_says(DANGER, seconds(8))
    await _heard(stage)


async def test_whoever_is_blocked_is_heard_and_goes_on_being_heard(stage: Stage) -> None:
    await stage.customer_says("I want to talk to a human")
    await stage.staff_writes("/block", seconds(1))
    ticket = await stage.ticket()
    await stage.staff_presses(f"1:block:{ticket.id}:yes", seconds(2))
    await stage.customer_says("hello?", seconds(3))
    assert "hello?" not in await _shown(stage)
    await stage.customer_says(DANGER, seconds(4))
    await _heard(stage)
    await stage.customer_says("He is five", seconds(10))
    assert "He is five" in await _shown(stage)
    await stage.customer_says("buy my pills", seconds(3600))
    assert "buy my pills" not in await _shown(stage)


async def test_after_spam_it_is_heard(stage: Stage) -> None:
    await stage.customer_says("I want to talk to a human")
    await stage.staff_writes("/spam", seconds(1))
    await stage.customer_says(DANGER, seconds(4))
    await _heard(stage)


async def test_a_flood_hides_nothing_and_repeating_the_word_rings_once(stage: Stage) -> None:
    for number in range(40):
        await stage.customer_says(f"line {number}", seconds(number / 10))
    await stage.customer_says(DANGER, seconds(5))
    assert DANGER in await _shown(stage)
    await _heard(stage)
    for number in range(30):
        await stage.customer_says("fire!", seconds(6 + number / 10))
    await _heard(stage)
    assert (await _shown(stage)).count("fire!") == 0
    await stage.customer_says(DANGER, seconds(3600))
    await _heard(stage, times=2)


async def test_beside_a_photo(stage: Stage) -> None:
    await stage.customer_says("the charger caught fire", attachment={"kind": "photo", "file_id": "x", "name": ""})
    await _heard(stage)


async def test_words_changed_into_danger_are_heard(stage: Stage) -> None:
    await stage.customer_says("how much does shipping cost?")
    edited = edits.Edited("telegram:501:1", DANGER, seconds(9), 5)
    async with stage.database.transaction() as session:
        await conversation.customer_changed(session, stage.desk, edited, seconds(9))
    await _heard(stage)


async def test_words_of_a_ticket_changed_into_danger_are_heard(stage: Stage) -> None:
    await stage.customer_says("I want to talk to a human")
    edited = edits.Edited("telegram:501:1", DANGER, seconds(9), 5)
    async with stage.database.transaction() as session:
        await conversation.customer_changed(session, stage.desk, edited, seconds(9))
    await _heard(stage)


async def test_nothing_is_suggested_to_staff_either(stage: Stage) -> None:
    await stage.customer_says(f"{DANGER}. how much does shipping cost?")
    reply = await stage.staff_writes("/suggest", seconds(5))
    assert reply is not None and "own words" in reply
    assert all("buttons" not in row["payload"] for row in await stage.queued("notice"))
    match = stage.desk.answers.match(f"{DANGER}. how much does shipping cost?", "en")
    assert (match.kind, match.why, match.entry, match.suggestions) == ("hand_over", "danger", None, ())


async def test_what_happened_stands_in_the_history(stage: Stage) -> None:
    await stage.customer_says(DANGER)
    async with stage.database.reading() as session:
        rows = (await session.scalars(select(TicketEvent))).all()
    assert [row.data["why"] for row in rows if row.name == "opened"] == ["danger"]
    assert [row.name for row in rows if row.name == "danger"] == ["danger"]


@pytest.mark.parametrize("words", ["转人工", "is there anybody?", "I don't want a bot", "call me back please"])
async def test_a_wish_for_a_person_opens_a_ticket_without_a_guess(stage: Stage, words: str) -> None:
    await stage.customer_says(words)
    assert len(await stage.tickets()) == 1
    assert [row for row in await stage.queued("auto_answer") if "buttons" in row["payload"]] == []


async def test_a_wish_for_a_person_interrupts_the_question_for_an_address(stage: Stage) -> None:
    await stage.customer_says("where is my order")
    await stage.customer_says("get me a person", seconds(5))
    assert len(await stage.tickets()) == 1


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[MailOffice]:
    async with opened(database, texts) as made:
        yield made


@pytest.mark.parametrize(
    ("subject", "words"),
    [("Lamp", "The lamp gave me an electric shock."), ("My house is on fire", "See the subject."), ("着火", "台灯")],
)
async def test_a_mail_is_heard_in_its_words_and_its_subject(office: MailOffice, subject: str, words: str) -> None:
    await office.comes(letters.letter(words, subject=subject))
    ticket = await office.ticket()
    assert (ticket.channel, ticket.priority) == ("email", "urgent")
    general = office.telegram.messages(office.telegram.group.id, None)
    assert any("🚨" in (one.text or "") for one in general)
    (sentence,) = office.catcher.mails
    assert any(one in sentence.message.get_content() for one in ("emergency number", "急救"))


async def test_in_telegram_the_group_hears_it_and_the_shopper_reads_the_sentence(office: MailOffice) -> None:
    zoe = office.telegram.shopper(44, "Zoe")
    zoe.says(DANGER)
    await office.settle()
    general = [one.text or "" for one in office.telegram.messages(office.telegram.group.id, None)]
    number = (await office.ticket()).number
    assert any(f"#{number}" in text and "🚨" in text for text in general)
    assert "emergency number" in (office.telegram.messages(zoe.chat.id)[-1].text or "")


async def test_a_mail_that_asks_for_a_person_in_its_subject_gets_one(office: MailOffice) -> None:
    await office.comes(letters.letter("how much does shipping cost?", subject="Get me a human"))
    assert (await office.ticket()).channel == "email"


async def test_the_answer_to_a_survey_is_heard(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        contact = await session.get_one(Contact, stage.contact.id)
        message = sa.insert(table(Message)).values(
            channel="email", purpose="marketing", receiver="ada@example.org", payload={}, key="k", due_at=None,
            planned_at=seconds(0), created_at=seconds(0), status="sent",
        )  # fmt: skip
        asked = surveys.Asked(
            await session.scalar(message.returning(table(Message).c.id)) or 0,
            contact,
            "review",
            "nps",
            "",
            "",
            "",
            None,
        )
        await surveys.answered(session, stage.desk, asked, 10, DANGER, seconds(1))
    ticket = await stage.ticket()
    assert ticket.priority == "urgent"
    async with stage.database.reading() as session:
        lines = (await session.scalars(select(TicketMessage).where(TicketMessage.author == "customer"))).all()
        assert [DANGER in line.text for line in lines] == [True]
        assert len((await session.scalars(select(Ticket))).all()) == 1
