"""What is said on one side looks the same on the other: answers to messages, changed words, both ways."""

from collections.abc import AsyncIterator

import pytest
from telegram_office import Office, hurried
from telegram_world import world

from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo.telegram_memory import Posted
from bot.demo.telegram_people import Shopper, Staff
from bot.tables.support import MessageRevision, SlaTimer, Ticket, TicketEvent, TicketMessage


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[Office]:
    async with world(database, texts, limits=hurried(), support={"undo": "0s"}) as here:
        yield Office(here)


@pytest.fixture
def ada(office: Office) -> Shopper:
    return office.telegram.shopper(7, "Ada")


@pytest.fixture
def anna(office: Office) -> Staff:
    return office.telegram.staff(50, "Anna")


@pytest.fixture
async def topic(office: Office, ada: Shopper, anna: Staff) -> int:
    """The topic of Ada's ticket, which Anna has taken."""
    ada.sends_photo("My lamp came broken")
    await office.settle()
    thread = await office.topic()
    anna.says("/take", thread)
    await office.settle()
    return thread


async def copy_of(office: Office, chat_id: int, number: int) -> Posted:
    """The message in the topic that has these words of a customer."""
    (line,) = [one for one in await office.rows(TicketMessage) if one.provider_key == f"telegram:{chat_id}:{number}"]
    found = [one for one in await office.posted() if one.by_bot and line.text in one.text]
    return found[-1]


async def history(office: Office, name: str) -> list[TicketEvent]:
    return [event for event in await office.rows(TicketEvent) if event.name == name]


async def test_an_answer_to_ones_own_words_points_at_their_copy(office: Office, ada: Shopper, topic: int) -> None:
    first = ada.says("Order 1001 is late")
    await office.settle()
    ada.says("This one I mean", reply_to=first)
    await office.settle()
    copy = await copy_of(office, 7, first)
    assert (await office.posted())[-1].reply_to == copy.message_id


