"""What the program leans on goes away for a while: nothing acknowledged is lost, nothing is sent twice, and it says so.

Minutes and hours are seconds here: the distances between tries are those of the program, only the outage is shorter.
"""

import asyncio
import json
import sqlite3
import time
import urllib.request
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from program import Program, free_port

from bot.base import clock
from bot.base import config as settings
from bot.base.database import Database, table
from bot.demo import mail_catcher
from bot.demo.telegram import Telegram
from bot.outbound import outbox
from bot.start import ready
from bot.tables.outbox import Message

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_rows = table(Message)


async def _queue(file: Path, count: int) -> None:
    now = clock.now()
    async with ready(settings.load(file)) as (database, _), database.transaction() as session:
        for number in range(count):
            payload = {"to": f"c{number}@example.org", "from": "service", "subject": "Hello", "text": "Hi\n"}
            await outbox.queue(
                session, channel="email", purpose="plain", receiver=f"c{number}@example.org", payload=payload,
                key=f"mail{number}", now=now, once=number % 2 == 0,
            )  # fmt: skip


async def _statuses(url: str) -> Counter[str]:
    database = Database(url)
    try:
        async with database.reading() as session:
            return Counter((await session.scalars(sa.select(_rows.c.status))).all())
    finally:
        await database.close()


def _receivers(catcher: mail_catcher.Catcher) -> Counter[str]:
    return Counter(mail.receivers[0] for mail in catcher.mails)


async def _ends(url: str, *, within: float = 60) -> Counter[str]:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not {"planned", "claimed", "handed", "deferred"} & set(found := await _statuses(url)):
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(found)


async def test_a_relay_that_is_down_gets_every_mail_once_when_it_is_back(tmp_path: Path) -> None:
    url, port = f"sqlite:///{tmp_path / 'aftercart.db'}", free_port()
    config = {"database": {"url": url}, "mail": {"smtp_url": f"smtp://127.0.0.1:{port}?tls=none"}}
    program = Program(tmp_path, config)
    await _queue(program.file, 12)
    try:
        await asyncio.to_thread(program.start)
        await asyncio.sleep(18)  # tries after 5 and 10 seconds
        down = await _statuses(url)
        assert set(down) <= {"planned", "deferred"} and sum(down.values()) == 12
        assert "the mail relay does not take mail" in program.output()
        async with mail_catcher.catch(port=port) as catcher:
            assert await _ends(url) == {"sent": 12}
            assert _receivers(catcher) == {f"c{number}@example.org": 1 for number in range(12)}
    finally:
        await asyncio.to_thread(program.kill)


async def test_stopped_in_the_middle_of_sending_it_sends_each_mail_once_over_two_lives(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'aftercart.db'}"
    async with mail_catcher.catch() as catcher:
        catcher.delay = 0.15
        program = Program(tmp_path, {"database": {"url": url}, "mail": {"smtp_url": catcher.url}})
        await _queue(program.file, 40)
        try:
            for least in (1, 12, 24):
                await asyncio.to_thread(program.start)
                await catcher.wait_for(least, 60)
                assert await asyncio.to_thread(program.stop, 30) == 0
            catcher.delay = 0
            await asyncio.to_thread(program.start)
            assert await _ends(url) == {"sent": 40}
        finally:
            await asyncio.to_thread(program.kill)
        assert _receivers(catcher) == {f"c{number}@example.org": 1 for number in range(40)}


async def test_telegram_away_then_answering_with_pages_then_in_a_storm_of_429(tmp_path: Path) -> None:
    async with Telegram() as telegram:
        config = {
            "database": {"url": f"sqlite:///{tmp_path / 'aftercart.db'}"},
            "telegram": {
                "token": telegram.token, "api_base": telegram.url, "staff_chat_id": telegram.group.id,
                "group_messages_per_minute": 10_000,
            },
            "support": {"undo": "0s"},
        }  # fmt: skip
        program, ada, mia = Program(tmp_path, config), telegram.shopper(7, "Ada"), telegram.staff(1, "Mia")
        said = [f"I want to talk to a human please, {number}" for number in range(6)]

        def shown(words: str) -> int:
            return sum(words in one.text for one in telegram.messages(telegram.group.id) if one.by_bot)

        def heard(words: str) -> int:
            return sum(words in one.text for one in ada.received)

        try:
            await asyncio.to_thread(program.start)
            ada.says(said[0])
            await telegram.wait_for(lambda: shown(said[0]) == 1, 60)
            topic = telegram.topic_of(said[0])
            assert topic is not None
            mia.says("/take", topic.thread_id)
            pages = telegram.faults.add("bad_gateway", times=100_000)
            silent = telegram.faults.add("bad_gateway", method="getUpdates", times=100_000)
            for words in said[1:3]:
                ada.says(words)
            mia.says("answer in the outage", topic.thread_id)
            await asyncio.sleep(8)
            assert "Traceback" not in program.output()
            silent.times = 0
            await asyncio.sleep(3)
            pages.times = 0
            await telegram.wait_for(lambda: all(shown(one) for one in said[:3]) and heard("in the outage") > 0, 90)
            storm = telegram.faults.add("flood", times=60, every=2, seconds=1)
            for words in said[3:]:
                ada.says(words)
            mia.says("answer in the storm", topic.thread_id)
            await asyncio.sleep(5)
            storm.times = 0
            await telegram.wait_for(lambda: all(shown(one) for one in said) and heard("in the storm") > 0, 90)
            await asyncio.sleep(2)
        finally:
            await asyncio.to_thread(program.kill)
        assert {words: shown(words) for words in said} == dict.fromkeys(said, 1)
        assert (heard("answer in the outage"), heard("answer in the storm")) == (1, 1)


def _post(program: Program, number: int) -> int:
    event = {"userId": "u1", "event": "Product Viewed", "messageId": f"m{number}", "writeKey": "page-key-of-the-shop"}
    request = urllib.request.Request(
        f"{program.url}/v1/track", json.dumps(event).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(answer.status)


async def test_while_another_process_holds_the_write_lock_nothing_is_answered_before_it_is_kept(
    tmp_path: Path,
) -> None:
    file = tmp_path / "aftercart.db"
    config: dict[str, Any] = {
        "database": {"url": f"sqlite:///{file}"},
        "events": {"keys": [{"key": "page-key-of-the-shop", "name": "site", "kind": "page"}]},
    }
    program = Program(tmp_path, config)
    try:
        await asyncio.to_thread(program.start)
        with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            posting = [asyncio.create_task(asyncio.to_thread(_post, program, number)) for number in range(4)]
            await asyncio.sleep(3)
            assert not any(one.done() for one in posting)
            other.execute("ROLLBACK")
            assert await asyncio.gather(*posting) == [200] * 4
            kept = other.execute("SELECT count(DISTINCT message_id), count(*) FROM event").fetchone()
        assert kept == (4, 4)
    finally:
        await asyncio.to_thread(program.kill)
