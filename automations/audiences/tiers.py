"""Member tiers: up at once when the sum is reached, down only at night and after a grace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import config, money
from bot.base.database import insert, table
from bot.tables.audiences import CustomerStats
from bot.tables.settings import Setting

TAKEN_BACK = timedelta(hours=24)
"""A tier won by an order that goes back within this time was never won."""

_SETTING = "tiers"
_stats, _settings = table(CustomerStats), table(Setting)


@dataclass(frozen=True)
class Ladder:
    """The tiers from low to high, with the sum of 365 days that each begins at. Nobody's tier is "" and rank 0."""

    steps: Sequence[tuple[str, int]]
    grace: timedelta

    @classmethod
    def of(cls, settings: config.Config) -> "Ladder":
        own = settings.shop.currency
        steps = [(tier.name, money.to_minor(tier.least, own)) for tier in settings.automations.tiers]
        return cls(steps, settings.automations.tier_grace)

    def rank(self, tier: str) -> int:
        """0 for none, and for one that the configuration no longer has."""
        return next((number for number, (name, _) in enumerate(self.steps, 1) if name == tier), 0)

    def earned(self, spent: int) -> str:
        return next((name for name, least in reversed(self.steps) if spent >= least), "")

    def unsettled(self) -> sa.ColumnElement[bool]:
        """Rows whose tier is not the one they earn, or that are in their grace."""
        whens = [(_stats.c.revenue_365 >= least, name) for name, least in reversed(self.steps)]
        earned = sa.case(*whens, else_="") if whens else sa.literal("")
        return sa.or_(_stats.c.tier != earned, _stats.c.tier_until.is_not(None))

    def now(self, row: Mapping[str, Any], now: datetime, *, nightly: bool = False) -> dict[str, Any]:
        """The columns that change: tier, tier_since, tier_until."""
        tier, until = row["tier"], row["tier_until"]
        earned = self.earned(row["revenue_365"])
        if self.rank(earned) > self.rank(tier) or (tier and not self.rank(tier)):
            return {"tier": earned, "tier_since": now, "tier_until": None}
        if earned == tier:
            return {} if until is None else {"tier_until": None}
        if not nightly:
            return {}
        if until is None:
            return {"tier_until": now + self.grace}
        return {"tier": earned, "tier_since": now, "tier_until": None} if until <= now else {}


def taken_back(ladder: Ladder, row: Mapping[str, Any], won: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """Something went back: the columns that change if the tier was `won` (the last change) just before by an order."""
    if won is None or won["why"] != "order" or won["after"] != row["tier"] or now - won["at"] > TAKEN_BACK:
        return {}
    earned = ladder.earned(row["revenue_365"])
    if ladder.rank(earned) >= ladder.rank(row["tier"]):
        return {}
    tier = max(earned, won["before"], key=ladder.rank)
    return {"tier": tier, "tier_since": now, "tier_until": now + ladder.grace if tier != earned else None}


async def publish(session: AsyncSession, settings: config.Config, now: datetime) -> None:
    """Write the tiers down as they stand in the configuration: questions about people are asked of the rows alone."""
    steps = [
        {
            "name": tier.name, "title": tier.title or tier.name, "title_zh": tier.title_zh, "from": least,
            "brings": tier.brings, "brings_zh": tier.brings_zh,
        }
        for tier, (_, least) in zip(settings.automations.tiers, Ladder.of(settings).steps, strict=True)
    ]  # fmt: skip
    value = {"currency": settings.shop.currency, "steps": steps}
    put = insert(session, _settings).values(name=_SETTING, value=value, changed_at=now)
    changed = {"value": put.excluded.value, "changed_at": now}
    await session.execute(put.on_conflict_do_update(index_elements=["name"], set_=changed))


@dataclass(frozen=True)
class Published:
    """The tiers from low to high: name, title and what it brings, and `from` in the smallest unit of `currency`."""

    currency: str
    steps: Sequence[Mapping[str, Any]]


async def published(session: AsyncSession) -> Published:
    value = await session.scalar(sa.select(_settings.c.value).where(_settings.c.name == _SETTING))
    return Published(value["currency"], value["steps"]) if value else Published("EUR", ())
