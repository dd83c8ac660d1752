"""The official Segment client, unmodified, against the real program, a real SMTP server and both databases."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import migrated
import pytest
import sqlalchemy as sa
from program import Program, taking
from segment.analytics.client import Client

from bot.base import paths
from bot.base.database import Database, table
from bot.demo import mail_catcher
from bot.tables.automations import Enrolment

pytestmark = [pytest.mark.slow]

KEY = "write-key-of-the-shop"
ADA = "ada@example.com"
PRODUCTS = [
    {"product_id": "1001", "name": "Stoneware mug", "price": 18.0, "quantity": 2, "url": "https://shop.example/mug"}
]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database as a shop has it: SQLite is made by `run`, PostgreSQL by `migrate`."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'aftercart.db'}"
    return migrated.create(request.getfixturevalue("postgres_server"), "aftercart_test_segment")


@pytest.fixture
def flows(tmp_path: Path) -> str:
    """Our own flow, its first wait three seconds instead of an hour."""
    folder = tmp_path / "flows"
    folder.mkdir()
    shipped = paths.templates().parent / "automations" / "flows" / "abandoned_checkout.toml"
    text = shipped.read_text("utf-8").replace('wait = "1h"', 'wait = "3s"', 1)
    assert 'wait = "3s"' in text
    (folder / shipped.name).write_text(text, "utf-8")
    return str(folder)


def _config(url: str, flows: str, catcher: mail_catcher.Catcher) -> dict[str, Any]:
    return {
        "database": {"url": url},
        "mail": {"smtp_url": catcher.url, "from": "Juniper & Oak <help@shop.example>"},
        "events": taking(KEY),
        "automations": {"flows_folder": flows, "quiet_hours": "off"},
    }


def _shop_around(client: Client, order_id: str | None = None) -> None:
    client.identify("ada", {"email": ADA, "firstName": "Ada", "marketing_consent": True})
    client.track("ada", "Checkout Started", _checkout("c-1"))
    if order_id:
        client.track("ada", "Order Completed", {**_checkout("c-1"), "order_id": order_id, "total": 36.0})


def _checkout(checkout_id: str) -> dict[str, Any]:
    return {"checkout_id": checkout_id, "value": 36.0, "currency": "EUR", "products": PRODUCTS}


async def _send(program: Program, act: Callable[[Client], None]) -> list[Exception]:
    """What the client could not send."""
    failures: list[Exception] = []
    client = Client(KEY, host=program.url, on_error=lambda error, _items: failures.append(error), max_retries=2)

    def run() -> None:
        act(client)
        client.flush()
        client.shutdown()

    await asyncio.to_thread(run)
    return failures


async def _enrolment(url: str, seconds: float = 15) -> sa.RowMapping:
    """The only enrolment, once it is no longer active."""
    rows = table(Enrolment)
    database = Database(url)
    try:
        end = time.monotonic() + seconds
        while True:
            async with database.reading() as session:
                found = (await session.execute(sa.select(rows))).mappings().first()
            if found is not None and found["status"] != "active":
                return found
            assert time.monotonic() < end, f"still {dict(found) if found else 'nobody enrolled'}"
            await asyncio.sleep(0.1)
    finally:
        await database.close()


async def test_the_reminder_arrives_at_the_mail_server(url: str, flows: str, tmp_path: Path) -> None:
    async with mail_catcher.catch() as catcher:
        with Program(tmp_path, _config(url, flows, catcher)) as program:
            assert await _send(program, _shop_around) == []
            (mail,) = await catcher.wait_for(1, within=20)
            assert mail.receivers == (ADA,)
            assert "Ada" in mail.part("html") and "Stoneware mug" in mail.part("plain")
            assert "€36.00" in mail.part("plain")
            assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            assert program.stop() == 0


async def test_no_reminder_when_the_order_came_in_time_and_the_reason_is_kept(
    url: str, flows: str, tmp_path: Path
) -> None:
    async with mail_catcher.catch() as catcher:
        with Program(tmp_path, _config(url, flows, catcher)) as program:
            assert await _send(program, lambda client: _shop_around(client, order_id="o-1")) == []
            ended = await _enrolment(url)
            await asyncio.sleep(4)
            assert (ended["status"], ended["exit_reason"]) == ("exited", "goal")
            assert ended["exit_event_id"] is not None
            assert catcher.mails == []
