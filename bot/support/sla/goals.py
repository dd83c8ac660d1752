"""The house goals: the share that was kept, how much may still be missed, and how fast that is being used up.

A goal has a time of its own, in opening hours of the clock that it looks at. Its day, week (from Monday) or month is
that of the shop.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.config import SlaGoal
from bot.base.database import table
from bot.support import hours
from bot.support.desk import CHAT_CHANNELS, Desk
from bot.support.sla import attainment, measured, rows
from bot.support.sla.values import Calendars
from bot.tables.support import SlaTimer

_TIMERS = table(SlaTimer)
_OUT = ("spam", "merged", "split", "withdrawn", "unconfirmed")
_LONG_AGO = timedelta(days=31)
"""Nobody waits longer than that for the verdict of a goal."""


@dataclass(frozen=True)
class Verdict:
    """One clock that counts for a goal: kept or missed, and when that was clear."""

    at: datetime
    kept: bool


@dataclass(frozen=True)
class Standing:
    """A goal with what was counted since `since`."""

    goal: SlaGoal
    since: datetime
    counted: int
    kept: int

    @property
    def missed(self) -> int:
        return self.counted - self.kept

    @property
    def share(self) -> float | None:
        return self.kept / self.counted if self.counted else None

    @property
    def left(self) -> int:
        """How many more may be missed of what was counted so far; below zero: so many too many were."""
        return budget(self.goal, self.counted) - self.missed

    @property
    def few(self) -> bool:
        return self.counted < attainment.SMALL

    @property
    def data(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "metric": self.goal.metric,
            "channel": self.goal.channel,
            "window": self.goal.window,
            "since": self.since.isoformat(),
            "within_seconds": self.goal.within.total_seconds(),
            "in_days": self.goal.in_days,
            "promised": self.goal.share,
            "share": self.share,
            "counted": self.counted,
            "missed": self.missed,
            "left": self.left,
            "few": self.few,
        }


def budget(goal: SlaGoal, counted: float) -> int:
    """Of so many, how many may be missed."""
    return int(counted * (1 - goal.share) + 1e-9)


def began(desk: Desk, goal: SlaGoal, now: datetime) -> datetime:
    """The start of its day, week or month."""
    today = now.astimezone(desk.timezone).date()
    first = {"day": today, "week": today - timedelta(days=today.weekday()), "month": today.replace(day=1)}
    return attainment.day(desk, first[goal.window])


def ends(desk: Desk, goal: SlaGoal, now: datetime) -> datetime:
    today = now.astimezone(desk.timezone).date()
    after = {
        "day": today + timedelta(days=1),
        "week": today + timedelta(days=7 - today.weekday()),
        "month": date(today.year + today.month // 12, today.month % 12 + 1, 1),
    }
    return attainment.day(desk, after[goal.window])


async def standings(session: AsyncSession, desk: Desk, now: datetime) -> list[Standing]:
    """Every goal of the house, each over its own window up to now."""
    return [
        await standing(session, desk, goal, began(desk, goal, now), now) for goal in desk.ground.config.support.goals
    ]


async def standing(session: AsyncSession, desk: Desk, goal: SlaGoal, since: datetime, now: datetime) -> Standing:
    """Of the clocks that started since then."""
    found = await verdicts(session, desk, goal, now, _TIMERS.c.start_at >= since)
    return Standing(goal, since, len(found), sum(one.kept for one in found))


async def lately(session: AsyncSession, desk: Desk, goal: SlaGoal, since: datetime, now: datetime) -> list[Verdict]:
    """What became clear since then, whenever the clocks had started."""
    fresh = sa.or_(_TIMERS.c.settled_at.is_(None), _TIMERS.c.settled_at >= since)
    found = await verdicts(session, desk, goal, now, _TIMERS.c.start_at >= since - _LONG_AGO, fresh)
    return [one for one in found if one.at >= since]


async def verdicts(
    session: AsyncSession, desk: Desk, goal: SlaGoal, now: datetime, *where: sa.ColumnElement[bool]
) -> list[Verdict]:
    channels = CHAT_CHANNELS if goal.channel == "chat" else (goal.channel,)
    mine = (_TIMERS.c.metric == goal.metric, _TIMERS.c.channel.in_(channels), _TIMERS.c.start_at <= now)
    found = (await session.execute(measured.counted().where(*mine, *where))).mappings().all()
    calendars = await rows.versions(session, desk, {row["calendar_version"] for row in found if not row["always_open"]})
    return [one for row in found if (one := _verdict(goal, row, calendars, now)) is not None]


def _verdict(goal: SlaGoal, row: Mapping[str, Any], calendars: Calendars, now: datetime) -> Verdict | None:
    """None while it may still be kept, and for what does not count."""
    if (row["target_seconds"], row["in_days"]) == (goal.within.total_seconds(), goal.in_days):
        ended = measured.ended(row, now)
        if ended in ("running", "left_out"):
            return None
        done = row["answered_at"] if ended == "met" else row["breached_at"] or row["target_at"]
        return Verdict(done or row["target_at"], ended == "met")
    return _by_its_own_time(goal, row, calendars, now)


def _by_its_own_time(goal: SlaGoal, row: Mapping[str, Any], calendars: Calendars, now: datetime) -> Verdict | None:
    """The policy promises something else than the goal."""
    if row["reason"] in _OUT or row["state"] == "paused":
        return None
    due_at = _runs_out(goal, row, calendars)
    if row["state"] == "cancelled":
        tried = row["agent_at"] if row["reason"] == "unreachable" else None
        return Verdict(due_at, False) if (tried or row["settled_at"] or due_at) > due_at else None
    if row["answered_at"] is not None:
        return Verdict(min(row["answered_at"], due_at), row["answered_at"] <= due_at)
    return Verdict(due_at, False) if due_at < (row["settled_at"] or now) else None


def _runs_out(goal: SlaGoal, row: Mapping[str, Any], calendars: Calendars) -> datetime:
    calendar = hours.ALWAYS if row["always_open"] else calendars[row["calendar_version"]]
    pauses = [(start, end) for start, end in rows.instants(row["pauses"]) if end is not None]
    count = hours.due_in_days if goal.in_days else hours.due
    return count(calendar, row["start_at"], goal.within, pauses)


def burn(goal: SlaGoal, found: Sequence[Verdict]) -> float:
    """How fast the budget goes: 1 is just as fast as the goal allows."""
    missed = sum(not one.kept for one in found)
    allowed = len(found) * (1 - goal.share)
    return missed / allowed if allowed > 0 else float("inf") if missed else 0.0
