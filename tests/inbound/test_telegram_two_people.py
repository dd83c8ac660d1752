"""Tickets of two people that were merged: neither reads what the other wrote."""

from collections.abc import AsyncIterator

import pytest
from telegram_office import Office, hurried
from telegram_world import world

from bot.base.database import Database
from bot.base.texts import Texts
from bot.tables.support import TicketMessage


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[Office]:
    async with world(database, texts, limits=hurried(), support={"undo": "0s"}) as here:
        yield Office(here)


async def test_an_answer_to_the_others_words_does_not_quote_them(office: Office) -> None:
    ada, bob = office.telegram.shopper(7, "Ada"), office.telegram.shopper(8, "Bob")
    anna = office.telegram.staff(50, "Anna")
    for shopper in (ada, bob):
        shopper.says("I want to talk to a human")
        await office.settle()
    topic = office.telegram.topic_of("#1001")
    assert topic is not None
    thread = topic.thread_id
    for words in ("/take", "/merge #1002"):
        anna.says(words, thread)
        await office.settle()
    anna.presses("#1002 → #1001", thread)
    await office.settle()
    bob.says("My card ends in 4711")
    await office.settle()
    shown = office.telegram.messages(office.telegram.group.id, thread)
    his = next(one for one in shown if "4711" in one.text)
    anna.says("We look into it", thread, reply_to=his.message_id, quote="4711")
    await office.settle()
    answer = (await office.rows(TicketMessage))[-1]
    assert (answer.text, answer.quote) == ("We look into it", ""), "a copy of her data has no word of his"
    assert ada.received[-1].text == "We look into it"
    assert not [one for one in ada.received if "4711" in one.text or one.quote]
