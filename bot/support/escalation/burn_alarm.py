"""Tells the staff group when a house goal is being missed so fast that it will not be reached, once a window.

Both the last hour and the last six must burn the budget, so that neither a bad quarter of an hour nor a bad morning
that is over rings; a handful of clocks never does.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import logs
from bot.base.config import SlaGoal
from bot.base.database import table
from bot.outbound import staff_group
from bot.support import hours, post
from bot.support.desk import Desk
from bot.support.escalation import paging
from bot.support.sla import goals
from bot.support.sla.goals import Standing, Verdict
from bot.tables.outbox import Message

log = logs.get(__name__)

HOUR, SOME_HOURS = timedelta(hours=1), timedelta(hours=6)
FAST, STEADY = 2.0, 1.5
"""How many times faster than the goal allows the budget must go in the last hour, and in the last six."""

FEWEST, FEWEST_MISSED = 10, 3
"""Of less than that in six hours nothing follows."""

_OUTBOX = table(Message)


@dataclass(frozen=True)
class Burning:
    """What is missed too fast. `gone_at` is when nothing more may be missed at this pace; not after now: it is gone."""

    standing: Standing
    hour: Sequence[Verdict]
    some_hours: Sequence[Verdict]
    gone_at: datetime


async def look(session: AsyncSession, desk: Desk, now: datetime) -> list[Burning]:
    """The goals that burn and were not told of in their window. It reads a lot and writes nothing."""
    found = []
    for goal in desk.ground.config.support.goals:
        key = _key(goal, goals.began(desk, goal, now))
        if await session.scalar(sa.select(_OUTBOX.c.id).where(_OUTBOX.c.key == key)) is None:
            burns = await burning(session, desk, goal, now)
            found += [burns] if burns is not None else []
    return found


async def burning(session: AsyncSession, desk: Desk, goal: SlaGoal, now: datetime) -> Burning | None:
    """None while it will last, or while there are too few to tell."""
    some_hours = await goals.lately(session, desk, goal, now - SOME_HOURS, now)
    hour = [one for one in some_hours if one.at >= now - HOUR]
    missed = sum(not one.kept for one in some_hours)
    if len(some_hours) < FEWEST or missed < FEWEST_MISSED:
        return None
    if goals.burn(goal, hour) < FAST or goals.burn(goal, some_hours) < STEADY:
        return None
    standing = await goals.standing(session, desk, goal, goals.began(desk, goal, now), now)
    gone_at = _gone_at(desk, standing, some_hours, now)
    return Burning(standing, hour, some_hours, gone_at) if gone_at < goals.ends(desk, goal, now) else None


def _gone_at(desk: Desk, standing: Standing, some_hours: Sequence[Verdict], now: datetime) -> datetime:
    """At the pace of these hours; `now` when it is gone already. Hours in which the desk is closed do not count."""
    allowed = 1 - standing.goal.share
    left = standing.counted * allowed - standing.missed
    if left <= 0:
        return now
    span_ = hours.elapsed(desk.calendar, now - SOME_HOURS, now) or SOME_HOURS
    excess = sum(not one.kept for one in some_hours) - allowed * len(some_hours)  # above zero: it burns
    return hours.due(desk.calendar, now, span_ * (left / excess))


async def alarm(session: AsyncSession, desk: Desk, found: Burning, now: datetime) -> bool:
    """Tell the staff group, in General. False when it was told meanwhile, or there is no group."""
    groups = await staff_group.every(session, desk.ground.config)
    standing = found.standing
    log.warning(
        "a goal is being missed fast", metric=standing.goal.metric, channel=standing.goal.channel,
        window=standing.goal.window, missed=standing.missed, counted=standing.counted, left=standing.left,
    )  # fmt: skip
    if not groups:
        return False
    content = {"text": await _told(session, desk, found, now), "html": True}
    return await post.to_staff(session, groups[0], content, _key(standing.goal, standing.since), now) is not None


async def _told(session: AsyncSession, desk: Desk, found: Burning, now: datetime) -> str:
    standing, which = found.standing, html.escape(name(desk, found.standing.goal), quote=False)
    pace = {
        "missed_hour": sum(not one.kept for one in found.hour),
        "hour": len(found.hour),
        "missed": sum(not one.kept for one in found.some_hours),
        "counted": len(found.some_hours),
    }
    window = desk.staff(f"staff.goal.{standing.goal.window}")
    if found.gone_at <= now:
        end = desk.staff("staff.goal.gone", window=window, left=left(desk, standing))
    else:
        end = desk.staff("staff.goal.going", window=window, at=desk.when(found.gone_at, now))
    lines = [desk.staff("staff.goal.burning", goal=which, **pace), end]
    if calls := await paging.every_lead(session, desk):
        lines.append(calls)
    return "\n".join(lines)


def name(desk: Desk, goal: SlaGoal) -> str:
    """`Chat, first answer within 0:00:30 (goal 90 %)`"""
    return desk.staff(
        "staff.goal.name",
        channel=desk.staff(f"staff.goal.channel.{goal.channel}"),
        metric=desk.staff(f"story.metric.{goal.metric}"),
        within=desk.target(goal.within.total_seconds(), in_days=goal.in_days),
        share=f"{goal.share * 100:g}",
    )


def left(desk: Desk, standing: Standing) -> str:
    """`2 more may be missed`, or how many too many were."""
    what = "left" if standing.left >= 0 else "too_many"
    return desk.staff(f"staff.goal.{what}", n=abs(standing.left))


def _key(goal: SlaGoal, since: datetime) -> str:
    within = f"{goal.within.total_seconds():g}{'d' if goal.in_days else ''}"
    return f"burn:{goal.metric}:{goal.channel}:{within}:{goal.window}:{since.isoformat()}"
