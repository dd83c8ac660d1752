"""Histories for the clocks, written down by hand: calendars of the worked examples, a ticket told event by event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from bot.base.config import Hours
from bot.support import hours
from bot.support.sla.fold import fold
from bot.support.sla.values import Clock, Event, Folded, Promise

WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
START = datetime(2026, 1, 1, tzinfo=UTC)
PAUSING = ("waiting_customer", "waiting_supplier", "snoozed")


def calendar(tz: str, days: Sequence[str], *windows: str, special: Sequence[dict[str, Any]] = ()) -> hours.Calendar:
    read = Hours.model_validate({"timezone": tz, **dict.fromkeys(days, windows), "special": tuple(special)})
    return hours.calendar(read, "UTC", START)


EVERY_DAY = (*WORKDAYS, "sat", "sun")
_CHRISTMAS = [{"date": date(2026, 12, 24), "open": ("09:00-12:00",)}, {"date": date(2026, 12, 25)}]
_FRIDAY = date(2026, 6, 12)
CALENDARS = {
    "A": hours.ALWAYS,
    "B": calendar("Europe/Berlin", WORKDAYS, "09:00-17:00"),
    "H": calendar("Europe/Berlin", WORKDAYS, "09:00-17:00", special=_CHRISTMAS),
    "D": calendar("Europe/Berlin", EVERY_DAY, "00:00-24:00"),
    "N": calendar("Europe/Warsaw", WORKDAYS, "22:00-06:00"),
    "N date": calendar("Europe/Warsaw", WORKDAYS, "22:00-06:00", special=[{"date": _FRIDAY}]),
    "N shift": calendar("Europe/Warsaw", WORKDAYS, "22:00-06:00", special=[{"date": _FRIDAY, "scope": "shift"}]),
    "S": calendar("America/Sao_Paulo", WORKDAYS, "08:00-12:00", "13:30-18:00"),
    "NY": calendar("America/New_York", WORKDAYS, "09:00-18:00"),
    "K": calendar("Asia/Kolkata", (*WORKDAYS, "sat"), "10:00-19:00"),
}


@dataclass
class Tale:
    """The history of one ticket. Times are local to its calendar (`2026-03-04 12:00:30`), or end with Z."""

    calendar: str
    promised: Mapping[str, int]
    ticket_id: int = 1
    events: list[Event] = field(default_factory=list)
    others: dict[int, list[Event]] = field(default_factory=dict)

    def at(self, text: str) -> datetime:
        return local(self.calendar, text)

    def tell(self, at: str | datetime, name: str, actor: str = "customer", **data: Any) -> "Tale":
        moment = at if isinstance(at, datetime) else self.at(at)
        self.events.append(Event(1000 * self.ticket_id + len(self.events) + 1, moment, actor, name, data))
        return self

    def opened(self, at: str, origin: str = "customer") -> "Tale":
        self.tell(at, "opened", why="human", origin=origin)
        self.promise(at)
        return self.said(at) if origin == "customer" else self

    def promise(self, at: str, calendar: str | None = None, **promised: int) -> "Tale":
        name = calendar or self.calendar
        always = name == "A"
        version = "" if always else CALENDARS[name].version
        given = Promise(self.at(at), "policy", promised or self.promised, name, version, always, PAUSING)
        return self.tell(at, "promised", "clock", **given.data)

    def said(self, at: str, line: int | None = None) -> "Tale":
        return self.tell(at, "said", said=line or len(self.events))

    def answered(self, accepted: str, written: str | None = None) -> "Tale":
        agent_at = self.at(written or accepted).isoformat()
        return self.tell(accepted, "answered", "staff:7", said=99, agent_at=agent_at, staff=7)

    def turned(self, at: str, new: str, actor: str = "staff:7") -> "Tale":
        return self.tell(at, "status_changed", actor, old="", new=new)

    def folded(self) -> Folded:
        versions = {one.version: one for one in CALENDARS.values()} | {"": hours.ALWAYS}
        return fold(self.ticket_id, {self.ticket_id: self.events, **self.others}, versions)

    def clock(self, metric: str = "first_response", cycle: int = 1) -> Clock | None:
        return next((one for one in self.folded().clocks if (one.metric, one.cycle) == (metric, cycle)), None)


def local(name: str, text: str) -> datetime:
    if text.endswith("Z"):
        return datetime.fromisoformat(text)
    return datetime.fromisoformat(text).replace(tzinfo=CALENDARS[name].tz).astimezone(UTC)
