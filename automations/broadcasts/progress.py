"""How far a broadcast is: counted from its enrolments and mails, a few queries however many they are."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.broadcasts.broadcast import Broadcast
from bot.base.database import UtcDateTime, table
from bot.tables.automations import Click, Credit, Enrolment
from bot.tables.broadcasts import FlowTurn
from bot.tables.outbox import Message

_rows, _messages, _clicks = table(Enrolment), table(Message), table(Click)
_credits, _turns = table(Credit), table(FlowTurn)

_ENDS = {"skipped": "skipped", "withheld": "withheld", "failed": "failed", "unknown": "unknown", "sent": "sent"}


@dataclass
class Progress:
    """People in each state.

    `waiting` have nothing in the outbox yet, `resting` of them wait for the end of the test; `leaving` have a mail
    there. `skipped` says why. `finish` is when the last mail is expected to leave. `cancelled`: people were let go.
    """

    enrolled: int = 0
    waiting: int = 0
    resting: int = 0
    leaving: int = 0
    sent: int = 0
    withheld: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    clicks: int = 0
    orders: int = 0
    revenue: dict[str, int] = field(default_factory=dict)
    finish: datetime | None = None
    cancelled: bool = False

    @property
    def open(self) -> int:
        return self.waiting + self.leaving

    def stored(self) -> dict[str, Any]:
        return {**vars(self), "finish": self.finish.isoformat() if self.finish else None}


async def count(session: AsyncSession, broadcast: Broadcast, version_id: int, now: datetime) -> Progress:
    found = Progress()
    active, last_due = await _enrolments(session, version_id, found)
    await _mails(session, broadcast.flow, found)
    found.waiting = max(0, active - found.leaving)
    told = found.open + found.sent + found.withheld + found.failed + found.unknown + sum(found.skipped.values())
    if told < found.enrolled:  # without a mail: cancelled, forgotten, one person with another
        found.skipped["cancelled" if found.cancelled else "left"] = found.enrolled - told
    await _worth(session, broadcast.flow, found)
    found.finish = await _finish(session, broadcast, found, last_due, now)
    return found


async def _enrolments(session: AsyncSession, version_id: int, found: Progress) -> tuple[int, datetime | None]:
    rests = sa.case(
        (sa.and_(_rows.c.due_at.is_(None), _rows.c.planned_at.is_(None), _rows.c.variant == ""), 1), else_=0
    )
    counted = (
        sa.select(
            _rows.c.status, _rows.c.exit_reason, sa.func.count().label("n"), sa.func.sum(rests).label("resting"),
            sa.func.max(_rows.c.planned_at, type_=UtcDateTime()).label("last"),
        )
        .where(_rows.c.version_id == version_id)
        .group_by(_rows.c.status, _rows.c.exit_reason)
    )  # fmt: skip
    active, last, skipped = 0, None, Counter[str]()
    for row in await session.execute(counted):
        found.enrolled += row.n
        if row.status == "active":
            active, last = active + row.n, row.last
            found.resting += int(row.resting)
        elif row.status == "failed" or row.exit_reason == "late":
            skipped[row.exit_reason or "error"] += row.n
        found.cancelled |= row.exit_reason == "cancelled"
    found.skipped = dict(skipped)
    return active, last


async def _mails(session: AsyncSession, flow: str, found: Progress) -> None:
    counted = (
        sa.select(_messages.c.status, _messages.c.skip_reason, sa.func.count())
        .where(_messages.c.flow == flow)
        .group_by(_messages.c.status, _messages.c.skip_reason)
    )
    for status, reason, n in await session.execute(counted):
        if status == "skipped":
            if not (found.cancelled and reason in ("exited", "flow_stopped")):
                found.skipped[reason or ""] = found.skipped.get(reason or "", 0) + n
        elif status in _ENDS:
            setattr(found, status, getattr(found, status) + n)
        else:
            found.leaving += n


async def _worth(session: AsyncSession, flow: str, found: Progress) -> None:
    clicked = sa.select(sa.func.count(sa.distinct(_clicks.c.contact_id))).join(
        _messages, _messages.c.id == _clicks.c.message_id
    )
    found.clicks = await session.scalar(clicked.where(_messages.c.flow == flow, _clicks.c.label == "human")) or 0
    earned = (
        sa.select(_credits.c.currency, sa.func.count(), sa.func.sum(_credits.c.amount))
        .where(_credits.c.flow == flow, _credits.c.shadow.is_(False))
        .group_by(_credits.c.currency)
    )
    for currency, orders, amount in await session.execute(earned):
        found.orders += orders
        found.revenue[currency] = int(amount)


async def _finish(
    session: AsyncSession, broadcast: Broadcast, found: Progress, last_due: datetime | None, now: datetime
) -> datetime | None:
    """Of those whose time is known; with people who wait for a test, only the throttle says how long they take."""
    if not found.open:
        return None
    at = max(now, last_due or now)
    if broadcast.throttle is not None:
        turn = await session.scalar(sa.select(_turns.c.next_at).where(_turns.c.flow == broadcast.flow))
        at = max(at, now + broadcast.throttle.gap * found.waiting, turn or now)
    return at
