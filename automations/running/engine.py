"""Moves each enrolment whose time has come to where it rests next: a wait ends, a mail is queued, the flow ends.

A batch is a few queries however many enrolments it holds. While a mail is on its way its enrolment is not due; the
gate makes it due again when the outbox has settled the mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.care import Care
from automations.definition import channels
from automations.definition.versions import Version, Versions
from automations.experiments import exposures
from automations.running import catching_up, effects, steps
from automations.running.catching_up import CatchingUp
from automations.running.effects import Done
from automations.running.lookup import Lookup
from automations.running.steps import Known, Move
from bot.base import clock, due, ids, logs, work
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.outbound import outbox
from bot.tables.automations import Enrolment
from bot.tables.outbox import Message

log = logs.get(__name__)

BATCH = 500
MAX_ATTEMPTS = 5
_rows = table(Enrolment)
_messages = table(Message)
_CLAIMS = {limit: due.Claim(_rows, limit) for limit in (1, BATCH)}


class Engine:
    """`versions` is shared with the gate, so that a definition is read once."""

    def __init__(
        self, database: Database, ground: Ground, worker: int, versions: Versions | None = None,
        care: Care | None = None,
    ) -> None:  # fmt: skip
        self.database = database
        self.worker = worker
        self.config = ground.config
        self.lookup = Lookup(ground, care or Care({}), versions or Versions())
        self.catching_up = CatchingUp()
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
        versions = await self.lookup.versions_of(session, rows)
        known = await self.lookup.load(session, rows, versions, now)
        moved: list[_Moved] = []
        for row in rows:
            version = versions.get(row["version_id"])
            try:
                move = _move(row, version, known[row["id"]])
            except Exception:  # one row of a loop: it alone moves away
                log.exception("an enrolment could not be moved", enrolment_id=row["id"], flow=row["flow"])
                move = _away(row, now)
            moved.append(_Moved(row, version, move))
        await session.execute(_CHANGE, [_values(one.row, one.move) for one in moved])
        if told := [one for one in moved if one.move.context is not None]:
            await session.execute(_TELL, [{"row_id": one.row["id"], "told": one.move.context} for one in told])
        turns = await self.catching_up.turns(session, [one.missed for one in moved if one.is_missed(now)], now)
        mails = [(one, turns.get(one.row["contact_id"], now) if one.is_missed(now) else now) for one in moved]
        sent = [_mail(one, turn, now, self.config) for one, turn in mails if one.move.send]
        await outbox.queue_many(session, sent)
        if late := [ids.stable(one.row["id"], one.move.step_id) for one in moved if one.move.late]:
            await session.execute(
                sa.update(_messages).where(_messages.c.key.in_(late)).values(**_TOO_LATE, settled_at=now)
            )
        await effects.apply(session, [done for one in moved for done in one.done], now)
        await exposures.record(session, [one.exposure(now) for one in moved if one.exposed])

    async def _put_away(self, now: datetime) -> None:
        """The claim of a row that breaks its transaction was rolled back with it: count the attempt by itself."""
        async with self.database.transaction() as session:
            rows = await due.claim(session, _CLAIMS[1], self.worker, now)
            if rows:
                await session.execute(_CHANGE, [_values(row, _away(row, now)) for row in rows])


@dataclass(frozen=True)
class _Moved:
    row: Mapping[str, Any]
    version: Version | None
    move: Move

    @property
    def done(self) -> list[Done]:
        context = self.row["context"] if self.move.context is None else self.move.context
        return [Done(self.row, context, step) for step in self.move.done]

    def is_missed(self, now: datetime) -> bool:
        """Its mail is long due: nobody worked when it should have left. A broadcast has a pace of its own."""
        move = self.move
        if self.version is not None and self.version.flow is not None and self.version.flow.about == "broadcast":
            return False
        if move.send is None or move.late or move.planned is None:
            return False
        return now - move.planned > catching_up.LONG_DUE

    @property
    def missed(self) -> tuple[int, int, datetime]:
        assert self.version is not None and self.version.flow is not None and self.move.planned is not None
        return self.row["contact_id"], self.version.flow.rank, self.move.planned

    @property
    def exposed(self) -> bool:
        """It came to a step where the arms of the experiment part."""
        if not self.row["variant"] or self.version is None or self.version.flow is None:
            return False
        return not self.version.flow.differing.isdisjoint(self.move.came)

    def exposure(self, now: datetime) -> dict[str, Any]:
        assert self.version is not None and self.version.flow is not None and self.version.flow.experiment is not None
        return {
            "experiment": self.version.flow.experiment.name, "contact_id": self.row["contact_id"],
            "variant": self.row["variant"], "flow": self.row["flow"], "enrolment_id": self.row["id"], "at": now,
        }  # fmt: skip


def _mail(one: _Moved, turn: datetime, now: datetime, config: Config) -> dict[str, Any]:
    row, move, version = one.row, one.move, one.version
    assert move.send is not None and version is not None and version.flow is not None
    return {
        "channel": channels.lane(config, move.send.channels),
        "purpose": "marketing",
        "receiver": f"contact:{row['contact_id']}:{row['id']}",  # its address is the gate's to find
        "payload": {},
        "key": ids.stable(row["id"], move.send.id),
        "now": now,
        "due_at": turn if turn > now else min(move.planned or now, now),
        "planned_at": min(move.planned or now, now),
        "priority": version.flow.rank,
        "once": True,
        "contact_id": row["contact_id"],
        "enrolment_id": row["id"],
        "flow": row["flow"],
        "step_id": move.send.id,
        "template": move.send.send,
    }


_TOO_LATE = {
    "status": "skipped", "skip_reason": "stale", "due_at": None,
    "verdicts": {"in_time": {"reason": "stale", "because": "late_unwanted"}},
}  # fmt: skip

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
_TELL = (
    sa.update(_rows)
    .where(_rows.c.id == sa.bindparam("row_id"))
    .values(context=sa.bindparam("told", type_=_rows.c.context.type))
)


def _values(row: Mapping[str, Any], move: Move) -> dict[str, Any]:
    return {
        "row_id": row["id"],
        "new_status": move.status,
        "new_step_id": move.step_id,
        "new_step_entered_at": move.entered,
        "new_due_at": move.due_at,
        "new_planned_at": None if move.send else move.planned,
        "new_exit_reason": move.exit_reason or row["exit_reason"],
        "new_ended_at": move.ended_at,
        "new_attempts": row["attempts"] if move.again else 0,
    }


def _move(row: Mapping[str, Any], version: Version | None, known: Known) -> Move:
    if version is None or version.flow is None:
        return Move("exited", row["step_id"], row["step_entered_at"], exit_reason="version_gone", ended_at=known.now)
    if not version.runs:  # rests where it is until the flow goes on; what woke it before its time wakes it then
        planned = min(row["planned_at"] or row["due_at"], row["due_at"])
        return Move("active", row["step_id"], row["step_entered_at"], None, planned)
    return steps.on_due(row, version.flow.for_variant(row["variant"]), known)


def _away(row: Mapping[str, Any], now: datetime) -> Move:
    """Further away each time, in the end for good and in sight."""
    if row["attempts"] >= MAX_ATTEMPTS:
        entered = row["step_entered_at"]
        return Move("failed", row["step_id"], entered, exit_reason="error", ended_at=now, again=True)
    later = due.later(row["attempts"], now)
    return Move("active", row["step_id"], row["step_entered_at"], later, row["planned_at"], again=True)
