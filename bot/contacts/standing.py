"""What two people who turn out to be one have bought together."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.tables.audiences import CustomerStats

_stats = table(CustomerStats)
_SUMS = ("orders", "paid_orders", "orders_365", "revenue", "revenue_365")
_TIER = ("tier", "tier_since", "tier_until")


async def join_stats(session: AsyncSession, keep_id: int, gone_id: int, _now: datetime) -> None:
    """Call it before everything is re-pointed. Sums add up at once; scores and tier follow with the next count."""
    found = await session.execute(sa.select(_stats).where(_stats.c.contact_id.in_((keep_id, gone_id))))
    rows = {row["contact_id"]: dict(row) for row in found.mappings()}
    if len(rows) == 2:
        keep, gone = rows[keep_id], rows[gone_id]
        values: dict[str, Any] = {name: keep[name] + gone[name] for name in _SUMS}
        values["first_at"] = min(filter(None, (keep["first_at"], gone["first_at"])), default=None)
        values["last_at"] = max(filter(None, (keep["last_at"], gone["last_at"])), default=None)
        better = max(keep, gone, key=lambda row: (bool(row["tier"]), row["revenue_365"]))
        values |= {name: better[name] for name in _TIER}
        await session.execute(sa.delete(_stats).where(_stats.c.contact_id == gone_id))
        await session.execute(sa.update(_stats).where(_stats.c.contact_id == keep_id).values(**values))
    await session.execute(sa.update(_stats).where(_stats.c.contact_id.in_((keep_id, gone_id))).values(stale=True))
