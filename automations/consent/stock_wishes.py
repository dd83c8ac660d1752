"""Requests to be told of stock that a page sent: they count once the reader of that mailbox has said yes."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.config.topics import BACK_IN_STOCK
from bot.base.database import table
from bot.tables.catalogue import StockAlert
from bot.tables.people import OptIn

_MOST = 10
"""What one press of the link may be about: a stranger may have asked for much more in their name."""

_BROWSERS = 2000  # however many a stranger makes up

_alerts, _opt_ins = table(StockAlert), table(OptIn)


async def browsers(session: AsyncSession, address: str, since: datetime) -> set[int]:
    """The contacts that asked for this address to be told that something is back."""
    asked = sa.select(_opt_ins.c.contact_id, _opt_ins.c.topics).where(
        _opt_ins.c.address == address, _opt_ins.c.asked_at > since, _opt_ins.c.contact_id.is_not(None)
    )
    asked = asked.order_by(_opt_ins.c.id.desc()).limit(_BROWSERS)
    return {row.contact_id for row in await session.execute(asked) if BACK_IN_STOCK in row.topics}


async def confirmed(session: AsyncSession, asked_by: Collection[int], owner_id: int, first: int | None) -> None:
    """What was asked from these browsers is the owner's wish now, each thing once; nothing else of theirs is.

    One of each browser in turn, the newest first, and that of the browser that the mail was written for `first`: much
    that a stranger says in their name takes nothing from what they said themselves.
    """
    thing = _alerts.c.store, _alerts.c.product_id, _alerts.c.variant_id
    newest = _alerts.c.requested_at.desc(), _alerts.c.id.desc()
    place = sa.func.row_number().over(partition_by=_alerts.c.contact_id, order_by=newest).label("place")
    asked = sa.select(_alerts.c.id, *thing, _alerts.c.contact_id, _alerts.c.requested_at, place).where(
        _alerts.c.contact_id.in_(sorted(asked_by)), _alerts.c.status == "asked"
    )
    one = asked.subquery().c
    turn = one.place, (one.contact_id == first).desc(), one.requested_at.desc(), one.id.desc()
    wishes = sa.select(one.id, one.store, one.product_id, one.variant_id).where(one.place <= _MOST).order_by(*turn)
    waits = sa.select(*thing).where(_alerts.c.contact_id == owner_id, _alerts.c.status.in_(("waiting", "released")))
    there = {tuple(row) for row in await session.execute(waits)}
    mine: dict[tuple[str, ...], int] = {}
    for alert_id, *named in await session.execute(wishes):
        if tuple(named) not in there:
            mine.setdefault(tuple(named), alert_id)
    theirs = sa.update(_alerts).where(_alerts.c.id.in_(list(mine.values())[:_MOST]))
    await session.execute(theirs.values(status="waiting", contact_id=owner_id))
