"""What customers see: ready answers, suggestions, their orders, and the way to a person."""

import asyncio
from datetime import timedelta

import make
import pytest
from conftest import NOON
from deskwork import Stage, seconds
from sqlmodel import select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support import conversation
from bot.support.tickets import opening
from bot.tables.support import TicketLink, TicketMessage

PROBLEM = "I want to talk to a human"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts, shop={"name": "Lamps & Co", "url": "https://lamps.example"})


async def test_a_known_question_is_answered_at_once_with_a_way_to_a_person(stage: Stage) -> None:
    await stage.customer_says("how much does shipping cost?")
    (row,) = await stage.queued("auto_answer")
    assert "https://lamps.example" in row["payload"]["text"]
    assert row["receiver"] == "telegram:501"
    assert [button["data"] for button in row["payload"]["buttons"][0]] == ["1:helped:shipping_fee", "1:human"]
    assert await stage.tickets() == []


async def test_an_unsure_match_is_offered_as_buttons_and_the_second_miss_gets_a_person(stage: Stage) -> None:
    await stage.customer_says("scrap order")
    (row,) = await stage.queued("auto_answer")
    data = [button["data"] for line in row["payload"]["buttons"] for button in line]
    assert len(data) == 4 and "1:faq:cancel_order" in data and data[-1] == "1:human"
    await stage.customer_says("scrap it i said", seconds(20))
    assert len(await stage.tickets()) == 1


async def test_a_suggestion_that_is_pressed_is_answered(stage: Stage) -> None:
    await stage.customer_presses("1:faq:payment_method")
    assert "checkout" in (await stage.texts("auto_answer"))[0]


async def test_chinese_is_answered_in_chinese(stage: Stage) -> None:
    await stage.customer_says("运费多少钱")
    assert "运费取决于" in (await stage.texts("auto_answer"))[0]


async def test_a_hand_over_gives_staff_the_card_and_the_talk_so_far_with_the_words_in_one_message(stage: Stage) -> None:
    await stage.customer_says("do you ship internationally", NOON)
    await stage.customer_says("no, let me speak to a person", seconds(30))
    rows = [row for row in await stage.queued("card", "notice", "relay") if row["channel"] == "staff_topic"]
    assert [row["purpose"] for row in rows] == ["card", "relay"]
    card, relay = (row["payload"] for row in rows)
    assert card["card"] and card["title"] == "#1001 Ada" and "Answer by 12:01:00" in card["text"]
    assert (card["sign"], card["state"]) == ("🆕", "new")
    assert [button["data"].split(":")[1] for button in card["buttons"][0]] == ["take", "note", "close"]
    assert "do you ship internationally" in relay["before"] and "no, let me speak" not in relay["before"]
    assert relay["text"] == "no, let me speak to a person"
    assert "#1001" in (await stage.texts("auto_answer"))[-1]


async def test_a_photo_opens_a_ticket_and_is_copied(stage: Stage) -> None:
    await stage.customer_says("", attachment={"kind": "photo", "file_id": "x", "name": ""})
    (row,) = await stage.queued("relay")
    assert row["payload"]["copy"] == {"chat_id": 501, "message_id": 1}
    assert row["priority"] == 10


async def test_with_an_open_ticket_every_word_goes_into_its_topic(stage: Stage) -> None:
    await stage.customer_says(PROBLEM)
    await stage.customer_says("how much does shipping cost?", seconds(5))
    assert await stage.texts("relay") == [PROBLEM, "how much does shipping cost?"]
    assert len(await stage.texts("auto_answer")) == 1


async def test_the_same_update_twice_changes_nothing(stage: Stage) -> None:
    for _ in range(2):
        await stage.customer_says(PROBLEM, number=7)
        await stage.customer_says("and hurry", seconds(3), number=8)
    assert await stage.texts("relay") == [PROBLEM, "and hurry"]
    assert len(await stage.tickets()) == 1
    assert len(await stage.queued("auto_answer", "card")) == 2


async def test_the_button_for_a_person_opens_one_ticket_however_often_it_is_pressed(stage: Stage) -> None:
    await stage.customer_says("how much does shipping cost?")
    assert await stage.customer_presses("1:human", seconds(5)) is None
    assert "already" in (await stage.customer_presses("1:human", seconds(6)) or "")
    assert len(await stage.tickets()) == 1
    timer = await stage.timer()
    assert timer is not None and timer.start_at == seconds(5)


