"""How well promises were kept: attainment by channel and the house goals, counted from the clocks of tickets.

A clock belongs to the day on which it started. attainment = met / (met + breached + open and overdue); clocks that
run on are told apart, and those that were cancelled (closed without a need to answer, unreachable) are left out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.config import SlaGoal
from bot.base.database import table
from bot.support import hours
from bot.support.desk import CHAT_CHANNELS, Desk
from bot.tables.chat import StaffMember
from bot.tables.support import SlaTimer, Ticket

_rows = table(SlaTimer)
_WINDOWS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
SMALL = 20
"""Below so many clocks a share says little."""


@dataclass(frozen=True)
class Kept:
    """Clocks of one channel and metric. `p50`, `p90` and `p95` are seconds of opening time until the answer.

    `reasons` counts what was left out by why. `agent` names who answered (or had the ticket) in a report by agent.
    """

    channel: str
    metric: str
    met: int
    breached: int
    overdue: int
    running: int
    left_out: int
    p50: float | None
    p90: float | None
    p95: float | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    agent: str | None = None

    @property
    def attainment(self) -> float | None:
        counted = self.met + self.breached + self.overdue
        return self.met / counted if counted else None


@dataclass(frozen=True)
class Promise:
    """A house goal: `share` of `counted` clocks were answered in time; `left` more may be missed."""

    goal: SlaGoal
    counted: int
    hits: int

    @property
    def share(self) -> float | None:
        return self.hits / self.counted if self.counted else None

    @property
    def left(self) -> int:
        return int(self.counted * (1 - self.goal.share) + 1e-9) - (self.counted - self.hits)


async def by_channel(session: AsyncSession, desk: Desk, since: datetime, now: datetime) -> list[Kept]:
    """One line per channel and metric, of the clocks that started in `since`..`now`."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in await _timers(session, since, now):
        groups.setdefault((row["channel"], row["metric"]), []).append(row)
    return [_kept(desk, *key, rows, now) for key, rows in sorted(groups.items())]


async def by_agent(session: AsyncSession, desk: Desk, since: datetime, now: datetime) -> list[Kept]:
    """The same by colleague: who answered first, or has the ticket that nobody answered. Without a name: nobody."""
    tickets, staff = table(Ticket), table(StaffMember)
    holders = sa.select(tickets.c.id, tickets.c.assignee_id).where(tickets.c.assignee_id.is_not(None))
    has = {row[0]: row[1] for row in await session.execute(holders.where(tickets.c.id.in_(_ticket_ids(since, now))))}
    names = {row[0]: row[1] for row in await session.execute(sa.select(staff.c.id, staff.c.name))}
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in await _timers(session, since, now):
        agent = names.get(row["staff_id"] or has.get(row["ticket_id"]), "")
        groups.setdefault((agent, row["channel"], row["metric"]), []).append(row)
    return [
        replace(_kept(desk, channel, metric, rows, now), agent=agent or None)
        for (agent, channel, metric), rows in sorted(groups.items())
    ]


def _ticket_ids(since: datetime, now: datetime) -> sa.Select[Any]:
    return sa.select(_rows.c.ticket_id).where(_rows.c.start_at >= since, _rows.c.start_at <= now)


async def goals(session: AsyncSession, desk: Desk, now: datetime) -> list[Promise]:
    """The house goals, each over its own window up to now."""
    found = []
    for goal in desk.ground.config.support.goals:
        rows = await _timers(session, now - _WINDOWS[goal.window], now)
        mine = [row for row in rows if row["metric"] == goal.metric and _is_of(goal, row["channel"])]
        verdicts = [verdict for row in mine if (verdict := _in_time(desk, goal, row, now)) is not None]
        found.append(Promise(goal, len(verdicts), sum(verdicts)))
    return found


async def _timers(session: AsyncSession, since: datetime, now: datetime) -> list[dict[str, Any]]:
    started = sa.select(_rows).where(_rows.c.start_at >= since, _rows.c.start_at <= now).order_by(_rows.c.id)
    return [dict(row) for row in (await session.execute(started)).mappings()]


def _is_of(goal: SlaGoal, channel: str) -> bool:
    return channel in CHAT_CHANNELS if goal.channel == "chat" else channel == goal.channel


def _in_time(desk: Desk, goal: SlaGoal, row: Mapping[str, Any], now: datetime) -> bool | None:
    """None while it is open, or for a clock that was cancelled."""
    if row["state"] == "cancelled":
        return None
    waited = _waited(desk, row, row["answered_at"] or now)
    if row["answered_at"] is None and waited <= goal.within:
        return None
    return waited <= goal.within


def _waited(desk: Desk, row: Mapping[str, Any], until: datetime) -> timedelta:
    calendar = hours.ALWAYS if row["always_open"] else desk.calendar
    return hours.elapsed(calendar, row["start_at"], until)


def _kept(desk: Desk, channel: str, metric: str, rows: Sequence[Mapping[str, Any]], now: datetime) -> Kept:
    states = [row["state"] for row in rows]
    overdue = sum(row["state"] == "running" and row["target_at"] < now for row in rows)
    waits = sorted(
        _waited(desk, row, row["answered_at"]).total_seconds()
        for row in rows
        if row["answered_at"] is not None and row["state"] != "cancelled"
    )
    return Kept(
        channel,
        metric,
        met=states.count("met"),
        breached=states.count("breached"),
        overdue=overdue,
        running=states.count("running") - overdue,
        left_out=states.count("cancelled"),
        p50=_percentile(waits, 0.5),
        p90=_percentile(waits, 0.9),
        p95=_percentile(waits, 0.95),
        reasons=Counter(row["reason"] or "cancelled" for row in rows if row["state"] == "cancelled"),
    )


def _percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile: a wait that somebody really had."""
    return values[max(0, -(-len(values) * round(share * 100) // 100) - 1)] if values else None
