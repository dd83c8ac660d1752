"""When the desk is open: pure functions over opening hours, in instants, so that no hour is lost or won by DST.

Split days, windows past midnight (they belong to the day they start on), special days,
24:00; a day from 00:00 to 24:00 lasts 23, 24 or 25 hours.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.base import clock
from bot.base.config import Config, Hours, SpecialDay
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import NOTHING, Instead
from bot.support import holidays

Interval = tuple[datetime, datetime]
"""Half-open: from the first instant to just before the second."""

Window = tuple[int, int]
"""Minutes after midnight; an end above 1440 lies on the next day."""

_WHOLE_DAY: Window = (0, 1440)
_YEAR = timedelta(days=366)
_DAY = timedelta(days=1)
_TICK = timedelta.resolution
_MILLISECOND = timedelta(milliseconds=1)
_MOST_DAYS = 2000


@dataclass(frozen=True)
class Calendar:
    """Opening hours in their zone. `week` is Monday first, `special` replaces the windows of its date."""

    tz: ZoneInfo
    week: tuple[tuple[Window, ...], ...]
    special: Mapping[date, SpecialDay] = field(default_factory=dict)

    @property
    def always_open(self) -> bool:
        return not self.special and all(day == (_WHOLE_DAY,) for day in self.week)

    @cached_property
    def body(self) -> dict[str, Any]:
        """Everything that decides when it is open, to be kept; `of_body` reads it."""
        special = {
            day.isoformat(): {"open": [list(window) for window in one.open], "scope": one.scope}
            for day, one in sorted(self.special.items())
        }
        return {"tz": self.tz.key, "week": [[list(window) for window in day] for day in self.week], "special": special}

    @cached_property
    def version(self) -> str:
        """The same for the same opening hours, in every process."""
        return hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def days(self) -> dict[date, list[Interval]]:
        """Windows by the date they start on, worked out once: every message of a ticket asks for the same days."""
        return {}


def of_body(body: Mapping[str, Any]) -> Calendar:
    special = {
        date.fromisoformat(day): SpecialDay.model_construct(
            date=date.fromisoformat(day), name="", open=_pairs(one["open"]), scope=one["scope"]
        )
        for day, one in body["special"].items()
    }
    return Calendar(ZoneInfo(body["tz"]), tuple(_pairs(day) for day in body["week"]), special)


def _pairs(windows: Sequence[Sequence[int]]) -> tuple[Window, ...]:
    return tuple((first, last) for first, last in windows)


ALWAYS = Calendar(ZoneInfo("UTC"), ((_WHOLE_DAY,),) * 7)


def calendar(
    hours: Hours,
    shop_timezone: str,
    now: datetime,
    *,
    folder: Path | None = None,
    key: str = "support.hours",
    instead: Instead = NOTHING,
    wrong: list[Finding] | None = None,
) -> Calendar:
    """The calendar that `[support.hours]` describes; without any weekday it is always open.

    Files with holidays are looked for in `folder`; days that the configuration names stand over theirs. Raises
    FindingsError if it never opens in the 366 days from `now`: every promise would run for ever; and for files that
    are wrong, unless `wrong` takes what is found in them: then nothing of those counts.
    """
    tz = clock.zone(hours.timezone or shop_timezone) or ZoneInfo("UTC")
    week = hours.week if any(hours.week) else ((_WHOLE_DAY,),) * 7
    special: dict[date, SpecialDay] = {}
    for file in reversed(hours.ical):  # of two names for one day the first file's stays
        try:
            special |= holidays.read(file, now, folder or Path.cwd(), tz, instead)
        except FindingsError as error:
            if wrong is None or not all(one.file for one in error.findings):
                raise
            wrong += [one for one in error.findings if one not in wrong]
    special |= {day.date: day for day in hours.special}
    made = Calendar(tz, week, special)
    if next(open_windows(made, now, now + _YEAR), None) is None:
        raise FindingsError(Finding("the desk would not open once in the next 366 days", key=key))
    return made


def files(config: Config) -> dict[str, Path]:
    """The files with holidays, by their names in the configuration."""
    folder = _folder(config) or Path.cwd()
    every = (config.support.hours, *config.support.calendars)
    return {str(file): folder / file for one in every for file in one.ical}


def sound(config: Config, now: datetime, instead: Instead = NOTHING) -> tuple[dict[str, Calendar], list[Finding]]:
    """Every calendar without the files that are wrong, and what is wrong with those. Raises FindingsError for mistakes
    of the configuration."""
    wrong: list[Finding] = []
    return calendars(config, now, instead, wrong), wrong


def _folder(config: Config) -> Path | None:
    return config.source.resolve().parent if config.source else None


def calendars(
    config: Config, now: datetime, instead: Instead = NOTHING, wrong: list[Finding] | None = None
) -> dict[str, Calendar]:
    """Every calendar of the configuration by name; `""` is `[support.hours]`. Raises FindingsError with every mistake:
    hours that never open, names that do not exist; and broken files, unless `wrong` takes these."""
    folder = _folder(config)
    found: dict[str, Calendar] = {}
    findings: list[Finding] = []
    every: list[tuple[str, str, Hours]] = [("", "support.hours", config.support.hours)]
    every += [(one.name, "support.calendars", one) for one in config.support.calendars]
    for name, key, hours in every:
        try:
            found[name] = calendar(
                hours, config.shop.timezone, now, folder=folder, key=key, instead=instead, wrong=wrong
            )
        except FindingsError as error:
            findings += [*error.findings]
            found[name] = ALWAYS
    for key, users in (
        ("support.sla.calendar", config.support.sla),
        ("support.departments.calendar", config.support.departments),
    ):
        known = ", ".join(name for name in found if name) or "none yet: add a section [[support.calendars]]"
        findings += [
            Finding(f"{user.name} names the calendar {user.calendar}; known: {known}", key=key)
            for user in users
            if user.calendar not in found
        ]
    if findings:
        raise FindingsError(*findings)
    return found


def open_windows(cal: Calendar, start: datetime, end: datetime | None = None) -> Iterator[Interval]:
    """The open pieces from `start` on, in order and without overlap, cut at `end`. Without `end` they go on."""
    for opening, closing, _ in _pieces(cal, start, end):
        yield opening, closing


def _pieces(cal: Calendar, start: datetime, end: datetime | None) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The open pieces, each with how long the desk is open on the date that it belongs to."""
    if cal.always_open:
        yield start, end or datetime.max.replace(tzinfo=UTC), _DAY
        return
    covered = start
    day = start.astimezone(cal.tz).date() - timedelta(days=2)  # a window may reach two dates further (24:00-06:00)
    while end is None or covered < end:
        windows = _windows(cal, day)
        whole = sum((closing - opening for opening, closing in windows), timedelta())
        for window in windows:
            opening, closing = max(window[0], covered), min(window[1], end or window[1])
            if opening < closing:
                yield opening, closing, whole
                covered = closing
        day += timedelta(days=1)
        if end is not None and clock.instant(day, time(), cal.tz) >= end:
            return


