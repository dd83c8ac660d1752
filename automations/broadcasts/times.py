"""When each person's mail is due: their local time, and so far apart as the throttle says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from automations.broadcasts.broadcast import RECIPIENT, Broadcast, zone_of
from bot.base import clock
from bot.base.config import Config
from bot.contacts import zones

FIRST = timedelta(hours=14)
"""How far ahead of UTC a day begins at the earliest."""
LAST = timedelta(hours=12)


def at(local: datetime, zone: ZoneInfo) -> datetime:
    """A local time in UTC, as waits have it: 02:30 that spring takes away is 03:30, of two in autumn the first."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def earliest(broadcast: Broadcast, wanted: datetime, config: Config) -> datetime:
    """When the first people's time may have come. `wanted` counts where the broadcast says no time."""
    if broadcast.when is None:
        return wanted
    if broadcast.zone == RECIPIENT:
        return broadcast.when.replace(tzinfo=UTC) - FIRST
    return at(broadcast.when, zone_of(broadcast, config.shop.timezone))


def latest(broadcast: Broadcast, wanted: datetime, config: Config) -> datetime:
    if broadcast.when is not None and broadcast.zone == RECIPIENT:
        return broadcast.when.replace(tzinfo=UTC) + LAST
    return earliest(broadcast, wanted, config)


@dataclass
class Moments:
    """The moment that the broadcast wants for somebody, by their zone; worked out once for each zone."""

    broadcast: Broadcast
    wanted: datetime
    config: Config
    after: datetime | None = None
    """Not before: the rest waits for what a test says. Then their local time is that of the first day it can be."""
    _known: dict[tuple[str | None, str | None], datetime] = field(default_factory=dict)

    def of(self, timezone: str | None, country: str | None) -> datetime:
        if self.broadcast.zone != RECIPIENT or self.broadcast.when is None:
            timezone = country = None
        key = timezone, country
        if key not in self._known:
            self._known[key] = self._moment(timezone, country)
        return self._known[key]

    def _moment(self, timezone: str | None, country: str | None) -> datetime:
        when, after = self.broadcast.when, self.after
        if when is None or self.broadcast.zone != RECIPIENT:
            moment = earliest(self.broadcast, self.wanted, self.config)
            return moment if after is None else max(moment, after)
        zone = zones.local(self.config, {"timezone": timezone, "country": country, "traits": {}}).zone
        moment = at(when, zone)
        if after is None or moment >= after:
            return moment
        day = after.astimezone(zone).date()
        found = at(datetime.combine(day, when.time()), zone)
        return found if found >= after else at(datetime.combine(day + timedelta(days=1), when.time()), zone)


@dataclass
class Spacing:
    """The next free moment of those who want the same one, so that all together are as far apart as `gap`.

    Whoever wants a later moment begins behind the people who are expected for the earlier ones.
    """

    gap: timedelta | None
    free: dict[datetime, datetime] = field(default_factory=dict)
    last: datetime | None = None

    @classmethod
    def plan(cls, expected: Mapping[datetime, int], gap: timedelta | None, now: datetime) -> "Spacing":
        """From how many want which moment."""
        made, end = cls(gap), now
        for moment in sorted(expected):
            start = max(moment, now) if gap is None else max(moment, end)
            made.free[moment] = start
            end = start + (gap or timedelta(0)) * expected[moment]
        return made

    def take(self, moment: datetime, now: datetime) -> datetime:
        """The due time of one more person who wants that moment."""
        due = max(self.free.get(moment, moment), now if self.gap is None else moment)
        if self.gap is not None:
            self.free[moment] = due + self.gap
        self.last = due if self.last is None or due > self.last else self.last
        return due

    def stored(self) -> dict[str, Any]:
        return {moment.isoformat(): free.isoformat() for moment, free in self.free.items()}

    @classmethod
    def read(cls, kept: Mapping[str, str], gap: timedelta | None, last: datetime | None) -> "Spacing":
        return cls(gap, {clock.parse(moment): clock.parse(free) for moment, free in kept.items()}, last)