async def test_a_word_soon_after_closing_reopens_the_ticket_and_later_opens_a_linked_one(stage: Stage) -> None:
    await stage.customer_says(PROBLEM)
    await stage.staff_closes(seconds(60))
    await stage.customer_says("it happened again, please look", seconds(3600))
    assert [(ticket.number, ticket.status) for ticket in await stage.tickets()] == [(1001, "open")]
    assert (await stage.queued("card"))[-1]["payload"]["topic"] == "reopen"
    await stage.staff_closes(seconds(3700))
    later = seconds(3700) + timedelta(hours=73)
    await stage.customer_says(PROBLEM, later)
    assert [ticket.number for ticket in await stage.tickets()] == [1001, 1002]
    assert any("#1001" in text for text in await stage.texts("notice"))
    async with stage.database.reading() as session:
        (link,) = (await session.scalars(select(TicketLink))).all()
    first, second = await stage.tickets()
    assert (link.kind, link.ticket_id, link.other_id) == ("earlier", second.id, first.id)


async def test_orders_are_told_with_parcel_and_link_in_the_language_of_the_customer(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await make.order(session, "#1001", contact_id=stage.contact.id, parcel="delivered", delivered_at=NOON)
        parcel = {"carrier": "DHL", "tracking_number": "JJD1", "tracking_url": "https://t.example/JJD1"}
        await make.order(session, "#1002", contact_id=stage.contact.id, parcel="shipped", shipped_at=NOON, **parcel)
    await stage.customer_says("where is my order?")
    await stage.customer_says("我的订单到哪了", seconds(1))
    english, chinese = await stage.texts("auto_answer")
    for part in ("#1002", "on its way since March 4, 2026", "DHL JJD1", "https://t.example/JJD1"):
        assert part in english
    assert "#1001" not in english
    assert "2026年3月4日已发货" in chinese


async def test_a_number_alone_tells_that_order_and_a_slip_is_asked_first(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        mine = await make.order(session, "#48213", contact_id=stage.contact.id, parcel="delivered", delivered_at=NOON)
    await stage.customer_says("my order number is 48213")
    await stage.customer_says("48218", seconds(1))
    told, asked = await stage.queued("auto_answer")
    assert "delivered on" in told["payload"]["text"]
    assert "delivered" not in asked["payload"]["text"] and "#48213" in asked["payload"]["text"]
    await stage.customer_presses(asked["payload"]["buttons"][0][0]["data"], seconds(2))
    assert asked["payload"]["buttons"][0][0]["data"] == f"1:order:{mine.id}"
    assert "delivered on" in (await stage.texts("auto_answer"))[-1]


async def test_the_order_of_somebody_else_is_never_told(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        other = await make.contact(session, first_name="Eve")
        theirs = await make.order(session, "#48213", contact_id=other.id, parcel="shipped", carrier="DHL")
    await stage.customer_says("where is order 48213?")
    await stage.customer_presses(f"1:order:{theirs.id}", seconds(1))
    assert len(await stage.tickets()) == 1
    assert not any("DHL" in text or "on its way" in text for text in await stage.texts("auto_answer"))


async def test_a_forged_or_outdated_button_does_nothing(stage: Stage) -> None:
    for data in ("", "1", "1:faq:none", "2:human", "1:rate:x:9", "1:rate:99:5", "1:order:-1", "x" * 64):
        assert await stage.customer_presses(data) is not None
    assert await stage.queued("auto_answer") == [] and await stage.tickets() == []


async def test_start_greets_and_starts_no_clock(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await conversation.greet(session, stage.desk, stage.contact.id or 0, "telegram", NOON)
    assert "Lamps & Co" in (await stage.texts("auto_answer"))[0]
    assert await stage.timer() is None


async def test_many_customers_at_once_get_a_number_each(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        people = [await make.telegram_contact(session, 600 + number) for number in range(12)]

    async def open_one(number: int) -> None:
        async with stage.database.transaction() as session:
            person = people[number]
            await opening.hand_over(session, stage.desk, person, "telegram", "en", None, "human", NOON)

    await asyncio.gather(*(open_one(number) for number in range(12)))
    assert sorted(ticket.number for ticket in await stage.tickets()) == list(range(1001, 1013))


async def test_two_messages_at_once_open_one_ticket(stage: Stage) -> None:
    await asyncio.gather(*(stage.customer_says(PROBLEM, number=number) for number in range(1, 6)))
    assert len(await stage.tickets()) == 1
    async with stage.database.reading() as session:
        lines = (await session.scalars(select(TicketMessage).where(TicketMessage.author == "customer"))).all()
    assert len(lines) == 5 and all(line.ticket_id for line in lines)
