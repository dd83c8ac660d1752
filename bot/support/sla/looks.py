"""When somebody must look at a running clock: its warnings, just after it ran out, and the steps that follow."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.support import hours
from bot.support.desk import Desk
from bot.support.sla import measuring
from bot.support.sla.values import Calendars, Clock

INSTANT = timedelta(milliseconds=1)
_SHORT = 60  # seconds up to which one warning is enough


def fractions(desk: Desk, clock: Clock) -> Sequence[float]:
    """Parts of the budget at which staff are warned: its policy's, else 50 % and 80 %, up to a minute 50 %."""
    named = next((policy for policy in desk.ground.config.support.sla if policy.name == clock.policy), None)
    if named and named.warn_at is not None:
        return sorted(named.warn_at)
    return (0.5,) if clock.target_seconds <= _SHORT else (0.5, 0.8)


def warn_at(clock: Clock, fraction: float, calendar: hours.Calendar) -> datetime:
    """When that part of the open time without pauses has passed."""
    return measuring.gone_at(clock, fraction, calendar, clock.pauses)


def next_look(
    clock: Clock, calendar: hours.Calendar, fractions: Sequence[float], more: Iterable[datetime] = ()
) -> datetime:
    """The next warning that was not said, or just after the promise runs out; `more` are further moments."""
    moments = [warn_at(clock, part, calendar) for part in fractions if part not in clock.warned]
    return min([*moments, clock.target_at + INSTANT, *more])


def due_at(desk: Desk, clock: Clock, calendars: Calendars, row: Mapping[Any, Any] | None) -> datetime | None:
    """When its row is due: never once it is settled or paused; a miss that nobody saw, at once; a miss that was seen,
    when the ladder said."""
    if clock.settled_at is not None or clock.state == "paused":
        return None
    if clock.state == "breached":
        if clock.detected_at is None or (row is not None and row["settled_at"] is not None):  # or not over after all
            return (clock.breached_at or clock.target_at) + INSTANT
        at: datetime | None = row["due_at"] if row is not None else None
        return at
    return next_look(clock, measuring.calendar_of(clock, calendars), fractions(desk, clock))
