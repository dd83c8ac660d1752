from datetime import timedelta

import httpx
from fastapi import FastAPI

from bot.base import clock
from bot.base.database import Database
from bot.inbound.web import health, metrics
from bot.tables.events import RejectedEvent, WebhookDelivery
from bot.tables.outbox import Message


def _client(database: Database) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(health.routes(database))
    app.include_router(metrics.routes(database))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def _some_late_rows(database: Database) -> None:
    now = clock.now()
    async with database.transaction() as session:
        late = {"received_at": now, "due_at": now - timedelta(seconds=90)}
        session.add(WebhookDelivery(system="shopify", topic="x", delivery_key="1", **late))
        session.add(
            Message(
                key="k",
                channel="email",
                purpose="marketing",
                receiver="anna@example.com",
                planned_at=now,
                created_at=now,
                due_at=now - timedelta(seconds=30),
            )
        )
        session.add(RejectedEvent(source="shop", reason="no name", received_at=now))


async def test_health_tells_how_late_each_kind_of_work_is(database: Database) -> None:
    await _some_late_rows(database)
    async with _client(database) as client:
        answer = await client.get("/healthz")
    assert answer.status_code == 200
    late = answer.json()["overdue_seconds"]
    assert 90 <= late["webhooks"] < 95
    assert 30 <= late["messages:email"] < 35
    assert late["events"] == 0


async def test_health_says_503_when_the_database_is_away() -> None:
    gone = Database("postgresql://nobody@127.0.0.1:1/nowhere")
    async with _client(gone) as client:
        answer = await client.get("/healthz")
    await gone.close()
    assert answer.status_code == 503
    assert answer.json()["database"] == "away"


async def test_metrics_are_numbers_without_personal_data(database: Database) -> None:
    await _some_late_rows(database)
    async with _client(database) as client:
        text = (await client.get("/metrics")).text
    assert 'aftercart_due_rows{kind="webhooks"} 1.0' in text
    assert 'aftercart_messages{channel="email",status="planned"} 1.0' in text
    assert "aftercart_events_rejected_total 1.0" in text
    assert "process_resident_memory_bytes" in text
    assert "anna@example.com" not in text
