"""What a person does with a broadcast: put it down, start it, let it rest and go on, cancel it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.broadcasts import broadcast as broadcasts
from automations.broadcasts import broadcast_files, progress, times
from automations.broadcasts.broadcast import PREFIX, RECIPIENT, Broadcast
from automations.broadcasts.broadcast_files import Around, Found
from automations.running import pausing
from automations.running.pausing import Late
from bot.base import work
from bot.base.config import Config
from bot.base.database import insert, table
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import near
from bot.tables import broadcasts as tables
from bot.tables.automations import FlowVersion

_rows, _versions = table(tables.Broadcast), table(FlowVersion)

OPEN = frozenset({"scheduled", "preparing", "testing", "releasing", "sending"})
ENDED = frozenset({"finished", "cancelled"})


@dataclass(frozen=True)
class Standing:
    """A broadcast, and how far it is. `row` is None while it stands in its file only."""

    broadcast: Broadcast
    tree: Mapping[str, Any]
    row: Mapping[str, Any] | None
    paused: bool = False
    counts: Mapping[str, Any] | None = None

    @property
    def status(self) -> str:
        if self.row is None:
            return "draft"
        return "paused" if self.paused and self.row["status"] in OPEN else str(self.row["status"])


async def every(session: AsyncSession, config: Config) -> dict[str, Standing | None]:
    """All that were put down or stand in a file; None where the file alone has it."""
    resting = await pausing.paused(session)
    found: dict[str, Standing | None] = dict.fromkeys(broadcast_files.names(config))
    for row in (await session.execute(sa.select(_rows).order_by(_rows.c.id))).mappings():
        found[row["name"]] = _standing(dict(row), resting)
    return found


async def find(session: AsyncSession, config: Config, name: str, around: Around) -> Standing:
    """As it runs or ran; one that was never started as its file says, or as it was put down. Raises FindingsError."""
    row = await _row(session, name)
    if row is None or row["status"] == "draft":
        one = broadcast_files.load_one(config, name, around)
        if one is not None:
            return Standing(one.broadcast, one.tree, None)
    if row is None:
        known = [*await _names(session), *broadcast_files.names(config)]
        more = (
            f"; {near(name, known)}"
            if known
            else ": there are none yet, they are files in automations.broadcasts_folder"
        )
        raise FindingsError(Finding(f"there is no broadcast {name!r}{more}"))
    return _standing(row, await pausing.paused(session))


async def unknown(session: AsyncSession, config: Config, name: str) -> bool:
    """Neither put down nor in a file."""
    return await _row(session, name) is None and name not in broadcast_files.names(config)


async def counted(session: AsyncSession, standing: Standing, now: datetime) -> Standing:
    """With its figures: those of its end, with what it earned since; while it runs those of now."""
    row = standing.row
    if row is None or row["version_id"] is None:
        return standing
    found = await progress.count(session, standing.broadcast, row["version_id"], now)
    return Standing(standing.broadcast, standing.tree, row, standing.paused, found.stored())


async def put(session: AsyncSession, found: Found, now: datetime) -> None:
    """Put it down, or change it while it was not started. Raises FindingsError."""
    name = found.broadcast.name
    row = await _row(session, name)
    if row is not None and row["status"] != "draft":
        raise FindingsError(Finding(f"{name} was started already and stays as it is; put this down under another name"))
    new = insert(session, _rows).values(_draft(found, now))
    await session.execute(
        new.on_conflict_do_update(index_elements=["name"], set_={"definition": new.excluded.definition},
                                  where=_rows.c.status == "draft")
    )  # fmt: skip


async def start(
    session: AsyncSession, config: Config, standing: Standing, now: datetime, at: datetime | None = None
) -> datetime:
    """From now on it goes by itself; `at` is a local time instead of its `when`. Returns when the first mail may leave.

    Raises FindingsError.
    """
    made, tree = standing.broadcast, dict(standing.tree)
    if standing.row is not None and standing.row["status"] != "draft":
        raise FindingsError(Finding(f"{made.name} was started already; a mail for a second time needs another name"))
    if at is not None:
        tree["when"] = at.isoformat(" ", "minutes")
        made = broadcasts.of(made.name, tree)
    if wrong := untimely(made, config, now):
        raise FindingsError(wrong)
    first = max(now, times.earliest(made, now, config))
    new = insert(session, _rows).values(_draft(Found(made, tree), now)).on_conflict_do_nothing()
    await session.execute(new)
    going = {"status": "scheduled", "definition": tree, "wanted_at": now, "started_at": now, "due_at": first}
    mine = sa.update(_rows).where(_rows.c.name == made.name, _rows.c.status == "draft").values(going)
    if not (await session.execute(mine)).rowcount:  # type: ignore[attr-defined]
        raise FindingsError(Finding(f"{made.name} was started already, just now"))
    work.kick(session, "broadcasts")
    return first


def untimely(made: Broadcast, config: Config, now: datetime) -> Finding | None:
    """What keeps it from being started at the time it names."""
    if made.when is None and made.zone == RECIPIENT:
        return Finding('each one\'s own zone needs a time: when = "2026-12-01 10:00", or --at', key="zone")
    if times.latest(made, now, config) < now - made.max_lateness:
        return Finding(f"{made.when:%Y-%m-%d %H:%M} is past; give another time with --at", key="when")
    return None


async def pause(session: AsyncSession, name: str, now: datetime) -> None:
    """Nothing leaves until it goes on; mails in the outbox wait as well. Raises FindingsError."""
    await _open(session, name)
    if not await pausing.pause(session, PREFIX + name, now):
        raise FindingsError(Finding(f"{name} rests already"))


async def resume(session: AsyncSession, name: str, now: datetime, late: Late | None = None) -> None:
    """`late` as for a flow: what fell due meanwhile is as late as it is, is sent all the same, or is skipped."""
    row = await _open(session, name)
    if not await pausing.resume(session, PREFIX + name, now, late):
        raise FindingsError(Finding(f"{name} was not paused"))
    looks = sa.update(_rows).where(_rows.c.id == row["id"], _rows.c.status.in_(("testing", "sending")))
    await session.execute(looks.where(_rows.c.lease_until.is_(None)).values(due_at=now))
    work.kick(session, "broadcasts")


async def cancel(session: AsyncSession, name: str, now: datetime) -> None:
    """Whoever has not got it will not. Nothing more leaves from this moment on, though counting them takes a while."""
    row = await _open(session, name, with_drafts=True)
    stopped = sa.update(_versions).where(_versions.c.id == row["version_id"])
    await session.execute(stopped.values(status="stopped"))
    ended = {"status": "cancelling", "cursor": 0, "last_id": 0, "due_at": now, "lease_until": None, "lease_by": None}
    await session.execute(sa.update(_rows).where(_rows.c.id == row["id"]).values(ended))
    work.kick(session, "broadcasts")


async def _open(session: AsyncSession, name: str, *, with_drafts: bool = False) -> Mapping[str, Any]:
    row = await _row(session, name, lock=True)
    if row is None:
        raise FindingsError(Finding(f"{name} was not started"))
    if row["status"] not in (OPEN | {"draft"} if with_drafts else OPEN):
        raise FindingsError(Finding(f"{name} is {row['status']}: there is nothing to do with it"))
    return row


async def _row(session: AsyncSession, name: str, *, lock: bool = False) -> Mapping[str, Any] | None:
    mine = sa.select(_rows).where(_rows.c.name == name)
    found = (await session.execute(mine.with_for_update() if lock else mine)).mappings().first()
    return dict(found) if found else None


async def _names(session: AsyncSession) -> list[str]:
    return list((await session.scalars(sa.select(_rows.c.name).order_by(_rows.c.id))).all())


def _standing(row: Mapping[str, Any], resting: Mapping[str, datetime]) -> Standing:
    made = broadcasts.of(row["name"], row["definition"])
    return Standing(made, row["definition"], dict(row), made.flow in resting, row["counts"] or None)


def _draft(found: Found, now: datetime) -> dict[str, Any]:
    return {
        "name": found.broadcast.name, "status": "draft", "definition": dict(found.tree), "created_at": now,
        "cursor": 0, "last_id": 0, "expected": 0, "enrolled": 0, "spacing": {}, "decision": {}, "counts": {},
        "error": "", "attempts": 0,
    }  # fmt: skip


def when(standing: Standing, config: Config) -> str:
    """For a person: day, time and in which zone."""
    made = standing.broadcast
    if made.when is None:
        return "when it is started"
    where = "in each one's own zone" if made.zone == RECIPIENT else str(broadcasts.zone_of(made, config.shop.timezone))
    return f"{made.when:%Y-%m-%d %H:%M} {where}"


def of_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
