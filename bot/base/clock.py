"""Time: now, durations as people write them, and local times turned into instants without losing an hour to DST."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def now() -> datetime:
    """The present instant in UTC, cut to milliseconds: what SLA arithmetic and both databases keep exactly."""
    instant = datetime.now(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def duration(text: str) -> timedelta:
    """`"90s"`, `"1h"`, `"1h 30m"`, `"7d"` as a timedelta. Raises ValueError with the accepted units."""
    cleaned = text.strip().lower()
    parts = _DURATION.findall(cleaned)
    if not parts or _DURATION.sub("", cleaned).strip():
        raise ValueError(f"{text!r} is not a duration; write a number and a unit such as 30s, 15m, 4h, 7d")
    return timedelta(seconds=sum(float(amount) * _SECONDS[unit] for amount, unit in parts))


def time_of_day(text: str) -> time:
    """`"09:30"` as a time. `"24:00"` is not a time of day: whoever allows it handles it. Raises ValueError."""
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a time of day; write it as HH:MM, for example 09:30")
    return time(int(match[1]), int(match[2]))


def zone(name: str | None) -> ZoneInfo | None:
    """The IANA zone of that name, or None for anything else: empty, `GMT+2`, `null`, a path."""
    if not name or ("/" not in name and name != "UTC"):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def instant(day: date, at: time, tz: ZoneInfo, *, last: bool = False) -> datetime:
    """The UTC instant of a local date and time.

    A time inside a spring gap becomes the first instant after the gap; an ambiguous autumn time is its first
    occurrence, or its second with `last=True` (closing times stay open through the repeated hour).
    """
    local = datetime.combine(day, at, tz)
    before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
    assert before is not None and after is not None
    if before < after:  # in the gap: fold=1 carries the new offset, the gap ends where old local time + shift begins
        utc = local.replace(fold=0).astimezone(UTC)
        return _gap_end(utc - timedelta(hours=24), utc, tz, after)
    return local.replace(fold=1 if last else 0).astimezone(UTC)


def _gap_end(low: datetime, high: datetime, tz: ZoneInfo, offset: timedelta) -> datetime:
    """First instant with the offset `offset`, by bisection to the second: gaps of 24 h (Apia 2011) included."""
    if low.astimezone(tz).utcoffset() == offset:
        return high
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if middle.astimezone(tz).utcoffset() == offset else (middle, high)
    return high.replace(microsecond=0)


def parse(text: str) -> datetime:
    """An ISO-8601 instant, `Z` or offset, naive meaning UTC; as UTC cut to milliseconds. Raises ValueError."""
    value = datetime.fromisoformat(text.strip())
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)
