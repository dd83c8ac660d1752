"""Group commit: events of many requests are written in one transaction, and every request waits for that commit.

One flusher takes whatever waits; there is no timer. A transaction per event costs 70 times as much.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from bot.base import logs, work
from bot.base.database import Database, insert, table
from bot.events import happened, rejected
from bot.events.happened import NewEvent, Rejected
from bot.tables.events import Event

log = logs.get(__name__)

_ROWS = 1000
_WAITING = 50_000
_events = table(Event)


class Overloaded(Exception):  # noqa: N818 - says what is, and the caller should come again
    """More waits than we can hold: the client should try again later."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    events: Sequence[NewEvent]
    rejected: Sequence[Rejected]
    committed: asyncio.Future[None]


class Ingest:
    """Takes events from web requests. `start()` once in the loop that serves, `close()` writes what still waits."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._queue: deque[_Waiting] = deque()
        self._rows = 0
        self._wake = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        self._closing = False
        self._flusher = asyncio.create_task(self._flush_for_ever(), name="event ingest")

    async def close(self) -> None:
        self._closing = True
        self._wake.set()
        if self._flusher is not None:
            await self._flusher
            self._flusher = None

    async def add(self, events: Sequence[NewEvent], refused: Sequence[Rejected] = ()) -> None:
        """Returns after the commit. What is known already is left alone.

        Raises what the database raised if nothing was kept (answer 500, the client comes again), and Overloaded.
        """
        if not events and not refused:
            return
        if self._flusher is None or self._closing:
            raise Overloaded("not taking events now")
        if self._rows > _WAITING:
            raise Overloaded("too many events are waiting to be written")
        waiting = _Waiting(events, refused, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._rows += len(events)
        self._wake.set()
        await waiting.committed

    async def _flush_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._flush(self._take())
            if self._closing:
                return

    def _take(self) -> list[_Waiting]:
        """Whole requests, up to about a thousand rows."""
        batch, rows = [self._queue.popleft()], 0
        while self._queue and (rows := rows + len(batch[-1].events)) < _ROWS:
            batch.append(self._queue.popleft())
        self._rows -= sum(len(waiting.events) for waiting in batch)
        return batch

    async def _flush(self, batch: Sequence[_Waiting]) -> None:
        try:
            await self._write(batch)
        except Exception as error:  # the requests of this batch alone hear of it
            if len(batch) > 1 and not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | OSError):
                for waiting in batch:  # one request may hold what the database refuses: the others must not suffer
                    await self._flush([waiting])
                return
            log.error("events were not written", events=sum(len(one.events) for one in batch), reason=str(error))
            for waiting in batch:
                if not waiting.committed.done():
                    waiting.committed.set_exception(error)
            return
        for waiting in batch:
            if not waiting.committed.done():  # a client that hung up cancelled it
                waiting.committed.set_result(None)

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        rows = [happened.values(event) for waiting in batch for event in waiting.events]
        refused = [one for waiting in batch for one in waiting.rejected]
        async with self.database.transaction() as session:
            if rows:
                await session.execute(insert(session, _events).on_conflict_do_nothing(), rows)
                work.kick(session, "events")
            await rejected.keep(session, refused)
