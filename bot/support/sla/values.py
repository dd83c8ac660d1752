"""What the clocks are computed from and what comes out: events of the history, promises, clocks. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.base import clock
from bot.support import hours

FIRST, NEXT, RESOLUTION, FIXED = METRICS = ("first_response", "next_response", "resolution", "fixed")
REPLIES = (FIRST, NEXT)
"""Clocks that an answer stops; nothing pauses them."""

UNREACHABLE = ("blocked", "deactivated", "bad_address")
"""Reasons with which a channel refuses a person for good."""

Pause = tuple[datetime, datetime | None]
"""Half-open; without an end it still lasts."""


@dataclass(frozen=True)
class Event:
    """A row of the history. Ids grow in the order of writing, `at` is when it counts."""

    id: int
    at: datetime
    actor: str
    name: str
    data: Mapping[str, Any]

    @property
    def agent_at(self) -> datetime:
        """When staff wrote the answer that it is about."""
        written = self.data.get("agent_at")
        return min(clock.parse(written), self.at) if written else self.at

    @property
    def staff(self) -> int | None:
        staff = self.data.get("staff") or self.actor.removeprefix("staff:")
        return int(staff) if str(staff).isdigit() else None


@dataclass(frozen=True)
class Promise:
    """What a policy promised from `at` on: seconds by metric, measured by a version of a calendar. Of the metrics in
    `in_days` 86,400 seconds are a working day.

    `policy` is None when nothing is promised; `pausing` are the statuses that stop the clock of the resolution.
    """

    at: datetime
    policy: str | None = None
    seconds: Mapping[str, int] = field(default_factory=dict)
    calendar: str = ""
    version: str = ""
    always_open: bool = False
    pausing: tuple[str, ...] = ()
    from_first: bool = False
    in_days: tuple[str, ...] = ()

    @classmethod
    def of(cls, event: Event) -> "Promise":
        data = event.data
        return cls(
            event.at,
            data["policy"],
            data["seconds"],
            data["calendar"],
            data["version"],
            data["always_open"],
            tuple(data["pausing"]),
            data["start_on"] == "first_message",
            tuple(data.get("in_days", ())),
        )

    @property
    def data(self) -> dict[str, Any]:
        """As the history keeps it."""
        return {
            "policy": self.policy,
            "seconds": dict(self.seconds),
            "calendar": self.calendar,
            "version": self.version,
            "always_open": self.always_open,
            "pausing": list(self.pausing),
            "start_on": "first_message" if self.from_first else "handoff",
            **({"in_days": list(self.in_days)} if self.in_days else {}),
        }

    def same(self, other: "Promise | None") -> bool:
        return other is not None and self.data == other.data


@dataclass(frozen=True)
class Clock:
    """One measured promise as the history says it stands. `settled_at` is None while anything may still change it.

    `state`, `reason` and `cause` as in the table of timers. A breach happened at `breached_at` (when the promise ran
    out, or when it was changed to something that had run out already) and was seen at `detected_at`.
    """

    metric: str
    cycle: int
    start_at: datetime
    target_at: datetime
    policy: str
    target_seconds: int
    in_days: bool
    always_open: bool
    calendar: str
    calendar_version: str
    pauses: tuple[Pause, ...] = ()
    state: str = "running"
    reason: str | None = None
    cause: str | None = None
    answered_at: datetime | None = None
    agent_at: datetime | None = None
    auto_answered_at: datetime | None = None
    settled_at: datetime | None = None
    breached_at: datetime | None = None
    detected_at: datetime | None = None
    staff_id: int | None = None
    warned: tuple[float, ...] = ()
    climbed: tuple[str, ...] = ()

    def overdue(self, at: datetime) -> bool:
        """It ran out before `at`, whether or not anybody saw it; one that is stopped, before it was."""
        until = self.pauses[-1][0] if self.state == "paused" else at
        return self.state == "breached" or (self.state in ("running", "paused") and self.target_at < until)


@dataclass(frozen=True)
class Folded:
    """What the history of a ticket says: its clocks, since when the customer waits, its first answer."""

    clocks: tuple[Clock, ...] = ()
    promise: Promise | None = None
    waiting_since: datetime | None = None
    answered_at: datetime | None = None


Calendars = Mapping[str, hours.Calendar]
"""By version."""

Histories = Mapping[int, Sequence[Event]]
"""By ticket: of the ticket itself and of those that it was merged with or split from."""
