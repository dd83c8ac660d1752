"""A kind of due rows for tests of the engines: it takes what is due in webhook deliveries and remembers whose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.base import clock, due, work
from bot.base.database import Database, table
from bot.tables.events import WebhookDelivery

ROWS = table(WebhookDelivery)


class Deliveries:
    """Work on every due row at once; `done` has their keys in the order of doing."""

    def __init__(self, database: Database, *, limit: int = 50, worker: int = 1, pause: float = 0) -> None:
        self.database, self.limit, self.worker, self.pause = database, limit, worker, pause
        self.done: list[str] = []
        self.looks = 0
        self.fail = 0

    def kind(self, name: str = "webhooks") -> work.Kind:
        return work.Kind(name, self.run, self.next_due)

    async def run(self) -> int:
        self.looks += 1
        if self.fail:
            self.fail -= 1
            raise OSError("a crash in the middle of a batch")
        async with self.database.transaction() as session:
            rows = await due.claim(session, due.Claim(ROWS, self.limit), self.worker, clock.now())
            await asyncio.sleep(self.pause)
            finished = sa.update(ROWS).where(ROWS.c.id.in_([row["id"] for row in rows]))
            await session.execute(finished.values(due_at=None, lease_until=None, status="done"))
        self.done += [row["delivery_key"] for row in rows]
        return len(rows)

    async def next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            return await due.next_due(session, ROWS)


async def deliver(database: Database, *keys: str, after: float = 0, kick: str | None = None) -> None:
    """Rows that fall due in `after` seconds, with a kick or without."""
    async with database.transaction() as session:
        for key in keys:
            moment = clock.now()
            session.add(
                WebhookDelivery(
                    system="shopify",
                    topic="x",
                    delivery_key=key,
                    received_at=moment,
                    due_at=moment + timedelta(seconds=after),
                )
            )
        if kick:
            work.kick(session, kick)


@asynccontextmanager
async def serving(engine: work.Engine, *kinds: work.Kind) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    running = asyncio.create_task(engine.serve(list(kinds), stop))
    try:
        await asyncio.sleep(0.2)
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(running, 15)


async def until(found: object, seconds: float = 5.0) -> None:
    """Wait until the callable `found` says yes."""
    assert callable(found)
    async with asyncio.timeout(seconds):
        while not found():
            await asyncio.sleep(0.01)
