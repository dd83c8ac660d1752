"""kill -9 between every two steps of the relay, both ways: one copy in the topic and one at the shopper.

The stand-in for Telegram kills the program when a certain call comes: before it is done (nothing was sent) or after it
was done (sent, and nobody heard of it).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from program import Program

from bot.demo.telegram import Telegram
from bot.demo.telegram_people import Shopper

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Death:
    """The program dies when this method is called with these words: before or after it is done.

    `together`: only when so many calls of it are done, and none of them is answered.
    """

    method: str
    words: str
    after: bool
    together: int = 1


class Deadly(Telegram):
    """A stand-in that can kill the program."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.death: Death | None = None
        self.died = asyncio.Event()
        self.kill: Callable[[], None] = lambda: None

    async def _call(
        self, run: Callable[[Mapping[str, Any]], Awaitable[Any]], method: str, values: Mapping[str, Any]
    ) -> web.Response:
        death = self.death
        if death is None or method != death.method or death.words not in str(dict(values)):
            return await super()._call(run, method, values)
        death.together -= 1
        if death.after:
            await super()._call(run, method, values)
        if death.together > 0:
            await self.died.wait()
            return web.Response(status=502)
        self.death = None
        self.kill()
        self.died.set()
        return web.Response(status=502)


class Desk:
    def __init__(self, telegram: Deadly, program: Program) -> None:
        self.telegram, self.program = telegram, program
        self.ada: Shopper = telegram.shopper(7, "Ada")
        self.ben: Shopper = telegram.shopper(8, "Ben")
        self.mia = telegram.staff(1, "Mia")
        telegram.kill = program.kill

    def in_topics(self, words: str) -> int:
        return sum(words in one.text for one in self.telegram.messages(self.telegram.group.id) if one.by_bot)

    def at_ada(self, words: str) -> int:
        return sum(words in one.text for one in self.ada.received)

    async def dies(self, method: str, words: str, *, after: bool, act: Callable[[], Any], together: int = 1) -> None:
        """Let it happen, wait for the death, and start the program again."""
        self.telegram.died.clear()
        self.telegram.death = Death(method, words, after, together)
        act()
        await self.telegram.wait_for(lambda: self.telegram.death is None, 60)
        await self.starts()

    async def starts(self) -> None:
        await asyncio.to_thread(self.program.start, wait=False)
        await asyncio.to_thread(self.program.wait_until_healthy, 90)


async def test_whenever_it_dies_there_is_one_copy_in_the_topic_and_one_at_the_shopper(tmp_path: Path) -> None:
    async with Deadly() as telegram:
        config = {
            "database": {"url": f"sqlite:///{tmp_path / 'aftercart.db'}"},
            "telegram": {
                "token": telegram.token, "api_base": telegram.url, "staff_chat_id": telegram.group.id,
                "group_messages_per_minute": 10_000,
            },
            "support": {"undo": "0s"},
        }  # fmt: skip
        program = Program(tmp_path, config)
        desk = Desk(telegram, program)
        try:
            await desk.starts()
            await _from_the_shopper(desk)
            await _to_the_shopper(desk)
            await _from_many_at_once(desk)
        finally:
            program.kill()


async def _from_the_shopper(desk: Desk) -> None:
    ada, telegram = desk.ada, desk.telegram
    first = "I want to talk to a human please"
    await desk.dies("createForumTopic", "#1001", after=False, act=lambda: ada.says(first))
    await telegram.wait_for(lambda: desk.in_topics(first), 60)
    other = "another human matter, a real person please"
    await desk.dies("createForumTopic", "#1002", after=True, act=lambda: desk.ben.says(other))
    await telegram.wait_for(lambda: desk.in_topics(other), 60)
    # Stored, not yet acknowledged: the next call for updates kills it before it is answered.
    await desk.dies("getUpdates", "offset", after=False, act=lambda: ada.says("stored and applied"))
    await telegram.wait_for(lambda: desk.in_topics("stored and applied"), 60)
    await desk.dies("sendMessage", "never handed over", after=False, act=lambda: ada.says("never handed over"))
    await telegram.wait_for(lambda: desk.in_topics("never handed over"), 60)
    await desk.dies("sendMessage", "handed over, not recorded", after=True, act=lambda: _two_lines(desk))
    await telegram.wait_for(lambda: desk.in_topics("and one behind it"), 60)
    await asyncio.sleep(1)
    said = (first, "stored and applied", "never handed over", "handed over, not recorded", "and one behind it")
    assert {words: desk.in_topics(words) for words in said} == dict.fromkeys(said, 1)
    assert [topic.name for topic in telegram.group.topics.values()] == ["#1001 Ada", "#1002 Ben"]


def _two_lines(desk: Desk) -> None:
    desk.ada.says("handed over, not recorded")
    desk.ada.says("and one behind it")


async def _to_the_shopper(desk: Desk) -> None:
    telegram, mia = desk.telegram, desk.mia
    topic = next(iter(telegram.group.topics))
    mia.says("/take", topic)
    await desk.dies("sendMessage", "answer one", after=False, act=lambda: mia.says("answer one", topic))
    await telegram.wait_for(lambda: desk.at_ada("answer one"), 60)
    await desk.dies("sendMessage", "answer two", after=True, act=lambda: mia.says("answer two", topic))
    await telegram.wait_for(lambda: any("answer two" in one.text and one.reactions for one in _by(desk)), 60)
    assert {words: desk.at_ada(words) for words in ("answer one", "answer two")} == {"answer one": 1, "answer two": 1}


def _by(desk: Desk) -> list[Any]:
    return [one for one in desk.telegram.messages(desk.telegram.group.id) if not one.by_bot]


async def _from_many_at_once(desk: Desk) -> None:
    """It dies while topics of several are asked for: each answer goes to the one in whose topic it stands."""
    telegram, many = desk.telegram, [desk.telegram.shopper(20 + number, f"Cleo{number}") for number in range(3)]

    def write() -> None:
        for shopper in many:
            shopper.says(f"I want to talk to a human, {shopper.id}")

    await desk.dies("createForumTopic", "Cleo", after=True, act=write, together=len(many))
    await telegram.wait_for(lambda: all(desk.in_topics(f"a human, {shopper.id}") for shopper in many), 60)
    names = [topic.name.partition(" ")[2] for topic in telegram.group.topics.values()]
    assert sorted(names) == ["Ada", "Ben", "Cleo0", "Cleo1", "Cleo2"]
    for shopper in many:
        topic = telegram.topic_of(f"a human, {shopper.id}")
        assert topic is not None
        desk.mia.says("/take", topic.thread_id)
        desk.mia.says(f"only for {shopper.id}", topic.thread_id)
    await telegram.wait_for(lambda: all("only for" in str([one.text for one in who.received]) for who in many), 60)
    await asyncio.sleep(1)
    for shopper in many:
        answers = [one.text for one in shopper.received if "only for" in one.text]
        assert answers == [f"only for {shopper.id}"]
