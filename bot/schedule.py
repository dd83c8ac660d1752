"""What repeats and how often, and the engine inside one process. APScheduler lives here only.

APScheduler is the metronome: it never holds a job per person. Rows know their own time; the loops sleep until it.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.base import clock, logs, loops, work
from bot.base.database import Database

log = logs.get(__name__)

FINISH = 10.0
"""Seconds that work has to end by itself when the program stops."""

# Its default drops a run that comes a second late, and lets runs of one job overlap.
_KIND_TO_LATE_JOBS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


@dataclass(frozen=True)
class Line:
    """One line of the table: `cron` has five fields in UTC, or six with the seconds last.

    Of several processes one runs it; with `in_each` each does, for what it finds stays in the memory of that process.
    """

    name: str
    cron: str
    what: str
    in_each: bool = False


TABLE = (
    Line("queue delay", "* * * * * */15", "the way into the staff groups is measured, and alarmed when it is slow"),
    Line("goals", "*/5 * * * *", "house goals that are missed too fast to be reached are told, once a window each"),
    Line(
        "flow files",
        "* * * * * */10",
        "changed flow files are taken; a wrong one changes nothing and is told",
        in_each=True,
    ),
    Line(
        "segment files",
        "* * * * * */10",
        "changed segment files are taken; a wrong one changes nothing and is told",
        in_each=True,
    ),
    Line(
        "mail templates",
        "* * * * * */10",
        "changed templates are taken if lint passes; else the last good one stays",
        in_each=True,
    ),
    Line(
        "other files",
        "* * * * * */10",
        "changed texts, answers, macros, drills and care tips are taken; what is wrong stays as it was and is told",
        in_each=True,
    ),
    Line(
        "files to mend",
        "* * * * * */20",
        "who leads is told of files that are wrong, and of mails that wait for the mend",
    ),
    Line("sweeps", "2 * * * *", "whoever has a birthday or anniversary soon, or bought long ago, enters the flow"),
    Line("segments", "*/3 * * * *", "who came into the segments that flows wait for, and who left them"),
    Line("goods of files", "3 1 * * *", "orders and carts name by id what a file named by handle or SKU"),
    Line("standings", "11 1 * * *", "every customer is counted, scored and placed in a tier"),
    Line("held sign-ups", "* * * * * */10", "sign-ups for which there was no room are asked by mail, in a fair order"),
    Line("merged customers", "*/5 * * * *", "who turned out to be one is counted as one"),
    Line("complaints", "17 * * * *", "complaints whose customer never said whether they are fixed end as unconfirmed"),
    Line("new senders", "* * * * *", "unknown senders of mail who wait behind a rush of such get their tickets"),
    Line("staff groups", "*/10 * * * *", "whether the bot may still work in each; who leads is told what changed"),
    Line("costly templates", "* * * * *", "templates that were given up because they ask for too much are told"),
    Line("experiments", "37 * * * *", "planned looks at experiments are taken when their number of people came"),
    Line("shop", "13 * * * *", "at night what changed in a connected shop is compared; what webhooks lost comes in"),
    Line("retention", "43 2 * * *", "words older than the shop keeps go, if it says so"),
    Line(
        "old updates",
        "23 3 * * *",
        "Telegram updates of a week ago go, codes of yesterday, prices and unconfirmed orders of a month ago",
    ),
)
"""What repeats. `jobs.py` says what does it."""


@dataclass(frozen=True)
class _Repeat:
    name: str
    cron: str
    job: Callable[[], Awaitable[None]]


class InProcess:
    """The engine for one machine, on SQLite: a loop per kind, and a tick that notices rows of other processes."""

    def __init__(self, database: Database) -> None:
        self._loops: dict[str, loops.Loop] = {}
        self._repeats: list[_Repeat] = []
        self._working: set[asyncio.Task[None]] = set()
        self._changes = _Changes(database)
        database.after_commit = self._kicked

    def every(self, cron: str, name: str, job: Callable[[], Awaitable[None]]) -> None:
        self._repeats.append(_Repeat(name, cron, job))

    async def serve(self, kinds: list[work.Kind], stop: asyncio.Event) -> None:
        self._loops = {kind.name: loops.Loop(kind) for kind in kinds}
        scheduler = self._scheduler()
        scheduler.start()
        for loop in self._loops.values():
            self._start(loop.run(stop))
        try:
            await stop.wait()
        finally:
            scheduler.pause()
            self._wake_all()
            await loops.finish(self._working, FINISH)
            scheduler.shutdown(wait=False)
            self._loops = {}
            self._changes.close()

    def _scheduler(self) -> Any:
        scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=_KIND_TO_LATE_JOBS)
        scheduler.add_job(self._tick, IntervalTrigger(seconds=1, timezone=UTC))
        for repeat in self._repeats:
            scheduler.add_job(self._repeat, trigger(repeat.cron), [repeat], id=repeat.name, name=repeat.name)
        return scheduler

    async def _tick(self) -> None:
        if self._changes.any():
            self._wake_all()

    async def _repeat(self, repeat: _Repeat) -> None:
        # In a task of our own: stopping APScheduler cancels what it runs itself.
        await asyncio.shield(self._start(_guarded(repeat)))

    def _start(self, work_to_do: Any) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work_to_do)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task

    def _kicked(self, kinds: set[str]) -> None:
        for name in kinds & self._loops.keys():
            self._loops[name].wake()

    def _wake_all(self) -> None:
        for loop in self._loops.values():
            loop.wake()


async def _guarded(repeat: _Repeat) -> None:
    try:
        await repeat.job()
    except Exception:  # one run of one job: it comes again at its next time
        log.exception("repeated work failed", job=repeat.name)


async def repeat_here(
    lines: Iterable[Line], jobs: Mapping[str, Callable[[], Awaitable[None]]], stop: asyncio.Event
) -> None:
    """Beside an engine that runs each job in one process of all: these run in this one, too."""
    await asyncio.gather(*(_repeat_here(_Repeat(one.name, one.cron, jobs[one.name]), stop) for one in lines))


async def _repeat_here(repeat: _Repeat, stop: asyncio.Event) -> None:
    times = trigger(repeat.cron)
    while not stop.is_set():
        now = clock.now()
        wait = (times.get_next_fire_time(None, now) - now).total_seconds()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
            return
        await _guarded(repeat)


def trigger(cron: str) -> CronTrigger:
    """A cron line of five fields, or six with the seconds last, in UTC. Name weekdays: APScheduler counts Monday 0."""
    fields = ("minute", "hour", "day", "month", "day_of_week", "second")
    parts = cron.split()
    if len(parts) not in (5, 6):
        raise ValueError(f"{cron!r} is no cron line: five fields, or six with the seconds last")
    return CronTrigger(**dict(zip(fields, parts, strict=False)), timezone=UTC)


class _Changes:
    """Has any connection, of whatever process, written since the last look? Costs SQLite a few microseconds."""

    def __init__(self, database: Database) -> None:
        self._file = database.url.removeprefix("sqlite:///") if database.is_sqlite else None
        self._connection: sqlite3.Connection | None = None
        self._seen = -1

    def any(self) -> bool:
        if self._file is None:
            return True
        if self._connection is None:
            self._connection = sqlite3.connect(self._file, timeout=0, isolation_level=None)
        with closing(self._connection.execute("PRAGMA data_version")) as cursor:
            version = int(cursor.fetchone()[0])
        changed, self._seen = version != self._seen, version
        return changed

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
