"""A moment in the future as staff write it: `2h`, `1d`, `9:00`, `tomorrow 9:00`, `fri 14:00`, `2026-03-05 10:00`."""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.base import clock

MORNING = time(9)
"""The time of a day that was named without one."""

_LONGEST = timedelta(days=366)
_SHORTEST = timedelta(minutes=1)
_DAYS = {
    "today": 0, "tomorrow": 1, "今天": 0, "明天": 1, "后天": 2,
}  # fmt: skip
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CHINESE_WEEKDAYS = "一二三四五六日"


def parse(text: str, now: datetime, tz: ZoneInfo) -> datetime | None:
    """The instant, or None for what is no time, is over, or lies more than a year ahead."""
    words = text.strip().lower()
    found = _span(words, now) or _local(words, now, tz)
    return found if found is not None and _SHORTEST <= found - now <= _LONGEST else None


def _span(words: str, now: datetime) -> datetime | None:
    try:
        return now + clock.duration(words)
    except (ValueError, OverflowError):
        return None


def _local(words: str, now: datetime, tz: ZoneInfo) -> datetime | None:
    today = now.astimezone(tz).date()
    first, _, rest = re.sub(r"\s+", " ", words).partition(" ")
    if (at := _time(first)) is not None and not rest:
        found = clock.instant(today, at, tz)
        return found if found > now else clock.instant(today + timedelta(days=1), at, tz)
    day = _day(first, today)
    at = _time(rest.removeprefix("at ")) if rest else MORNING
    if day is None or at is None:
        return None
    found = clock.instant(day, at, tz)
    return found if found > now or first not in _weekday_names() else clock.instant(day + timedelta(days=7), at, tz)


def _time(text: str) -> time | None:
    try:
        return clock.time_of_day(text)
    except ValueError:
        return None


def _day(word: str, today: date) -> date | None:
    if word in _DAYS:
        return today + timedelta(days=_DAYS[word])
    names = _weekday_names()
    if word in names:
        return today + timedelta(days=(names[word] - today.weekday()) % 7)
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def _weekday_names() -> dict[str, int]:
    full = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    names = {name: number for many in (_WEEKDAYS, full) for number, name in enumerate(many)}
    names |= {f"{prefix}{sign}": number for prefix in ("周", "星期") for number, sign in enumerate(_CHINESE_WEEKDAYS)}
    return names
