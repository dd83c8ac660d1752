"""Told to be strict, the stand-in asks to wait as Telegram does; its clock is moved, so nobody waits for the tests."""

from typing import Any

import pytest

from bot.demo.telegram import Telegram
from bot.demo.telegram_people import Shopper

GROUP = -1001234567890


@pytest.fixture
def strict(telegram: Telegram) -> Telegram:
    telegram.limits.strict = True
    return telegram


async def test_twenty_a_minute_go_into_a_group(strict: Telegram, ask: Any, done: Any) -> None:
    topic = (await done("createForumTopic", chat_id=GROUP, name="#1"))["message_thread_id"]
    sent = (await done("sendMessage", chat_id=GROUP, text="x", message_thread_id=topic))["message_id"]
    await done("editMessageText", chat_id=GROUP, message_id=sent, text="y")
    await done("editForumTopic", chat_id=GROUP, message_thread_id=topic, name="#2")
    strict.clock.forward(10)
    for _ in range(16):
        await done("sendMessage", chat_id=GROUP, text="x", message_thread_id=topic)
    answer = await ask("sendMessage", chat_id=GROUP, text="x")
    assert (answer["error_code"], answer["parameters"]) == (429, {"retry_after": 50})
    assert answer["description"] == "Too Many Requests: retry after 50"
    strict.clock.forward(50)
    await done("sendMessage", chat_id=GROUP, text="x")


async def test_signs_and_deleting_are_free(strict: Telegram, done: Any) -> None:
    strict.limits.group_per_minute = 1
    sent = (await done("sendMessage", chat_id=GROUP, text="x"))["message_id"]
    for _ in range(3):
        await done("sendChatAction", chat_id=GROUP, action="typing")
        await done("setMessageReaction", chat_id=GROUP, message_id=sent, reaction=[{"type": "emoji", "emoji": "👌"}])
    await done("deleteMessage", chat_id=GROUP, message_id=sent)


async def test_copies_and_albums_count_each(strict: Telegram, ada: Shopper, ask: Any, done: Any) -> None:
    numbers = ada.sends_album(10)
    for _ in range(2):
        await done("copyMessages", chat_id=GROUP, from_chat_id=7, message_ids=numbers)
    assert (await ask("sendMessage", chat_id=GROUP, text="x"))["parameters"] == {"retry_after": 60}


async def test_a_person_gets_about_one_a_second_with_short_bursts(strict: Telegram, ada: Shopper, ask: Any) -> None:
    answers = [await ask("sendMessage", chat_id=7, text="x") for _ in range(4)]
    assert [one["ok"] for one in answers] == [True, True, True, False]
    assert answers[3]["parameters"] == {"retry_after": 3}
    strict.clock.forward(3)
    assert (await ask("sendMessage", chat_id=7, text="x"))["ok"]


async def test_thirty_a_second_go_out_over_all(strict: Telegram, ask: Any) -> None:
    for number in range(31):
        strict.shopper(100 + number, "Somebody").starts()
    answers = [await ask("sendMessage", chat_id=100 + number, text="x") for number in range(31)]
    assert [one["ok"] for one in answers] == [True] * 30 + [False]
    assert answers[-1]["parameters"] == {"retry_after": 1}


async def test_a_refused_call_has_done_nothing_and_does_not_count(strict: Telegram, ada: Shopper, ask: Any) -> None:
    for _ in range(9):
        await ask("sendMessage", chat_id=7, text="x")
    assert len(ada.received) == 3
    strict.clock.forward(3)
    assert (await ask("sendMessage", chat_id=7, text="x"))["ok"]


async def test_limits_are_elastic(telegram: Telegram, ada: Shopper, ask: Any) -> None:
    telegram.limits.hold(7, 30)
    assert (await ask("sendMessage", chat_id=7, text="x"))["parameters"] == {"retry_after": 30}
    telegram.clock.forward(30)
    telegram.faults.add("flood", method="sendMessage", every=3, times=2, seconds=5)
    answers = [await ask("sendMessage", chat_id=7, text="x") for _ in range(9)]
    assert [one["ok"] for one in answers] == [True, True, False, True, True, False, True, True, True]


async def test_without_being_told_it_limits_nothing(ada: Shopper, done: Any) -> None:
    for _ in range(40):
        await done("sendMessage", chat_id=7, text="x")
