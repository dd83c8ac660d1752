"""From a message to a card of the board, and what staff do with cards."""

from collections.abc import Mapping
from typing import Any

import make
import pytest
from conftest import NOON
from deskwork import GROUP, Stage, seconds
from sqlmodel import col, select

from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.feedback import board
from bot.support.feedback.board import Said
from bot.support.staff_room import registry
from bot.support.tickets import keyboard
from bot.tables.feedback import Improvement, ImprovementEvent, Voice
from bot.tables.support import Mirror, Ticket, TicketMessage

PROBLEM = "I want to talk to a human"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    made = await Stage.set(database, texts, support={"departments": [{"name": "shipping"}, {"name": "returns"}]})
    await made.customer_says(PROBLEM)
    await made.staff_takes(seconds(5))
    await made.customer_says("Could you offer gift wrapping?", seconds(10))
    return made


async def _cards(stage: Stage) -> list[Improvement]:
    async with stage.database.reading() as session:
        return list((await session.scalars(select(Improvement).order_by(col(Improvement.number)))).all())


async def _voices(stage: Stage) -> list[Voice]:
    async with stage.database.reading() as session:
        return list((await session.scalars(select(Voice).order_by(col(Voice.id)))).all())


async def _last(stage: Stage, receiver: str = "") -> Mapping[str, Any]:
    rows = [row for row in await stage.queued("notice") if row["receiver"].startswith(receiver)]
    payload: Mapping[str, Any] = rows[-1]["payload"]
    return payload


async def _put_up(stage: Stage, *titles: str) -> None:
    async with stage.database.transaction() as session:
        for title in titles:
            card = await board.put_up(session, "suggestion", "", title, "staff:1", NOON)
            person = await make.contact(session)
            await board.raise_voice(session, card, Said(person.id or 0, "telegram", "en"), "staff:1", NOON)


async def test_the_last_words_of_the_customer_become_a_card_with_their_voice(stage: Stage) -> None:
    assert await stage.staff_writes("/feedback suggestion shipping", seconds(20)) is None
    (card,) = await _cards(stage)
    assert (card.number, card.kind, card.department) == (1, "suggestion", "shipping")
    assert (card.title, card.status) == ("Could you offer gift wrapping?", "noted")
    (voice,) = await _voices(stage)
    assert (voice.contact_id, voice.channel, voice.language) == (stage.contact.id, "telegram", "en")
    assert voice.said_id is not None


async def test_a_reply_to_a_message_shown_in_the_topic_takes_that_message(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        line = (await session.scalars(select(TicketMessage).where(TicketMessage.text == PROBLEM))).one()
        session.add(Mirror(said_id=line.id, side="topic", chat_id=GROUP, message_id=555))
    await stage.staff_writes("/feedback 投诉", seconds(20), reply_to=555)
    (card,) = await _cards(stage)
    assert (card.kind, card.title) == ("complaint", PROBLEM)
    assert [voice.said_id for voice in await _voices(stage)] == [line.id]


async def test_words_of_staff_are_the_title_and_never_count_as_the_customers(stage: Stage) -> None:
    await stage.staff_writes("/feedback suggestion Wrap gifts, warehouse says no", seconds(20))
    assert [card.title for card in await _cards(stage)] == ["Wrap gifts, warehouse says no"]
    assert [voice.said_id for voice in await _voices(stage)] == [None]


async def test_the_button_on_the_card_asks_which_kind(stage: Stage) -> None:
    ticket = await stage.ticket()
    await stage.staff_presses(f"1:feedback:{ticket.id}", seconds(20))
    suggestion, complaint = (await _last(stage))["buttons"][0]
    assert (suggestion["text"], complaint["text"]) == ("Suggestion", "Complaint")
    await stage.staff_presses(complaint["data"], seconds(21))
    assert [(card.kind, card.title) for card in await _cards(stage)] == [
        ("complaint", "Could you offer gift wrapping?")
    ]


async def test_a_drill_does_not_go_to_the_board(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        (await session.get_one(Ticket, (await stage.ticket()).id)).kind = "drill"
    await stage.staff_writes("/feedback suggestion", seconds(20))
    assert await _cards(stage) == []


async def test_a_like_card_is_proposed_and_joined_by_a_button(stage: Stage) -> None:
    await _put_up(stage, "gift wrap option please", "an app for phones")
    await stage.staff_writes("/feedback suggestion", seconds(20))
    question = await _last(stage, "ticket:")
    assert "gift wrap option" in question["text"] and "phones" not in question["text"]
    same, new = (row[0] for row in question["buttons"])
    assert (same["text"], new["text"]) == ("Same as 💡1", "It is new")
    await stage.staff_presses(same["data"], seconds(25))
    first, _, third = await _cards(stage)
    assert third.merged_into == first.id
    assert [voice.improvement_id for voice in await _voices(stage)].count(first.id or 0) == 2
    assert (await _last(stage))["text"] == "Added to 💡1: gift wrap option please"
    assert "gone" in (await stage.staff_presses(same["data"], seconds(26)) or "") or await _voices(stage)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Could you offer gift wrapping?", "gift wrap option please", True),
        ("Please ship to Switzerland", "shipping to Switzerland would be great", True),
        ("希望可以提供礼品包装", "能不能有礼品包装的选项", True),
        ("Please add PayPal", "PayPal as a way to pay", True),
        ("The parcel came late", "Could you offer gift wrapping?", False),
        ("我想要更快的物流", "希望可以提供礼品包装", False),
        ("Please add more colours of the blue bowl", "Shipping", False),
    ],
)
def test_wishes_are_compared_by_what_they_are_about(one: str, other: str, same: bool) -> None:
    assert (board.alike(one, other) >= 62) is same, board.alike(one, other)


