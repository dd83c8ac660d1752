"""The engine for any number of machines: pgqueuer on PostgreSQL carries kicks, ticks and repeating work.

A job only says "look at kind K": what is due stands in our rows, so its tables are unlogged and a lost or doubled
job does no harm. A kick goes into the caller's transaction: rolled back with it, seen by others after it.
"""

import asyncio
import json
import os
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer import AsyncpgDriver, PgQueuer, Queries
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.core.tm import TaskManager
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.models import Job, Schedule
from pgqueuer.ports.driver import Driver
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, logs, loops, work
from bot.base.database import Database

log = logs.get(__name__)

FINISH = 10.0
_TICK = "* * * * * *"
_PASSED_ON = "aftercart_passed_on"
_KEEP_LOG = timedelta(days=1)
_SETTINGS = DBSettings(durability=Durability.volatile)


def _queries(driver: Driver) -> Queries:
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(_SETTINGS),
        qbq=QueryQueueBuilder(_SETTINGS),
        qbs=QuerySchedulerBuilder(_SETTINGS),
    )


class SessionDriver(Driver):
    """What a producer of jobs needs, on the connection and in the transaction of our own session.

    `session.connection()` begins the transaction if nothing has yet; the raw connection would not, and a rollback
    would leave the job behind.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._shutdown = asyncio.Event()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        connection = await self._session.connection()
        found = await connection.exec_driver_sql(query, tuple(args))
        return [dict(row) for row in found.mappings()] if found.returns_rows else []

    async def execute(self, query: str, *args: object) -> str:
        await self.fetch(query, *args)
        return ""

    async def notify(self, channel: str, payload: str) -> None:
        await self.fetch("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: Callable[[str | bytes | bytearray], None]) -> None:
        raise NotImplementedError("a session only writes jobs; the engine listens on a connection of its own")

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return TaskManager()

    async def __aenter__(self) -> "SessionDriver":
        return self

    async def __aexit__(self, *_: object) -> None: ...


async def install(database: Database) -> None:
    """pgqueuer's own tables, made or brought up to date; safe to repeat and for several starts at once."""
    connection = await _connect(database)
    try:
        # Ours to hold, not pgqueuer's: its lock covers an upgrade but not the first installation.
        await connection.execute("SELECT pg_advisory_lock(hashtext('aftercart:pgqueuer'))")
        queries = _queries(AsyncpgDriver(connection))
        if await queries.schema_is_installed():
            await queries.upgrade()
        else:
            async with connection.transaction():
                await queries.install()
    finally:
        await connection.close()


async def installed(database: Database) -> bool:
    connection = await _connect(database)
    try:
        return await _queries(AsyncpgDriver(connection)).schema_is_installed()
    finally:
        await connection.close()


async def _connect(database: Database) -> Any:
    return await asyncpg.connect(database.url, timeout=10, server_settings={"application_name": "aftercart"})


