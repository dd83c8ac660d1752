"""Moves each enrolment whose time has come one step: a wait ends, a mail is queued, the flow ends.

A batch is a few queries however many enrolments it holds. While a mail is on its way its enrolment is not due; the
gate makes it due again when the outbox has settled the mail.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition.versions import Version, Versions
from automations.running import steps
from automations.running.steps import Move
from bot.base import clock, due, ids, logs, work
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.contacts import zones
from bot.outbound import outbox
from bot.tables.automations import Enrolment
from bot.tables.outbox import Message
from bot.tables.people import Contact

log = logs.get(__name__)

BATCH = 500
MAX_ATTEMPTS = 5
_rows = table(Enrolment)
_CLAIMS = {limit: due.Claim(_rows, limit) for limit in (1, BATCH)}
_messages = table(Message)


class Engine:
    """`versions` is shared with the gate, so that a definition is read once."""

    def __init__(self, database: Database, ground: Ground, worker: int, versions: Versions | None = None) -> None:
        self.database = database
        self.ground = ground
        self.worker = worker
        self.versions = versions or Versions()
        self._singly = 0

    def kind(self) -> work.Kind:
        return work.Kind("enrolments", self.run, self._next_due)

    async def _next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            return await due.next_due(session, _rows)

    async def run(self) -> int:
        return await self.move_due(clock.now())

    async def move_due(self, now: datetime) -> int:
        """Claim and move one batch. Returns how many enrolments it took.

        If a whole batch cannot be written, its rows are taken one by one, so that the one at fault is found.
        """
        limit = 1 if self._singly else BATCH
        self._singly = max(0, self._singly - 1)
        try:
            async with self.database.transaction() as session:
                rows = await due.claim(session, _CLAIMS[limit], self.worker, now)
                await self._move(session, rows, now)
        except Exception:  # one batch of a loop
            log.exception("enrolments could not be moved", limit=limit)
            if limit == 1:
                await self._put_away(now)
            else:
                self._singly = BATCH
            return 1
        return len(rows)

    async def _move(self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
        if not rows:
            return
        versions = await self.versions.find(session, {row["version_id"] for row in rows})
        places = await self._zones(session, rows, versions)
        messages = await self._messages(session, rows, versions)
        shop = zones.local(self.ground.config, _NOBODY)
        changes: list[dict[str, Any]] = []
        sending: list[tuple[Mapping[str, Any], Move]] = []
        for row in rows:
            version, zone = versions.get(row["version_id"]), places.get(row["contact_id"], shop).zone
            try:
                move = _moved(row, version, now, zone, messages.get(row["id"]))
            except Exception:  # one row of a loop: it alone moves away
                log.exception("an enrolment could not be moved", enrolment_id=row["id"], flow=row["flow"])
                move = _away(row, now)
            changes.append(_values(row, move))
            if move.send:
                sending.append((row, move))
        await session.execute(_CHANGE, changes)
        await outbox.queue_many(session, [_mail(row, move, versions, now) for row, move in sending])

    async def _zones(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], versions: Mapping[int, Version]
    ) -> dict[int, zones.Local]:
        """Zones of those whose step waits for a local time; the others need none."""
        wanted = {
            row["contact_id"]
            for row in rows
            if (version := versions.get(row["version_id"])) is not None
            and version.flow is not None
            and steps.looks_at_local_time(version.flow, row["step_id"])
        }
        if not wanted:
            return {}
        people = table(Contact)
        columns = [people.c.id, people.c.timezone, people.c.country, people.c.traits]
        found = await session.execute(sa.select(*columns).where(people.c.id.in_(sorted(wanted))))
        return {row["id"]: zones.local(self.ground.config, dict(row)) for row in found.mappings()}

    async def _messages(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], versions: Mapping[int, Version]
    ) -> dict[int, Mapping[str, Any]]:
        """What the sending steps among these have in the outbox already, by enrolment."""
        at_sends = {}
        for row in rows:
            version = versions.get(row["version_id"])
            step = version.flow.step(row["step_id"]) if version and version.flow else None
            if step is not None and step.send:
                at_sends[row["id"]] = row["step_id"]
        if not at_sends:
            return {}
        columns = [_messages.c.enrolment_id, _messages.c.step_id, _messages.c.status, _messages.c.settled_at]
        found = await session.execute(sa.select(*columns).where(_messages.c.enrolment_id.in_(sorted(at_sends))))
        return {
            row["enrolment_id"]: dict(row)
            for row in found.mappings()
            if at_sends[row["enrolment_id"]] == row["step_id"]
        }

    async def _put_away(self, now: datetime) -> None:
        """The claim of a row that breaks its transaction was rolled back with it: count the attempt by itself."""
        async with self.database.transaction() as session:
            rows = await due.claim(session, _CLAIMS[1], self.worker, now)
            if rows:
                await session.execute(_CHANGE, [_values(row, _away(row, now)) for row in rows])


def _mail(row: Mapping[str, Any], move: Move, versions: Mapping[int, Version], now: datetime) -> dict[str, Any]:
    version = versions[row["version_id"]]
    assert move.send is not None and version.flow is not None
    return {
        "channel": "email",
        "purpose": "marketing",
        "receiver": f"contact:{row['contact_id']}",  # the address of the moment it leaves is the gate's to find
        "payload": {},
        "key": ids.stable(row["id"], move.send.id),
        "now": now,
        "due_at": min(move.planned or now, now),
        "priority": version.flow.rank,
        "once": True,
        "contact_id": row["contact_id"],
        "enrolment_id": row["id"],
        "flow": row["flow"],
        "step_id": move.send.id,
        "template": move.send.send,
    }


_NOBODY: Mapping[str, Any] = {"timezone": None, "country": None, "traits": {}}

_CHANGE = (
    sa.update(_rows)
    .where(_rows.c.id == sa.bindparam("row_id"))
    .values(
        {
            name: sa.bindparam(f"new_{name}", type_=_rows.c[name].type)
            for name in ("status", "step_id", "step_entered_at", "due_at", "planned_at", "exit_reason", "ended_at",
                         "attempts")
        }
        | {"lease_until": None, "lease_by": None}
    )
)  # fmt: skip


def _values(row: Mapping[str, Any], move: Move) -> dict[str, Any]:
    moved_on = move.step_id != row["step_id"] or move.status in ("finished", "exited") or move.send is not None
    return {
        "row_id": row["id"],
        "new_status": move.status,
        "new_step_id": move.step_id,
        "new_step_entered_at": move.entered,
        "new_due_at": move.due_at,
        "new_planned_at": None if move.send else move.planned,
        "new_exit_reason": move.exit_reason or row["exit_reason"],
        "new_ended_at": move.ended_at,
        "new_attempts": 0 if moved_on else row["attempts"],
    }


def _moved(
    row: Mapping[str, Any], version: Version | None, now: datetime, zone: Any, message: Mapping[str, Any] | None
) -> Move:
    if version is None or version.flow is None:
        return Move("exited", row["step_id"], row["step_entered_at"], exit_reason="version_gone", ended_at=now)
    if version.status == "stopped":  # rests where it is until the flow is switched on again
        return Move("active", row["step_id"], row["step_entered_at"], None, row["planned_at"] or row["due_at"])
    return steps.on_due(row, version.flow, now, zone, message)


def _away(row: Mapping[str, Any], now: datetime) -> Move:
    """Further away each time, in the end for good and in sight."""
    if row["attempts"] >= MAX_ATTEMPTS:
        return Move("failed", row["step_id"], row["step_entered_at"], exit_reason="error", ended_at=now)
    return Move("active", row["step_id"], row["step_entered_at"], due.later(row["attempts"], now), row["planned_at"])
