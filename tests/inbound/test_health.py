import asyncio
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from bot.base import clock
from bot.base.config import Config
from bot.base.database import Database, table
from bot.events import leaked
from bot.inbound.web import health, metrics
from bot.tables.events import RejectedEvent, WebhookDelivery
from bot.tables.outbox import Message
from bot.tables.settings import Setting


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


async def test_names_are_for_whoever_has_the_key_and_anybody_may_count(database: Database) -> None:
    keys = [{"key": "k", "name": "crm", "kind": "server"}]
    config = Config.model_validate({"web": {"api_key": "a key of the API"}, "events": {"keys": keys}})
    async with database.transaction() as session:
        await leaked.remember(session, config.event_keys[0].digest, clock.now())
        trouble = {"-100123": ["no_rights"], "-100124": []}
        session.add(Setting(name="staff_groups_in_trouble", value=trouble, changed_at=clock.now()))
        mend = {"files": ["welcome/en.mjml:12"], "unwritten": {"secret_sale": 7}}
        session.add(Setting(name="files_to_mend", value=mend, changed_at=clock.now()))
    app = FastAPI()
    app.include_router(health.routes(database, config.event_keys, config))
    found = []
    # From this very machine as well: behind a proxy everybody comes from there.
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=("127.0.0.1", 9)), base_url="http://127.0.0.1"
    ) as client:
        for said in ("", "Bearer ", "Bearer another", "Basic a key of the API", "Bearer a key of the API"):
            found.append((await client.get("/healthz", headers={"Authorization": said} if said else {})).json())
    named, anybody = found[-1], found[:-1]
    assert named["leaked_keys"] == ["crm"] and named["staff_groups"] == {"-100123": ["no_rights"]}
    assert named["files_to_mend"] == ["welcome/en.mjml:12"] and named["unwritten_mails"] == {"secret_sale": 7}
    for answer in anybody:
        assert answer["alive"] and answer.keys() == named.keys()
        assert (answer["leaked_keys"], answer["staff_groups"]) == (1, 1)
        assert (answer["files_to_mend"], answer["unwritten_mails"]) == (1, 7)
        assert not [name for name in ("crm", "100123", "welcome", "secret_sale") if name in str(answer)]


async def test_without_a_key_in_the_configuration_nothing_opens_the_names(database: Database) -> None:
    async with _client(database) as client:
        answer = await client.get("/healthz", headers={"Authorization": "Bearer "})
    assert answer.json()["leaked_keys"] == answer.json()["staff_groups"] == 0


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


async def test_whoever_asks_for_metrics_without_end_costs_no_more_than_one(database: Database) -> None:
    statements = 0

    def counted(*_: object) -> None:
        nonlocal statements
        statements += 1

    async with _client(database) as client:
        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", counted)
        first = (await client.get("/metrics")).text
        once = statements
        answers = await asyncio.gather(*(client.get("/metrics") for _ in range(20)))
    assert all(answer.text for answer in answers) and first
    assert statements <= 5 * once


async def test_health_writes_and_says_what_keeps_it_from_that(tmp_path: Path, sqlite_template: Path) -> None:
    file = tmp_path / "aftercart.db"
    shutil.copy(sqlite_template, file)
    database = Database(f"sqlite:///{file}")
    pulse = health.Pulse(database, within=1.0)
    assert (await pulse.answer())[0] == 200
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT count(*) FROM setting WHERE name = 'healthz'").fetchone() == (1,)

    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    status, told = await health.Pulse(database, within=0.3).answer()
    assert (status, told["database"]) == (503, "locked")
    other.rollback()
    other.close()

    async with database.engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA query_only=ON")
    status, told = await health.Pulse(database).answer()
    assert (status, told["database"]) == (503, "read-only")
    await database.engine.dispose()
    assert (await health.Pulse(database).answer())[0] == 200
    await database.close()


async def test_a_full_disk_is_called_full(tmp_path: Path, sqlite_template: Path) -> None:
    file = tmp_path / "aftercart.db"
    shutil.copy(sqlite_template, file)
    full = sqlite3.connect(file, isolation_level=None)
    full.execute(f"PRAGMA max_page_count={full.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(sqlite3.OperationalError) as caught:
        full.execute("CREATE TABLE more AS SELECT zeroblob(1000000)")
    full.close()
    assert health.word(caught.value) == "full"


async def test_health_says_read_only_of_a_server_that_takes_no_writes(postgres_server: str, database: Database) -> None:
    if database.is_sqlite:
        return
    async with database.engine.connect() as connection:
        name = (await connection.exec_driver_sql("SELECT current_database()")).scalar()
        await connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await connection.commit()
    await database.engine.dispose()
    status, told = await health.Pulse(database).answer()
    assert (status, told["database"]) == (503, "read-only")


async def test_however_many_ask_health_writes_once_a_second(database: Database) -> None:
    pulse = health.Pulse(database)
    answers = await asyncio.gather(*(pulse.answer() for _ in range(500)))
    assert {status for status, _ in answers} == {200}
    async with database.reading() as session:
        rows = (await session.execute(sa.select(table(Setting)).where(table(Setting).c.name == "healthz"))).all()
    assert len(rows) == 1
    assert all(told is answers[0][1] for _, told in answers[:400])
