"""A moment in the fold of a history: which clocks run, what waits, and how a clock begins, moves and ends. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from bot.support.sla import measuring, timeline
from bot.support.sla.values import (
    REPLIES,
    Calendars,
    Clock,
    Histories,
    Pause,
    Promise,
)

Waiting = tuple[datetime, int, int | None]
"""A message that nobody answered: when it was said, its event, its line."""


class Moment:
    """The ticket as its events so far left it; how clocks begin, move and end."""

    def __init__(self, ticket_id: int, histories: Histories, calendars: Calendars) -> None:
        self.ticket_id = ticket_id
        self.histories = histories
        self.calendars = calendars
        self.events = timeline.of(ticket_id, histories)
        self.promises = [Promise.of(event) for event in self.events if event.name == "promised"]
        self.clocks: dict[tuple[str, int], Clock] = {}
        self.since: dict[str, datetime] = {}  # what runs, measured or not
        self.cycle: dict[str, int] = {}  # which clock measures it
        self.cycles: dict[str, int] = {}  # how many there were
        self.first = "none"  # then open, then done
        self.waiting: list[Waiting] = []
        self.late: dict[int | None, float] = {}
        self.pauses: list[Pause] = []
        self.status = "new"
        self.answered_at: datetime | None = None
        self.responded_at: datetime | None = None
        self.over = False

    def _promise(self, at: datetime) -> Promise:
        """The promise that held at that time; before any was made, the first."""
        held = next((promise for promise in reversed(self.promises) if promise.at <= at), None)
        return held or (self.promises[0] if self.promises else Promise(at))

    def _current(self, metric: str) -> Clock | None:
        return self.clocks.get((metric, self.cycle.get(metric, 0)))

    def _last(self, metric: str) -> Clock | None:
        return self.clocks.get((metric, self.cycles.get(metric, 0)))

    def _keep(self, clock: Clock) -> Clock:
        self.clocks[clock.metric, clock.cycle] = clock
        return clock

    def _begin(self, metric: str, start: datetime, at: datetime | None = None) -> None:
        """Begin to measure from `start`, by the promise that held then, or at `at`."""
        self.since[metric] = start
        self.cycle.pop(metric, None)
        self._measure(metric, self._promise(at or start))

    def _measure(self, metric: str, promise: Promise) -> Clock | None:
        if metric not in promise.seconds:
            return None
        last = self._last(metric)
        cycle = self.cycle[metric] = self.cycles[metric] = last.cycle + 1 if last else 1
        start, pauses = self.since[metric], self._pauses(metric)
        return self._keep(measuring.made(metric, cycle, start, promise, pauses, self.calendars))

    def _pauses(self, metric: str) -> Sequence[Pause]:
        return () if metric in REPLIES else self.pauses

    def _end(self, metric: str, change: Callable[[Clock], Clock]) -> None:
        clock = self._current(metric)
        if clock is not None and clock.settled_at is None:
            self._keep(change(clock))
        self.since.pop(metric, None)
        self.cycle.pop(metric, None)

    def _move(self, metric: str, start: datetime, at: datetime, cause: str) -> None:
        """Let it have started at another time; what ran out by that is missed when it was changed."""
        self.since[metric] = start
        clock = self._current(metric)
        if clock is None or clock.settled_at or clock.overdue(at):
            return
        moved = measuring.paused(replace(clock, start_at=start), self._pauses(metric), self.calendars)
        self._keep(measuring.breach(moved, at, cause) if moved.overdue(at) else moved)
