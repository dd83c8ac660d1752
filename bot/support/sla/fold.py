"""The heart of the promises: the history of a ticket in, its clocks out. Pure, so that computing again changes nothing.

Events are taken by when they count, not by when they were written: an answer that was
accepted before the customer wrote again does not answer them.
"""

from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType

from bot.support.sla import measuring, timeline
from bot.support.sla.moment import Moment
from bot.support.sla.values import (
    FIRST,
    FIXED,
    NEXT,
    REPLIES,
    RESOLUTION,
    UNREACHABLE,
    Calendars,
    Clock,
    Event,
    Folded,
    Histories,
    Promise,
)


def fold(ticket_id: int, histories: Histories, calendars: Calendars) -> Folded:
    """The clocks of a ticket. `histories` also has the tickets it was merged with or split from, `calendars` every
    version that a promise names."""
    return _Folding(ticket_id, histories, calendars).run().result()


class _Folding(Moment):
    """One pass over the events of a ticket."""

    def run(self, until: Callable[[Event], bool] = lambda _event: False) -> "_Folding":
        for event in self.events:
            if self.over or until(event):
                break
            if take := _TAKEN.get(event.name):
                take(self, event)
        return self

    def result(self) -> Folded:
        waiting = None if self.over or not self.waiting else self.waiting[0][0]
        promise = self.promises[-1] if self.promises else None
        return Folded(tuple(self.clocks.values()), promise, waiting, self.answered_at)

    # --- the customer and the staff

    def _opened(self, event: Event) -> None:
        self.first = "done"
        origin = event.data.get("origin", "customer")
        if origin != "customer" or any(one.name == "split_from" for one in self.events):
            return
        start = event.at
        if event.data.get("first") and self._promise(start).from_first:
            start = min(start, datetime.fromisoformat(event.data["first"]))
        self.first = "open"
        self.waiting = [(start, event.id, None)]
        self._begin(FIRST, start)
        self._begin_rest(start)
        if event.data.get("bot_answered") and start < event.at:
            self._bot_spoke(datetime.fromisoformat(event.data["bot_answered"]))

    def _begin_rest(self, start: datetime) -> None:
        self._begin(RESOLUTION, start)
        if FIXED in self._promise(start).seconds:
            self._begin(FIXED, start)

    def _said(self, event: Event) -> None:
        said = (event.at, event.id, event.data.get("said"))
        if self.waiting and self.waiting[0][2] is None and self.waiting[0][0] == event.at:
            self.waiting[0] = said  # the words that the ticket was opened by
        else:
            insort(self.waiting, said)
        if RESOLUTION not in self.since and self._last(RESOLUTION) is None and self.status != "resolved":
            self._begin_rest(event.at)
        if self.first == "open":
            if event.at < self.since[FIRST]:
                self._move(FIRST, event.at, event.at, "retarget")
        elif NEXT not in self.since:
            self._begin(NEXT, self.waiting[0][0])

    def _answered(self, event: Event) -> None:
        late = max((self.late.get(said, 0.0) for _, _, said in self.waiting), default=0.0)
        for metric in REPLIES:
            last = self._last(metric)
            if metric in self.since:
                self._end(metric, lambda clock: measuring.answered(clock, event, late, self.calendars))
            elif last is not None and measuring.on_its_way(last, event):
                self._keep(measuring.answered(measuring.as_it_ran(last), event, late, self.calendars))
        self.answered_at = self.answered_at or event.at
        self.responded_at = event.at
        self._still_waits(event)

    def _still_waits(self, event: Event) -> None:
        """Words that came in after it was written down were not seen by whoever did it: Telegram's times are whole
        seconds, and words may come late."""
        self.first, self.waiting = "done", [one for one in self.waiting if one[1] > event.id]
        if self.waiting:
            self._begin(NEXT, self.waiting[0][0], event.at)

    def _auto_answered(self, event: Event) -> None:
        self._bot_spoke(event.at)

    def _bot_spoke(self, at: datetime) -> None:
        for metric in REPLIES:
            clock = self._current(metric)
            if clock is not None and clock.settled_at is None and clock.auto_answered_at is None:
                self._keep(replace(clock, auto_answered_at=at))

    def _not_delivered(self, event: Event) -> None:
        if event.data.get("why") not in UNREACHABLE:
            return
        for metric in REPLIES:
            self._end(metric, lambda clock: measuring.refused(clock, event))
        self.first, self.waiting = "done", []

    def _relayed(self, event: Event) -> None:
        self.late[event.data.get("said")] = float(event.data.get("seconds", 0))

    def _needs_no_answer(self, event: Event) -> None:
        self._no_answer(event, "no_reply_needed")

    def _left(self, event: Event) -> None:
        self._no_answer(event, "abandoned")

    def _no_answer(self, event: Event, reason: str) -> None:
        for metric in REPLIES:
            self._end(metric, lambda clock: measuring.ended(clock, event.at, reason))
        self._still_waits(event)

    # --- how the ticket stands

    def _status(self, event: Event) -> None:
        self._turned(event, event.data["new"])

    def _was_resolved(self, event: Event) -> None:  # how the history of version 0.1 has it
        self._turned(event, "resolved")

    def _was_reopened(self, event: Event) -> None:
        self._turned(event, "open")

    def _turned(self, event: Event, new: str) -> None:
        old, self.status = self.status, new
        if old != "resolved" and new == "resolved":
            self._resolved(event)
        self._pause(event.at, new == "resolved" or new in self._promise(event.at).pausing)
        if old == "resolved" and new != "resolved":
            self._again(RESOLUTION, event.at)
            if FIXED in self._promise(event.at).seconds and FIXED not in self.since and not self._last(FIXED):
                self._begin(FIXED, event.at)  # it became a complaint while it was closed
            if self.waiting and NEXT not in self.since:
                self._begin(NEXT, self.waiting[0][0], event.at)

    def _resolved(self, event: Event) -> None:
        """Without an answer an open promise is left out before it was due. Words that nobody had seen stay open."""
        unseen = [one for one in self.waiting if one[1] > event.id]
        for metric in REPLIES:
            clock = self._current(metric)
            if unseen and metric == NEXT and self.since.get(NEXT) == unseen[0][0]:
                continue
            by_bot = event.actor in ("bot", "customer") and clock is not None and clock.auto_answered_at is not None
            reason = "bot_resolved" if by_bot else "closed_without_reply"
            self._end(metric, partial(measuring.ended, at=event.at, reason=reason))
        self.first, self.waiting = "done", unseen
        self._end(RESOLUTION, lambda clock: measuring.reached(clock, event, self.pauses, self.calendars))

    def _again(self, metric: str, at: datetime) -> None:
        """It goes on with the time that is left of what is promised now. One that was missed is missed once."""
        last = self._last(metric)
        if last is not None and last.state == "met":
            self._begin(metric, last.start_at, at)

    def _pause(self, at: datetime, wanted: bool) -> None:
        lasting = bool(self.pauses) and self.pauses[-1][1] is None
        if wanted == lasting:
            return
        for metric in (RESOLUTION, FIXED):
            clock = self._current(metric)
            if clock is None or clock.settled_at is not None:
                continue
            if wanted and clock.overdue(at):  # what ran out before stays missed
                self._keep(measuring.breach(clock))
            elif wanted and clock.state == "running":
                self._keep(measuring.stopped(clock, at))
            elif not wanted and clock.state == "paused":
                self._keep(measuring.resumed(clock, at, self.calendars))
        if wanted:
            self.pauses.append((at, None))
        else:
            start = self.pauses.pop()[0]
            if start < at:
                self.pauses.append((start, at))

    def _fixed(self, event: Event) -> None:
        self._end(FIXED, lambda clock: measuring.reached(clock, event, self.pauses, self.calendars))

    def _unconfirmed(self, event: Event) -> None:
        self._end(FIXED, partial(measuring.ended, at=event.at, reason="unconfirmed"))

    def _not_fixed(self, event: Event) -> None:
        self._again(FIXED, event.at)

    # --- other promises

    def _promised(self, event: Event) -> None:
        promise = Promise.of(event)
        if FIXED in promise.seconds and RESOLUTION in self.since and FIXED not in self.since and not self._last(FIXED):
            self._begin(FIXED, event.at)  # a complaint from now on
        for metric in list(self.since):
            clock = self._current(metric)
            if clock is not None and clock.settled_at is not None and clock.reason != "withdrawn":
                continue
            self._retarget(metric, clock, promise, event.at)
        paused = self.status == "resolved" or self.status in promise.pausing
        self._pause(event.at, paused)

    def _retarget(self, metric: str, clock: Clock | None, promise: Promise, at: datetime) -> None:
        if clock is None:
            clock = self._measure(metric, promise)
        elif clock.overdue(at):
            self._keep(measuring.breach(clock))
            return
        elif metric not in promise.seconds:
            self._keep(replace(clock, state="cancelled", reason="withdrawn", settled_at=at))
            return
        elif measuring.promises(clock, promise) and clock.reason is None:
            return
        else:
            revived = replace(clock, reason=None, settled_at=None)
            clock = self._keep(measuring.by(revived, promise, self._pauses(metric), self.calendars))
        if clock is not None and clock.overdue(at):
            self._keep(measuring.breach(clock, at, "retarget"))

    # --- other tickets

    def _over(self, event: Event) -> None:
        """Merged into another, or spam: what had run out stays, the rest is left out until it is taken back."""
        reason = "merged" if event.name == "merged" else "spam"
        for clock in list(self.clocks.values()):
            if clock.settled_at is None:
                self._keep(measuring.ended(clock, event.at, reason))
        self.over = True

    def _other(self, event: Event, until: Callable[[Event], bool]) -> "_Folding":
        return _Folding(int(event.data["ticket"]), self.histories, self.calendars).run(until)

    def _merged_from(self, event: Event) -> None:
        """Their open words join ours: nothing that was missed there is erased, nothing counts as answered by it."""
        theirs = self._other(event, lambda one: one.at > event.at or one.name == "merged")
        joined = [one for one in theirs.waiting if self.responded_at is None or one[0] > self.responded_at]
        self.late |= theirs.late
        if not joined:
            return
        self.waiting = sorted([*self.waiting, *joined])
        oldest = self.waiting[0][0]
        if self.first == "open":
            if oldest < self.since[FIRST]:
                for metric in (FIRST, RESOLUTION):
                    if metric in self.since:
                        self._move(metric, oldest, event.at, "merged")
        elif NEXT not in self.since:
            self._begin(NEXT, oldest, event.at)
            self._late_already(event.at)
        elif oldest < self.since[NEXT]:
            self._move(NEXT, oldest, event.at, "merged")
        if RESOLUTION not in self.since and self._last(RESOLUTION) is None and self.status != "resolved":
            self._begin_rest(oldest)

    def _late_already(self, at: datetime) -> None:
        clock = self._current(NEXT)
        if clock is not None and clock.overdue(at):
            self._keep(measuring.breach(clock, at, "merged"))

    def _split(self, event: Event) -> None:
        """Words went into a ticket of their own, with their waiting."""
        moved = set(event.data.get("lines", ()))
        self.waiting = [one for one in self.waiting if one[2] not in moved]
        for metric in REPLIES:
            if metric not in self.since:
                continue
            if not self.waiting:
                self._end(metric, lambda clock: measuring.ended(clock, event.at, "split"))
            elif self.waiting[0][0] > self.since[metric]:
                self._move(metric, self.waiting[0][0], event.at, "split")
        if not self.waiting:
            self.first = "done"

    def _split_from(self, event: Event) -> None:
        """The first answer was owed in the old ticket; here the oldest moved word without an answer waits."""
        moved = set(event.data.get("lines", ()))
        old = self._other(event, lambda one: one.at > event.at or timeline.split_into(one, self.ticket_id))
        self.waiting = [one for one in old.waiting if one[2] in moved]
        self.late |= old.late
        start = self.waiting[0][0] if self.waiting else event.at
        self._begin_rest(start)
        if self.waiting:
            self._begin(NEXT, start)

    # --- what was seen and done about it

    def _seen(self, event: Event) -> Clock | None:
        return self.clocks.get((event.data["metric"], event.data.get("cycle", 1)))

    def _warned(self, event: Event) -> None:
        if clock := self._seen(event):
            self._keep(measuring.warned(clock, event.data["parts"]))

    def _breached(self, event: Event) -> None:
        if clock := self._seen(event):
            self._keep(measuring.noticed(clock, event.at))

    def _escalated(self, event: Event) -> None:
        if clock := self._seen(event):
            self._keep(measuring.climbed(clock, str(event.data["step"])))


_TAKEN: Mapping[str, Callable[[_Folding, Event], None]] = MappingProxyType(
    {
        "opened": _Folding._opened,
        "said": _Folding._said,
        "answered": _Folding._answered,
        "auto_answered": _Folding._auto_answered,
        "not_delivered": _Folding._not_delivered,
        "relayed": _Folding._relayed,
        "no_reply_needed": _Folding._needs_no_answer,
        "left": _Folding._left,
        "status_changed": _Folding._status,
        "resolved": _Folding._was_resolved,
        "reopened": _Folding._was_reopened,
        "fixed": _Folding._fixed,
        "not_fixed": _Folding._not_fixed,
        "unconfirmed": _Folding._unconfirmed,
        "promised": _Folding._promised,
        "merged": _Folding._over,
        "spam": _Folding._over,
        "blocked": _Folding._over,
        "merged_from": _Folding._merged_from,
        "split": _Folding._split,
        "split_from": _Folding._split_from,
        "timer_warned": _Folding._warned,
        "timer_breached": _Folding._breached,
        "escalated": _Folding._escalated,
    }
)
