"""The names of the shop's products, kept in memory so that a message can be searched for them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support.answers.mentions import ProductNames
from bot.tables.shop import Product

_ROWS = table(Product)
_LOOK_AGAIN = timedelta(minutes=5)
_MOST = 1000  # the newest; reading them takes about 0.2 s of the loop


@dataclass
class Catalogue:
    names: ProductNames | None = None
    looked_at: datetime | None = None
    stand: tuple[object, object] = field(default=(0, None))


async def names(session: AsyncSession, kept: Catalogue, now: datetime) -> ProductNames | None:
    """The names as of a few minutes ago; None when the shop has told us of no product."""
    if kept.looked_at is not None and now - kept.looked_at < _LOOK_AGAIN:
        return kept.names
    shown = (_ROWS.c.variant_id == "", _ROWS.c.name != "", _ROWS.c.published.is_(True), _ROWS.c.rank != "page")
    row = (await session.execute(sa.select(sa.func.count(), sa.func.max(_ROWS.c.updated_at)).where(*shown))).one()
    if (row[0], row[1]) != kept.stand:
        newest = sa.select(_ROWS.c.name).where(*shown).order_by(_ROWS.c.updated_at.desc()).limit(_MOST)
        found = list(await session.scalars(newest))
        kept.names = ProductNames(found) if found else None
    kept.stand, kept.looked_at = (row[0], row[1]), now
    return kept.names
