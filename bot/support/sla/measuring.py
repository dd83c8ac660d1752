"""One clock: when it runs out, paused or not, and its verdict when something ends it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.support import hours
from bot.support.sla.values import Calendars, Clock, Event, Pause, Promise

_ON_ITS_WAY = ("closed_without_reply", "bot_resolved", "no_reply_needed")


def calendar_of(clock: Clock, calendars: Calendars) -> hours.Calendar:
    return hours.ALWAYS if clock.always_open else calendars[clock.calendar_version]


def made(
    metric: str, cycle: int, start: datetime, promise: Promise, pauses: Sequence[Pause], calendars: Calendars
) -> Clock:
    """A clock of `metric` that has run since `start` by what the promise says."""
    fresh = Clock(metric, cycle, start, start, promise.policy or "", 0, False, False, "", "")
    return by(fresh, promise, pauses, calendars)


def by(clock: Clock, promise: Promise, pauses: Sequence[Pause], calendars: Calendars) -> Clock:
    """The clock with another promise: start and pauses stay, it runs out when the new one says."""
    return paused(_promised(clock, promise), pauses, calendars)


def _promised(clock: Clock, promise: Promise) -> Clock:
    return replace(
        clock,
        policy=promise.policy or "",
        target_seconds=promise.seconds[clock.metric],
        in_days=clock.metric in promise.in_days,
        always_open=promise.always_open,
        calendar=promise.calendar,
        calendar_version=promise.version,
    )


def promises(clock: Clock, promise: Promise) -> bool:
    """The clock is measured by this promise already."""
    return clock == _promised(clock, promise)


def paused(clock: Clock, pauses: Sequence[Pause], calendars: Calendars) -> Clock:
    """The clock with these pauses. While one lasts, `target_at` is what it would be if it ended at once."""
    mine = tuple((start, end) for start, end in pauses if end is None or end > max(start, clock.start_at))
    open_ended = any(end is None for _, end in mine)
    return replace(
        clock,
        pauses=mine,
        target_at=runs_out(clock, mine, calendars),
        state="paused" if open_ended else "running",
    )


def stopped(clock: Clock, at: datetime) -> Clock:
    """A running clock that a pause stops; what it has left is known from when it would have run out."""
    return replace(clock, state="paused", pauses=(*clock.pauses, (at, None)))


def resumed(clock: Clock, at: datetime, calendars: Calendars) -> Clock:
    """A stopped clock goes on with what it had left: the same as measuring from its start, without looking at every
    pause again."""
    since = max(clock.pauses[-1][0], clock.start_at)
    earlier, calendar = clock.pauses[:-1], calendar_of(clock, calendars)
    pauses = (*earlier, (clock.pauses[-1][0], at)) if since < at else earlier
    if clock.in_days:
        return paused(clock, pauses, calendars)
    left = hours.elapsed(calendar, since, clock.target_at)
    target_at = hours.due(calendar, at, left) if left and since < at else clock.target_at
    return replace(clock, state="running", pauses=pauses, target_at=target_at)


def runs_out(clock: Clock, pauses: Sequence[Pause], calendars: Calendars) -> datetime:
    return gone_at(clock, 1.0, calendar_of(clock, calendars), pauses)


def gone_at(clock: Clock, fraction: float, calendar: hours.Calendar, pauses: Sequence[Pause]) -> datetime:
    """When that part of the budget, without the pauses that ended, is used up."""
    ended = [(start, end) for start, end in pauses if end is not None]
    count = hours.due_in_days if clock.in_days else hours.due
    return count(calendar, clock.start_at, timedelta(seconds=clock.target_seconds * fraction), ended)


def breach(clock: Clock, at: datetime | None = None, cause: str | None = None) -> Clock:
    """It ran out: at its time, or `at` when a change made it so. Nothing takes an earlier breach back."""
    if clock.state == "breached":
        return clock
    return replace(clock, state="breached", breached_at=at or clock.target_at, cause=cause)


def answered(clock: Clock, event: Event, late: float, calendars: Calendars) -> Clock:
    """Settled by an answer. Equality is met; a miss of our own making is named, `late` are the seconds that the
    customer's words needed to reach the staff."""
    done = replace(
        clock, answered_at=event.at, agent_at=event.agent_at, staff_id=event.staff, settled_at=event.at, reason=None
    )
    if clock.state != "breached" and event.at <= clock.target_at:
        return replace(done, state="met", breached_at=None)
    missed = breach(done)
    if missed.cause is None:
        missed = replace(missed, cause=_ours(missed, event, late, calendars))
    return replace(missed, detected_at=missed.detected_at or event.at)


def _ours(clock: Clock, event: Event, late: float, calendars: Calendars) -> str | None:
    if event.agent_at <= clock.target_at:
        return "delivery_delay"
    if late <= 0:
        return None
    shown = replace(clock, start_at=clock.start_at + timedelta(seconds=late))
    return "queue_delay" if event.agent_at <= runs_out(shown, clock.pauses, calendars) else None


def refused(clock: Clock, event: Event) -> Clock:
    """The customer cannot be reached: left out if staff tried in time, whenever anybody looked."""
    tried = replace(clock, agent_at=event.agent_at, settled_at=event.at)
    if event.agent_at <= clock.target_at and clock.cause is None:
        return replace(tried, state="cancelled", reason="unreachable", breached_at=None)
    return replace(breach(tried), detected_at=clock.detected_at or event.at)


def ended(clock: Clock, at: datetime, reason: str) -> Clock:
    """It does not run any more: left out with its reason, but what had run out before is a miss."""
    if clock.overdue(at):
        return replace(breach(clock), settled_at=at, detected_at=clock.detected_at or at)
    return replace(clock, state="cancelled", reason=reason, settled_at=at)


def reached(clock: Clock, event: Event, pauses: Sequence[Pause], calendars: Calendars) -> Clock:
    """The goal of a resolution was reached at the event: met if the budget, without the pauses, had not run out."""
    if clock.state != "breached":
        ended_pauses = [(start, end or event.at) for start, end in pauses]
        clock = paused(clock, ended_pauses, calendars)
        clock = breach(clock) if clock.target_at < event.at else replace(clock, state="met")
    done = replace(clock, answered_at=event.at, staff_id=event.staff, settled_at=event.at)
    return replace(done, detected_at=done.detected_at or event.at) if done.state == "breached" else done


def on_its_way(clock: Clock, event: Event) -> bool:
    """The answer was given before the ticket was closed, and accepted only after."""
    if clock.settled_at is None or clock.answered_at is not None or event.agent_at > clock.settled_at:
        return False
    return clock.reason in _ON_ITS_WAY or (clock.state == "breached" and clock.reason is None)


def as_it_ran(clock: Clock) -> Clock:
    """The clock again as it was before that: what had run out stays missed."""
    if clock.state == "breached":
        return clock
    return replace(clock, state="running", reason=None, settled_at=None)


def warned(clock: Clock, parts: Iterable[float]) -> Clock:
    """Staff were told that these parts of the budget are gone."""
    return replace(clock, warned=tuple(sorted({*clock.warned, *parts})))


def noticed(clock: Clock, at: datetime) -> Clock:
    """Somebody looked at `at`: what had run out by then is missed, and seen."""
    if clock.settled_at is not None or not clock.overdue(at):
        return clock
    return replace(breach(clock), detected_at=clock.detected_at or at)


def climbed(clock: Clock, step: str) -> Clock:
    return replace(clock, climbed=(*clock.climbed, step))