class OnPostgres:
    """A loop per kind as in one process; jobs, passed-on kicks and a tick over all machines wake the loops."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._me = f"{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._loops: dict[str, loops.Loop] = {}
        self._repeats: list[tuple[str, str, Callable[[], Awaitable[None]]]] = []
        self._connection: Any = None
        database.before_commit = self._enqueue
        database.after_commit = self._kicked

    def every(self, cron: str, name: str, job: Callable[[], Awaitable[None]]) -> None:
        self._repeats.append((cron, name, job))

    async def serve(self, kinds: list[work.Kind], stop: asyncio.Event) -> None:
        self._loops = {kind.name: loops.Loop(kind, self._pass_on) for kind in kinds}
        working = {asyncio.create_task(loop.run(stop)) for loop in self._loops.values()}
        queue = asyncio.create_task(self._keep_queue(stop))
        try:
            await stop.wait()
        finally:
            for loop in self._loops.values():
                loop.wake()
            await loops.finish(working | {queue}, FINISH)
            self._loops = {}

    async def _enqueue(self, session: AsyncSession, kinds: set[str]) -> None:
        """One job per kind, unless our own loop of it rests: the commit itself wakes that one."""
        names = sorted(name for name in kinds if name not in self._loops or self._loops[name].busy)
        if names:
            await _queries(SessionDriver(session)).enqueue(names, [None] * len(names), [0] * len(names))

    def _kicked(self, kinds: set[str]) -> None:
        for name in kinds & self._loops.keys():
            self._loops[name].wake()

    async def _keep_queue(self, stop: asyncio.Event) -> None:
        """pgqueuer for as long as we serve, on a new connection whenever the old one broke."""
        failures = 0
        while not stop.is_set():
            began = clock.now()
            try:
                await self._run_queue(stop)
            except Exception as error:  # the loops go on by themselves until it is back
                failures = failures + 1 if clock.now() - began < timedelta(minutes=1) else 1
                log.warning("job queue lost, connecting again", reason=logs.clean(str(error))[:200])
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), min(30.0, 0.5 * 2**failures))

    async def _run_queue(self, stop: asyncio.Event) -> None:
        connection = await _connect(self._database)
        try:
            await connection.add_listener(_PASSED_ON, self._heard)
            self._connection = connection
            queuer = self._queuer(connection)
            stopping = asyncio.create_task(_tell(stop, queuer.shutdown))
            try:
                await queuer.run(shutdown_on_listener_failure=True, log_aggregation_interval=timedelta(0))
            finally:
                stopping.cancel()
        finally:
            self._connection = None
            with suppress(Exception):  # it may be broken already, and then there is nothing to close
                await connection.close(timeout=2)

    def _queuer(self, connection: Any) -> PgQueuer:
        driver = AsyncpgDriver(connection)
        queuer = PgQueuer(driver, queries=_queries(driver))
        for name, loop in self._loops.items():
            queuer.entrypoint(name)(_looking(loop))
        queuer.schedule("tick", _TICK)(_scheduled("tick", self._tick))
        queuer.schedule("tidy", "17 * * * *")(_scheduled("tidy", self._tidy))
        for cron, name, job in self._repeats:
            queuer.schedule(name, cron)(_scheduled(name, job))
        return queuer

    async def _tick(self) -> None:
        """The safety net, once a second over all machines: whoever can take what is overdue is woken."""
        now, overdue = clock.now(), []
        for name, loop in self._loops.items():
            at = await loop.kind.next_due() if loop.kind.next_due else None
            if at is not None and at <= now:
                overdue.append(name)
        if overdue:
            self._wake(overdue)
            await self._tell_others(overdue)

    async def _tidy(self) -> None:
        async with self._database.transaction() as session:
            connection = await session.connection()
            table = _SETTINGS.qualified.queue_table_log
            await connection.exec_driver_sql(
                f"DELETE FROM {table} WHERE created < now() - $1::interval",  # noqa: S608 - pgqueuer's own name
                (_KEEP_LOG,),
            )

    async def _pass_on(self, kind: str) -> None:
        await self._tell_others([kind])

    async def _tell_others(self, kinds: list[str]) -> None:
        async with self._database.transaction() as session:
            payload = json.dumps({"from": self._me, "kinds": kinds})
            await SessionDriver(session).notify(_PASSED_ON, payload)

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        told = json.loads(payload)
        if told["from"] != self._me:
            self._wake(told["kinds"])

    def _wake(self, kinds: list[str]) -> None:
        for name in kinds:
            if name in self._loops:
                self._loops[name].wake(pass_on=False)


def _looking(loop: loops.Loop) -> Callable[[Job], Awaitable[None]]:
    async def look(job: Job) -> None:
        await loop.look()

    return look


def _scheduled(name: str, job: Callable[[], Awaitable[None]]) -> Callable[[Schedule], Awaitable[None]]:
    async def run(schedule: Schedule) -> None:
        try:
            await job()
        except Exception:  # one run of one job: it comes again at its next time
            log.exception("repeated work failed", job=name)

    return run


async def _tell(stop: asyncio.Event, shutdown: asyncio.Event) -> None:
    await stop.wait()
    shutdown.set()
