"""The stand-in refuses what the real Bot API refuses, in its words; asked over plain HTTP, without aiogram."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bot.demo.telegram import Telegram

LONG_DATA = {"inline_keyboard": [[{"text": "x", "callback_data": "é" * 33}]]}


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    async with Telegram() as made:
        made.shopper(7, "Ada").says("hello")
        yield made


async def ask(telegram: Telegram, method: str, **values: Any) -> Any:
    async with httpx.AsyncClient(base_url=f"{telegram.url}/bot{telegram.token}/") as client:
        return (await client.post(method, json=values)).json()


@pytest.mark.parametrize(
    ("method", "values", "words"),
    [
        ("sendMessage", {"chat_id": 99, "text": "x"}, "Bad Request: chat not found"),
        ("sendMessage", {"chat_id": 7, "text": " "}, "Bad Request: message text is empty"),
        ("sendMessage", {"chat_id": 7, "text": "😀" * 2049}, "Bad Request: message is too long"),
        ("sendMessage", {"chat_id": 7, "text": "x", "message_thread_id": 1}, "Bad Request: message thread not found"),
        ("sendMessage", {"chat_id": 7, "text": "x", "reply_markup": LONG_DATA}, "Bad Request: BUTTON_DATA_INVALID"),
        ("sendMessage", {"chat_id": 7, "text": "<x>", "parse_mode": "HTML"}, "can't parse entities"),
        ("copyMessage", {"chat_id": 7, "from_chat_id": 7, "message_id": 99}, "Bad Request: message to copy not found"),
        ("editMessageText", {"chat_id": 7, "message_id": 99, "text": "x"}, "Bad Request: message to edit not found"),
        ("closeForumTopic", {"chat_id": -1001234567890, "message_thread_id": 1}, "Bad Request: TOPIC_ID_INVALID"),
        ("answerCallbackQuery", {"callback_query_id": "1"}, "query is too old"),
        ("flyToTheMoon", {}, "Not Found"),
    ],
)
async def test_it_refuses_like_the_real_one(
    telegram: Telegram, method: str, values: dict[str, Any], words: str
) -> None:
    answer = await ask(telegram, method, **values)
    assert not answer["ok"] and words in answer["description"]


async def test_somebody_who_never_wrote_cannot_be_written_to(telegram: Telegram) -> None:
    telegram.shopper(8, "Ben")
    answer = await ask(telegram, "sendMessage", chat_id=8, text="x")
    assert (answer["error_code"], answer["description"]) == (
        403,
        "Forbidden: bot can't initiate conversation with a user",
    )


async def test_a_deleted_topic_is_refused_and_no_update_tells_of_it(telegram: Telegram) -> None:
    anna, group = telegram.staff(50, "Anna"), telegram.group.id
    made = (await ask(telegram, "createForumTopic", chat_id=group, name="#1"))["result"]["message_thread_id"]
    before = len(telegram.updates.pending)
    anna.deletes_topic(made)
    assert len(telegram.updates.pending) == before
    answer = await ask(telegram, "sendMessage", chat_id=group, text="x", message_thread_id=made)
    assert answer["description"] == "Bad Request: message thread not found"
    answer = await ask(telegram, "editForumTopic", chat_id=group, message_thread_id=made, name="#2")
    assert answer["description"] == "Bad Request: TOPIC_DELETED"


async def test_updates_stay_until_they_are_acknowledged(telegram: Telegram) -> None:
    first = (await ask(telegram, "getUpdates"))["result"]
    again = (await ask(telegram, "getUpdates"))["result"]
    assert first == again and len(first) == 1
    assert (await ask(telegram, "getUpdates", offset=first[0]["update_id"] + 1))["result"] == []


async def test_of_two_readers_the_older_is_told_to_go(telegram: Telegram) -> None:
    done = {"offset": 10**9, "timeout": 5}
    older = asyncio.create_task(ask(telegram, "getUpdates", **done))
    await telegram.wait_for(lambda: telegram.called("getUpdates"))
    await asyncio.sleep(0.05)
    newer = asyncio.create_task(ask(telegram, "getUpdates", **done))
    assert (await older)["error_code"] == 409
    newer.cancel()


async def test_beyond_its_limits_it_asks_to_wait_when_told_to_be_strict() -> None:
    async with Telegram(strict_limits=True) as telegram:
        answers = [await ask(telegram, "sendMessage", chat_id=telegram.group.id, text="x") for _ in range(21)]
    assert [answer["ok"] for answer in answers] == [True] * 20 + [False]
    assert answers[-1]["parameters"]["retry_after"] > 50
