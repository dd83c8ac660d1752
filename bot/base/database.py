"""The database: one class for SQLite and PostgreSQL, `transaction()` to change rows and `reading()` to look at them.

Doors open transactions, decisions never do. What must be started after the commit is noted by `work.kick`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlmodel import SQLModel

from bot.base import binding, private, values
from bot.base import sqlite as sqlite_inline

# Every constraint has a name, or a later migration could not drop it.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

_SQLITE_WAIT = 30  # seconds that a writer of another process may keep us waiting
_INLINE = {"async_creator_fn": sqlite_inline.connector(_SQLITE_WAIT)}

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000", "secure_delete=ON")
_SCRUB = "scrub"  # in the info of a session
_SCRUB_TRIES = 25

_inside: ContextVar[bool] = ContextVar("inside_a_transaction", default=False)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware instant, milliseconds kept, UTC in and out; a naive value is a programming error."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database; use clock.now()")
        value = values.moment(value).astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Database:
    """`url` as in the configuration: `sqlite:///FILE` or `postgresql://…`.

    On SQLite one connection writes (its queue is the lock, so no writer ever spins on `database is locked`) and
    others read from a snapshot.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self._unscrubbed = False
        self.is_sqlite = url.startswith("sqlite:")
        self.before_commit: Callable[[AsyncSession, set[str]], Awaitable[None]] | None = None
        self.after_commit: Callable[[set[str]], None] | None = None
        if self.is_sqlite:
            self.engine = self._sqlite("BEGIN IMMEDIATE", size=1, inline=True)
            self._reader = self._sqlite("BEGIN", size=4, inline=False)
        else:
            address = "postgresql+asyncpg://" + url.split("://", 1)[1]
            self.engine = self._reader = create_async_engine(
                address,
                pool_size=pool_size,
                max_overflow=pool_size,
                pool_pre_ping=True,
                hide_parameters=True,
                json_serializer=values.write_json,
                json_deserializer=msgspec.json.decode,
            )
            binding.guard(self.engine)

    def _sqlite(self, begin: str, size: int, *, inline: bool) -> AsyncEngine:
        engine = create_async_engine(
            "sqlite+aiosqlite:" + self.url.removeprefix("sqlite:"),
            pool_size=size,
            max_overflow=0,
            pool_timeout=60,
            hide_parameters=True,  # errors are logged and kept, and parameters are what people wrote
            connect_args=_INLINE if inline else {"timeout": _SQLITE_WAIT, "isolation_level": None},
            json_serializer=values.write_json,
            json_deserializer=msgspec.json.decode,
        )

        binding.guard(engine)

        @sa.event.listens_for(engine.sync_engine, "do_connect")
        def _private(_dialect: Any, _record: Any, _cargs: Any, _cparams: Any) -> None:
            file = self.url.removeprefix("sqlite:///").partition("?")[0]
            if file and not file.startswith((":memory:", "file:")):
                private.touch(Path(file))

        # The driver's own transactions lose updates (a read lock that cannot be raised): we begin ourselves.
        @sa.event.listens_for(engine.sync_engine, "connect")
        def _connected(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            for pragma in _PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @sa.event.listens_for(engine.sync_engine, "begin")
        def _begun(connection: sa.Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at the end, or rolls back if the block raises. Never opened inside another."""
        if _inside.get():
            raise RuntimeError("a transaction inside a transaction: pass the session on instead")
        token = _inside.set(True)
        try:
            async with AsyncSession(self.engine, expire_on_commit=False) as session:
                yield session
                kicks: set[str] = session.info.get("kicks", set())
                if kicks and self.before_commit:
                    await self.before_commit(session, kicks)
                await session.commit()
                self._unscrubbed = self._unscrubbed or bool(session.info.get(_SCRUB))
        finally:
            _inside.reset(token)
        if self._unscrubbed:
            await self._scrub()
        if kicks and self.after_commit:
            self.after_commit(kicks)

    async def _scrub(self) -> None:
        """Write the log into the database and empty it. Whoever reads an older state keeps us from it for a moment;
        if for longer, the next transaction tries again."""
        self._unscrubbed = self.is_sqlite
        if not self.is_sqlite:
            return
        async with self.engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert isinstance(raw, sqlite_inline.Connection)
            for _ in range(_SCRUB_TRIES):
                if await raw.empty_log():
                    self._unscrubbed = False
                    return
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session to look with; nothing done in it is kept."""
        async with AsyncSession(self._reader, expire_on_commit=False) as session:
            yield session

    async def close(self) -> None:
        await self.engine.dispose()
        if self._reader is not self.engine:
            await self._reader.dispose()


def scrub(session: AsyncSession) -> None:
    """What is deleted or overwritten in this transaction is to be gone from the files, too, right after the commit."""
    session.info[_SCRUB] = True


def insert(session: AsyncSession, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, in the dialect of the session."""
    assert session.bind is not None
    return (sqlite.insert if session.bind.dialect.name == "sqlite" else postgresql.insert)(table)


def table(model: type[Any]) -> sa.Table:
    """The Core table behind a table class, for hot paths."""
    found = model.__table__
    assert isinstance(found, sa.Table)
    return found
