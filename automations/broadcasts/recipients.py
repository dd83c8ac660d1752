"""Who a broadcast goes to: the people of its segment, made into enrolments a range of ids at a time.

Reading is done beside the writers; writing is one short transaction a range. What chance decides about a person (the
hold-out, the test) comes from hashes, which not every database knows: so the rows pass through here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences.compiling import SOURCE, Compiler, contacts
from automations.audiences.segment import Segment
from automations.broadcasts.broadcast import RECIPIENT, STEP, Broadcast
from automations.broadcasts.times import Moments, Spacing
from automations.experiments import assignment, holdout
from bot.base.database import insert, table
from bot.tables.automations import Enrolment

_rows = table(Enrolment)

Row = Mapping[str, Any]
Found = sa.Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class Audience:
    """The segment as it was asked for when the broadcast began, and nobody who came later."""

    compiler: Compiler
    segment: Segment

    def _clause(self) -> sa.ColumnElement[bool]:
        return self.compiler.clause(self.segment)

    async def count(self, session: AsyncSession) -> int:
        counted = sa.select(sa.func.count()).select_from(SOURCE).where(self._clause())
        return await session.scalar(counted) or 0

    async def zones(self, session: AsyncSession, until: int) -> Counter[tuple[str | None, str | None]]:
        """How many live where, by what we know: a zone, a country."""
        found = (
            sa.select(contacts.c.timezone, contacts.c.country, sa.func.count())
            .select_from(SOURCE)
            .where(contacts.c.id <= until, self._clause())
            .group_by(contacts.c.timezone, contacts.c.country)
        )
        return Counter({(row[0], row[1]): row[2] for row in await session.execute(found)})

    async def people(self, session: AsyncSession, above: int, until: int) -> Sequence[Found]:
        """Those with ids above the one, up to the other: id, timezone, country, and what their oldest enrolment keeps.

        Whoever turned out to be two keeps the lot of the older: it stands there, and for all others it is no news.
        """
        oldest = (
            sa.select(_rows.c.context)
            .where(_rows.c.contact_id == contacts.c.id)
            .order_by(_rows.c.entered_at, _rows.c.id)
            .limit(1)
            .correlate(contacts)
            .scalar_subquery()
        )
        mine = sa.select(contacts.c.id, contacts.c.timezone, contacts.c.country, oldest.label("before"))
        mine = mine.select_from(SOURCE).where(contacts.c.id > above, contacts.c.id <= until, self._clause())
        return (await session.execute(mine.order_by(contacts.c.id))).all()


@dataclass(frozen=True)
class Lots:
    """What chance says about a person in one broadcast. `salt` is the secret of the ground."""

    broadcast: Broadcast
    salt: str

    def arm(self, person: int) -> str | None:
        """The arm of those who are written to first; None for the rest."""
        test = self.broadcast.test
        if test is None:
            return None
        drawn = assignment.bucket(self.salt, f"test of {self.broadcast.flow}", person)
        if drawn >= test.share * assignment.BUCKETS:
            return None
        return assignment.variant(self.salt, self.broadcast.flow, person, test.weights)

    def kept(self, contact_id: int, before: Mapping[str, Any]) -> dict[str, int]:
        """As `running.lots` keeps it with every enrolment."""
        person = int(before.get("person") or contact_id)
        made = {"bucket": int(before["bucket"]) if before.get("bucket") is not None
                else holdout.bucket(self.salt, "holdout", contact_id), "person": person}  # fmt: skip
        if self.broadcast.holdout:
            made[holdout.FLOW_BUCKET] = holdout.of_flow(self.salt, self.broadcast.flow, person)
        return made


@dataclass(frozen=True)
class Enrolling:
    """Makes rows of people. `looked_at` is when the broadcast began, `now` when this range is written."""

    broadcast: Broadcast
    version_id: int
    looked_at: datetime
    moments: Moments
    spacing: Spacing
    lots: Lots

    def row(self, person: Found, now: datetime) -> dict[str, Any]:
        kept = self.lots.kept(person.id, person.before or {})
        arm = self.lots.arm(kept["person"])
        moment = self.moments.of(person.timezone, person.country)
        row = {
            "flow": self.broadcast.flow, "version_id": self.version_id, "contact_id": person.id,
            "dedupe_key": f"contact:{person.id}", "status": "active", "step_id": STEP, "anchor_ts": self.looked_at,
            "entered_at": now, "step_entered_at": now, "planned_at": None, "due_at": None, "exit_reason": None,
            "ended_at": None, "variant": arm or "", "context": kept, "resets": 0, "attempts": 0,
        }  # fmt: skip
        if self._too_late(moment):
            return row | {"status": "exited", "exit_reason": "late", "ended_at": now}
        if self.broadcast.test is not None and arm is None:
            return row  # rests until the test is over
        due = self.spacing.take(moment, now)
        return row | {"planned_at": due, "due_at": due}

    def _too_late(self, moment: datetime) -> bool:
        if self.broadcast.zone == RECIPIENT and self.broadcast.late == "send":
            return False
        return moment < self.looked_at - self.broadcast.max_lateness


async def write(session: AsyncSession, rows: Sequence[Row]) -> None:
    """Whoever is there already stays as they are."""
    if rows:
        await session.execute(insert(session, _rows).on_conflict_do_nothing(), [dict(row) for row in rows])


# -- the rest, when the test is over -----------------------------------------------------------------------------------


def _resting(version_id: int) -> list[sa.ColumnElement[bool]]:
    return [
        _rows.c.version_id == version_id, _rows.c.status == "active", _rows.c.variant == "",
        _rows.c.due_at.is_(None), _rows.c.planned_at.is_(None),
    ]  # fmt: skip


async def bounds(session: AsyncSession, version_id: int) -> tuple[int, int]:
    """The ids of the enrolments lie above the one, up to the other."""
    of_it = _rows.c.version_id == version_id
    first = await session.scalar(sa.select(sa.func.min(_rows.c.id)).where(of_it))
    last = await session.scalar(sa.select(sa.func.max(_rows.c.id)).where(of_it))
    return (first or 1) - 1, last or 0


async def resting_zones(session: AsyncSession, version_id: int) -> Counter[tuple[str | None, str | None]]:
    found = (
        sa.select(contacts.c.timezone, contacts.c.country, sa.func.count())
        .select_from(_rows.join(contacts, contacts.c.id == _rows.c.contact_id))
        .where(*_resting(version_id))
        .group_by(contacts.c.timezone, contacts.c.country)
    )
    return Counter({(row[0], row[1]): row[2] for row in await session.execute(found)})


async def resting(session: AsyncSession, version_id: int, above: int, until: int) -> Sequence[Found]:
    mine = (
        sa.select(_rows.c.id, contacts.c.timezone, contacts.c.country)
        .select_from(_rows.join(contacts, contacts.c.id == _rows.c.contact_id))
        .where(_rows.c.id > above, _rows.c.id <= until, *_resting(version_id))
    )
    return (await session.execute(mine.order_by(_rows.c.id))).all()


async def release(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Each has row_id, arm and at."""
    if rows:
        connection = await session.connection()
        await connection.execute(_RELEASE, [dict(row) for row in rows])


_RELEASE = (
    sa.update(_rows)
    .where(_rows.c.id == sa.bindparam("row_id"), _rows.c.status == "active", _rows.c.variant == "")
    .values(
        variant=sa.bindparam("arm"), due_at=sa.bindparam("at", type_=_rows.c.due_at.type),
        planned_at=sa.bindparam("at", type_=_rows.c.due_at.type),
    )
)  # fmt: skip


async def inside(session: AsyncSession, version_id: int, above: int, until: int) -> Sequence[int]:
    """Ids of those who have not got their mail yet."""
    mine = sa.select(_rows.c.id).where(_rows.c.id > above, _rows.c.id <= until)
    mine = mine.where(_rows.c.version_id == version_id, _rows.c.status == "active")
    return (await session.scalars(mine)).all()