def _windows(cal: Calendar, day: date) -> list[Interval]:
    known = cal.days.get(day)
    if known is None:
        if len(cal.days) > _MOST_DAYS:
            cal.days.clear()
        known = cal.days[day] = _day(cal, day)
    return known


def _day(cal: Calendar, day: date) -> list[Interval]:
    """The windows that start on a date, as instants, without what a special day takes away."""
    special = cal.special.get(day)
    windows = special.open if special else cal.week[day.weekday()]
    tomorrow = cal.special.get(day + timedelta(days=1))
    clip = clock.instant(day + timedelta(days=1), time(), cal.tz) if tomorrow and tomorrow.scope == "date" else None
    found = []
    for first, last in windows:
        opening, closing = _instant(cal, day, first, last=False), _instant(cal, day, last, last=True)
        closing = min(closing, clip) if clip else closing
        if opening < closing:
            found.append((opening, closing))
    return _union(found)


def _instant(cal: Calendar, day: date, minutes: int, *, last: bool) -> datetime:
    days, minutes = divmod(minutes, 1440)
    return clock.instant(day + timedelta(days=days), time(minutes // 60, minutes % 60), cal.tz, last=last)


def elapsed(cal: Calendar, start: datetime, end: datetime, pauses: Iterable[Interval] = ()) -> timedelta:
    """Open time in [start, end) outside the pauses: real seconds, zero when `end` is not after `start`."""
    if end <= start:
        return timedelta()
    pieces = _without(open_windows(cal, start, end), _union(pauses))
    return sum((closing - opening for opening, closing in pieces), timedelta())


def working_days(cal: Calendar, start: datetime, end: datetime, pauses: Iterable[Interval] = ()) -> timedelta:
    """Working days in [start, end) outside the pauses, a day as 24 hours: each date on which the desk opens is one,
    passed evenly while it is open. Where it never closes a day is 24 hours."""
    if end <= start:
        return timedelta()
    pieces = _outside(_pieces(cal, start, end), pauses)
    passed = sum((_ticks(closing - opening) * _pace(whole) for opening, closing, whole in pieces), Fraction())
    return _TICK * round(passed)


def _ticks(span: timedelta) -> int:
    return span // _TICK


def _pace(whole: timedelta) -> Fraction:
    """How much faster than the clock a day passes while it is open. Exact, so that a budget ends where it was left."""
    return Fraction(_ticks(_DAY), _ticks(whole))


def due(cal: Calendar, start: datetime, target: timedelta, pauses: Iterable[Interval] = ()) -> datetime:
    """The first instant at which `target` of open time has passed since `start`.

    A budget that runs out exactly at closing time is due at closing time, not at the next opening.
    """
    left = target
    if left <= timedelta():
        return start
    for opening, closing in _without(open_windows(cal, start), _union(pauses)):
        if closing - opening >= left:
            return opening + left
        left -= closing - opening
    raise AssertionError("open windows never end")  # calendars that never open are refused


def due_in_days(cal: Calendar, start: datetime, target: timedelta, pauses: Iterable[Interval] = ()) -> datetime:
    """The instant at which `target`, as `working_days` counts it, has passed since `start`; to the millisecond."""
    left = Fraction(_ticks(target))
    if left <= 0:
        return start
    for opening, closing, whole in _outside(_pieces(cal, start, None), pauses):
        passes = _ticks(closing - opening) * _pace(whole)
        if passes >= left:
            return opening + _MILLISECOND * round(left / _pace(whole) / _ticks(_MILLISECOND))
        left -= passes
    raise AssertionError("open windows never end")


def is_open(cal: Calendar, at: datetime) -> bool:
    return opens_at(cal, at) == at


def opens_at(cal: Calendar, at: datetime) -> datetime:
    """`at` itself when the desk is open then, else the next opening."""
    return next(open_windows(cal, at))[0]


def _union(intervals: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        elif start < end:
            merged.append((start, end))
    return merged


def _without(pieces: Iterator[Interval], pauses: Sequence[Interval]) -> Iterator[Interval]:
    for opening, closing in pieces:
        rest = opening
        for start, end in pauses:
            if end <= rest or start >= closing:
                continue
            if start > rest:
                yield rest, start
            rest = end
        if rest < closing:
            yield rest, closing


def _outside(
    pieces: Iterator[tuple[datetime, datetime, timedelta]], pauses: Iterable[Interval]
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    merged = _union(pauses)
    for opening, closing, whole in pieces:
        for start, end in _without(iter([(opening, closing)]), merged):
            yield start, end, whole