async def test_joining_keeps_each_voice_once_and_can_be_taken_back(stage: Stage) -> None:
    await _put_up(stage, "Gift wrapping", "Wrap presents")
    async with stage.database.transaction() as session:
        first, second = [await board.find(session, number) for number in (1, 2)]
        assert first is not None and second is not None
        for card in (first, second):
            await board.raise_voice(session, card, Said(stage.contact.id or 0, "telegram", "en"), "staff:1", NOON)
    assert len(await _voices(stage)) == 4
    await stage.staff_writes("/idea merge 2 1", seconds(30), general=True)
    voices = await _voices(stage)
    assert len(voices) == 3 and {voice.improvement_id for voice in voices} == {first.id}
    await stage.staff_writes("/idea unmerge 2", seconds(40), general=True)
    voices = await _voices(stage)
    assert len(voices) == 4 and [voice.improvement_id for voice in voices].count(second.id or 0) == 2
    assert (await _cards(stage))[1].merged_into is None


async def test_two_contacts_that_turn_out_to_be_one_have_one_voice(stage: Stage) -> None:
    await _put_up(stage, "Gift wrapping")
    async with stage.database.transaction() as session:
        card = await board.find(session, 1)
        assert card is not None
        other = await make.contact(session)
        for person in (stage.contact, other):
            await board.raise_voice(session, card, Said(person.id or 0, "telegram", "en"), "staff:1", NOON)
    async with stage.database.transaction() as session:
        (await session.scalars(select(Voice).where(Voice.contact_id == other.id))).one().told = "told"
    async with stage.database.transaction() as session:
        await contacts.merge(session, stage.contact.id or 0, other.id or 0, NOON)
    assert [voice.told for voice in await _voices(stage) if voice.contact_id == stage.contact.id] == ["told"]


async def test_the_board_lists_open_cards_by_votes(stage: Stage) -> None:
    await _put_up(stage, "An app", "Gift wrapping")
    async with stage.database.transaction() as session:
        card = await board.find(session, 2)
        assert card is not None
        await board.raise_voice(session, card, Said(stage.contact.id or 0, "telegram", "en"), "staff:1", NOON)
    told = await stage.staff_writes("/board", seconds(20), general=True) or ""
    assert told.splitlines()[1:] == ["💡2 · 2 🗣 · noted · Gift wrapping", "💡1 · 1 🗣 · noted · An app"]
    assert "empty" in (await stage.staff_writes("/board returns", seconds(21), general=True) or "")


async def test_moves_notes_and_titles_stand_in_the_history_with_who_did_it(stage: Stage) -> None:
    await _put_up(stage, "Gift wrapping")
    await stage.staff_writes("/idea 1 planned", seconds(20), general=True)
    await stage.staff_writes("/idea note 1 the warehouse needs paper", seconds(21), general=True)
    await stage.staff_writes("/idea title 1 Wrapping of gifts", seconds(22), general=True)
    (card,) = await _cards(stage)
    await stage.staff_presses(f"1:idea_to:{card.id}:in_progress", seconds(23), who=stage.ben)
    (card,) = await _cards(stage)
    assert (card.status, card.note, card.title) == ("in_progress", "the warehouse needs paper", "Wrapping of gifts")
    async with stage.database.reading() as session:
        events = (await session.scalars(select(ImprovementEvent).order_by(col(ImprovementEvent.id)))).all()
    done = [(event.actor, event.name) for event in events][2:]
    anna, ben = f"staff:{stage.anna.id}", f"staff:{stage.ben.id}"
    assert done == [(anna, "moved"), (anna, "note"), (anna, "title"), (ben, "moved")]
    shown = await _last(stage, "staff:")
    assert "Notes (stay inside):" in shown["text"] and shown["edit"] == 77


@pytest.mark.parametrize("words", ["", "wishes", "999", "merge 1", "merge 1 1", "note 1", "1 finished", "unmerge 1"])
async def test_what_does_not_go_is_said(stage: Stage, words: str) -> None:
    await _put_up(stage, "Gift wrapping")
    assert await stage.staff_writes(f"/idea {words}", seconds(20), general=True)
    assert [card.status for card in await _cards(stage)] == ["noted"]


async def test_who_is_forgotten_keeps_a_vote_and_no_words(stage: Stage) -> None:
    await stage.staff_writes("/feedback suggestion", seconds(20))
    await _put_up(stage, "An app")
    async with stage.database.transaction() as session:
        await contacts.erase(session, stage.desk.ground.secret, stage.contact.id or 0, NOON)
    assert [card.title for card in await _cards(stage)] == ["…", "An app"]
    assert len(await _voices(stage)) == 2


async def test_the_menu_of_a_ticket_leads_to_the_board_to_stars_and_to_complaints(stage: Stage) -> None:
    ticket = await stage.ticket()
    verbs = {button["data"].split(":")[1] for row in keyboard.more(stage.desk, ticket) for button in row}
    assert {"feedback", "complaint"} <= verbs <= set(registry.BUTTONS)
    await stage.staff_closes(seconds(20))
    verbs = {button["data"].split(":")[1] for row in keyboard.more(stage.desk, await stage.ticket()) for button in row}
    assert {"feedback", "complaint", "csat"} <= verbs


async def test_a_number_that_no_card_can_have_is_answered_like_any_other_mistake(stage: Stage) -> None:
    endless = "9" * 30
    for words in (f"/idea {endless}", f"/idea merge 1 {endless}", f"/tell {endless} words"):
        assert await stage.staff_writes(words, seconds(20)) is not None
