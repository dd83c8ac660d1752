"""When a wait ends: elapsed time on UTC, or a local time of the recipient that survives daylight saving."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from automations.definition.step import WEEKDAYS, Wait
from bot.base import clock

TRANSIT = timedelta(days=7)
"""How long a parcel takes where the shop never tells that it arrived."""

FROM_DELIVERY = ("delivery", "run_out")
"""Waits that are counted from the moment when the parcel arrived."""


def end(wait: Wait, start: datetime, zone: ZoneInfo, context: Mapping[str, Any]) -> datetime:
    """When the wait is over that was entered at `start`. Elapsed time is exact; days are calendar days there.

    `context` has `occurrence` (a date) or `ordered_at` and perhaps `delivered_at` for a wait since one of them, and for
    one since the goods run out how many days they last (`lasts`).
    """
    if wait.elapsed is not None:
        return start + wait.elapsed
    if wait.weekday is not None:
        assert wait.at is not None
        return _next(WEEKDAYS.index(wait.weekday), wait.at, start, zone)
    days = wait.days or 0
    if wait.since == "occurrence":
        assert wait.at is not None
        return _instant(date.fromisoformat(context["occurrence"]) + timedelta(days=days), wait.at, zone)
    origin = arrived = delivered(context, start) if wait.since in FROM_DELIVERY else start
    if wait.since == "run_out":
        origin = max(arrived - timedelta(days=days), arrived + timedelta(days=float(context.get("lasts") or 0)))
    if wait.at is None:
        return origin + timedelta(days=days)
    day = origin.astimezone(zone).date() + timedelta(days=days)
    at = _instant(day, wait.at, zone)
    return at if days or at > origin else _instant(day + timedelta(days=1), wait.at, zone)


def _next(weekday: int, at: time, start: datetime, zone: ZoneInfo) -> datetime:
    today = start.astimezone(zone).date()
    day = today + timedelta(days=(weekday - today.weekday()) % 7)
    found = _instant(day, at, zone)
    return found if found > start else _instant(day + timedelta(days=7), at, zone)


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A local time in UTC: 02:30 in the hour that spring takes away is 03:30, and 02:30 in
    the hour that autumn repeats is the first of the two. (`clock.instant` ends a gap at 03:00, as opening hours do.)
    """
    return datetime.combine(day, at, zone).replace(fold=0).astimezone(UTC)


def moment(text: object) -> datetime | None:
    """A time that a context holds, as text."""
    return clock.parse(text) if isinstance(text, str) else None


def delivered(context: Mapping[str, Any], default: datetime) -> datetime:
    """When the parcel arrived: as told, else the order's time and the usual transit."""
    if context.get("delivered_at"):
        return clock.parse(context["delivered_at"])
    ordered_at = clock.parse(context["ordered_at"]) if context.get("ordered_at") else default
    return ordered_at + TRANSIT
