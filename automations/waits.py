"""When a wait ends: elapsed time on UTC, or a local time of the recipient that survives daylight saving."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import get_global

from automations.flow import Wait
from bot.base import clock
from bot.base.config import Config

TRANSIT = timedelta(days=7)
"""How long a parcel takes where the shop never tells that it arrived."""

_MAIN_ZONES = {
    "US": "America/New_York", "CA": "America/Toronto", "AU": "Australia/Sydney", "BR": "America/Sao_Paulo",
    "RU": "Europe/Moscow", "MX": "America/Mexico_City", "CN": "Asia/Shanghai", "ID": "Asia/Jakarta",
    "ES": "Europe/Madrid", "PT": "Europe/Lisbon", "DE": "Europe/Berlin", "NZ": "Pacific/Auckland",
    "CL": "America/Santiago", "AR": "America/Argentina/Buenos_Aires", "KZ": "Asia/Almaty", "UA": "Europe/Kyiv",
    "MY": "Asia/Kuala_Lumpur", "UZ": "Asia/Tashkent", "CY": "Asia/Nicosia", "EC": "America/Guayaquil",
}  # fmt: skip
"""Where most people of a country with several zones live."""


@dataclass(frozen=True)
class Local:
    """The recipient's zone, and how we know it: profile, event, country or shop."""

    zone: ZoneInfo
    source: str


def local(config: Config, contact: Mapping[str, Any]) -> Local:
    """The first of profile, newest event, country and shop that names a real zone; a wrong one falls through.

    A contact's `timezone` column holds what its traits say, else what its newest event said.
    """
    said = any(contact["traits"].get(name) for name in ("timezone", "timeZone", "time_zone", "$timezone"))
    found = clock.zone(contact["timezone"])
    if found is not None:
        return Local(found, "profile" if said else "event")
    found = clock.zone(_country_zone(contact["country"]))
    if found is not None:
        return Local(found, "country")
    return Local(clock.zone(config.shop.timezone) or ZoneInfo("UTC"), "shop")


def _country_zone(country: str | None) -> str | None:
    if not country:
        return None
    zones = get_global("territory_zones").get(country.upper(), [])
    return _MAIN_ZONES.get(country.upper()) or (zones[0] if len(zones) == 1 else None)


def end(wait: Wait, start: datetime, zone: ZoneInfo, context: Mapping[str, Any]) -> datetime:
    """When the wait is over that was entered at `start`. Elapsed time is exact; days are calendar days there.

    `context` has `occurrence` (a date) or `ordered_at` and perhaps `delivered_at` for a wait since one of them.
    """
    if wait.elapsed is not None:
        return start + wait.elapsed
    days = wait.days or 0
    if wait.since == "occurrence":
        assert wait.at is not None
        return _instant(date.fromisoformat(context["occurrence"]) + timedelta(days=days), wait.at, zone)
    origin = delivered(context, start) if wait.since == "delivery" else start
    if wait.at is None:
        return origin + timedelta(days=days)
    day = origin.astimezone(zone).date() + timedelta(days=days)
    at = _instant(day, wait.at, zone)
    return at if at > origin else _instant(day + timedelta(days=1), wait.at, zone)


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A local time in UTC: 02:30 in the hour that spring takes away is 03:30, and 02:30 in
    the hour that autumn repeats is the first of the two. (`clock.instant` ends a gap at 03:00, as opening hours do.)
    """
    return datetime.combine(day, at, zone).replace(fold=0).astimezone(UTC)


def delivered(context: Mapping[str, Any], default: datetime) -> datetime:
    """When the parcel arrived: as told, else the order's time and the usual transit."""
    if context.get("delivered_at"):
        return clock.parse(context["delivered_at"])
    ordered_at = clock.parse(context["ordered_at"]) if context.get("ordered_at") else default
    return ordered_at + TRANSIT
