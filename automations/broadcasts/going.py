"""Brings each broadcast forward whose time has come: its people are enrolled, its test decided, its end seen.

All of it is many small steps, each one transaction that also writes how far it came. Killed anywhere it goes on there.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences.compiling import Compiler, contacts
from automations.audiences.segment_files import Segments
from automations.broadcasts import broadcast as broadcasts
from automations.broadcasts import choosing, progress, recipients
from automations.broadcasts.broadcast import Broadcast
from automations.broadcasts.recipients import Audience, Enrolling, Lots
from automations.broadcasts.times import Moments, Spacing
from automations.definition import versions
from automations.running import exits, pausing
from bot.base import clock, due, logs, work
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.tables import broadcasts as tables
from bot.tables.automations import FlowPause, FlowVersion

log = logs.get(__name__)

RANGE = 4000
"""Ids that are looked at in one step: at most so many rows are written while others wait for the writer."""
_SOON, _LONGEST = timedelta(minutes=1), timedelta(minutes=30)
_FILES = timedelta(seconds=10)  # how often files are looked at
_PATIENCE = timedelta(days=2)
_rows = table(tables.Broadcast)
_versions, _pauses = table(FlowVersion), table(FlowPause)
_CLAIM = due.Claim(_rows, 1)

Row = Mapping[str, Any]


class _ElsewhereError(Exception):
    """Somebody else has it by now: another worker, or whoever cancelled it."""


class _NoSegmentError(Exception):
    """Its file is not there, or was not right yet: the broadcast waits for it."""


@dataclass(frozen=True)
class _Now:
    row: Row
    broadcast: Broadcast
    at: datetime

    @property
    def gap(self) -> timedelta | None:
        return self.broadcast.throttle.gap if self.broadcast.throttle else None

    @property
    def spacing(self) -> Spacing:
        return Spacing.read(self.row["spacing"], self.gap, self.row["ends_at"])


class Broadcasts:
    """`reload` has the files of the segments looked at again: one may be newer than what is in use."""

    def __init__(
        self, database: Database, ground: Ground, segments: Segments, worker: int,
        now: Callable[[], datetime] = clock.now, reload: Callable[[], Awaitable[object]] | None = None,
    ) -> None:  # fmt: skip
        self.database, self.ground, self.segments, self.worker, self.now = database, ground, segments, worker, now
        self.reload = reload
        self._steps = {
            "scheduled": self._begin, "preparing": self._prepare, "testing": self._decide, "releasing": self._release,
            "sending": self._look, "cancelling": self._cancel,
        }  # fmt: skip

    def kind(self) -> work.Kind:
        return work.Kind("broadcasts", self.run, self.next_due)

    async def next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            return await due.next_due(session, _rows)

    async def run(self) -> int:
        """One step of one broadcast. Returns how many it took."""
        now = self.now()
        async with self.database.transaction() as session:
            rows = await due.claim(session, _CLAIM, self.worker, now)
        for row in rows:
            try:
                await self._steps[row["status"]](_Now(row, broadcasts.of(row["name"], row["definition"]), now))
            except _ElsewhereError:
                log.info("a broadcast is not ours any more", broadcast=row["name"])
            except _NoSegmentError as error:
                if row["error"] != str(error):  # once, not at each try
                    log.warning("a broadcast waits for the file of its segment", broadcast=row["name"],
                                reason=str(error))  # fmt: skip
                await self._put_away(row, str(error), now + _FILES, attempts=0)
            except Exception as error:  # one row of a loop: it alone moves away
                log.exception("a broadcast could not go on", broadcast=row["name"])
                later = due.later(row["attempts"], now, first=5.0)
                await self._put_away(row, logs.clean(f"{type(error).__name__}: {error}")[:500], later)
        return len(rows)

    # -- its people ------------------------------------------------------------------------------------------------

    async def _begin(self, one: _Now) -> None:
        """Its time has come: the segment is looked at, and from here on it is what it was now."""
        audience = await self._audience(one, one.at)
        async with self.database.reading() as session:
            last = await session.scalar(sa.select(sa.func.max(contacts.c.id))) or 0
            zones = await audience.zones(session, last)
        moments = self._moments(one)
        expected: dict[datetime, int] = {}
        for (timezone, country), count in zones.items():
            moment = moments.of(timezone, country)
            expected[moment] = expected.get(moment, 0) + count
        first = min(expected, default=one.at)
        if first > one.at:
            async with self.database.transaction() as session:
                await self._put(session, one, due_at=first, error="")
            return
        share = one.broadcast.test.share if one.broadcast.test else 1.0
        spacing = Spacing.plan({moment: round(n * share) for moment, n in expected.items()}, one.gap, one.at)
        made = broadcasts.definition(one.broadcast, one.row["definition"])
        async with self.database.transaction() as session:
            version_id = await versions.put(session, one.broadcast.flow, made, one.at)
            await self._put(
                session, one, status="preparing", version_id=version_id, looked_at=one.at, last_id=last, cursor=0,
                expected=sum(zones.values()), spacing=spacing.stored(), due_at=one.at, error="",
            )  # fmt: skip
        log.info("a broadcast begins", broadcast=one.broadcast.name, people=sum(zones.values()))

    async def _prepare(self, one: _Now) -> None:
        row, spacing = one.row, one.spacing
        until = min(row["cursor"] + RANGE, row["last_id"])
        audience = await self._audience(one, row["looked_at"])
        async with self.database.reading() as session:
            people = await audience.people(session, row["cursor"], until)
        lots = Lots(one.broadcast, self.ground.secret)
        enrolling = Enrolling(
            one.broadcast, row["version_id"], row["looked_at"], self._moments(one), spacing, lots
        )  # fmt: skip
        made = [enrolling.row(person, one.at) for person in people]
        values = {"cursor": until, "enrolled": row["enrolled"] + len(made), "spacing": spacing.stored(),
                  "ends_at": spacing.last, "due_at": one.at}  # fmt: skip
        if until >= row["last_id"]:
            values |= self._prepared(one, spacing)
        async with self.database.transaction() as session:
            await self._put(session, one, **values)
            await recipients.write(session, made)
            work.kick(session, "enrolments")

    def _prepared(self, one: _Now, spacing: Spacing) -> dict[str, Any]:
        test, last = one.broadcast.test, max(spacing.last or one.at, one.at)
        if test is None:
            return {"status": "sending", "due_at": one.at + _SOON}
        return {"status": "testing", "due_at": last + test.wait}

    # -- its test --------------------------------------------------------------------------------------------------

    async def _decide(self, one: _Now) -> None:
        """The time of everybody who is in the test must be over, or so long past that nobody waits for the last."""
        row, test = one.row, one.broadcast.test
        assert test is not None
        async with self.database.reading() as session:
            through, last = await choosing.through(session, one.broadcast, row["version_id"])
            paused = one.broadcast.flow in await pausing.paused(session)
        patience = max(row["ends_at"] or one.at, row["looked_at"]) + 2 * test.wait + _PATIENCE
        over = (last or row["looked_at"]) + test.wait
        if paused or (not through and one.at < patience):
            await self._later(one, one.at + (_LONGEST if paused else _SOON))
            return
        if over > one.at and through:
            await self._later(one, over)
            return
        async with self.database.reading() as session:
            tallies = await choosing.tallies(session, one.broadcast, self.ground.config.shop.currency)
            zones = await recipients.resting_zones(session, row["version_id"])
            above, until = await recipients.bounds(session, row["version_id"])
        decision = {**choosing.choose(test, tallies), "at": one.at.isoformat()}
        moments = self._moments(one, one.at)
        expected: dict[datetime, int] = {}
        for (timezone, country), count in zones.items():
            moment = moments.of(timezone, country)
            expected[moment] = expected.get(moment, 0) + count
        spacing = Spacing.plan(expected, one.gap, one.at)
        async with self.database.transaction() as session:
            await self._put(
                session, one, status="releasing", decision=decision, cursor=above, last_id=until,
                spacing=spacing.stored(), due_at=one.at,
            )  # fmt: skip
        log.info("the test of a broadcast is over", broadcast=one.broadcast.name, arm=decision["arm"],
                 why=decision["why"])  # fmt: skip

    async def _release(self, one: _Now) -> None:
        row, spacing = one.row, one.spacing
        until = min(row["cursor"] + RANGE, row["last_id"])
        moments = self._moments(one, clock.parse(row["decision"]["at"]))
        async with self.database.reading() as session:
            people = await recipients.resting(session, row["version_id"], row["cursor"], until)
        released = [
            {"row_id": person.id, "arm": row["decision"]["arm"],
             "at": spacing.take(moments.of(person.timezone, person.country), one.at)}
            for person in people
        ]  # fmt: skip
        through = until >= row["last_id"]
        async with self.database.transaction() as session:
            await self._put(
                session, one, cursor=until, spacing=spacing.stored(), ends_at=spacing.last,
                status="sending" if through else "releasing", due_at=one.at + (_SOON if through else timedelta(0)),
            )  # fmt: skip
            await recipients.release(session, released)
            work.kick(session, "enrolments")

    # -- its end ---------------------------------------------------------------------------------------------------

    async def _look(self, one: _Now) -> None:
        """Count how far it is, more often towards the end; counting takes no more than a fiftieth of the time."""
        began = time.monotonic()
        async with self.database.reading() as session:
            found = await progress.count(session, one.broadcast, one.row["version_id"], one.at)
        took = timedelta(seconds=time.monotonic() - began)
        ahead = (found.finish or one.at) - one.at
        again = one.at + max(_SOON, 50 * took, min(ahead / 10, _LONGEST))
        counted = {"counts": found.stored(), "counted_at": one.at}
        async with self.database.transaction() as session:
            if found.open:
                await self._put(session, one, due_at=again, **counted)
                return
            await self._put(session, one, status="finished", ended_at=one.at, due_at=None, **counted)
            await _close(session, one)
        log.info("a broadcast is through", broadcast=one.broadcast.name, sent=found.sent)

    async def _cancel(self, one: _Now) -> None:
        """Its version is stopped already, so nothing leaves any more; here its people are let go."""
        row = one.row
        if row["version_id"] is None:
            async with self.database.transaction() as session:
                await self._put(session, one, status="cancelled", ended_at=one.at, due_at=None)
            return
        above, last = row["cursor"], row["last_id"]
        async with self.database.reading() as session:
            if not last:
                above, last = await recipients.bounds(session, row["version_id"])
            until = min(above + RANGE, last)
            ids = await recipients.inside(session, row["version_id"], above, until)
            through = until >= last
            found = await progress.count(session, one.broadcast, row["version_id"], one.at) if through else None
        async with self.database.transaction() as session:
            values: dict[str, Any] = {"cursor": until, "last_id": last, "due_at": one.at}
            if found is not None and not ids and not found.leaving:
                values |= {"status": "cancelled", "ended_at": one.at, "due_at": None, "counts": found.stored(),
                           "counted_at": one.at}  # fmt: skip
            elif through:  # once more from the beginning: a mail on its way was left to its worker
                values |= {"cursor": 0, "last_id": 0, "due_at": one.at + timedelta(seconds=0 if ids else 10)}
            await self._put(session, one, **values)
            await exits.leave(session, ids, "cancelled", one.at)
            if values.get("status") == "cancelled":
                await _close(session, one)

    # -- what all of them do ---------------------------------------------------------------------------------------

    async def _audience(self, one: _Now, at: datetime) -> Audience:
        name = one.broadcast.segment
        if name not in self.segments.by_name and self.reload is not None:
            await self.reload()
        segment = self.segments.by_name.get(name)
        if segment is None:
            raise _NoSegmentError(f"there is no segment {name!r}")
        return Audience(Compiler(self.segments, self.ground.config, at), segment)

    def _moments(self, one: _Now, after: datetime | None = None) -> Moments:
        return Moments(one.broadcast, one.row["wanted_at"], self.ground.config, after)

    async def _later(self, one: _Now, at: datetime) -> None:
        async with self.database.transaction() as session:
            await self._put(session, one, due_at=at)

    async def _put(self, session: AsyncSession, one: _Now, **values: Any) -> None:
        """Unless it is somebody else's by now; then nothing of this step holds."""
        mine = sa.update(_rows).where(
            _rows.c.id == one.row["id"], _rows.c.status == one.row["status"], _rows.c.cursor == one.row["cursor"],
            _rows.c.lease_by == self.worker, _rows.c.lease_until == one.row["lease_until"],
        )  # fmt: skip
        more = {"lease_until": None, "lease_by": None, "attempts": 0, "error": "", **values}
        done = await session.execute(mine.values(more))
        if not done.rowcount:  # type: ignore[attr-defined]
            raise _ElsewhereError
        work.kick(session, "broadcasts")

    async def _put_away(self, row: Row, error: str, later: datetime, **values: Any) -> None:
        away = sa.update(_rows).where(_rows.c.id == row["id"], _rows.c.lease_by == self.worker)
        async with self.database.transaction() as session:
            await session.execute(away.values(lease_until=None, lease_by=None, due_at=later, error=error, **values))


async def _close(session: AsyncSession, one: _Now) -> None:
    """Nobody is in it any more: its version needs no look at each event, and its pause no row."""
    stopped = sa.update(_versions).where(_versions.c.id == one.row["version_id"])
    await session.execute(stopped.values(status="stopped"))
    await session.execute(sa.delete(_pauses).where(_pauses.c.flow == one.broadcast.flow))
    await session.execute(sa.delete(table(tables.FlowTurn)).where(table(tables.FlowTurn).c.flow == one.broadcast.flow))
