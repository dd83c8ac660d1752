"""Public holidays from an iCalendar file: whole days on which the desk is closed."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.base import paths
from bot.base.config import SpecialDay
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import NOTHING, Instead

_UTC = ZoneInfo("UTC")
_APPLE = "X-APPLE-SPECIAL-DAY"
_AHEAD = 3
"""So many years after this one are read; a feed without an end would never stop."""

_CLOCK_CHANGE = re.compile(
    r"daylight.?sav|\bDST\b|(summer|winter)\s?time|sommerzeit|winterzeit|zeitumstellung|夏[令时時]", re.I
)
_NO_DAY_OFF = re.compile(
    r"\s*(local |regional |religious |jewish |muslim |christian |hindu )?observance\b|\s*(season|clock change)\b"
    r"|.*\bnot a (public|bank) holiday|.*\bkein (gesetzlicher )?feiertag|\s*gedenktag|\s*aktionstag"
    r"|\s*(journée|fête) (commémorative|mondiale|internationale)|.*\bjour non férié"
    r"|\s*(celebración|conmemoración|día no festivo)|\s*(纪念日|節氣|节气|非公众假期|非公眾假期|祭日)",
    re.I,
)
"""How feeds begin the description or name the category of a day that only stands in the calendar."""
_HIDES = re.compile(r"\n.*Google", re.S)
"""Under each observance, and under no holiday, Google's feeds say in their language how to hide it."""
_WORKED = re.compile(r"[(（]班[)）]|补班|補班|调休上班|調休上班|working day|werktag", re.I)
_DAY = timedelta(days=1)


def read(
    file: Path, now: datetime, folder: Path | None = None, tz: ZoneInfo = _UTC, instead: Instead = NOTHING
) -> dict[date, SpecialDay]:
    """The closed days of last year up to three years ahead, with their names. `file` is looked for in `folder`.

    Only whole days count, in `tz` where they are written as instants. What feeds list beside the days off does not:
    observances, seasons, changes of the clock, days that are worked to make up for others. Raises FindingsError for
    a file that is no calendar.
    """
    if re.match(r"https?:/", str(file)):
        raise FindingsError(Finding(f"{file}: save it as a file; nothing is fetched at the start", key="ical"))
    years = range(now.year - 1, now.year + _AHEAD + 1)
    found: dict[date, SpecialDay] = {}
    events = list(_events(folder / file if folder else file, years, tz, instead))
    marked = any(event.get(_APPLE) == "WORK-HOLIDAY" for event, _ in events)
    for event, days in events:
        name = str(event.get("summary", ""))
        if event.get("status") == "CANCELLED" or not _is_off(event, name, marked=marked):
            continue
        for day in days:
            if day.year in years:
                found.setdefault(day, SpecialDay(date=day, name=name))
    return found


def _is_off(event: Any, name: str, *, marked: bool) -> bool:
    """`marked`: the feed says of each day off that it is one, as Apple's do."""
    if marked:
        return bool(event.get(_APPLE) == "WORK-HOLIDAY")
    about = str(event.get("description", ""))
    kinds = [str(kind) for kind in getattr(event.get("categories"), "cats", ())]
    told = any(_NO_DAY_OFF.match(words) for words in (about, *kinds))
    return not (told or _HIDES.search(about) or _CLOCK_CHANGE.search(name) or _WORKED.search(name))


def _events(file: Path, years: range, tz: ZoneInfo, instead: Instead) -> Iterator[tuple[Any, list[date]]]:
    """Every event with its days. An event that stands in for one day of a series takes that day from the series."""
    import icalendar  # noqa: PLC0415 - only desks with such files pay for it

    shown = paths.shown(file)
    try:
        text = instead[file].encode() if file in instead else file.read_bytes()
        calendar = icalendar.Calendar.from_ical(text)
        events = calendar.walk("VEVENT")
        replaced: dict[str, set[date]] = {}
        for event in events:
            if (instead := event.get("recurrence-id")) is not None:
                replaced.setdefault(str(event.get("uid")), set()).add(_date(_local(instead.dt, tz)))
        spans = [(event, *_span(event, tz)) for event in events]
    except OSError as error:
        raise FindingsError(Finding(f"cannot be read: {error.strerror}", shown)) from None
    except (ValueError, AttributeError, TypeError) as error:  # what the parser raises for half a calendar
        raise FindingsError(Finding(f"is not a valid iCalendar file: {error}", shown)) from None
    for event, start, length in spans:
        if not length:
            continue
        try:
            starts = _starts(event, start, years, tz)
        except (ValueError, TypeError, AttributeError) as error:
            raise FindingsError(Finding(f"“{event.get('summary', '')}”: {error}", shown)) from None
        if event.get("recurrence-id") is None:
            starts = starts - replaced.get(str(event.get("uid")), set())
        yield event, [first + _DAY * number for first in sorted(starts) for number in range(length)]


def _span(event: Any, tz: ZoneInfo) -> tuple[date, int]:
    """Its first day, and how many whole days it lasts: 0 for anything with an hour."""
    start = event["dtstart"].dt if "dtstart" in event else None
    if start is None:
        raise ValueError(f"“{event.get('summary', '')}” has no start")
    end = event["dtend"].dt if "dtend" in event else None
    if end is None:
        end = start + event["duration"].dt if "duration" in event else start + _DAY
    if isinstance(start, datetime) and isinstance(end, datetime):
        for first, last in ((_local(start, tz), _local(end, tz)), (start, end)):  # else the midnights of its own zone
            if first.time() == last.time() == time():
                return first.date(), max(1, (last.date() - first.date()).days)
    if isinstance(start, datetime) or isinstance(end, datetime):
        return _date(start), 0
    return start, max(1, (end - start).days)


def _local(value: date | datetime, tz: ZoneInfo) -> Any:
    """An instant by the desk's clock; a date, and a time without a zone, as it stands."""
    return value.astimezone(tz) if isinstance(value, datetime) and value.tzinfo else value


def _date(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def _starts(event: Any, start: date, years: range, tz: ZoneInfo) -> set[date]:
    """The first days of all its occurrences in these years."""
    from dateutil import rrule  # noqa: PLC0415 - comes with icalendar

    found = {start}
    for rule in _many(event.get("rrule")):
        text = re.sub(r";?UNTIL=(\d{8})T\d{6}Z?", r";UNTIL=\1", rule.to_ical().decode()).lstrip(";")
        series = rrule.rrulestr(text, dtstart=datetime.combine(start, time()))
        window = datetime(years[0] - 1, 12, 1), datetime(years[-1], 12, 31)  # noqa: DTZ001 - dates, no instants
        found |= {one.date() for one in series.between(*window, inc=True)}
    for extra in _many(event.get("rdate")):
        found |= {_date(_local(one.dt, tz)) for one in extra.dts}
    for gone in _many(event.get("exdate")):
        found -= {_date(_local(one.dt, tz)) for one in gone.dts}
    return found


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
