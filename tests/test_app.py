import asyncio
import base64
import json
import signal
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from program import Program, taking
from working import until

from bot import schedule, start
from bot.app import App
from bot.base import config as settings
from bot.base.database import Database, table
from bot.demo.telegram import Telegram
from bot.jobs import Jobs
from bot.tables.events import Event
from bot.tables.people import Identity

KEY = "write-key"


def _post(url: str, email: str) -> None:
    body = {"type": "identify", "userId": email, "traits": {"email": email}, "messageId": f"m-{email}"}
    request = urllib.request.Request(
        f"{url}/v1/identify",
        json.dumps(body).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode(),
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer) == {"success": True}


def _ask(url: str, query: sa.Select[Any]) -> list[Any]:
    async def ask() -> list[Any]:
        database = Database(url)
        async with database.reading() as session:
            found = list(await session.scalars(query))
        await database.close()
        return found

    return asyncio.run(ask())


def _within(seconds: float, found: Callable[[], object]) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def _stored(file: Path) -> int:
    with sqlite3.connect(file) as database:
        return int(database.execute("SELECT count(*) FROM telegramupdate").fetchone()[0])


@pytest.fixture
def config(empty_url: str) -> Iterator[dict[str, Any]]:
    loaded = settings.load(None, {"AFTERCART_DATABASE__URL": empty_url})
    asyncio.run(start.migrate(loaded))
    yield {"database": {"url": empty_url}, "events": taking(KEY)}


def test_web_and_work_may_be_processes_of_their_own(config: dict[str, Any], tmp_path: Path) -> None:
    url = config["database"]["url"]
    emails = table(Identity).c.value
    with Program(tmp_path, {**config, "web": {}}, only=("web",)) as web:
        _post(web.url, "before@example.com")
        assert _ask(url, sa.select(table(Event).c.status)) == ["new"]
        worker = Program(tmp_path, {**config, "web": {}}, only=("work",))
        try:
            worker.start(wait=False)
            _within(20, lambda: "before@example.com" in _ask(url, sa.select(emails)))
            began = time.monotonic()
            _post(web.url, "after@example.com")
            _within(5, lambda: "after@example.com" in _ask(url, sa.select(emails)))
            assert time.monotonic() - began < 4
        finally:
            assert worker.stop() == 0
        assert web.stop() == 0


def test_a_web_process_of_its_own_knows_new_segments_soon(config: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "segments"
    folder.mkdir()
    automations = {"segments_folder": str(folder)}
    with Program(tmp_path, {**config, "automations": automations}, only=("web",)) as web:
        (folder / "tea_fans.toml").write_text("[[all]]\ntag = 'tea'\n", "utf-8")
        _within(20, lambda: "changed segments are in use" in web.output() and "tea_fans" in web.output())
        assert web.stop() == 0


def test_health_and_metrics_answer_and_errors_show_no_insides(config: dict[str, Any], tmp_path: Path) -> None:
    with Program(tmp_path, {**config, "web": {}}) as program:
        with urllib.request.urlopen(f"{program.url}/healthz", timeout=5) as answer:
            assert json.load(answer)["database"] == "ok"
        with urllib.request.urlopen(f"{program.url}/metrics", timeout=5) as answer:
            assert b"aftercart_overdue_seconds" in answer.read()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{program.url}/nothing-here", timeout=5)
        assert json.load(refused.value)["code"] == "not_found"


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_program_cleanly(config: dict[str, Any], tmp_path: Path, sign: signal.Signals) -> None:
    with Program(tmp_path, {**config, "web": {}}) as program:
        assert program._end(sign) == 0
        assert "Traceback" not in program.output()
    with sqlite3.connect(tmp_path / "new.db") as database:
        assert database.execute("SELECT count(*) FROM worker").fetchone() == (0,)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
async def test_the_secret_is_made_once_and_kept(empty_url: str) -> None:
    config = settings.load(None, {"AFTERCART_DATABASE__URL": empty_url})
    secrets = set()
    for _ in range(2):
        async with start.ready(config) as (_database, ground):
            secrets.add(ground.secret)
    assert len(secrets) == 1
    assert len(secrets.pop()) > 30

    own = settings.load(None, {"AFTERCART_DATABASE__URL": empty_url, "AFTERCART_WEB__SECRET": "ours"})
    async with start.ready(own) as (_database, ground):
        assert ground.secret == "ours"


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
async def test_every_line_of_the_schedule_has_its_job_and_every_job_its_line(empty_url: str) -> None:
    config = settings.load(None, {"AFTERCART_DATABASE__URL": empty_url})
    async with AsyncExitStack() as stack:
        database, ground = await stack.enter_async_context(start.ready(config))
        house = await App(config)._build(stack, database, ground, {"work"})
        assert sorted(Jobs(house).table()) == sorted(line.name for line in schedule.TABLE)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
async def test_telegram_in_webhook_mode_is_told_where_to_post_and_what_it_posts_is_stored(
    config: dict[str, Any], tmp_path: Path
) -> None:
    async with Telegram() as telegram:
        config["telegram"] = {
            "token": telegram.token,
            "api_base": telegram.url,
            "mode": "webhook",
            "webhook_secret": "a-secret-word-of-the-shop",
        }
        program = Program(tmp_path, {**config, "web": {}}, only=("web", "telegram"))
        try:
            await asyncio.to_thread(program.start)
            await until(lambda: telegram.updates.webhook, 20)
            telegram.shopper(7, "Anna").says("hello")
            async with asyncio.timeout(10):
                while not await asyncio.to_thread(_stored, tmp_path / "new.db"):
                    await asyncio.sleep(0.05)
        finally:
            await asyncio.to_thread(program.kill)
