import asyncio
from datetime import datetime

import pytest
import sqlalchemy as sa
from conftest import NOON
from sqlalchemy.exc import SQLAlchemyError, StatementError

from bot.base import work
from bot.base.database import Database, table
from bot.tables.settings import Setting

ROWS = table(Setting)


async def _set(database: Database, name: str, value: object) -> None:
    async with database.transaction() as session:
        session.add(Setting(name=name, value=value, changed_at=NOON))


async def test_a_naive_datetime_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="naive"):
        async with database.transaction() as session:
            session.add(Setting(name="x", value=1, changed_at=datetime(2026, 1, 1)))  # noqa: DTZ001


async def test_what_raises_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as session:
            session.add(Setting(name="x", value=1, changed_at=NOON))
            await session.flush()
            raise ZeroDivisionError
    async with database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(ROWS)) == 0


async def test_no_update_is_lost_among_many_writers(database: Database) -> None:
    await _set(database, "count", 0)

    async def add_one() -> None:
        async with database.transaction() as session:
            await session.execute(sa.select(ROWS).where(ROWS.c.name == "count").with_for_update())
            value = await session.scalar(sa.select(ROWS.c.value).where(ROWS.c.name == "count"))
            await session.execute(sa.update(ROWS).values(value=value + 1))

    await asyncio.gather(*(add_one() for _ in range(50)))
    async with database.reading() as session:
        assert await session.scalar(sa.select(ROWS.c.value)) == 50


async def test_a_transaction_inside_a_transaction_is_a_programming_error(database: Database) -> None:
    with pytest.raises(RuntimeError, match="inside"):
        async with database.transaction(), database.transaction():
            pass


async def test_kicks_are_heard_after_the_commit_and_not_after_a_rollback(database: Database) -> None:
    heard: list[set[str]] = []
    database.after_commit = heard.append
    async with database.transaction() as session:
        work.kick(session, "events")
        assert heard == []
    assert heard == [{"events"}]
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as session:
            work.kick(session, "events")
            raise ZeroDivisionError
    assert heard == [{"events"}]


async def test_an_error_does_not_repeat_what_people_wrote(database: Database) -> None:
    with pytest.raises(SQLAlchemyError) as raised:
        async with database.transaction() as session:
            await session.execute(sa.text("INSERT INTO no_such_table VALUES (:words)"), {"words": "my private words"})
    assert "private" not in str(raised.value)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_write_that_is_cancelled_leaves_all_or_nothing_and_the_next_one_goes_on(database: Database) -> None:
    async def write(name: str, count: int) -> None:
        rows = [{"name": f"{name}:{number}", "value": "x" * 500, "changed_at": NOON} for number in range(count)]
        async with database.transaction() as session:
            await session.execute(sa.insert(ROWS), rows)

    await write("first", 1)
    for pause in (0.004, 0.01, 0.02):
        writing = asyncio.create_task(write(f"cut:{pause}", 2000))
        await asyncio.sleep(pause)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await asyncio.wait_for(write(f"next:{pause}", 2), 5)
        mine = sa.select(sa.func.count()).where(ROWS.c.name.startswith(f"cut:{pause}:"))
        async with database.reading() as session:
            assert await session.scalar(mine) in (0, 2000)
