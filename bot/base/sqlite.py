"""SQLite in the event loop's own thread: a hop to another thread and back costs many times what a statement does.

SQLAlchemy's aiosqlite dialect makes four such hops a statement, all while the one writer is held. Here a statement
runs where it stands; what may take long goes to a thread once: a commit (it waits for the disk) and many rows.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

_MANY = 50  # rows
_LOCKED = ("SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED")


class Cursor:
    """What the dialect asks of an aiosqlite cursor."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._cursor = connection.raw.cursor()

    async def __aenter__(self) -> "Cursor":
        return self

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid

    @property
    def arraysize(self) -> int:
        return self._cursor.arraysize

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        self._cursor.arraysize = value

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "Cursor":
        await self._connection.patiently(lambda: self._cursor.execute(statement, parameters))
        return self

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> "Cursor":
        if len(parameters) > _MANY:
            await _in_thread(lambda: self._cursor.executemany(statement, parameters))
        else:
            await self._connection.patiently(lambda: self._cursor.executemany(statement, parameters))
        return self

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        return self._cursor.fetchmany(size or self._cursor.arraysize)

    async def fetchone(self) -> Any:
        return self._cursor.fetchone()

    async def close(self) -> None:
        self._cursor.close()


class Connection:
    """What the dialect asks of an aiosqlite connection. `wait`: seconds that another process may hold the lock."""

    def __init__(self, file: str, wait: float, uri: bool = False) -> None:
        self.raw = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False, uri=uri)
        self._wait = wait

    @property
    def _connection(self) -> sqlite3.Connection:
        """The dialect looks here whether the connection is open."""
        return self.raw

    def cursor(self) -> Cursor:
        return Cursor(self)

    async def patiently(self, run: Callable[[], Any]) -> None:
        """Runs the statement; while another process holds the lock, the loop goes on and we ask again."""
        end, pause = time.monotonic() + self._wait, 0.001
        while True:
            try:
                run()
                return
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorname", "") not in _LOCKED or time.monotonic() > end:
                    raise
            await asyncio.sleep(pause)
            pause = min(0.05, pause * 1.5)

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        return await self.cursor().execute(statement, parameters)

    async def create_function(self, *args: Any, **options: Any) -> None:
        self.raw.create_function(*args, **options)

    async def commit(self) -> None:
        if self.raw.in_transaction:
            await _in_thread(self.raw.commit)

    async def empty_log(self) -> bool:
        """Write the log into the database and cut it to nothing. False while somebody still reads from it."""
        found: list[int] = []
        await _in_thread(lambda: found.extend(self.raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()))
        return not found[0]

    async def rollback(self) -> None:
        self.raw.rollback()

    async def close(self) -> None:
        self.stop()

    def stop(self) -> None:
        if self.raw.in_transaction:  # a statement that is still referred to would keep it, and the lock, open
            self.raw.rollback()
        self.raw.close()


async def _in_thread(run: Callable[[], Any]) -> None:
    """Returns when the thread is done with the connection, also if we are cancelled meanwhile.

    A rollback beside a running statement would leave half of it in the next transaction, or crash the interpreter.
    """
    running = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({running})
        raise


def connector(wait: float) -> Callable[..., Any]:
    """For `create_engine(connect_args={"async_creator_fn": …})`."""

    async def connect(file: str, *, uri: bool = False, **_dialect: Any) -> Connection:
        return Connection(file, wait, uri)

    return connect
