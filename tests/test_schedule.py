import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from working import Deliveries, deliver, serving, until

from bot.base import clock
from bot.base.database import Database
from bot.base.work import Kind
from bot.schedule import InProcess, Line, repeat_here, trigger

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def other_process(database_url: str) -> AsyncIterator[Database]:
    """The same database as another process has it open: nothing that is done there is heard of here."""
    opened = Database(database_url)
    yield opened
    await opened.close()


async def test_a_kick_starts_work_long_before_the_next_look(database: Database) -> None:
    work = Deliveries(database)
    async with serving(InProcess(database), work.kind()):
        began = time.monotonic()
        await deliver(database, "a", kick="webhooks")
        await until(lambda: work.done == ["a"])
        assert time.monotonic() - began < 5


async def test_a_row_is_done_when_its_time_comes_without_anybody_kicking(database: Database) -> None:
    work = Deliveries(database)
    async with serving(InProcess(database), work.kind()):
        await deliver(database, "later", after=0.4, kick="webhooks")
        await asyncio.sleep(0.2)
        assert work.done == []
        await until(lambda: work.done == ["later"], 0.6)


async def test_what_falls_due_during_a_look_waits_for_nobody(database: Database) -> None:
    looks: list[float] = []

    async def run() -> int:
        looks.append(time.monotonic())
        await asyncio.sleep(0.05)
        return 0

    async def next_due() -> datetime | None:
        return clock.now() - timedelta(milliseconds=20) if len(looks) == 1 else None

    async with serving(InProcess(database), Kind("late", run, next_due)):
        await until(lambda: len(looks) >= 2)
        assert looks[1] - looks[0] < 0.14  # rows that somebody else holds are left alone for 0.1 s more


async def test_rows_of_another_process_are_noticed_by_the_tick(database: Database, other_process: Database) -> None:
    work = Deliveries(database)
    async with serving(InProcess(database), work.kind()):
        await deliver(other_process, "b")
        await until(lambda: work.done == ["b"], 2.5)


async def test_an_idle_engine_does_not_look_at_its_tables(database: Database) -> None:
    work = Deliveries(database)
    async with serving(InProcess(database), work.kind()):
        await asyncio.sleep(1.2)  # the first tick has seen the database now
        before = work.looks
        await asyncio.sleep(2.2)
        assert work.looks == before


async def test_a_crash_is_tried_again_and_other_kinds_go_on(database: Database) -> None:
    broken, sound = Deliveries(database), Deliveries(database)
    broken.fail = 1
    async with serving(InProcess(database), broken.kind("broken"), sound.kind()):
        await deliver(database, "c", kick="webhooks")
        await until(lambda: sound.done == ["c"], 0.9)
        await until(lambda: broken.looks > 1, 3)


async def test_a_batch_in_work_is_finished_before_the_stop(database: Database) -> None:
    work = Deliveries(database, pause=0.5)
    async with serving(InProcess(database), work.kind()):
        await deliver(database, "d", kick="webhooks")
        await asyncio.sleep(0.1)
        assert work.done == []
    assert work.done == ["d"]


async def test_a_storm_of_kicks_is_a_few_looks(database: Database) -> None:
    work = Deliveries(database)
    engine = InProcess(database)
    async with serving(engine, work.kind()):
        before = work.looks
        for number in range(50):
            await deliver(database, f"row {number}", kick="webhooks")
        await until(lambda: len(work.done) == 50)
        assert work.looks - before <= 110


async def test_a_repeating_job_runs_on_time_and_survives_its_own_failure(database: Database) -> None:
    runs = []

    async def job() -> None:
        runs.append(1)
        raise OSError("the relay is away")

    engine = InProcess(database)
    engine.every("* * * * * *", "each second", job)
    async with serving(engine):
        await until(lambda: len(runs) >= 2, 4)


async def test_what_a_process_must_do_itself_is_done_in_each_and_survives_its_own_failure(database_url: str) -> None:
    runs, stop = list[int](), asyncio.Event()

    def jobs(process: int) -> dict[str, Callable[[], Awaitable[None]]]:
        async def job() -> None:
            runs.append(process)
            raise OSError("the disk is away")

        return {"look": job}

    line = Line("look", "* * * * * *", "something in memory", in_each=True)
    processes = [asyncio.create_task(repeat_here([line], jobs(one), stop)) for one in (1, 2)]
    await until(lambda: min(runs.count(1), runs.count(2)) >= 2, 10)
    stop.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*processes)


def test_seconds_stand_last_in_a_cron_line_of_six_fields(database_url: str) -> None:
    assert "second='30'" in str(trigger("5 4 * * * 30"))
    assert "minute='5'" in str(trigger("5 4 * * *"))
    with pytest.raises(ValueError, match="no cron line"):
        trigger("5 4")
