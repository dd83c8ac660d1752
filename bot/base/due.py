"""Due rows: the one claim, so that a row is done by one worker at a time and none is lost when a worker dies.

A row is due when `due_at <= now` and nobody holds a lease on it; done rows have `due_at = NULL`. Work is O(due): a
million waiting rows cost nothing.
"""

import random
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel

from bot.base.database import BigId, UtcDateTime, insert, table
from bot.base.personal import NotPersonal

HEARTBEAT = timedelta(seconds=5)
DEAD_AFTER = timedelta(seconds=30)
LEASE = timedelta(minutes=2)


class DueRow(SQLModel):
    """The columns of a row that waits for its time. `attempts` counts claims, so a row that kills its worker ends."""

    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime, nullable=True)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime, nullable=True)
    lease_by: int | None = Field(default=None, sa_type=BigId, nullable=True)
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


def due_index(table_name: str, *columns: str) -> sa.Index:
    """The index that makes a claim O(due): put it into `__table_args__`. `columns` stand before `due_at`."""
    where = sa.text("due_at IS NOT NULL")
    return sa.Index(f"ix_{table_name}_due", *columns, "due_at", sqlite_where=where, postgresql_where=where)


class Worker(SQLModel, table=True):
    """A running process. Its leases are void once it is gone."""

    __personal__ = NotPersonal("our own processes")

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    place: str
    pid: int
    started: float
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)


class Lane(SQLModel, table=True):
    """Work that only one process may do at a time (reading updates, a rate limit): who holds it, until when."""

    __personal__ = NotPersonal("our own work")

    name: str = Field(primary_key=True)
    lease_by: int = Field(sa_type=BigId)
    lease_until: datetime = Field(sa_type=UtcDateTime)


@dataclass(frozen=True)
class Claim:
    """How rows of a table are claimed. `lease` must outlast the slowest batch. Keep one and use it again: building
    its statement costs more than running it."""

    table: sa.Table
    limit: int = 500
    lease: timedelta = LEASE
    where: Sequence[sa.ColumnElement[bool]] = ()
    order_by: Sequence[sa.ColumnElement[Any]] = ()

    @property
    def order(self) -> list[sa.ColumnElement[Any]]:
        return list(self.order_by) or [self.table.c.due_at, _key(self.table)]

    @cached_property
    def statement(self) -> sa.Executable:
        # No key is changed: whoever writes a row that refers to one of these need not wait.
        rows, key = self.table, _key(self.table)
        now = sa.bindparam("now", type_=UtcDateTime())
        picked = (
            sa.select(key)
            .where(is_due(rows, now), *self.where)
            .order_by(*self.order)
            .limit(self.limit)
            .with_for_update(skip_locked=True, key_share=True)
        )
        values = {
            "lease_until": sa.bindparam("until", type_=UtcDateTime()),
            "lease_by": sa.bindparam("worker"),
            "attempts": rows.c.attempts + 1,
        }
        return sa.update(rows).where(key.in_(picked)).values(values).returning(*rows.c)


def _key(rows: sa.Table) -> sa.Column[Any]:
    return next(iter(rows.primary_key))


