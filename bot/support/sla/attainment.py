"""How well promises were kept, counted from the clocks of tickets and cut as one likes.

A clock belongs to the day on which it started, in the shop's time. attainment = met / (met + breached + open and
overdue). Clocks that run on are told apart; those that were cancelled are left out, and listed by why.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock
from bot.support.desk import Desk
from bot.support.sla import measured
from bot.support.sla.measured import Measured

SMALL = 20
"""Below so many clocks a share says little."""

_Key = Callable[[Measured, ZoneInfo], str]
SLICES: Mapping[str, _Key] = MappingProxyType(
    {
        "channel": lambda one, _zone: one.channel,
        "department": lambda one, _zone: one.department or "main",
        "agent": lambda one, _zone: one.agent,
        "priority": lambda one, _zone: one.priority,
        "hour": lambda one, zone: f"{one.start_at.astimezone(zone):%H}:00",
        "policy": lambda one, _zone: one.policy,
        "calendar": lambda one, _zone: one.calendar,
    }
)
"""What a report can be cut by. The hour is that of the start, in the shop's time."""


@dataclass(frozen=True)
class Percentiles:
    """Of waits, in seconds; each is a wait that somebody really had. None: there is none."""

    p50: float | None = None
    p90: float | None = None
    p95: float | None = None

    @classmethod
    def of(cls, waits: Iterable[float | None]) -> "Percentiles":
        known = sorted(one for one in waits if one is not None)
        return cls(*(known[max(0, -(-len(known) * share // 100) - 1)] for share in (50, 90, 95))) if known else cls()


@dataclass(frozen=True)
class Kept:
    """Clocks of one slice (`of`: the channel, the colleague, …) and metric.

    `waited` is of opening time, `wall` by the clock on the wall, both until a person answered; `any_answer` until
    anybody did. `reasons` are those of what was left out, `causes` of what was missed ("" is nobody's but ours).
    """

    of: str
    metric: str
    met: int
    breached: int
    overdue: int
    running: int
    left_out: int
    waited: Percentiles
    wall: Percentiles
    any_answer: Percentiles
    reasons: Mapping[str, int] = field(default_factory=dict)
    causes: Mapping[str, int] = field(default_factory=dict)

    @property
    def counted(self) -> int:
        return self.met + self.breached + self.overdue

    @property
    def attainment(self) -> float | None:
        return self.met / self.counted if self.counted else None

    @property
    def few(self) -> bool:
        return self.counted < SMALL

    @property
    def data(self) -> dict[str, Any]:
        """For other programs."""
        more = {"attainment": self.attainment, "counted": self.counted, "few": self.few}
        return {**asdict(self), "reasons": dict(self.reasons), "causes": dict(self.causes), **more}


def day(desk: Desk, at: date) -> datetime:
    """When that date begins in the shop."""
    return clock.instant(at, time(), desk.timezone)


def days(desk: Desk, count: int, now: datetime) -> datetime:
    """The start of the last so many days, today among them."""
    return day(desk, now.astimezone(desk.timezone).date() - timedelta(days=count - 1))


async def by(
    session: AsyncSession, desk: Desk, what: str, since: datetime, until: datetime, now: datetime
) -> list[Kept]:
    """One line per slice and metric, of the clocks that started in `since` <= start < `until`."""
    return cut(desk, await measured.of(session, desk, since, until, now), what)


def cut(desk: Desk, clocks: Sequence[Measured], what: str) -> list[Kept]:
    """`what` is one of SLICES."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for one in clocks:
        groups.setdefault((SLICES[what](one, desk.timezone), one.metric), []).append(one)
    return [kept(key, metric, group) for (key, metric), group in sorted(groups.items())]


def kept(of: str, metric: str, clocks: Sequence[Measured]) -> Kept:
    """All of these as one line."""
    count = Counter(one.ended for one in clocks)
    missed = [one for one in clocks if one.ended in ("breached", "overdue")]
    return Kept(
        of,
        metric,
        met=count["met"],
        breached=count["breached"],
        overdue=count["overdue"],
        running=count["running"],
        left_out=count["left_out"],
        waited=Percentiles.of(one.waited for one in clocks),
        wall=Percentiles.of(one.wall for one in clocks),
        any_answer=Percentiles.of(one.any_answer for one in clocks),
        reasons=Counter(one.reason or "cancelled" for one in clocks if one.ended == "left_out"),
        causes=Counter(one.cause for one in missed),
    )
