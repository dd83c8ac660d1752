"""How late warnings are with 100,000 open timers: from the moment that one is due until its notice is committed.

2,000 fall due within twenty seconds, each for itself. SQLite in one process, PostgreSQL with two, none warned twice.
The peer sleeps until moments as dense and commits one row at each: less cannot be done on this machine.
"""

import asyncio
import gc
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[level]) for level in range(3)]

import postgres
import sqlalchemy as sa
import uvloop
from figures import Figure, percentile
from sqlmodel import SQLModel

from bot import tables
from bot.base import clock, logs, paths, work, work_postgres
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.schedule import InProcess
from bot.support.desk import Desk
from bot.support.escalation.timers import Timers
from bot.support.sla import policies
from bot.tables.chat import StaffMember
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.settings import Setting
from bot.tables.support import SlaTimer, Ticket, TicketEvent

assert tables

OPEN, DUE, SPREAD = 100_000, 2_000, 20.0
WARM = 50  # that fall due before and are not counted: a program that runs has its statements compiled
_AHEAD = 2.0  # seconds until the first is due: the loops run by then
_TICKETS, _TIMERS, _EVENTS = table(Ticket), table(SlaTimer), table(TicketEvent)
_HALF = timedelta(seconds=60)
_CONFIG = {
    "telegram": {"staff_chat_id": -100},
    "support": {
        "sla": [
            {"name": "slow", "priority": "low", "first_response": "8h"},
            {"name": "chat", "first_response": "2m", "warn_at": [0.5]},
        ]
    },
}


@dataclass(frozen=True)
class Lags:
    """Milliseconds: of each warning, and of processor time that one took."""

    each: list[float]
    cpu: float


async def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        peer = await _peer(f"sqlite:///{name}/peer.db")
        ours = await _sqlite(f"sqlite:///{name}/bench.db")
    figures = _figures("SQLite, one process", ours, peer, 50)
    if postgres.missing() is None:
        with postgres.server() as server:
            figures += _figures("PostgreSQL, two processes", await _postgres(server), peer, 100)
    return figures


def _figures(where: str, ours: Lags, peer: list[float], goal: int) -> list[Figure]:
    found = [Figure(f"processor time of a warning, {where}, ms", f"{ours.cpu:.1f} (10.0 would fill one core)")]
    for share, words in ((0.5, ""), (0.99, f" (goal below {goal})")):
        mine, theirs = percentile(ours.each, share), percentile(peer, share)
        what = f"warning lag p{share * 100:g}, {OPEN:,} open timers, {where}, ms"
        found.append(
            Figure(what, f"{mine:.1f}{words}", f"{theirs:.1f} (bare sleep and commit)", f"{mine / theirs:.1f}")
        )
    return found


async def _peer(url: str) -> list[float]:
    database = await _made(url)
    lags, rows = [], table(Setting)
    for number, due_at in enumerate(_moments(300, 3.0)):
        await asyncio.sleep((due_at - clock.now()).total_seconds())
        async with database.transaction() as session:
            await session.execute(sa.insert(rows).values(name=f"peer {number}", value=None, changed_at=due_at))
        lags.append((clock.now() - due_at).total_seconds() * 1000)
    await database.close()
    return lags


async def _sqlite(url: str) -> Lags:
    return await _measured(await _made(url), processes=1)


async def _postgres(server: str) -> Lags:
    connection = await work_postgres.asyncpg.connect(f"{server}/postgres")
    await connection.execute("DROP DATABASE IF EXISTS aftercart_test_timers WITH (FORCE)")
    await connection.execute("CREATE DATABASE aftercart_test_timers")
    await connection.close()
    database = await _made(f"{server}/aftercart_test_timers")
    await work_postgres.install(database)
    return await _measured(database, processes=2)


