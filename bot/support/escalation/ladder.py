"""The ladder: what else is done when a promise is close or was missed, a step at its time and once for each promise.

`[[support.ladder]]` has the steps. What was climbed stands in the history, so a restart repeats nothing and skips
nothing; what fell due at night waits for the opening.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.config import LadderStep
from bot.support import hours
from bot.support.desk import Desk
from bot.support.escalation import rungs
from bot.support.sla import clocks
from bot.support.sla.values import REPLIES
from bot.tables.support import SlaTimer, Ticket

_GRACE = timedelta(minutes=1)
"""A step that fell due right at closing time is done; one that is found hours later waits for the opening."""

_RESTS = timedelta(minutes=10)


@dataclass(frozen=True)
class Climbed:
    """What the steps had to say, as lines of HTML for the topic (`spare`: nice to have), and when there may be more."""

    words: tuple[str, ...] = ()
    again: datetime | None = None
    spare: bool = False


async def climb(
    session: AsyncSession, desk: Desk, ticket: Ticket, timer: SlaTimer, calendar: hours.Calendar, now: datetime
) -> Climbed:
    """Do the steps whose time has come and that were not done. The ticket is held, the timer is as it stands now."""
    if _is_over(ticket, timer):
        return Climbed()
    if _rests(desk, ticket, timer):
        return Climbed(again=hours.due(calendar, now, _RESTS))
    done, words, later, spare = set(timer.climbed), list[str](), list[datetime](), True
    for step in _in_order(desk):
        if step.name in done or not _fits(step, ticket, timer) or (due_at := _due(step, timer, calendar, now)) is None:
            continue
        if (at := _allowed(calendar, due_at, now)) > now:
            later.append(at)
            continue
        done.add(step.name)
        rung = await rungs.climb(session, desk, ticket, timer, step, now)
        await clocks.happened(
            session, desk, ticket, "clock", "escalated", now, metric=timer.metric, cycle=timer.cycle, step=step.name,
            action=step.action, outcome=rung.outcome,
        )  # fmt: skip
        words += rung.words
        spare = spare and (rung.spare or not rung.words)
    return Climbed(tuple(dict.fromkeys(words)), min(later, default=None), spare and bool(words))


def _is_over(ticket: Ticket, timer: SlaTimer) -> bool:
    unsettled = timer.settled_at is None and timer.state in ("running", "breached")
    return not unsettled or ticket.spam or ticket.merged_into is not None or ticket.kind == "drill"


def _rests(desk: Desk, ticket: Ticket, timer: SlaTimer) -> bool:
    """A long promise while somebody else's move is waited for: nobody is called for that."""
    return timer.metric not in REPLIES and ticket.status in desk.ground.config.support.pauses_resolution


def _in_order(desk: Desk) -> Iterator[LadderStep]:
    yield from sorted(desk.ground.config.support.ladder, key=lambda step: step.after or timedelta(-1))


def _fits(step: LadderStep, ticket: Ticket, timer: SlaTimer) -> bool:
    wanted = (
        (step.metric, timer.metric),
        (step.policy, timer.policy),
        (step.priority, ticket.priority),
        (step.department, ticket.department),
    )
    return all(condition in (None, value) for condition, value in wanted)


def _due(step: LadderStep, timer: SlaTimer, calendar: hours.Calendar, now: datetime) -> datetime | None:
    """When its time comes; None while nobody knows, or when it is over (a warning about what was missed)."""
    if timer.state == "running":
        return now if step.after is None and timer.warned else None
    if step.after is None:
        return None
    return hours.due(calendar, timer.breached_at or timer.target_at, step.after)


def _allowed(calendar: hours.Calendar, due_at: datetime, now: datetime) -> datetime:
    """Not at night, unless its time is then."""
    if due_at > now or now - due_at <= _GRACE:
        return due_at
    return max(now, hours.opens_at(calendar, now))
