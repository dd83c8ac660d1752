"""Quiet hours: local night, half open, may cross midnight."""

from datetime import datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from bot.base import clock

SPREAD = 900
"""Seconds over which mails leave after the night, so that not all of them leave at 08:00."""


def until(hours: tuple[time, time] | None, now: datetime, zone: ZoneInfo, key: str) -> datetime | None:
    """When the night that `now` lies in is over for the message of that key, or None by day.

    The spread is a hash of the key: the same message always wakes at the same second.
    """
    if hours is None:
        return None
    begin, end = hours
    local = now.astimezone(zone)
    at = local.time()
    night = begin <= at < end if begin < end else at >= begin or at < end
    if not night:
        return None
    day = local.date() + timedelta(days=1) if begin > end and at >= begin else local.date()
    jitter = int.from_bytes(sha256(key.encode()).digest()[:4], "big") % SPREAD
    return clock.instant(day, end, zone) + timedelta(seconds=jitter)