async def _measured(database: Database, processes: int) -> Lags:
    """The lags of the loop in processes of their own, started before anything is due."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen([sys.executable, __file__, database.url], **pipes) for _ in range(processes)]
    for process in started:
        await asyncio.to_thread(process.stdout.readline)  # it is ready
    moments = await _fill(database)
    for process in started:
        process.stdin.write(f"{(moments[-1] + timedelta(seconds=2)).isoformat()}\n")
        process.stdin.flush()
    told = [json.loads(await asyncio.to_thread(process.stdout.readline)) for process in started]
    for process in started:
        process.communicate()
    assert all(one["batches"] for one in told), "one process did nothing"
    lags = await _lags(database, moments, [batch for one in told for batch in one["batches"]])
    return Lags(lags, sum(one["cpu"] for one in told) * 1000 / (WARM + DUE))


async def _made(url: str) -> Database:
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    return database


def _desk() -> Desk:
    return Desk.build(Ground(Config.model_validate(_CONFIG), Texts([paths.templates()]), "secret"))


def _moments(count: int, spread: float, ahead: float = 0.1) -> list[datetime]:
    """When they are due, spread like customers: at random."""
    first = clock.now() + timedelta(seconds=ahead)
    dice = random.Random(7)
    return sorted(first + timedelta(milliseconds=round(dice.random() * spread * 1000)) for _ in range(count))


async def _fill(database: Database) -> list[datetime]:
    """Everything that is open, with its history; what falls due has the ticket ids from 1 on, in that order."""
    desk, now = _desk(), clock.now()
    async with database.transaction() as session:
        session.add(Contact(created_at=now))
        session.add(StaffMember(telegram_id=901, name="Anna", first_seen_at=now))
    await _open(database, desk, range(WARM + DUE + 1, OPEN + 1), [now] * (OPEN - DUE - WARM), "low")
    if not database.is_sqlite:
        async with database.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(sa.text("ANALYZE"))
    moments = _moments(WARM, 1.0, _AHEAD) + _moments(DUE, SPREAD, _AHEAD + 1.5)
    await _open(database, desk, range(1, WARM + DUE + 1), [at - _HALF for at in moments], "normal")
    return moments


async def _open(database: Database, desk: Desk, ids: Sequence[int], starts: Sequence[datetime], priority: str) -> None:
    start, connection_rows = starts[0], list(zip(ids, starts, strict=True))
    ticket = Ticket(number=0, contact_id=1, channel="telegram", priority=priority, status="new", opened_at=start)
    promise = policies.promise_for(desk, ticket, start)
    (seconds,) = promise.seconds.values()
    ahead = timedelta(seconds=seconds / 2)
    plain = {"contact_id": 1, "channel": "telegram", "status": "new", "priority": priority, "language": "en"}
    timer = {
        "metric": "first_response", "cycle": 1, "policy": promise.policy, "channel": "telegram", "state": "running",
        "target_seconds": seconds, "always_open": False, "calendar": "", "calendar_version": promise.version,
    }  # fmt: skip
    opened, empty = {"why": "asked", "origin": "customer"}, {"pauses": [], "warned": [], "climbed": []}
    async with database.transaction() as session:
        for first in range(0, len(connection_rows), 20_000):
            some = connection_rows[first : first + 20_000]
            await session.execute(
                sa.insert(_TICKETS),
                [{**plain, "id": one, "number": one, "opened_at": at, "waiting_since": at} for one, at in some],
            )
            await session.execute(
                sa.insert(_TIMERS),
                [
                    {**timer, **empty, "ticket_id": one, "start_at": at, "target_at": at + 2 * ahead,
                     "due_at": at + ahead}
                    for one, at in some
                ],
            )  # fmt: skip
            about = {"actor": "customer", "name": "opened", "data": opened}
            promised = {"actor": "clock", "name": "promised", "data": promise.data}
            await session.execute(
                sa.insert(_EVENTS),
                [{"ticket_id": one, "at": at, **what} for one, at in some for what in (about, promised)],
            )


class _Watched(Timers):
    """Keeps of each batch its moment and when it was committed."""

    def __init__(self, database: Database, desk: Desk) -> None:
        super().__init__(database, desk, 1)
        self.batches: list[tuple[str, str]] = []

    async def run(self, now: datetime | None = None) -> int:
        moment = now or clock.now()
        count = await super().run(moment)
        if count:
            self.batches.append((moment.isoformat(), clock.now().isoformat()))
        return count


async def _serve(database: Database, desk: Desk, engine: work.Engine, until: datetime) -> list[tuple[str, str]]:
    """The loop of the program on this database."""
    timers, stop = _Watched(database, desk), asyncio.Event()
    asyncio.get_running_loop().call_later((until - clock.now()).total_seconds(), stop.set)
    await engine.serve([timers.kind()], stop)
    return timers.batches


async def _lags(database: Database, moments: list[datetime], taken: Sequence[Sequence[str]]) -> list[float]:
    """Milliseconds of each warning; each was given once, with its notice."""
    committed: dict[datetime, datetime] = {}
    for moment, done in taken:
        at = clock.parse(moment)
        committed[at] = max(clock.parse(done), committed.get(at, clock.parse(done)))
    async with database.reading() as session:
        asked = sa.select(_EVENTS.c.ticket_id, _EVENTS.c.at).where(_EVENTS.c.name == "timer_warned")
        warned = [(row.ticket_id, row.at) for row in await session.execute(asked)]
        notices = await session.scalar(sa.select(sa.func.count()).where(table(Message).c.purpose == "notice"))
    await database.close()
    once = sorted(one for one, _ in warned) == list(range(1, WARM + DUE + 1))
    assert once, f"{len(warned)} warnings about {len({one for one, _ in warned})} of {WARM + DUE} timers"
    assert notices == WARM + DUE, f"{notices} notices for {DUE} warnings"
    return [(committed[at] - moments[one - 1]).total_seconds() * 1000 for one, at in warned if one > WARM]


async def _process(url: str) -> None:
    """Says that it is ready, is told until when, works until then, tells its batches."""
    database, desk = Database(url), _desk()
    engine = InProcess(database) if database.is_sqlite else work_postgres.OnPostgres(database)
    print("ready", flush=True)
    until = clock.parse(await asyncio.to_thread(sys.stdin.readline))
    gc.collect()
    gc.freeze()  # as the program does when all its parts are built
    began = time.process_time()
    batches = await _serve(database, desk, engine, until)
    cpu = time.process_time() - began
    await database.close()
    print(json.dumps({"batches": batches, "cpu": cpu}), flush=True)


if __name__ == "__main__":
    logs.set_up(level="WARNING")
    uvloop.run(_process(sys.argv[1]))
