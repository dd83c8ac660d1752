"""Two processes share the due rows of one PostgreSQL; one of them dies in the middle."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import migrated
import pytest
from program import Program

from automations.definition import flow_files, versions
from bot.base import clock
from bot.base.database import Database, table
from bot.tables.automations import Enrolment
from bot.tables.people import Contact

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

COUNT = 20_000
_FLOW = """
title = "Two waits"
about = "cart"
priority = "cart"
[trigger]
events = ["Product Added"]
[enrol]
key = "cart:{cart_id}"
[[steps]]
id = "wait"
wait = "1h"
[[steps]]
id = "rest"
wait = "1h"
[[steps]]
id = "mail"
send = "abandoned_cart"
"""
# The witness: every step of an enrolment writes a line of its own, with the process that made it.
_WITNESS = """
CREATE TABLE witness (enrolment_id bigint, worker bigint);
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO witness VALUES (NEW.id, OLD.lease_by); RETURN NEW; END $$;
CREATE TRIGGER witness AFTER UPDATE ON enrolment FOR EACH ROW
  WHEN (OLD.step_id <> NEW.step_id) EXECUTE FUNCTION witness();
"""


@pytest.fixture
def url(postgres_server: str) -> str:
    """A migrated database of its own, with the witness."""
    return migrated.create(postgres_server, "aftercart_test_two", _WITNESS)


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(url)
    yield opened
    await opened.close()


async def _fill(database: Database, flows: Path) -> None:
    now, rows = clock.now(), table(Enrolment)
    async with database.transaction() as session:
        version = (await versions.publish(session, flow_files.load([flows]), now))["two_waits"]
        contact = Contact(created_at=now)
        session.add(contact)
        await session.flush()
        values = {
            "flow": "two_waits", "version_id": version, "contact_id": contact.id, "status": "active", "step_id": "wait",
            "anchor_ts": now, "entered_at": now, "step_entered_at": now, "planned_at": now, "due_at": now,
            "context": {}, "attempts": 0, "resets": 0,
        }  # fmt: skip
        await session.execute(rows.insert(), [{**values, "dedupe_key": str(number)} for number in range(COUNT)])


async def _until(connection: asyncpg.Connection, query: str, least: int, seconds: float) -> int:
    end = time.monotonic() + seconds
    while (found := await connection.fetchval(query)) < least:
        assert time.monotonic() < end, f"{query}: {found} of {least} after {seconds} s"
        await asyncio.sleep(0.02)
    return int(found)


async def test_each_due_row_is_done_once_by_two_workers_though_one_is_killed(
    connection: asyncpg.Connection, url: str, tmp_path: Path
) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "two_waits.toml").write_text(_FLOW, "utf-8")
    config = {"database": {"url": url}, "automations": {"flows_folder": str(flows)}}
    workers = [Program(tmp_path, {**config, "web": {}}, only=("work",)) for _ in range(2)]
    try:
        for worker in workers:
            worker.start(wait=False)
        await _until(connection, "SELECT count(*) FROM worker", 2, 30)
        await asyncio.sleep(1)
        database = Database(url)
        await _fill(database, flows)
        await database.close()
        before = await _until(connection, "SELECT count(*) FROM witness", COUNT // 10, 60)
        workers[0].kill()
        assert before < COUNT, "the victim must die while rows are left"
        await _until(connection, "SELECT count(DISTINCT enrolment_id) FROM witness", COUNT, 120)
    finally:
        for worker in workers:
            worker.kill()
    assert await connection.fetchval("SELECT count(*) FROM witness") == COUNT
    assert await connection.fetchval("SELECT count(*) FROM enrolment WHERE step_id = 'rest'") == COUNT
    shares = await connection.fetch("SELECT worker, count(*) AS done FROM witness GROUP BY worker")
    assert len(shares) == 2 and min(row["done"] for row in shares) > 0
