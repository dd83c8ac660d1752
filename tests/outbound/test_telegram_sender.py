import time
from collections.abc import AsyncIterator

import pytest
from telegram_world import World, world

from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo.telegram_people import Shopper
from bot.outbound.telegram_sizes import parts


@pytest.fixture
async def here(database: Database, texts: Texts) -> AsyncIterator[World]:
    async with world(database, texts) as made:
        yield made


@pytest.fixture
def ada(here: World) -> Shopper:
    ada = here.telegram.shopper(7, "Ada")
    ada.says("hello")
    return ada


async def test_text_with_signs_of_markup_arrives_as_it_was_written(here: World, ada: Shopper) -> None:
    await here.to_person(7, text="2 < 3 & <b>_*not bold*_</b>")
    await here.to_person(7, text="<b>Bold</b> &amp; fine", html=True)
    await here.deliver()
    assert [one.text for one in ada.received] == ["2 < 3 & <b>_*not bold*_</b>", "Bold & fine"]


async def test_broken_markup_is_sent_as_plain_words(here: World, ada: Shopper) -> None:
    await here.to_person(7, text="<b>Bold <i>and never closed", html=True)
    await here.deliver()
    assert [one.text for one in ada.received] == ["Bold and never closed"]


async def test_a_long_text_comes_in_pieces_and_the_last_has_the_buttons(here: World, ada: Shopper) -> None:
    text = "\n".join(f"line {number} " + "x" * 60 for number in range(100))
    await here.to_person(7, text=text, buttons=[[{"text": "Yes", "data": "1:yes:7"}]])
    await here.deliver()
    assert "".join(one.text for one in ada.received) == text
    assert [len(one.buttons) for one in ada.received] == [0, 1]


def test_emoji_count_twice_and_are_never_cut_in_two() -> None:
    pieces = parts("😀" * 5000, 4096)
    assert "".join(pieces) == "😀" * 5000
    assert max(len(piece.encode("utf-16-le")) // 2 for piece in pieces) <= 4096


async def test_a_message_is_changed_in_place_and_saying_the_same_again_is_fine(here: World, ada: Shopper) -> None:
    await here.to_person(7, text="one", buttons=[[{"text": "Go", "url": "https://shop.example"}]])
    await here.deliver()
    number = int((await here.messages())[0]["provider_id"])
    await here.to_person(7, "a", text="two", edit=number)
    await here.to_person(7, "b", text="two", edit=number)
    await here.deliver()
    assert [one.text for one in ada.received] == ["two"]
    assert [row["status"] for row in await here.messages()] == ["sent"] * 3


async def test_a_message_that_is_gone_is_sent_again_instead_of_changed(here: World, ada: Shopper) -> None:
    await here.to_person(7, text="new words", edit=999)
    await here.deliver()
    assert [one.text for one in ada.received] == ["new words"]


async def test_waiting_as_telegram_asks_holds_up_that_chat_alone(here: World, ada: Shopper) -> None:
    ben = here.telegram.shopper(8, "Ben")
    ben.says("hello")
    here.telegram.faults.add("flood", chat_id=7, seconds=2)
    await here.to_person(7, text="first")
    await here.to_person(7, text="second")
    await here.to_person(8, text="for Ben")
    asked = time.monotonic()
    await here.deliver()
    assert [one.text for one in ben.received] == ["for Ben"]
    assert ada.received == []
    while not ada.received:
        await here.deliver()
    await here.deliver()
    assert [one.text for one in ada.received] == ["first", "second"]
    assert time.monotonic() - asked >= 2


async def test_a_page_of_a_broken_gateway_is_tried_again(here: World, ada: Shopper) -> None:
    here.telegram.faults.add("bad_gateway", method="sendMessage")
    here.telegram.faults.add("broken", method="sendMessage")
    await here.to_person(7, text="patience")
    await here.deliver(at_once=True)
    assert [one.text for one in ada.received] == ["patience"]


async def test_a_lost_answer_never_loses_support(here: World, ada: Shopper) -> None:
    here.telegram.faults.add("lost", method="sendMessage")
    await here.to_person(7, text="at least once")
    await here.deliver(at_once=True)
    assert {one.text for one in ada.received} == {"at least once"}
    assert [row["status"] for row in await here.messages()] == ["sent"]


@pytest.mark.parametrize(("how", "reason"), [("blocks", "blocked"), ("deletes_account", "deactivated")])
async def test_who_cannot_be_reached_any_more_is_not_tried_again(
    here: World, ada: Shopper, how: str, reason: str
) -> None:
    getattr(ada, how)()
    await here.to_person(7, text="are you there?")
    await here.deliver()
    assert [(row["status"], row["skip_reason"]) for row in await here.messages()] == [("failed", reason)]


async def test_an_unknown_chat_is_a_bad_address(here: World) -> None:
    await here.to_person(99, text="who?")
    await here.deliver()
    assert [(row["status"], row["skip_reason"]) for row in await here.messages()] == [("failed", "bad_address")]


async def test_a_copy_keeps_the_photo(here: World, ada: Shopper) -> None:
    anna = here.telegram.staff(50, "Anna")
    photo = anna.sends("photo", None, "Look")
    await here.to_person(7, copy={"chat_id": here.group, "message_id": photo})
    await here.deliver()
    assert [(one.kind, one.text) for one in ada.received] == [("photo", "Look")]


async def test_a_copy_that_cannot_be_made_is_told_to_whoever_queued_it(here: World, ada: Shopper) -> None:
    await here.to_person(7, copy={"chat_id": here.group, "message_id": 999}, text="a caption")
    await here.deliver()
    assert ada.received == []
    assert [(row["status"], row["skip_reason"]) for row in await here.messages()] == [("failed", "rejected")]


async def test_a_caption_that_is_too_long_follows_as_text(here: World, ada: Shopper) -> None:
    words = "word " * 300
    photo = ada.sends_photo(words)
    ticket = await here.ticket()
    await here.to_topic(ticket, copy={"chat_id": 7, "message_id": photo}, text=words)
    await here.deliver()
    topic = here.telegram.topic_of("#1042")
    assert topic is not None
    shown = here.telegram.messages(here.group, topic.thread_id)[1:]
    assert [one.kind for one in shown] == ["photo", "text"]
    assert "".join(one.text for one in shown) == words


async def test_a_link_that_telegram_refuses_as_a_button_becomes_text(here: World, ada: Shopper) -> None:
    await here.to_person(7, text="See", buttons=[[{"text": "Order", "url": "ftp://inside/order"}]])
    await here.deliver()
    assert [one.text for one in ada.received] == ["See\n\nOrder: ftp://inside/order"]
