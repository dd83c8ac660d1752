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
from bot.support.escalation.case import Case, Pending
from bot.support.escalation.rungs import Rung
from bot.support.sla.values import REPLIES, Clock
from bot.tables.support import Ticket

_GRACE = timedelta(minutes=1)
"""A step that fell due right at closing time is done; one that is found hours later waits for the opening."""

_RESTS = timedelta(minutes=10)


@dataclass(frozen=True)
class Climbed:
    """What the steps had to say, as lines of HTML for the topic (`spare`: nice to have), and when there may be more.

    `changed`: a step did something about the ticket, and its clocks may be others now.
    """

    steps: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    again: datetime | None = None
    spare: bool = False
    changed: bool = False


async def climb(session: AsyncSession, desk: Desk, case: Case, pending: Pending, now: datetime) -> Climbed:
    """Do the steps whose time has come and that were not done. The ticket is held."""
    ticket, clock = case.ticket, case.clock
    if _is_over(ticket, clock):
        return Climbed()
    if _rests(desk, ticket, clock):
        return Climbed(again=hours.due(case.calendar, now, _RESTS))
    done, rungs_, later, changed = list[str](), list[Rung](), list[datetime](), False
    for step in _in_order(desk):
        if step.name in (*clock.climbed, *done) or not _fits(step, ticket, clock):
            continue
        if (due_at := _due(step, clock, case.calendar, now)) is None:
            continue
        if (at := _allowed(case.calendar, due_at, now)) > now:
            later.append(at)
            continue
        if step.action in rungs.CHANGES:
            pending.looked(case, now)
            await pending.write(session)
            changed = True
        rung = await rungs.climb(session, desk, case, step, now)
        pending.happened(case, "escalated", step=step.name, action=step.action, outcome=rung.outcome)
        done.append(step.name)
        rungs_.append(rung)
    said = [rung for rung in rungs_ if rung.words]
    words = tuple(dict.fromkeys(word for rung in said for word in rung.words))
    spare = bool(said) and all(rung.spare for rung in said)
    return Climbed(tuple(done), words, min(later, default=None), spare, changed)


def _is_over(ticket: Ticket, clock: Clock) -> bool:
    unsettled = clock.settled_at is None and clock.state in ("running", "breached")
    return not unsettled or ticket.spam or ticket.merged_into is not None or ticket.kind == "drill"


def _rests(desk: Desk, ticket: Ticket, clock: Clock) -> bool:
    """A long promise while somebody else's move is waited for: nobody is called for that."""
    return clock.metric not in REPLIES and ticket.status in desk.ground.config.support.pauses_resolution


def _in_order(desk: Desk) -> Iterator[LadderStep]:
    yield from sorted(desk.ground.config.support.ladder, key=lambda step: step.after or timedelta(-1))


def _fits(step: LadderStep, ticket: Ticket, clock: Clock) -> bool:
    wanted = (
        (step.metric, clock.metric),
        (step.policy, clock.policy),
        (step.priority, ticket.priority),
        (step.department, ticket.department),
    )
    return all(condition in (None, value) for condition, value in wanted)


def _due(step: LadderStep, clock: Clock, calendar: hours.Calendar, now: datetime) -> datetime | None:
    """When its time comes; None while nobody knows, or when it is over (a warning about what was missed)."""
    if clock.state == "running":
        return now if step.after is None and clock.warned else None
    if step.after is None:
        return None
    return hours.due(calendar, clock.breached_at or clock.target_at, step.after)


def _allowed(calendar: hours.Calendar, due_at: datetime, now: datetime) -> datetime:
    """Not at night, unless its time is then."""
    if due_at > now or now - due_at <= _GRACE:
        return due_at
    return max(now, hours.opens_at(calendar, now))
