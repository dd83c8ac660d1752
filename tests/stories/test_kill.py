"""kill -9 at random moments of both routes: no shopper's message is lost, no answer, none goes astray, no mail doubled.

`AFTERCART_KILL_ROUNDS` (default 50) sets how often, `AFTERCART_KILL_SEED` where in time.
"""

import asyncio
import os
import random
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from program import Program, taking

from bot.base import paths
from bot.demo import mail_catcher
from bot.demo.telegram import Telegram
from bot.demo.telegram_people import Shopper, Staff

ROUNDS = int(os.environ.get("AFTERCART_KILL_ROUNDS", "50"))
SEED = int(os.environ.get("AFTERCART_KILL_SEED", "20260304"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + ROUNDS * 12)]


def _flows(folder: Path) -> str:
    """Our own flow with a wait of a second instead of an hour."""
    folder.mkdir()
    source = paths.templates().parent / "automations" / "flows" / "abandoned_checkout.toml"
    text = source.read_text("utf-8").replace('wait = "1h"', 'wait = "1s"', 1)
    assert 'wait = "1s"' in text
    (folder / source.name).write_text(text, "utf-8")
    return str(folder)


class Day:
    """What everybody did, and what must have come out in the end."""

    def __init__(self, telegram: Telegram, catcher: mail_catcher.Catcher, program: Program, url: str) -> None:
        self.telegram, self.catcher, self.program, self.url = telegram, catcher, program, url
        self.mia: Staff = telegram.staff(1, "Mia")
        self.shoppers: list[Shopper] = []
        self.asked: dict[str, Shopper] = {}
        self.answers: dict[str, Shopper] = {}
        self.buyers: list[str] = []
        self._posting: set[asyncio.Task[None]] = set()

    def act(self, number: int, choose: random.Random) -> None:
        """A round: somebody new asks for a human, somebody known goes on, staff answer, somebody leaves a checkout."""
        shopper = self.telegram.shopper(1000 + number, f"Shopper{number}")
        self.shoppers.append(shopper)
        self._ask(shopper, f"I want to talk to a human please, case {number:03}")
        for known in choose.sample(self.shoppers[:-1], min(2, len(self.shoppers) - 1)):
            self._ask(known, f"one more thing in round {number:03} from {known.id}")
        for known in choose.sample(self.shoppers[:-1], min(2, len(self.shoppers) - 1)):
            self._answer(known, f"answer in round {number:03} to {known.id}")
        buyer = f"buyer{number:03}@example.com"
        self.buyers.append(buyer)
        task = asyncio.create_task(self._leave_checkout(number, buyer))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    def _ask(self, shopper: Shopper, text: str) -> None:
        shopper.says(text)
        self.asked[text] = shopper

    def _answer(self, shopper: Shopper, text: str) -> None:
        topic = self.telegram.topic_of(f"case {shopper.id - 1000:03}")
        if topic is not None:
            self.mia.says("/take", topic.thread_id)
            self.mia.says(text, topic.thread_id)
            self.answers[text] = shopper

    async def _leave_checkout(self, number: int, email: str) -> None:
        """As a Segment client does it: again until the answer is 200, with the same message ids."""
        person = {"userId": f"u{number}", "writeKey": "key"}
        traits = {"email": email, "firstName": "Bea", "marketing_consent": True}
        product = {"product_id": "1001", "name": "Mug", "price": 18, "quantity": 1, "url": "https://shop.example/p/1"}
        checkout = {
            "checkout_id": f"c{number}",
            "order_id": f"o{number}",
            "value": 18,
            "currency": "EUR",
            "products": [product],
        }
        batch = [
            {"type": "identify", "messageId": f"i{number}", "traits": traits, **person},
            {"type": "track", "event": "Checkout Started", "messageId": f"t{number}", "properties": checkout, **person},
        ]
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                try:
                    answer = await client.post(f"{self.url}/v1/batch", json={"batch": batch, "writeKey": "key"})
                    if answer.status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)

    async def settle(self, timeout: float) -> None:
        """Until everything that must come out has, or time is up (then `missing` tells what)."""
        end = time.monotonic() + timeout
        while time.monotonic() < end and (self.missing() or self._posting or self._mails_on_their_way()):
            await asyncio.sleep(0.2)

    def missing(self) -> list[str]:
        in_topics = "\n".join(one.text for one in self.telegram.messages(self.telegram.group.id))
        lost = [text for text in self.asked if text not in in_topics]
        lost += [
            text for text, shopper in self.answers.items() if not any(text in one.text for one in shopper.received)
        ]
        return lost

    def astray(self) -> list[str]:
        """What reached somebody whom it was not meant for: an answer, or words of two shoppers in one topic."""
        wrong = [
            text
            for text, shopper in self.answers.items()
            for other in self.shoppers
            if other is not shopper and any(text in one.text for one in other.received)
        ]
        for topic in self.telegram.group.topics.values():
            inside = "\n".join(one.text for one in self.telegram.messages(self.telegram.group.id, topic.thread_id))
            if len({shopper.id for text, shopper in self.asked.items() if text in inside}) > 1:
                wrong.append(topic.name)
        return wrong

    def rows(self, query: str) -> list[Any]:
        connection = sqlite3.connect(self.program.folder / "aftercart.db", timeout=30)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def _mails_on_their_way(self) -> bool:
        settled = self.rows("SELECT count(*) FROM message WHERE purpose = 'marketing' AND due_at IS NULL")[0][0]
        return int(settled) < len(self.buyers)


async def test_fifty_sudden_deaths_lose_nothing_and_double_no_mail(tmp_path: Path) -> None:
    choose = random.Random(SEED)
    async with Telegram() as telegram, mail_catcher.catch() as catcher:
        config = {
            "database": {"url": f"sqlite:///{tmp_path / 'aftercart.db'}"},
            "telegram": {
                "token": telegram.token,
                "api_base": telegram.url,
                "staff_chat_id": telegram.group.id,
                "group_messages_per_minute": 10_000,  # a day of a busy desk in a few minutes
            },
            "mail": {"smtp_url": catcher.url},
            "events": taking("key"),
            "support": {"undo": "0s"},
            "automations": {"flows_folder": _flows(tmp_path / "flows"), "quiet_hours": "off", "frequency_cap": []},
        }
        with Program(tmp_path, config) as program:
            day = Day(telegram, catcher, program, program.url)
            for number in range(ROUNDS):
                day.act(number, choose)
                await asyncio.sleep(choose.uniform(0.0, 2.0))
                program.kill()
                program.start(wait=False)
                await asyncio.sleep(choose.uniform(0.5, 2.0))
            await asyncio.to_thread(program.wait_until_healthy)
            await day.settle(timeout=90 + 3 * ROUNDS)
            assert day.missing() == []
            assert day.astray() == []
            mails = Counter(mail.receivers[0] for mail in catcher.mails)
            outcomes = dict(day.rows("SELECT receiver, status FROM message WHERE purpose = 'marketing'"))
    assert [to for to, count in mails.items() if count > 1] == []
    assert sorted(outcomes) == sorted(day.buyers)
    without = {to: outcomes[to] for to in day.buyers if not mails[to]}
    assert set(without.values()) <= {"unknown"}, "a mail that never left must say that nobody knows"
