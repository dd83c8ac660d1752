"""The section [support]: opening hours, promises in time, and how tickets are handled."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from bot.base import clock
from bot.base.config.escalation import HOUSE_LADDER, LadderStep
from bot.base.config.feedback import Complaints, Ratings
from bot.base.config.privacy import Privacy, Retention
from bot.base.config.routing import Department, LeadMail
from bot.base.config.routing import check as check_departments
from bot.base.config.tickets import DurationOrOff, Flood, Reopen
from bot.base.config.types import Duration, Language, Section, Target, Timezone, WorkingDays

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _window(value: object) -> tuple[int, int]:
    """`"09:00-17:30"` as minutes after midnight; an end at or before the start runs into the next day."""
    match = re.fullmatch(r"(\d{1,2}:\d\d)\s*[-–]\s*(\d{1,2}:\d\d)", value.strip()) if isinstance(value, str) else None
    if not match:
        raise ValueError(f'{value!r} are no opening hours; write them like "09:00-17:30"')
    minutes = [1440 if part == "24:00" else _minutes(part) for part in match.groups()]
    return minutes[0], minutes[1] if minutes[1] > minutes[0] else minutes[1] + 1440


def _minutes(text: str) -> int:
    at = clock.time_of_day(text)
    return at.hour * 60 + at.minute


Window = Annotated[tuple[int, int], BeforeValidator(_window)]


class SpecialDay(Section):
    """A date that differs: closed when `open` is empty. `scope = "shift"` leaves last night's shift alone."""

    date: date
    name: str = ""
    open: tuple[Window, ...] = ()
    scope: Literal["date", "shift"] = "date"


class Hours(Section):
    """Opening hours. Without any weekday the desk is open always. Holidays of `ical` files are closed days, unless
    `special` says otherwise."""

    timezone: Timezone | None = None
    mon: tuple[Window, ...] = ()
    tue: tuple[Window, ...] = ()
    wed: tuple[Window, ...] = ()
    thu: tuple[Window, ...] = ()
    fri: tuple[Window, ...] = ()
    sat: tuple[Window, ...] = ()
    sun: tuple[Window, ...] = ()
    special: tuple[SpecialDay, ...] = ()
    ical: tuple[Path, ...] = ()

    @property
    def week(self) -> tuple[tuple[Window, ...], ...]:
        """Windows by weekday, Monday first; all empty means always open."""
        return tuple(getattr(self, day) for day in _WEEKDAYS)


class NamedHours(Hours):
    """Opening hours that departments and policies name."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class SlaPolicy(Section):
    """Targets for the tickets that it fits; the first policy in the file that fits is taken. An empty condition fits
    everything. `calendar` empty: the one of the department, else `support.hours`."""

    name: str
    channel: Literal["telegram", "widget", "email", "whatsapp", "sms", "phone"] | None = None
    priority: Literal["low", "normal", "high", "urgent"] | None = None
    department: str | None = None
    tier: str | None = None
    language: Language | None = None
    kind: Literal["question", "complaint"] | None = None
    start_on: Literal["handoff", "first_message"] = "handoff"
    first_response: Target | None = None
    next_response: Target | None = None
    resolution: Target | None = None
    fixed: Target | None = None
    calendar: str = ""
    always_open: bool = False
    warn_at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] | None = None

    @model_validator(mode="after")
    def _long_enough(self) -> "SlaPolicy":
        for target in (self.first_response, self.next_response, self.resolution, self.fixed):
            if target is not None and (target < timedelta(seconds=5) or target % timedelta(seconds=1)):
                raise ValueError("a target is a whole number of seconds, 5 or more")
        return self


class SlaGoal(Section):
    """A promise about many tickets: `share` of the `metric` within `within`."""

    metric: Literal["first_response", "next_response", "resolution", "fixed"] = "first_response"
    channel: Literal["chat", "email"]
    within: Target
    share: Annotated[float, Field(gt=0, le=1)]
    window: Literal["day", "week", "month"] = "week"

    @property
    def in_days(self) -> bool:
        return isinstance(self.within, WorkingDays)


_HOUSE_POLICIES = (
    SlaPolicy(name="mail", channel="email", first_response=timedelta(hours=4)),
    SlaPolicy(name="chat", first_response=timedelta(seconds=30)),
)
_HOUSE_GOALS = (
    SlaGoal(channel="chat", within=timedelta(seconds=30), share=0.9),
    SlaGoal(channel="email", within=timedelta(hours=4), share=0.8),
)


class Support(Section):
    hours: Hours = Hours()
    departments: tuple[Department, ...] = ()
    lead_mails: tuple[LeadMail, ...] = ()
    reassign_when_away: bool = True
    calendars: tuple[NamedHours, ...] = ()
    sla: tuple[SlaPolicy, ...] = _HOUSE_POLICIES
    pauses_resolution: tuple[Literal["waiting_customer", "waiting_supplier", "snoozed"], ...] = (
        "waiting_customer",
        "waiting_supplier",
        "snoozed",
    )
    ladder: tuple[LadderStep, ...] = HOUSE_LADDER
    goals: tuple[SlaGoal, ...] = _HOUSE_GOALS
    undo: Duration = timedelta(seconds=5)
    reopen_within: Duration = timedelta(hours=72)
    reopen: Reopen = Reopen()
    close_idle: DurationOrOff = timedelta(days=7)
    remind_idle: DurationOrOff = None
    flood: Flood = Flood()
    mirror_reactions: bool = True
    alarm_mails: tuple[Annotated[str, Field(pattern=r"^[^\s@<>,]+@[^\s@<>,]+$")], ...] = ()
    low_score: Annotated[int, Field(ge=1, le=4)] = 2
    ratings: Ratings = Ratings()
    complaints: Complaints = Complaints()
    retention: Retention = Retention()
    privacy: Privacy = Privacy()

    def reopen_window(self, channel: str) -> timedelta:
        """How long after it was resolved a ticket of this channel may be taken up again."""
        own: timedelta | None = getattr(self.reopen, channel, None)
        return self.reopen_within if own is None else own

    @model_validator(mode="after")
    def _reminded_before_closed(self) -> "Support":
        if self.remind_idle is not None and (self.close_idle is None or self.remind_idle >= self.close_idle):
            raise ValueError("remind_idle must be shorter than close_idle")
        return self

    @model_validator(mode="after")
    def _departments_with_names_of_their_own(self) -> "Support":
        check_departments(self.departments)
        return self

    @model_validator(mode="after")
    def _calendars_with_names_of_their_own(self) -> "Support":
        names = [calendar.name for calendar in self.calendars]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two calendars have the name {twice[0]}; each needs one of its own")
        return self
