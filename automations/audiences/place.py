"""Where one customer stands: what they bought, their RFM group, their tier and how far it is to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences import tiers
from automations.audiences.tiers import Published
from bot.base.database import table
from bot.tables.audiences import CustomerStats

_stats = table(CustomerStats)
_NOTHING: Mapping[str, Any] = {
    "orders": 0, "paid_orders": 0, "orders_365": 0, "revenue": 0, "revenue_365": 0, "first_at": None, "last_at": None,
    "r": 0, "f": 0, "m": 0, "rfm": "", "rfm_since": None, "tier": "", "tier_since": None, "tier_until": None,
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """`stats` has the columns of CustomerStats, all nought for who never ordered. Money is in smallest units."""

    stats: Mapping[str, Any]
    ladder: Published

    @property
    def rfm(self) -> str:
        return str(self.stats["rfm"])

    @property
    def tier(self) -> str:
        return str(self.stats["tier"])

    @property
    def rank(self) -> int:
        return self.rank_of(self.tier)

    def rank_of(self, tier: str) -> int:
        """1 for the lowest tier; 0 for none and for one that is not known."""
        return next((number for number, step in enumerate(self.ladder.steps, 1) if step["name"] == tier), 0)

    @property
    def next(self) -> Mapping[str, Any] | None:
        """The tier above: its name, title, title_zh and `from`."""
        return self.ladder.steps[self.rank] if self.rank < len(self.ladder.steps) else None

    @property
    def missing(self) -> int | None:
        """What is still to be spent for the next tier."""
        return None if self.next is None else max(0, int(self.next["from"]) - int(self.stats["revenue_365"]))

    def title(self, tier: str, language: str) -> str:
        """What a customer of that language reads."""
        return self._words(tier, "title", language) or tier

    def brings(self, tier: str, language: str) -> str:
        """What a customer of that language reads about what they get there."""
        return self._words(tier, "brings", language)

    def _words(self, tier: str, about: str, language: str) -> str:
        step: Mapping[str, Any] = next((step for step in self.ladder.steps if step["name"] == tier), {})
        return str((step.get(f"{about}_zh") if language.startswith("zh") else "") or step.get(about) or "")


async def of(session: AsyncSession, ids: Sequence[int]) -> dict[int, Place]:
    """The places of these contacts."""
    ladder = await tiers.published(session)
    rows = await session.execute(sa.select(_stats).where(_stats.c.contact_id.in_(ids)))
    known = {row["contact_id"]: dict(row) for row in rows.mappings()}
    return {one: Place(known.get(one, _NOTHING), ladder) for one in ids}
