import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import psutil
import pytest
import sqlalchemy as sa
from working import Deliveries, deliver, serving, until

from bot.base import clock, due, work, work_postgres
from bot.base.database import Database
from bot.base.work_postgres import OnPostgres

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await work_postgres.install(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def other_process(database: Database) -> AsyncIterator[Database]:
    opened = Database(database.url)
    yield opened
    await opened.close()


async def _jobs(database: Database) -> list[str]:
    async with database.reading() as session:
        return list(await session.scalars(sa.text("SELECT entrypoint FROM pgqueuer ORDER BY id")))


async def test_a_kick_is_a_job_once_the_transaction_commits(database: Database) -> None:
    OnPostgres(database)
    await deliver(database, "a", kick="webhooks")
    assert await _jobs(database) == ["webhooks"]


async def test_a_kick_in_a_rolled_back_transaction_leaves_no_job(database: Database) -> None:
    engine = OnPostgres(database)
    with pytest.raises(OSError, match="changed our mind"):
        async with database.transaction() as session:
            work.kick(session, "webhooks")
            await engine._enqueue(session, {"webhooks"})
            raise OSError("changed our mind")
    assert await _jobs(database) == []


async def test_a_kick_of_a_process_that_only_takes_requests_starts_work_elsewhere(
    database: Database, other_process: Database
) -> None:
    OnPostgres(other_process)
    deliveries = Deliveries(database)
    async with serving(OnPostgres(database), deliveries.kind()):
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await deliver(other_process, "a", kick="webhooks")
        await until(lambda: deliveries.done == ["a"])
        assert time.monotonic() - began < 0.5
        await asyncio.sleep(0.3)
    assert await _jobs(database) == []


async def test_a_kick_in_the_working_process_needs_no_job(database: Database) -> None:
    deliveries = Deliveries(database)
    async with serving(OnPostgres(database), deliveries.kind()):
        await asyncio.sleep(0.3)
        await deliver(database, "a", kick="webhooks")
        assert await _jobs(database) == []
        await until(lambda: deliveries.done == ["a"], 0.5)


async def test_rows_without_any_kick_are_found_by_the_tick(database: Database, other_process: Database) -> None:
    deliveries = Deliveries(database)
    async with serving(OnPostgres(database), deliveries.kind()):
        await asyncio.sleep(0.5)
        await deliver(other_process, "b")
        await until(lambda: deliveries.done == ["b"], 5)


async def test_a_kick_reaches_the_holder_of_the_lane_wherever_it_lands(
    database: Database, other_process: Database
) -> None:
    holder, idle = Laned(database, 1), Laned(other_process, 2)
    await holder.run()
    async with serving(OnPostgres(database), holder.kind()), serving(OnPostgres(other_process), idle.kind()):
        await asyncio.sleep(0.5)
        for number in range(5):
            began = time.monotonic()
            await deliver(other_process, f"row {number}", kick="webhooks")
            await until(lambda: len(holder.done) == number + 1, 2)  # noqa: B023 - awaited before the next turn
            assert time.monotonic() - began < 0.5
        assert idle.done == []


class Laned(Deliveries):
    """Work that only one process may do at a time."""

    def __init__(self, database: Database, worker: int) -> None:
        super().__init__(database, worker=worker)

    async def run(self) -> int:
        async with self.database.transaction() as session:
            held = await due.hold_lane(session, "webhooks", self.worker, clock.now(), timedelta(seconds=30))
        return await super().run() if held else 0


async def test_two_processes_share_what_is_due_and_do_nothing_twice(
    database: Database, other_process: Database
) -> None:
    one, two = Deliveries(database, limit=20, worker=1), Deliveries(other_process, limit=20, worker=2)
    await deliver(database, *(str(number) for number in range(2000)))
    async with serving(OnPostgres(database), one.kind()), serving(OnPostgres(other_process), two.kind()):
        await until(lambda: len(one.done) + len(two.done) >= 2000, 30)
    assert sorted(one.done + two.done, key=int) == [str(number) for number in range(2000)]
    assert one.done
    assert two.done


async def test_a_repeating_job_runs_once_over_all_processes(database: Database, other_process: Database) -> None:
    runs: list[datetime] = []

    async def job() -> None:
        runs.append(clock.now())

    engines = [OnPostgres(database), OnPostgres(other_process)]
    for engine in engines:
        engine.every("* * * * * */2", "every other second", job)
    async with serving(engines[0]), serving(engines[1]):
        await until(lambda: len(runs) >= 3, 12)
    gaps = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(runs)]
    assert min(gaps) > 0.5


async def test_a_broken_connection_of_the_queue_is_made_again(database: Database, other_process: Database) -> None:
    OnPostgres(other_process)
    deliveries = Deliveries(database)
    async with serving(OnPostgres(database), deliveries.kind()):
        await asyncio.sleep(0.5)
        async with other_process.transaction() as session:
            await session.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aftercart'")
            )
        await asyncio.sleep(2)
        await deliver(other_process, "after", kick="webhooks")
        await until(lambda: deliveries.done == ["after"], 5)


async def test_an_idle_engine_costs_next_to_nothing(database: Database) -> None:
    kinds = [Deliveries(database).kind(f"kind {number}") for number in range(8)]
    async with serving(OnPostgres(database), *kinds):
        await asyncio.sleep(1)
        before = psutil.Process(os.getpid()).cpu_times()
        await asyncio.sleep(4)
        after = psutil.Process(os.getpid()).cpu_times()
    assert (after.user + after.system - before.user - before.system) / 4 < 0.1
