"""This process as a worker: written down at start, a sign of life every few seconds, its leases freed at the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bot.base import clock, due, logs
from bot.base.database import Database

log = logs.get(__name__)


@asynccontextmanager
async def working(database: Database) -> AsyncIterator[int]:
    """The worker's id. What a dead process on this machine held is free before the first row is claimed."""
    async with database.transaction() as session:
        worker = await due.register(session, clock.now())
        freed = await due.heartbeat(session, worker, clock.now())
    if freed:
        log.info("took over from a process that is gone", rows=freed)
    beating = asyncio.create_task(_beat(database, worker))
    try:
        yield worker
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        await _release(database, worker)


async def _beat(database: Database, worker: int) -> None:
    while True:
        await asyncio.sleep(due.HEARTBEAT.total_seconds())
        try:
            async with database.transaction() as session:
                await due.heartbeat(session, worker, clock.now())
        except Exception as error:  # the database is away: leases outlive a few missed beats
            log.warning("no heartbeat", worker=worker, reason=logs.clean(str(error))[:200])


async def _release(database: Database, worker: int) -> None:
    try:
        async with database.transaction() as session:
            await due.release(session, [worker])
    except Exception as error:  # the database went first: the leases end by themselves
        log.warning("leases not released", worker=worker, reason=logs.clean(str(error))[:200])
