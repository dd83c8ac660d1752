"""Reactions on each side shown on the other, and answers taken back from the customer."""

from collections.abc import AsyncIterator

import pytest
from telegram_office import Office, hurried
from telegram_world import world

from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo.telegram_memory import Posted
from bot.demo.telegram_people import Shopper, Staff
from bot.tables.support import SlaTimer, TicketEvent, TicketMessage


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[Office]:
    async with world(database, texts, limits=hurried(), support={"undo": "0s"}) as here:
        here.telegram.updates.allow(["message", "edited_message", "callback_query", "message_reaction"])
        yield Office(here)


@pytest.fixture
async def patient(database: Database, texts: Texts) -> AsyncIterator[Office]:
    """An office with a minute to call an answer back."""
    async with world(database, texts, limits=hurried(), support={"undo": "60s"}) as here:
        yield Office(here)


async def taken(office: Office) -> tuple[Shopper, Staff, int]:
    """Ada's ticket, which Anna has taken, and its topic."""
    ada, anna = office.telegram.shopper(7, "Ada"), office.telegram.staff(50, "Anna")
    ada.sends_photo("My lamp came broken")
    await office.settle()
    thread = await office.topic()
    anna.says("/take", thread)
    await office.settle()
    return ada, anna, thread


def reactions(posted: Posted) -> list[str]:
    return [one["emoji"] if isinstance(one, dict) else one for one in posted.reactions]


async def events(office: Office, name: str) -> list[TicketEvent]:
    return [event for event in await office.rows(TicketEvent) if event.name == name]


async def test_the_inbox_asks_for_reactions(office: Office) -> None:
    assert "message_reaction" in office.inbox.door.kinds  # type: ignore[attr-defined]


async def test_a_customers_reaction_stands_under_the_colleagues_words(office: Office) -> None:
    ada, anna, thread = await taken(office)
    answer = office.telegram.group.messages[anna.says("A new one is on its way", thread)]
    await office.settle()
    assert reactions(answer) == ["👌"], "she has it"
    timers, messages = len(await office.rows(SlaTimer)), len(await office.posted())
    ada.reacts(ada.received[-1].message_id, "👍")
    ada.reacts(ada.received[-1].message_id, "❤")
    await office.settle()
    assert reactions(answer) == ["❤"]
    assert len(office.telegram.called("setMessageReaction")) == 2, "the first sign was outdated before it left"
    ada.reacts(ada.received[-1].message_id)
    await office.settle()
    assert reactions(answer) == ["👌"]
    assert (len(await office.rows(SlaTimer)), len(await office.posted())) == (timers, messages)


async def test_a_reaction_that_the_group_does_not_allow_is_told_in_words(office: Office) -> None:
    ada, anna, thread = await taken(office)
    answer = anna.says("A new one is on its way", thread)
    await office.settle()
    office.telegram.group.allowed_reactions = frozenset({"👌"})
    ada.reacts(ada.received[-1].message_id, "🎉")
    await office.settle()
    told = (await office.posted())[-1]
    assert ("🎉" in told.text, told.reply_to) == (True, answer)


async def test_a_colleagues_reaction_stands_under_the_customers_words(office: Office) -> None:
    ada, anna, _ = await taken(office)
    number = ada.says("Thank you")
    await office.settle()
    copy = next(one for one in await office.posted() if one.text == "Thank you")
    anna.reacts(copy.message_id, "❤")
    await office.settle()
    assert reactions(ada.chat.messages[number]) == ["❤"]
    anna.reacts(copy.message_id)
    await office.settle()
    assert reactions(ada.chat.messages[number]) == []


async def test_reactions_of_others_and_under_what_is_said_inside_stay_there(office: Office) -> None:
    ada, anna, thread = await taken(office)
    number = ada.says("Thank you")
    note, answer = anna.says("//phew", thread), anna.says("Gladly", thread)
    await office.settle()
    copy = next(one for one in await office.posted() if one.text == "Thank you")
    office.telegram.outsider(66, "Mallory").reacts(copy.message_id, "💩")
    anna.reacts(note, "❤")
    anna.reacts(answer, "❤")
    await office.settle()
    assert not any(one.reactions for one in ada.chat.messages.values())
    assert number in ada.chat.messages


async def test_a_shop_may_keep_its_reactions_inside(database: Database, texts: Texts) -> None:
    async with world(database, texts, limits=hurried(), support={"undo": "0s", "mirror_reactions": False}) as here:
        office = Office(here)
        here.telegram.updates.allow(["message", "message_reaction"])
        ada, anna, _ = await taken(office)
        number = ada.says("Thank you")
        await office.settle()
        anna.reacts(next(one for one in await office.posted() if one.text == "Thank you").message_id, "❤")
        await office.settle()
        assert reactions(ada.chat.messages[number]) == []