async def test_an_answer_to_a_colleague_points_at_what_the_colleague_wrote_in_the_topic(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    answer = anna.says("Which size do you need, S or M?", topic)
    await office.settle()
    ada.replies_to(ada.received[-1].message_id, "The second", quote="S or M")
    await office.settle()
    shown = (await office.posted())[-1]
    assert (shown.text, shown.reply_to, shown.quote) == ("The second", answer, "S or M")


async def test_words_that_stand_nowhere_in_the_topic_are_quoted(office: Office, ada: Shopper, topic: int) -> None:
    greeting = ada.received[0]
    ada.replies_to(greeting.message_id, "What does that mean?")
    await office.settle()
    shown = (await office.posted())[-1]
    assert shown.text.startswith("↩️ “") and shown.text.endswith("What does that mean?")


async def test_an_answer_to_the_customers_words_points_at_them(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    asked = ada.says("Is it waterproof, and which colours are there?")
    await office.settle()
    anna.replies_to((await copy_of(office, 7, asked)).message_id, "Yes", quote="waterproof")
    await office.settle()
    assert (ada.received[-1].text, ada.received[-1].reply_to, ada.received[-1].quote) == ("Yes", asked, "waterproof")


async def test_a_quote_that_cannot_be_found_any_more_is_said_in_words(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    asked = ada.says("Is it waterproof?")
    await office.settle()
    copy = await copy_of(office, 7, asked)
    anna.replies_to(copy.message_id, "Yes", quote="waterproof")
    ada.edits(asked, "Is it stable?")
    await office.settle()
    assert ada.received[-1].text == "↩️ “waterproof”\nYes"


async def test_an_answer_to_a_note_or_to_the_card_tells_the_customer_nothing_of_it(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    card = next(one for one in await office.posted() if one.pinned)
    note = anna.says("//a difficult one", topic)
    await office.settle()
    anna.replies_to(card.message_id, "We look into it", quote=card.text.splitlines()[0])
    anna.replies_to(note, "indeed", quote="difficult")
    await office.settle()
    assert (ada.received[-1].text, ada.received[-1].reply_to) == ("We look into it", None)
    assert not any("indeed" in one.text or "difficult" in one.text for one in ada.received)


async def test_a_changed_message_changes_its_copy_and_keeps_what_it_said(
    office: Office, ada: Shopper, topic: int
) -> None:
    number = ada.says("Order 1001")
    await office.settle()
    copy = await copy_of(office, 7, number)
    ada.edits(number, "Order 1002")
    await office.settle()
    assert (copy.text, copy.edited) == ("Order 1002", True)
    assert [one.text for one in await office.rows(MessageRevision)] == ["Order 1001"]
    assert (await office.posted())[-1].message_id == copy.message_id, "nobody had answered: no more words about it"
    assert [event.data["revision"] for event in await history(office, "edited")] == [1]


async def test_one_of_several_short_lines_in_one_message_is_changed_in_its_place(
    office: Office, ada: Shopper, topic: int
) -> None:
    numbers = [ada.says(words) for words in ("Hello", "my order is 1001", "and it is late")]
    await office.settle()
    together = (await office.posted())[-1]
    assert together.text == "Hello\nmy order is 1001\nand it is late"
    ada.edits(numbers[1], "my order is 1002")
    await office.settle()
    assert together.text == "Hello\nmy order is 1002\nand it is late"


async def test_what_was_said_ahead_of_changed_words_stays(office: Office, ada: Shopper) -> None:
    ada.says("Do you have a shop in Bern?")
    await office.settle()
    number = ada.says("I want to talk to a human")
    await office.settle()
    copy = next(one for one in await office.posted() if one.text.endswith("I want to talk to a human"))
    recap = copy.text.partition("\n\n")[0]
    ada.edits(number, "I want to talk to Anna")
    await office.settle()
    assert copy.text == f"{recap}\n\nI want to talk to Anna"


async def test_who_answered_the_earlier_words_is_told_what_changed(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    number = ada.says("Order 1001")
    await office.settle()
    anna.says("1001 leaves today", topic)
    await office.settle()
    timers, copy = len(await office.rows(SlaTimer)), await copy_of(office, 7, number)
    ada.edits(number, "Order 1002")
    await office.settle()
    told = (await office.posted())[-1]
    assert (told.text, told.reply_to) == ("✏️ edited: Order 1001 → Order 1002", copy.message_id)
    assert copy.text == "Order 1002"
    assert len(await office.rows(SlaTimer)) == timers, "a change is no new question"


async def test_the_words_below_a_photo_change_too(office: Office, ada: Shopper, topic: int) -> None:
    number = ada.sends_photo("the left one")
    await office.settle()
    copy = next(one for one in await office.posted() if one.text == "the left one")
    ada.edits(number, "the right one")
    await office.settle()
    assert (copy.kind, copy.text) == ("photo", "the right one")


async def test_another_photo_takes_the_place_of_the_first(office: Office, ada: Shopper, topic: int) -> None:
    number = ada.sends_photo("this")
    await office.settle()
    copy = next(one for one in await office.posted() if one.text == "this")
    ada.edits_media(number, "photo", "this, sharper")
    await office.settle()
    assert (copy.text, copy.file_id) == ("this, sharper", ada.chat.messages[number].file_id)


async def test_a_change_after_the_end_reopens_nothing(office: Office, ada: Shopper, anna: Staff, topic: int) -> None:
    number = ada.says("Order 1001")
    await office.settle()
    anna.says("/close", topic)
    await office.settle()
    ada.edits(number, "Order 1002")
    await office.settle()
    assert (await office.ticket()).status == "resolved"
    assert any(one.text == "✏️ edited: Order 1001 → Order 1002" for one in await office.posted())


async def test_a_change_before_there_is_a_ticket_is_only_kept(office: Office, ada: Shopper) -> None:
    number = ada.says("When are you open?")
    await office.settle()
    ada.edits(number, "When do you close?")
    await office.settle()
    assert await office.rows(Ticket) == []
    assert [one.text for one in await office.rows(MessageRevision)] == ["When are you open?"]


async def test_a_colleagues_change_reaches_the_customer(office: Office, ada: Shopper, anna: Staff, topic: int) -> None:
    answer, picture = anna.says("It comes on Monday", topic), anna.sends("photo", topic, "Shelf 3")
    await office.settle()
    anna.edits(answer, "It comes on Tuesday")
    anna.edits(picture, "Shelf 4")
    await office.settle()
    assert [one.text for one in ada.received][-2:] == ["It comes on Tuesday", "Shelf 4"]
    assert [one.text for one in await office.rows(MessageRevision)] == ["It comes on Monday", "Shelf 3"]
    assert [event.actor for event in await history(office, "edited")] == ["staff:1", "staff:1"]


async def test_a_change_that_needs_more_messages_than_the_customer_has_is_refused(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    answer = anna.says("Short", topic)
    await office.settle()
    anna.edits(answer, "long " * 900)
    await office.settle()
    assert ada.received[-1].text == "Short"
    assert "too long" in (await office.posted())[-1].text
    assert await office.rows(MessageRevision) == []


async def test_a_long_text_is_changed_in_all_its_messages(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    answer = anna.says("long", topic)
    office.telegram.updates.pending[-1]["message"]["text"] = "a" * 4090 + " " + "b" * 90
    await office.settle()
    assert [one.text[0] for one in ada.received[-2:]] == ["a", "b"]
    anna.edits(answer, "c" * 4090 + " " + "d" * 90)
    await office.settle()
    assert [one.text[0] for one in ada.received[-2:]] == ["c", "d"]
    anna.edits(answer, "short now")
    await office.settle()
    assert ada.received[-1].text == "short now", "the second message is taken back"


async def test_another_kind_of_file_is_not_put_in_the_place_of_the_first(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    picture = anna.sends("photo", topic, "This one")
    await office.settle()
    anna.edits_media(picture, "video", "That one")
    await office.settle()
    assert (ada.received[-1].kind, ada.received[-1].text) == ("photo", "This one")
    assert "another kind of file" in (await office.posted())[-1].text


async def test_a_note_stays_inside_whatever_it_is_changed_to(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    before = len(ada.received)
    note = anna.says("//she is angry", topic)
    await office.settle()
    anna.edits(note, "she is angry")
    anna.edits(note, "she is furious")
    await office.settle()
    assert len(ada.received) == before
    assert "stays a note" in (await office.posted())[-1].text
    (line,) = [one for one in await office.rows(TicketMessage) if one.author == "note"]
    assert line.text == "she is furious"


@pytest.mark.parametrize("words", ["//she is angry", " ／／she is angry", "/note she is angry", "/close"])
async def test_an_answer_that_becomes_a_note_never_reaches_the_customer(
    office: Office, ada: Shopper, anna: Staff, topic: int, words: str
) -> None:
    answer = anna.says("We are sorry", topic)
    await office.settle()
    anna.edits(answer, words)
    await office.settle()
    assert ada.received[-1].text == "We are sorry"
    asked = (await office.posted())[-1]
    assert "stays inside" in asked.text
    anna.press_raw(asked, asked.buttons[0]["callback_data"])
    await office.settle()
    assert "We are sorry" not in [one.text for one in ada.received]
    assert (await office.ticket()).status != "resolved"


async def test_a_changed_command_is_not_obeyed(office: Office, anna: Staff, topic: int) -> None:
    command = anna.says("/clsoe", topic)
    await office.settle()
    anna.edits(command, "/close")
    await office.settle()
    assert (await office.ticket()).status != "resolved"
    assert "not read again" in (await office.posted())[-1].text


async def test_a_copy_in_a_topic_that_somebody_deleted_is_told_of_in_the_new_one(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    number = ada.says("Order 1001")
    await office.settle()
    anna.deletes_topic(topic)
    ada.says("Hello?")
    await office.settle()
    assert await office.topic() != topic
    ada.edits(number, "Order 1002")
    await office.settle()
    assert "Order 1002" in (await office.posted())[-1].text


async def test_everything_that_came_twice_changes_nothing_the_second_time(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    number = ada.says("Order 1001")
    answer = anna.says("Monday", topic)
    await office.settle()
    for words in ("Order 1002", "Order 1003", "Order 1002"):
        ada.edits(number, words)
        await office.settle()
    for words in ("Tuesday", "//no", "Wednesday"):
        anna.edits(answer, words)
        await office.settle()

    async def all_of_it() -> tuple[object, ...]:
        rows = [[one.model_dump() for one in await office.rows(m)] for m in (TicketMessage, MessageRevision)]
        edited = len(await history(office, "edited"))
        return rows, edited, [one.text for one in ada.received], (await copy_of(office, 7, number)).text

    before = await all_of_it()
    await office.again()
    assert await all_of_it() == before
    assert ada.received[-1].text == "Wednesday"
