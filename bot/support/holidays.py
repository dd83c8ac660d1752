"""Public holidays from an iCalendar file: whole days on which the desk is closed."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from bot.base import paths
from bot.base.config import SpecialDay
from bot.base.errors import Finding, FindingsError

_AHEAD = 3
"""So many years after this one are read; a feed without an end would never stop."""

_CLOCK_CHANGE = re.compile(
    r"daylight.?sav|\bDST\b|(summer|winter)\s?time|sommerzeit|winterzeit|zeitumstellung|夏[令时時]", re.I
)
_DAY = timedelta(days=1)


def read(file: Path, now: datetime, folder: Path | None = None) -> dict[date, SpecialDay]:
    """The closed days of last year up to three years ahead, with their names. `file` is looked for in `folder`.

    Only whole days count; changes of the clock, which some feeds list as events, do not. Raises FindingsError for a
    file that is no calendar.
    """
    if re.match(r"https?:/", str(file)):
        raise FindingsError(Finding(f"{file}: save it as a file; nothing is fetched at the start", key="ical"))
    years = range(now.year - 1, now.year + _AHEAD + 1)
    found: dict[date, SpecialDay] = {}
    for event, days in _events(folder / file if folder else file, years):
        name = str(event.get("summary", ""))
        if event.get("status") == "CANCELLED" or _CLOCK_CHANGE.search(name):
            continue
        for day in days:
            if day.year in years:
                found.setdefault(day, SpecialDay(date=day, name=name))
    return found


def _events(file: Path, years: range) -> Iterator[tuple[Any, list[date]]]:
    """Every event with its days. An event that stands in for one day of a series takes that day from the series."""
    import icalendar  # noqa: PLC0415 - only desks with such files pay for it

    shown = paths.shown(file)
    try:
        calendar = icalendar.Calendar.from_ical(file.read_bytes())
        events = calendar.walk("VEVENT")
        replaced: dict[str, set[date]] = {}
        for event in events:
            if (instead := event.get("recurrence-id")) is not None:
                replaced.setdefault(str(event.get("uid")), set()).add(_date(instead.dt))
        spans = [(event, *_span(event)) for event in events]
    except OSError as error:
        raise FindingsError(Finding(f"cannot be read: {error.strerror}", shown)) from None
    except (ValueError, AttributeError, TypeError) as error:  # what the parser raises for half a calendar
        raise FindingsError(Finding(f"is not a valid iCalendar file: {error}", shown)) from None
    for event, start, length in spans:
        if not length:
            continue
        try:
            starts = _starts(event, start, years)
        except (ValueError, TypeError, AttributeError) as error:
            raise FindingsError(Finding(f"“{event.get('summary', '')}”: {error}", shown)) from None
        if event.get("recurrence-id") is None:
            starts = starts - replaced.get(str(event.get("uid")), set())
        yield event, [first + _DAY * number for first in sorted(starts) for number in range(length)]


def _span(event: Any) -> tuple[date, int]:
    """Its first day, and how many whole days it lasts: 0 for anything with an hour."""
    start = event["dtstart"].dt if "dtstart" in event else None
    if start is None:
        raise ValueError(f"“{event.get('summary', '')}” has no start")
    end = event["dtend"].dt if "dtend" in event else None
    if end is None:
        end = start + event["duration"].dt if "duration" in event else start + _DAY
    if isinstance(start, datetime) and (
        start.time() != time() or not isinstance(end, datetime) or end.time() != time()
    ):
        return _date(start), 0
    return _date(start), max(1, (_date(end) - _date(start)).days)


def _date(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def _starts(event: Any, start: date, years: range) -> set[date]:
    """The first days of all its occurrences in these years."""
    from dateutil import rrule  # noqa: PLC0415 - comes with icalendar

    found = {start}
    for rule in _many(event.get("rrule")):
        text = re.sub(r";?UNTIL=(\d{8})T\d{6}Z?", r";UNTIL=\1", rule.to_ical().decode()).lstrip(";")
        series = rrule.rrulestr(text, dtstart=datetime.combine(start, time()))
        window = datetime(years[0] - 1, 12, 1), datetime(years[-1], 12, 31)  # noqa: DTZ001 - dates, no instants
        found |= {one.date() for one in series.between(*window, inc=True)}
    for extra in _many(event.get("rdate")):
        found |= {_date(one.dt) for one in extra.dts}
    for gone in _many(event.get("exdate")):
        found -= {_date(one.dt) for one in gone.dts}
    return found


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