async def test_an_answer_is_taken_back_from_the_customer(office: Office) -> None:
    ada, anna, thread = await taken(office)
    answer = anna.says("You get 50 % off", thread)
    await office.settle()
    anna.replies_to(answer, "/del")
    await office.settle()
    assert "You get 50 % off" not in [one.text for one in ada.received]
    assert "Taken back" in (await office.posted())[-1].text
    (line,) = [one for one in await office.rows(TicketMessage) if one.text == "You get 50 % off"]
    assert line.deleted_at is not None
    assert [(event.actor, event.data) for event in await events(office, "deleted")] == [("staff:1", {"said": line.id})]
    anna.edits(answer, "You get 5 % off")
    await office.settle()
    assert "taken back" in (await office.posted())[-1].text
    assert not any("off" in one.text for one in ada.received)


async def test_an_album_is_taken_back_whole(office: Office) -> None:
    ada, anna, thread = await taken(office)
    numbers = anna.sends_album(3, thread, "Steps")
    await office.albums()
    before = len(ada.received)
    anna.replies_to(numbers[1], "/del")
    await office.settle()
    assert len(ada.received) == before - 3
    assert len([one for one in await office.posted() if "Taken back" in one.text]) == 1


async def test_after_two_days_it_is_too_late_to_take_back(office: Office) -> None:
    ada, anna, thread = await taken(office)
    answer = anna.says("You get 50 % off", thread)
    await office.settle()
    office.telegram.clock.forward(49 * 3600)
    anna.replies_to(answer, "/del")
    await office.settle()
    assert "Too late" in (await office.posted())[-1].text
    assert ada.received[-1].text == "You get 50 % off"
    assert await events(office, "deleted") == []


async def test_only_answers_of_staff_are_taken_back(office: Office) -> None:
    ada, anna, thread = await taken(office)
    ada.says("Hello?")
    await office.settle()
    copy = next(one for one in await office.posted() if one.text == "Hello?")
    anna.replies_to(copy.message_id, "/del")
    anna.says("/del", thread)
    await office.settle()
    shown = "\n".join(await office.shown())
    assert all(words in shown for words in ("Only answers", "with /del"))


async def test_what_has_not_left_yet_is_called_back_instead(patient: Office) -> None:
    ada, anna, thread = await taken(patient)
    before = len(ada.received)
    answer = anna.says("You get 50 % off", thread)
    await patient.settle()
    anna.replies_to(answer, "/del")
    await patient.settle()
    await patient.answers_leave()
    assert len(ada.received) == before
    assert [event.name for event in await patient.rows(TicketEvent) if event.name in ("undone", "deleted")] == [
        "undone"
    ]


async def test_until_it_leaves_an_answer_may_be_changed_and_leaves_in_its_new_words(patient: Office) -> None:
    ada, anna, thread = await taken(patient)
    answer = anna.says("It comes on Monday", thread)
    await patient.settle()
    anna.edits(answer, "It comes on Tuesday")
    await patient.settle()
    await patient.answers_leave()
    assert [(one.text, one.edited) for one in ada.received][-1] == ("It comes on Tuesday", False)


async def test_until_it_leaves_an_answer_that_becomes_a_note_is_called_back(patient: Office) -> None:
    ada, anna, thread = await taken(patient)
    before = len(ada.received)
    answer = anna.says("She is angry", thread)
    await patient.settle()
    anna.edits(answer, "//She is angry")
    await patient.settle()
    await patient.answers_leave()
    assert len(ada.received) == before


async def test_what_the_customer_has_is_taken_back_by_its_button(patient: Office) -> None:
    ada, anna, thread = await taken(patient)
    anna.says("You get 50 % off", thread)
    await patient.settle()
    await patient.answers_leave()
    anna.presses("❌ Take back", thread)
    await patient.settle()
    assert "You get 50 % off" not in [one.text for one in ada.received]
    assert "Taken back" in (await patient.posted())[-1].text


async def test_signs_that_came_twice_change_nothing_the_second_time(office: Office) -> None:
    ada, anna, thread = await taken(office)
    answer = anna.says("Gladly", thread)
    await office.settle()
    for sign in ("👍", "❤"):
        ada.reacts(ada.received[-1].message_id, sign)
        await office.settle()
    anna.replies_to(answer, "/del")
    await office.settle()
    before = [one.text for one in ada.received], await events(office, "deleted")
    calls = len(office.telegram.called("setMessageReaction")), len(office.telegram.called("deleteMessage"))
    await office.again()
    assert ([one.text for one in ada.received], await events(office, "deleted")) == before
    assert (len(office.telegram.called("setMessageReaction")), len(office.telegram.called("deleteMessage"))) == calls
