"""What every test may ask for: a real database (SQLite and PostgreSQL in turn) and the two languages' texts."""

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import postgres
import pytest
import structlog
from sqlmodel import SQLModel

from bot import tables
from bot.base import paths
from bot.base.database import Database
from bot.base.texts import Texts

assert tables

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday without surprises, for tests that need a `now`."""


WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
"""Databases on a server that several test processes share have this in their names."""


async def _create(url: str) -> None:
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    await database.close()


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Commands set up logging for the whole process: not for the tests after theirs."""
    handlers, level, told = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield
    if structlog.get_config() != told:
        structlog.configure(**told)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_create(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL with a database `aftercart_template` that has every table."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.server() as url:
        asyncio.run(
            _sql(
                f"{url}/postgres",
                f"DROP DATABASE IF EXISTS aftercart_template{WORKER}",
                f"CREATE DATABASE aftercart_template{WORKER}",
            )
        )
        asyncio.run(_create(f"{url}/aftercart_template{WORKER}"))
        yield url


async def _sql(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database with every table and no row."""
    if request.param == "sqlite":
        file = tmp_path / "aftercart.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    server, name = request.getfixturevalue("postgres_server"), f"aftercart_test{WORKER}"
    asyncio.run(postgres.empty(server, name, f"aftercart_template{WORKER}"))
    yield f"{server}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table, as a shop has it before the first start."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new.db"
    server, name = str(request.getfixturevalue("postgres_server")), f"aftercart_test_empty{WORKER}"
    asyncio.run(_sql(f"{server}/postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}"))
    return f"{server}/{name}"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def texts() -> Texts:
    return Texts([paths.templates()])
