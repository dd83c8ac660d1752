"""The 11 RFM groups: how many customers each has, what they brought in 365 days, and who moved lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences.rfm import GROUPS
from bot.base.database import table
from bot.tables.audiences import CustomerStats, StandingChange

_stats, _changes = table(CustomerStats), table(StandingChange)


@dataclass(frozen=True)
class Group:
    """Money in the smallest unit of the shop's currency; shares are of all customers and of all revenue."""

    name: str
    customers: int
    share: float
    revenue: int
    revenue_share: float
    came: int
    left: int


async def groups(session: AsyncSession, since: datetime) -> Sequence[Group]:
    """All groups, from the best customers down; `came` and `left` count moves since then."""
    found = sa.select(_stats.c.rfm, sa.func.count(), sa.func.sum(_stats.c.revenue_365))
    found = found.where(_stats.c.rfm != "").group_by(_stats.c.rfm)
    rows = {name: (int(count), int(spent)) for name, count, spent in await session.execute(found)}
    moved = {}
    for column in (_changes.c.after, _changes.c.before):
        counted = sa.select(column, sa.func.count()).where(_changes.c.kind == "rfm", _changes.c.at >= since)
        moved[column.name] = {name: int(count) for name, count in await session.execute(counted.group_by(column))}
    customers = sum(count for count, _ in rows.values())
    revenue = sum(spent for _, spent in rows.values())
    told = []
    for name in GROUPS:
        count, spent = rows.get(name, (0, 0))
        told.append(
            Group(name, count, count / customers if customers else 0.0, spent, spent / revenue if revenue else 0.0,
                  moved["after"].get(name, 0), moved["before"].get(name, 0))
        )  # fmt: skip
    return told
