"""Ids of customers that their shop joined into another customer: what still comes under the old id is about that."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import stores
from bot.base.database import insert, table
from bot.tables.people import Identity

_rows = table(Identity)
_AFTER = "_joined"


async def remember(session: AsyncSession, kind: str, value: str, contact_id: int, now: datetime) -> None:
    row = {"contact_id": contact_id, "kind": kind_after(kind), "value": value, "rank": "shop", "proven": False,
           "created_at": now}  # fmt: skip
    new = insert(session, _rows).values(row)
    changed = {"contact_id": new.excluded.contact_id}
    await session.execute(new.on_conflict_do_update(index_elements=["kind", "value"], set_=changed))


def kind_after(kind: str) -> str:
    return kind + _AFTER


def kind_before(kind: str) -> str:
    """Of an identity, as what the old id still comes."""
    return kind.removesuffix(_AFTER)


async def now_called(session: AsyncSession, kind: str, value: str) -> str:
    """The id that the customer of this one has now; the same if the shop joined it into none."""
    old = _rows.alias()
    found = await session.scalars(
        sa.select(_rows.c.value)
        .join(old, old.c.contact_id == _rows.c.contact_id)
        .where(old.c.kind == kind_after(kind), old.c.value == value, _rows.c.kind == kind)
    )
    store = stores.store_of(value)
    return next((one for one in found if stores.store_of(one) == store), value)
