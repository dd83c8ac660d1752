"""The stand-in runs as a program of its own, and people in it are led over HTTP, from any language."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

PROGRAM = Path(__file__).with_name("stand_in.py")


class Running:
    def __init__(self, lines: dict[str, str], client: httpx.AsyncClient, process: asyncio.subprocess.Process) -> None:
        self.lines = lines
        self.client = client
        self.process = process

    async def ask(self, method: str, **values: Any) -> Any:
        return (await self.client.post(f"/bot{self.lines['token']}/{method}", json=values)).json()

    async def wish(self, **wish: Any) -> Any:
        return (await self.client.post("/control", json=wish)).json()

    async def state(self) -> Any:
        return (await self.client.get("/control")).json()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(sys.executable, PROGRAM, "--port", "0", "--strict", stdout=PIPE)
    try:
        assert process.stdout
        printed = [(await asyncio.wait_for(process.stdout.readline(), 30)).decode().split() for _ in range(4)]
        lines = {line[0]: line[1] for line in printed}
        async with httpx.AsyncClient(base_url=lines["url"]) as client:
            yield Running(lines, client, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_bot_and_the_people_talk_through_it(running: Running) -> None:
    said = await running.wish(who="Ada", says="Where is my order?")
    (update,) = (await running.ask("getUpdates"))["result"]
    assert update["message"]["text"] == "Where is my order?" and said["result"] == update["message"]["message_id"]
    keyboard = {"inline_keyboard": [[{"text": "Yes", "callback_data": "1:yes"}]]}
    chat = update["message"]["chat"]["id"]
    await running.ask("sendMessage", chat_id=chat, text="Is it #1001?", reply_markup=keyboard)
    await running.wish(who="Ada", presses="Yes")
    pressed = (await running.ask("getUpdates", offset=update["update_id"] + 1))["result"]
    assert pressed[0]["callback_query"]["data"] == "1:yes"
    shown = next(one for one in (await running.state())["chats"] if one["title"] == "Ada")
    assert [(one["from"], one["text"], one["buttons"]) for one in shown["messages"]] == [
        ("Ada", "Where is my order?", []),
        ("Aftercart demo", "Is it #1001?", ["Yes"]),
    ]


async def test_staff_write_into_topics_that_are_named_by_words(running: Running) -> None:
    group = int(running.lines["group"])
    made = (await running.ask("createForumTopic", chat_id=group, name="#7 Ada"))["result"]["message_thread_id"]
    await running.wish(who="Mia", role="staff", says="I look into it", topic="#7")
    await running.wish(who="Mia", edits=[3, "I look at it"])
    await running.wish(who="Mia", sends_album={"count": 2, "thread": made})
    kinds = [list(one)[1] for one in (await running.ask("getUpdates"))["result"]]
    assert kinds == ["message", "edited_message", "message", "message"]
    shown = next(one for one in (await running.state())["chats"] if one["id"] == group)
    assert shown["messages"][1]["text"] == "I look at it" and shown["messages"][1]["edited"]


async def test_the_world_is_turned_and_refusals_are_shown(running: Running) -> None:
    group = int(running.lines["group"])
    assert (await running.wish(hold=30))["ok"]
    assert (await running.ask("sendMessage", chat_id=group, text="x"))["parameters"] == {"retry_after": 30}
    await running.wish(forward=31)
    await running.wish(fault="refused", method="sendMessage", words="Bad Request: no")
    assert (await running.ask("sendMessage", chat_id=group, text="x"))["description"] == "Bad Request: no"
    assert (await running.ask("sendMessage", chat_id=group, txt="x"))["error_code"] == 400
    assert (await running.state())["refused"][-1]["words"].startswith("Bad Request: unknown parameter 'txt'")
    moved = (await running.wish(migrate=True))["result"]
    answer = await running.ask("sendMessage", chat_id=group, text="x")
    assert answer["parameters"] == {"migrate_to_chat_id": moved}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"who": "Ada", "flies": "high"}, "say one of"),
        ({"who": "Ada", "presses": "Nothing"}, "no button"),
        ({"who": "Ada", "says": "x", "loudly": True}, "loudly"),
        ({"who": "Ada", "role": "king"}, "shopper or staff"),
        ({"who": "Mia", "role": "staff", "says": "x", "topic": "nowhere"}, "no topic"),
        ({"nothing": 1}, "say who"),
    ],
)
async def test_a_wish_that_cannot_be_done_is_answered_in_words(
    running: Running, wish: dict[str, Any], words: str
) -> None:
    answer = await running.wish(**wish)
    assert not answer["ok"] and words in answer["error"]


async def test_no_page_of_somebody_else_may_send_wishes(running: Running) -> None:
    answer = await running.client.post("/control", content='{"who": "Ada", "says": "x"}')
    assert answer.status_code == 415


async def test_there_is_a_page_for_people(running: Running) -> None:
    answer = await running.client.get("/")
    assert answer.status_code == 200 and "Stand-in for Telegram" in answer.text


async def test_it_ends_in_peace(running: Running) -> None:
    running.process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(running.process.wait(), 10) == 0
