"""Recency, frequency, revenue: scores of 1 to 5 where equal customers score equally, and the 11 groups made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences import portable, stats
from automations.audiences.stats import Whose
from bot.base import config, money
from bot.base.database import insert, table
from bot.tables.audiences import CustomerStats, StandingChange
from bot.tables.settings import Setting

ENOUGH = 20
"""Fewer customers are not compared with each other: fixed bounds hold for them."""

_SETTING = "rfm.bounds"
_stats, _changes, _settings = table(CustomerStats), table(StandingChange), table(Setting)
_bought = _stats.c.last_at.is_not(None)

GROUPS: Mapping[str, str] = {
    "champions": "555 554 544 545 454 455 445",
    "loyal": "543 444 435 355 354 345 344 335",
    "potential_loyalist": "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 342 341 "
    "333 323",
    "new_customers": "512 511 422 421 412 411 311",
    "promising": "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
    "need_attention": "535 534 443 434 343 334 325 324",
    "about_to_sleep": "331 321 312 221 213 231 241 251",
    "at_risk": "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124",
    "cannot_lose_them": "155 154 144 214 215 115 114 113",
    "hibernating": "332 322 233 232 223 222 132 123 122 212 211",
    "lost": "111 112 121 131 141 151",
}
"""Scores of recency, frequency and revenue in each group: every code once."""

GROUP_OF: Mapping[str, str] = {code: name for name, codes in GROUPS.items() for code in codes.split()}


@dataclass(frozen=True)
class Bounds:
    """For each of r, f and m, (score, bound) from the best score down: at most so many days, at least so much."""

    r: Sequence[tuple[int, int]]
    f: Sequence[tuple[int, int]]
    m: Sequence[tuple[int, int]]

    def scores(self, row: Mapping[str, Any], now: datetime) -> tuple[int, int, int]:
        if row["last_at"] is None:
            return 0, 0, 0
        days = (int(now.timestamp()) - int(row["last_at"].timestamp())) // 86_400
        return (
            next((score for score, bound in self.r if days <= bound), 1),
            next((score for score, bound in self.f if row["orders_365"] >= bound), 1),
            next((score for score, bound in self.m if row["revenue_365"] >= bound), 1),
        )

    def columns(self, now: datetime) -> dict[str, sa.ColumnElement[int]]:
        """The same as SQL. Days become moments: those the database compares without working anything out."""

        def since(days: int) -> datetime:
            """Later than this, fewer than `days` and one have passed; seconds count whole, as above."""
            return now.replace(microsecond=0) - timedelta(days=days + 1) + timedelta(seconds=1)

        def scored(whens: Sequence[tuple[sa.ColumnElement[bool], int]]) -> sa.ColumnElement[int]:
            return sa.case((_stats.c.last_at.is_(None), 0), *whens, else_=1)

        return {
            "r": scored([(_stats.c.last_at >= since(days), score) for score, days in self.r]),
            "f": scored([(_stats.c.orders_365 >= bound, score) for score, bound in self.f]),
            "m": scored([(_stats.c.revenue_365 >= bound, score) for score, bound in self.m]),
        }


def fixed(settings: config.Rfm, currency: str) -> Bounds:
    """The bounds that the configuration names."""
    spent = [money.to_minor(bound, currency) for bound in settings.monetary]
    return Bounds(
        [(5 - place, int(bound)) for place, bound in enumerate(settings.recency)],
        [(place, int(bound)) for place, bound in _down(settings.frequency)],
        [(place, int(bound)) for place, bound in _down(spent)],
    )


def _down(bounds: Sequence[float]) -> list[tuple[int, float]]:
    return sorted(enumerate(bounds, 2), reverse=True)


async def measure(session: AsyncSession, settings: config.Rfm, currency: str, now: datetime) -> Bounds:
    """The bounds by which customers are scored from now on."""
    customers = await session.scalar(sa.select(sa.func.count()).select_from(_stats).where(_bought)) or 0
    if settings.by == "thresholds" or customers < ENOUGH:
        return fixed(settings, currency)
    days = portable.days_since(_stats.c.last_at, now)
    found = [
        [(row.score, row.bound) for row in await session.execute(portable.levels(value, [_bought], falling=falling))]
        for value, falling in ((days, True), (_stats.c.orders_365, False), (_stats.c.revenue_365, False))
    ]
    return Bounds(*([pair for pair in sorted(one, reverse=True) if pair[0] > 1] for one in found))


async def keep(session: AsyncSession, bounds: Bounds, now: datetime) -> None:
    put = insert(session, _settings).values(
        name=_SETTING, value={"r": bounds.r, "f": bounds.f, "m": bounds.m}, changed_at=now
    )
    changed = {"value": put.excluded.value, "changed_at": now}
    await session.execute(put.on_conflict_do_update(index_elements=["name"], set_=changed))


async def kept(session: AsyncSession) -> Bounds | None:
    """The bounds of the last night; None before the first."""
    value = await session.scalar(sa.select(_settings.c.value).where(_settings.c.name == _SETTING))
    return Bounds(*([(score, bound) for score, bound in value[name]] for name in "rfm")) if value else None


async def differing(session: AsyncSession, bounds: Bounds, whose: Whose, now: datetime) -> list[int]:
    """Those of them whose scores are others now. Only looks, so that no writer waits for it."""
    differs = sa.or_(*(_stats.c[name] != value for name, value in bounds.columns(now).items()))
    found = sa.select(_stats.c.contact_id).where(stats.of(_stats.c.contact_id, whose), differs)
    return list(await session.scalars(found.order_by(_stats.c.contact_id)))


async def score(session: AsyncSession, bounds: Bounds, whose: Whose, now: datetime) -> None:
    """Score these contacts, and note who came into another group."""
    here = stats.of(_stats.c.contact_id, whose)
    await session.execute(sa.update(_stats).where(here).values(**bounds.columns(now)))
    moved = sa.and_(here, _stats.c.rfm != _group())
    history = sa.select(
        _stats.c.contact_id, sa.literal("rfm"), _stats.c.rfm, _group(), sa.literal("nightly"),
        sa.literal(now, _changes.c.at.type),
    ).where(moved, _stats.c.rfm != "")  # fmt: skip
    into = ["contact_id", "kind", "before", "after", "why", "at"]
    await session.execute(sa.insert(_changes).from_select(into, history, include_defaults=False))
    await session.execute(sa.update(_stats).where(moved).values(rfm=_group(), rfm_since=now))


@cache
def _group() -> sa.ColumnElement[str]:
    """The group of the three scores."""

    def choose(name: str, branches: Mapping[int, Any]) -> sa.ColumnElement[str]:
        return sa.case(branches, value=_stats.c[name], else_="")

    return choose("r", {
        r: choose("f", {f: choose("m", {m: GROUP_OF[f"{r}{f}{m}"] for m in range(1, 6)}) for f in range(1, 6)})
        for r in range(1, 6)
    })  # fmt: skip
