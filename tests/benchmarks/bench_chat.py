"""From a message of a shopper to our answer at the Bot API, against a bare aiogram echo bot; memory when idle.

Both poll the same stand-in for Telegram on this machine. Ours stores the update, matches a ready answer, commits it and
sends it from the outbox; the echo bot holds everything in memory and loses it when it dies. Our rate limits are raised.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from figures import Figure, percentile
from program import Program

from bot.demo.telegram import Telegram

ONE_BY_ONE = 300
AT_ONCE = 1000
QUESTION = "How long does shipping take?"


async def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        async with _ours(Path(name)) as (telegram, program):
            ours = await _measure(telegram)
            memory = psutil.Process(program.pid).memory_info().rss / 1e6
        async with _echo() as telegram:
            echo = await _measure(telegram)
        idle = await _idle(Path(name))
    return [
        Figure(
            "chat round trip p50, ms",
            f"{ours[0]:.1f}",
            f"{echo[0]:.1f} (bare aiogram echo)",
            f"{ours[0] / echo[0]:.1f}",
        ),
        Figure("chat round trip p99, ms", f"{ours[1]:.1f}", f"{echo[1]:.1f}", f"{ours[1] / echo[1]:.1f}"),
        Figure("updates/s, 1,000 people at once", f"{ours[2]:,.0f}", f"{echo[2]:,.0f}", f"{ours[2] / echo[2]:.2f}"),
        Figure("memory of the idle program, all parts, MB", f"{idle:.0f}", f"{memory:.0f} (after the load)"),
    ]


@asynccontextmanager
async def _ours(folder: Path) -> AsyncIterator[tuple[Telegram, Program]]:
    async with Telegram() as telegram:
        with Program(folder, _config(folder, telegram)) as program:
            yield telegram, program


def _config(folder: Path, telegram: Telegram) -> dict[str, dict[str, object]]:
    return {
        "database": {"url": f"sqlite:///{folder / 'aftercart.db'}"},
        "events": {"keys": [{"name": "backend", "key": "key", "kind": "server"}]},
        "mail": {"smtp_url": "smtp://127.0.0.1:2525?tls=none"},
        "telegram": {
            "token": telegram.token, "api_base": telegram.url, "staff_chat_id": telegram.group.id,
            "messages_per_second": 100_000, "group_messages_per_minute": 100_000,
        },
    }  # fmt: skip


@asynccontextmanager
async def _echo() -> AsyncIterator[Telegram]:
    async with Telegram() as telegram:
        process = subprocess.Popen([sys.executable, __file__, telegram.url, telegram.token])
        try:
            await telegram.wait_for(lambda: telegram.called("getUpdates"), 30)
            yield telegram
        finally:
            process.kill()
            process.wait()


async def _measure(telegram: Telegram) -> tuple[float, float, float]:
    """p50 and p99 in milliseconds one by one, and answers a second when many write at once."""
    for number in range(20):
        await _round_trip(telegram, 10_000 + number)
    times = [await _round_trip(telegram, 20_000 + number) for number in range(ONE_BY_ONE)]
    people = [telegram.shopper(30_000 + number, "Ada") for number in range(AT_ONCE)]
    before = len(telegram.called("sendMessage"))
    start = time.monotonic()
    for person in people:
        person.says(QUESTION)
    await telegram.wait_for(lambda: len(telegram.called("sendMessage")) >= before + AT_ONCE, 120)
    last = telegram.called("sendMessage")[before + AT_ONCE - 1].at
    return percentile(times, 0.5), percentile(times, 0.99), AT_ONCE / (last - start)


async def _round_trip(telegram: Telegram, user_id: int) -> float:
    person = telegram.shopper(user_id, "Ada")
    start = time.monotonic()
    person.says(QUESTION)
    await telegram.wait_for(lambda: person.received, 30)
    sent = next(call for call in reversed(telegram.called("sendMessage")) if int(call.values["chat_id"]) == user_id)
    return (sent.at - start) * 1000


async def _idle(folder: Path) -> float:
    """Resident megabytes of a program with every part on and nothing to do."""
    folder = folder / "idle"
    folder.mkdir()
    async with _ours(folder) as (_telegram, program):
        await asyncio.sleep(5)
        return psutil.Process(program.pid).memory_info().rss / 1e6


def _echo_bot(url: str, token: str) -> None:
    import uvloop
    from aiogram import Bot, Dispatcher
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer
    from aiogram.types import Message

    dispatcher = Dispatcher()

    @dispatcher.message()
    async def echo(message: Message) -> None:
        await message.answer(message.text or "")

    bot = Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(url)))
    uvloop.run(dispatcher.start_polling(bot, handle_signals=False))


if __name__ == "__main__":
    _echo_bot(sys.argv[1], sys.argv[2])
