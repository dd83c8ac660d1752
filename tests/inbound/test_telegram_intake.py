"""Polling and webhook against the stand-in: stored before acknowledged, one reader at a time, no forged update."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import structlog
import uvicorn
from fastapi import FastAPI
from telegram_world import World, world

from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.inbound.telegram import setup, webhook
from bot.inbound.telegram.polling import Polling
from bot.tables.chat import TelegramUpdate

UPDATES = table(TelegramUpdate)
KINDS = ["message", "callback_query"]
SECRET = "a-secret-of-the-webhook"


@pytest.fixture
async def here(database: Database, texts: Texts) -> AsyncIterator[World]:
    async with world(database, texts) as made:
        yield made


async def stored(here: World) -> int:
    async with here.database.reading() as session:
        return int(await session.scalar(sa.select(sa.func.count()).select_from(UPDATES)) or 0)


async def wait_for_stored(here: World, count: int) -> None:
    async with asyncio.timeout(10):
        while await stored(here) < count:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def polling(here: World, worker: int = 1) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(Polling(here.database, here.bot, worker, KINDS).poll(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)


async def test_updates_are_acknowledged_only_after_they_are_stored(here: World) -> None:
    ada = here.telegram.shopper(7, "Ada")
    async with polling(here):
        for number in range(5):
            ada.says(str(number))
        await wait_for_stored(here, 5)
        await here.telegram.wait_for(lambda: not here.telegram.updates.pending)
    async with here.database.transaction() as session:
        await session.execute(sa.text("ALTER TABLE telegramupdate RENAME TO broken"))
    async with polling(here):
        ada.says("while the database is broken")
        await asyncio.sleep(0.3)
        assert len(here.telegram.updates.pending) == 1
    async with here.database.transaction() as session:
        await session.execute(sa.text("ALTER TABLE broken RENAME TO telegramupdate"))
    async with polling(here):
        await wait_for_stored(here, 6)


async def test_an_update_that_aiogram_cannot_read_does_not_stop_the_others(here: World) -> None:
    here.telegram.updates.add_raw({"update_id": 5, "message": {"message_id": "not a number"}})
    here.telegram.updates.add_raw({"update_id": 6, "thing_of_next_year": {"from": {"id": 7}}})
    async with polling(here):
        here.telegram.shopper(7, "Ada").says("hello")
        await wait_for_stored(here, 3)


async def test_polling_takes_a_forgotten_webhook_away_first(here: World) -> None:
    here.telegram.updates.set_webhook("http://127.0.0.1:9/nobody", "")
    async with polling(here):
        here.telegram.shopper(7, "Ada").says("hello")
        await wait_for_stored(here, 1)


async def test_two_processes_never_poll_at_once(here: World) -> None:
    ada = here.telegram.shopper(7, "Ada")
    async with polling(here, 1), polling(here, 2):
        for number in range(10):
            ada.says(str(number))
            await asyncio.sleep(0.02)
        await wait_for_stored(here, 10)
    assert here.telegram.called("getUpdates"), "somebody asked"
    assert len(here.telegram.called("deleteWebhook")) == 1


async def test_troubles_of_telegram_are_waited_out(here: World) -> None:
    for kind in ("bad_gateway", "lost", "broken"):
        here.telegram.faults.add(kind, method="getUpdates")
    here.telegram.faults.add("flood", method="getUpdates", seconds=1)
    async with polling(here):
        here.telegram.shopper(7, "Ada").says("still here")
        await wait_for_stored(here, 1)


async def test_a_wrong_token_is_said_clearly_and_the_program_stays_up(here: World) -> None:
    here.telegram.token = "1:another"
    with structlog.testing.capture_logs() as said:
        async with polling(here) as task:
            await asyncio.sleep(0.3)
            assert not task.done()
    assert any("does not know telegram.token" in entry["event"] for entry in said)


@asynccontextmanager
async def web(here: World) -> AsyncIterator[str]:
    app = FastAPI()
    app.include_router(webhook.routes(here.database, SECRET))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def test_the_webhook_stores_what_telegram_posts(here: World) -> None:
    async with web(here) as url:
        await setup.announce_webhook(here.bot, url, SECRET, KINDS)
        here.telegram.shopper(7, "Ada").says("hello")
        await here.telegram.wait_for(lambda: here.telegram.updates.delivered == 1)
        assert await stored(here) == 1


@pytest.mark.parametrize(
    ("path", "header", "body", "status"),
    [
        (webhook.path(SECRET), SECRET, b'{"update_id": 1}', 200),
        (webhook.path(SECRET), "forged", b'{"update_id": 1}', 403),
        (webhook.path(SECRET), None, b'{"update_id": 1}', 403),
        ("/telegram/guessed", SECRET, b'{"update_id": 1}', 404),
        (webhook.path(SECRET), SECRET, b"{not json", 400),
        (webhook.path(SECRET), SECRET, b"[1, 2]", 400),
        (webhook.path(SECRET), SECRET, b'{"update_id": "one"}', 400),
    ],
)
async def test_only_telegram_gets_in(here: World, path: str, header: str | None, body: bytes, status: int) -> None:
    app = FastAPI()
    app.include_router(webhook.routes(here.database, SECRET))
    headers = {"X-Telegram-Bot-Api-Secret-Token": header} if header else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post(path, content=body, headers=headers)
    assert answer.status_code == status
    assert await stored(here) == (1 if status == 200 else 0)


async def test_a_good_setup_has_no_findings(here: World) -> None:
    assert await setup.check(here.bot, here.group) == []


async def test_each_fault_of_the_setup_is_named(here: World) -> None:
    async def words(group: int | None) -> list[str]:
        return [str(finding) for finding in await setup.check(here.bot, group)]

    here.telegram.group.is_forum = False
    here.telegram.group.bot_manages_topics = False
    found: Any = await words(here.group)
    assert "topics are off" in found[0] and "manage topics" in found[1]
    assert "cannot see the chat -5" in (await words(-5))[0]
    assert "reach nobody" in (await words(None))[0]
    here.telegram.token = "1:another"
    assert "telegram.token" in (await words(here.group))[0]


async def test_the_menu_of_commands_is_set_in_both_languages(here: World) -> None:
    await setup.set_commands(here.bot, here.ground.texts, (here.group,))
    menus = here.telegram.chats.commands
    assert {language for _, language in menus} == {"", "zh"}
    assert [one["command"] for one in menus["chat", "zh"]] == list(setup.STAFF_COMMANDS)
