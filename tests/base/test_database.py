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
