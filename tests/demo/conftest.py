"""A stand-in for Telegram where Ada has written, and a bot that asks it over plain HTTP, without aiogram."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from bot.demo.telegram import Telegram
from bot.demo.telegram_limits import Clock
from bot.demo.telegram_people import Shopper, Staff

Ask = Callable[..., Awaitable[Any]]
"""`await ask("sendMessage", chat_id=7, text="x")` is the answer as it came."""


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    """Time stands still until `telegram.clock.forward(seconds)`."""
    async with Telegram(clock=Clock(lambda: 1_790_000_000.0)) as made:
        yield made


@pytest.fixture
def ada(telegram: Telegram) -> Shopper:
    shopper = telegram.shopper(7, "Ada")
    shopper.says("hello")
    return shopper


@pytest.fixture
def anna(telegram: Telegram) -> Staff:
    return telegram.staff(50, "Anna")


@pytest.fixture
async def ask(telegram: Telegram) -> AsyncIterator[Ask]:
    async with httpx.AsyncClient(base_url=f"{telegram.url}/bot{telegram.token}/") as client:

        async def asked(method: str, **values: Any) -> Any:
            return (await client.post(method, json=values)).json()

        yield asked


@pytest.fixture
def done(ask: Ask) -> Ask:
    """As `ask`, but the result alone: the answer must be yes."""

    async def asked(method: str, **values: Any) -> Any:
        answer = await ask(method, **values)
        assert answer["ok"], answer
        return answer["result"]

    return asked


@pytest.fixture
def refused(ask: Ask) -> Ask:
    """As `ask`, but the words of the refusal alone: the answer must be no."""

    async def asked(method: str, **values: Any) -> Any:
        answer = await ask(method, **values)
        assert not answer["ok"], answer
        return answer["description"]

    return asked
