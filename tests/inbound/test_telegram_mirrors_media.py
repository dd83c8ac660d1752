"""Albums and all kinds of content, from one side to the other: what cannot be shown is told."""

from collections.abc import AsyncIterator

import pytest
from telegram_office import Office, hurried
from telegram_world import world

from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo.telegram_people import Shopper, Staff
from bot.tables.support import Mirror, Ticket, TicketMessage


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


async def test_an_album_arrives_in_the_topic_as_one(office: Office, ada: Shopper, topic: int) -> None:
    numbers = ada.sends_album(4, "All the pieces", kinds=("photo", "video"))
    await office.albums()
    copies = [one for one in await office.posted() if one.copied_from and one.copied_from[1] in numbers]
    assert [one.copied_from for one in copies] == [(7, number) for number in numbers]
    assert len({one.album for one in copies}) == 1 and copies[0].album
    assert len(office.telegram.called("copyMessages")) == 1
    assert copies[0].text == "All the pieces"


async def test_every_file_of_an_album_is_known_by_its_own_copy(office: Office, ada: Shopper, topic: int) -> None:
    numbers = ada.sends_album(3)
    await office.albums()
    third = next(one for one in await office.posted() if one.copied_from == (7, numbers[2]))
    ada.says("This one", reply_to=numbers[2])
    ada.edits(numbers[2], "broken here")
    await office.settle()
    assert (third.text, (await office.posted())[-1].reply_to) == ("broken here", third.message_id)


async def test_the_late_half_of_an_album_still_arrives(office: Office, ada: Shopper, topic: int) -> None:
    ada.sends_album(4)
    late = office.telegram.updates.pending[2:]
    del office.telegram.updates.pending[2:]
    await office.albums()
    office.telegram.updates.pending.extend(late)
    await office.albums()
    photos = [one for one in await office.posted() if one.kind == "photo"]
    assert len(photos) == 5 and [one.copied_from for one in photos] == sorted(one.copied_from or () for one in photos)


async def test_an_album_opens_a_ticket_once(office: Office, ada: Shopper) -> None:
    ada.sends_album(3, "Look")
    await office.albums()
    await office.albums()
    assert len(await office.rows(Ticket)) == 1
    assert len([one for one in await office.posted() if one.kind == "photo"]) == 3


async def test_an_album_of_a_colleague_reaches_the_customer_as_one_with_its_words(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    asked = ada.says("How do I mount it?")
    await office.settle()
    copy = next(one for one in await office.posted() if one.text == "How do I mount it?")
    anna.sends_album(3, topic, "Three steps")
    for update in office.telegram.updates.pending:
        update["message"]["reply_to_message"] = copy.json
    await office.albums()
    album = ada.received[-3:]
    assert len({one.album for one in album}) == 1 and album[0].album
    assert ([one.text for one in album], album[0].reply_to) == (["Three steps", "", ""], asked)
    assert {(one.side, one.chat_id) for one in await office.rows(Mirror)} >= {("customer", 7)}


async def test_an_album_in_a_topic_that_nobody_took_is_asked_about_once_and_sent_whole(
    office: Office, ada: Shopper, anna: Staff
) -> None:
    ada.sends_photo("My lamp came broken")
    await office.settle()
    thread = await office.topic()
    before = len(ada.received)
    anna.sends_album(3, thread, "Three steps")
    await office.settle()
    asked = [one for one in await office.posted() if any(b["callback_data"].startswith("1:send:") for b in one.buttons)]
    assert (len(asked), len(ada.received)) == (1, before)
    anna.press_raw(asked[0], asked[0].buttons[0]["callback_data"])
    await office.albums()
    assert [one.kind for one in ada.received[before:]] == ["photo"] * 3


async def test_the_words_beside_a_colleagues_picture_are_those_we_know(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    one, other = anna.sends("photo", topic, "A new one is on its way"), anna.sends("photo", topic)
    for number in (one, other):  # changed at Telegram, and the update that tells of it has not come yet
        office.telegram.group.messages[number].json["caption"] = "//she is angry"
    await office.settle()
    assert [(sent.kind, sent.text.strip()) for sent in ada.received[-2:]] == [
        ("photo", "A new one is on its way"),
        ("photo", ""),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"dice": {"emoji": "🎲", "value": 4}}, "🎲 4"),
        ({"game": {"title": "Chess", "description": "", "photo": []}}, "Chess"),
        ({"paid_media": {"star_count": 5, "paid_media": []}}, "paid media"),
        ({"checklist": {"title": "To do", "tasks": [{"id": 1, "text": "Pack"}]}}, "• Pack"),
        ({"thing_of_next_year": {}}, "cannot read"),
    ],
)
async def test_what_no_bot_can_copy_is_told_in_words(
    office: Office, ada: Shopper, topic: int, content: dict[str, object], words: str
) -> None:
    ada._write(content)
    await office.settle()
    assert words in (await office.posted())[-1].text


@pytest.mark.parametrize("kind", ["location", "contact", "venue", "poll"])
async def test_what_is_no_file_is_copied_too(office: Office, ada: Shopper, topic: int, kind: str) -> None:
    place = {"latitude": 1.0, "longitude": 2.0}
    never = ("is_closed", "is_anonymous", "allows_multiple_answers", "allows_revoting", "members_only")
    no = dict.fromkeys(never, False)
    contents = {
        "location": place,
        "contact": {"phone_number": "+1", "first_name": "Ada"},
        "venue": {"location": place, "title": "Home", "address": "1 Road"},
        "poll": {"id": "1", "question": "Which?", "options": [], "total_voter_count": 0, "type": "regular", **no},
    }
    ada._write({kind: contents[kind]})
    await office.settle()
    assert (await office.posted())[-1].kind == kind


async def test_a_colleagues_checklist_is_refused_with_words(
    office: Office, ada: Shopper, anna: Staff, topic: int
) -> None:
    before = len(ada.received)
    anna._write({"checklist": {"title": "To do", "tasks": []}, **anna._in_topic(topic)}, topic)
    await office.settle()
    assert len(ada.received) == before
    assert "was not sent" in (await office.posted())[-1].text


async def test_protected_content_is_told_of(office: Office, ada: Shopper, anna: Staff, topic: int) -> None:
    office.telegram.faults.add("refused", method="copyMessage", words="message can't be copied")
    ada.sends_photo("a secret picture")
    await office.settle()
    told = (await office.posted())[-1].text
    assert "cannot be shown" in told and "a secret picture" in told


async def test_voice_and_stickers_open_a_ticket_and_are_known_by_their_copies(office: Office, ada: Shopper) -> None:
    voice = ada.sends_voice()
    ada.sends_sticker()
    await office.settle()
    assert [one.kind for one in await office.posted() if one.copied_from] == ["voice", "sticker"]
    lines = {line.id: line.provider_key for line in await office.rows(TicketMessage)}
    copies = {lines[one.said_id]: one.form for one in await office.rows(Mirror) if one.side == "topic"}
    assert copies[f"telegram:7:{voice}"] == "caption" and sorted(copies.values()) == ["caption", "nothing"]
