"""In which zone somebody lives, and how we know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import get_global

from bot.base import clock
from bot.base.config import Config

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