def is_due(rows: sa.FromClause, now: datetime | sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    return sa.and_(rows.c.due_at <= now, sa.or_(rows.c.lease_until.is_(None), rows.c.lease_until <= now))


async def claim(session: AsyncSession, how: Claim, worker: int, now: datetime) -> list[dict[str, Any]]:
    """Take up to `limit` due rows for `worker`; no other worker gets them before the lease ends.

    The rows come as mappings with all columns, in the order asked for (default: longest due first).
    """
    connection = await session.connection()
    taken = await connection.execute(how.statement, {"now": now, "until": now + how.lease, "worker": worker})
    found = [dict(row) for row in taken.mappings()]
    # RETURNING keeps no order; sort as asked when it can be told from the row alone.
    names = [column.name for column in how.order if isinstance(column, sa.Column)]
    return sorted(found, key=lambda row: tuple((row[name] is None, row[name]) for name in names))


async def claim_these(
    session: AsyncSession, rows: sa.Table, keys: Sequence[int], worker: int, now: datetime, lease: timedelta = LEASE
) -> list[dict[str, Any]]:
    """The same for rows that are known by their keys: those of them that are due and that nobody holds."""
    key = _key(rows)
    free = sa.select(key).where(key.in_(keys), is_due(rows, now)).with_for_update(skip_locked=True, key_share=True)
    values = {"lease_until": now + lease, "lease_by": worker, "attempts": rows.c.attempts + 1}
    connection = await session.connection()
    taken = await connection.execute(sa.update(rows).where(key.in_(free)).values(values).returning(*rows.c))
    return [dict(row) for row in taken.mappings()]


async def next_due(session: AsyncSession, rows: sa.Table, **equal: object) -> datetime | None:
    """When the next row will be free to claim, among those whose columns have these values. A leased row counts from
    the end of its lease."""
    connection = await session.connection()
    at: datetime | None = await connection.scalar(_soonest(rows, tuple(sorted(equal))), equal)
    return at


@cache
def _soonest(rows: sa.Table, names: tuple[str, ...]) -> sa.Select[Any]:
    free_at = sa.case(
        (sa.and_(rows.c.lease_until.is_not(None), rows.c.lease_until > rows.c.due_at), rows.c.lease_until),
        else_=rows.c.due_at,
    )
    where = [rows.c[name] == sa.bindparam(name, type_=rows.c[name].type) for name in names]
    first = sa.select(free_at.label("at")).where(rows.c.due_at.is_not(None), *where).order_by(rows.c.due_at).limit(50)
    return sa.select(sa.func.min(first.subquery().c.at, type_=UtcDateTime()))


async def oldest_overdue(session: AsyncSession, rows: sa.Table, now: datetime) -> float:
    """Seconds that the longest waiting due row is late; 0 when nothing is."""
    oldest: datetime | None = await session.scalar(sa.select(sa.func.min(rows.c.due_at)).where(rows.c.due_at <= now))
    return (now - oldest).total_seconds() if oldest else 0.0


def later(attempts: int, now: datetime, *, first: float = 2.0, longest: float = 3600.0) -> datetime:
    """When to try a failed row again: further away each time, spread so that a herd does not come back at once."""
    wait = min(longest, first * 2 ** max(0, attempts - 1))
    return now + timedelta(seconds=wait * random.uniform(0.8, 1.2))  # noqa: S311 - no secret


def due_tables() -> list[sa.Table]:
    """Every table whose rows can be leased."""
    return [found for found in SQLModel.metadata.sorted_tables if "lease_by" in found.c and found.name != "lane"]


def _place() -> str:
    """Where pids mean the same: this boot of this machine, this pid namespace (a container has its own)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{uuid.getnode():x}/{psutil.boot_time():.0f}"


async def register(session: AsyncSession, now: datetime) -> int:
    """Write this process down as a worker; its id goes into every lease it takes."""
    worker = secrets.randbits(62)  # never one that a process had before: SQLite would use a freed id again
    await _write_down(session, worker, now)
    return worker


async def _write_down(session: AsyncSession, worker: int, now: datetime) -> None:
    me = psutil.Process()
    session.add(Worker(id=worker, place=_place(), pid=me.pid, started=me.create_time(), heartbeat_at=now))
    await session.flush()


async def heartbeat(session: AsyncSession, worker: int, now: datetime) -> int:
    """Say that `worker` lives and free what dead workers held. Returns the number of rows freed."""
    workers = table(Worker)
    beat = await session.execute(sa.update(workers).where(workers.c.id == worker).values(heartbeat_at=now))
    if not beat.rowcount:  # type: ignore[attr-defined]
        await _write_down(session, worker, now)  # we were taken for dead (the machine slept) and are not
    others = set(await session.scalars(sa.select(workers.c.id).where(workers.c.id != worker)))
    dead = sorted(others - set(await living(session, now)))
    return await release(session, dead) if dead else 0


async def living(session: AsyncSession, now: datetime) -> list[int]:
    """The workers that show signs of life."""
    known = (await session.execute(sa.select(table(Worker)))).mappings().all()
    here = _place()
    return [
        one["id"]
        for one in known
        if one["heartbeat_at"] >= now - DEAD_AFTER and (one["place"] != here or _lives(one["pid"], one["started"]))
    ]


async def release(session: AsyncSession, workers: Sequence[int]) -> int:
    """Free every lease of these workers at once and forget the workers. Returns the number of rows freed."""
    freed = 0
    for rows in [*due_tables(), table(Lane)]:
        held = rows.c.lease_by.in_(workers)
        if rows.name == "lane":
            await session.execute(sa.delete(rows).where(held))
            continue
        result = await session.execute(
            sa.update(rows).where(held, rows.c.due_at.is_not(None)).values(lease_until=None, lease_by=None)
        )
        freed += result.rowcount  # type: ignore[attr-defined]
    await session.execute(sa.delete(table(Worker)).where(table(Worker).c.id.in_(workers)))
    return freed


def _lives(pid: int, started: float) -> bool:
    try:
        began: float = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    return abs(began - started) < 1.0


async def hold_lane(session: AsyncSession, name: str, worker: int, now: datetime, lease: timedelta) -> bool:
    """Take a lane, or renew it in the second half of its lease. False while another living worker holds it."""
    lanes = table(Lane)
    mine = sa.select(lanes.c.lease_until).where(lanes.c.name == name, lanes.c.lease_by == worker)
    until: datetime | None = await session.scalar(mine)
    if until is not None and until > now + lease / 2:
        return True  # nothing written: the caller's transaction may stay free of any
    taken = insert(session, lanes).values(name=name, lease_by=worker, lease_until=now + lease)
    taken = taken.on_conflict_do_update(
        index_elements=[lanes.c.name],
        set_={"lease_by": worker, "lease_until": now + lease},
        where=sa.or_(lanes.c.lease_by == worker, lanes.c.lease_until <= now),
    )
    await session.execute(taken)
    holder = await session.scalar(sa.select(lanes.c.lease_by).where(lanes.c.name == name))
    return bool(holder == worker)


async def take_turns(session: AsyncSession, name: str) -> None:
    """Nobody else is inside a transaction that asked for the same name, until this one ends. SQLite has one writer."""
    assert session.bind is not None
    if session.bind.dialect.name == "postgresql":
        number = int.from_bytes(sha256(f"aftercart:{name}".encode()).digest()[:8], signed=True)
        await session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
