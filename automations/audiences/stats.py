"""What customers bought, counted from their orders: after each order for its customer, at night for all of them."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import insert, table
from bot.tables.audiences import CustomerStats
from bot.tables.shop import Order

YEAR = timedelta(days=365)
_stats, _orders = table(CustomerStats), table(Order)
_COUNTED = ("orders", "paid_orders", "orders_365", "revenue", "revenue_365", "first_at", "last_at")
_NOTHING: dict[str, Any] = {
    **dict.fromkeys(_COUNTED[:5], 0), "first_at": None, "last_at": None,
}  # fmt: skip
_UNSCORED: dict[str, Any] = {"r": 0, "f": 0, "m": 0, "rfm": "", "tier": ""}

Whose = Collection[int] | range
"""Some contacts, or all whose ids lie in a range."""


def of(column: sa.ColumnElement[int], whose: Whose) -> sa.ColumnElement[bool]:
    if isinstance(whose, range):
        return sa.and_(column >= whose.start, column < whose.stop)
    return column.in_(sorted(whose))


async def count(session: AsyncSession, whose: Whose, now: datetime) -> None:
    """Bring the rows of these contacts up to date; one that says so already is not written."""
    counted = insert(session, _stats).from_select(
        ["contact_id", *_COUNTED, *_UNSCORED, "stale", "counted_at"], _from_orders(whose, now)
    )
    new = counted.excluded
    changed = {name: new[name] for name in (*_COUNTED, "stale", "counted_at")}
    kept = counted.on_conflict_do_update(index_elements=["contact_id"], set_=changed, where=_differs(new))
    await session.execute(kept)
    emptied = sa.update(_stats).where(*_emptied(whose))
    await session.execute(emptied.values(**_NOTHING, stale=False, counted_at=now))


async def differing(session: AsyncSession, whose: Whose, now: datetime) -> list[int]:
    """Those of them whose rows are not up to date. Only looks, so that no writer waits for it."""
    counted = _from_orders(whose, now).subquery()
    there = counted.outerjoin(_stats, _stats.c.contact_id == counted.c.contact_id)
    new = sa.or_(_stats.c.contact_id.is_(None), _differs(counted.c))
    found = await session.scalars(sa.select(counted.c.contact_id).select_from(there).where(new))
    gone = await session.scalars(sa.select(_stats.c.contact_id).where(*_emptied(whose)))
    return sorted({*found, *gone})


def _differs(new: Any) -> sa.ColumnElement[bool]:
    return sa.or_(_stats.c.stale, *(_stats.c[name].is_distinct_from(new[name]) for name in _COUNTED))


def _emptied(whose: Whose) -> tuple[sa.ColumnElement[bool], ...]:
    """Rows of those who have no orders any more."""
    mine = sa.exists().where(_orders.c.contact_id == _stats.c.contact_id)
    return of(_stats.c.contact_id, whose), sa.or_(_stats.c.orders > 0, _stats.c.stale), ~mine


def _from_orders(whose: Whose, now: datetime) -> sa.Select[Any]:
    """What went back in full, was cancelled or is not paid yet is no purchase."""
    paid = _orders.c.status == "paid"
    lately = sa.and_(paid, _orders.c.ordered_at > now - YEAR)
    net = sa.func.coalesce(_orders.c.net, 0)

    def number(where: sa.ColumnElement[bool]) -> Any:
        return sa.cast(sa.func.sum(sa.case((where, 1), else_=0)), sa.Integer)

    def money(where: sa.ColumnElement[bool]) -> Any:
        return sa.cast(sa.func.sum(sa.case((where, net), else_=0)), sa.BigInteger)

    paid_at = sa.case((paid, _orders.c.ordered_at))
    return (
        sa.select(
            _orders.c.contact_id,
            number(_orders.c.status != "cancelled").label("orders"),
            number(paid).label("paid_orders"),
            number(lately).label("orders_365"),
            money(paid).label("revenue"),
            money(lately).label("revenue_365"),
            sa.func.min(paid_at).label("first_at"),
            sa.func.max(paid_at).label("last_at"),
            *(sa.literal(value).label(name) for name, value in _UNSCORED.items()),
            sa.false().label("stale"),
            sa.literal(now, _stats.c.counted_at.type).label("counted_at"),
        )
        .where(of(_orders.c.contact_id, whose), _orders.c.contact_id.is_not(None))
        .group_by(_orders.c.contact_id)
    )


async def ids_up_to(session: AsyncSession) -> int:
    """The highest contact id that any order or row has."""
    found = [await session.scalar(sa.select(sa.func.max(rows.c.contact_id))) for rows in (_orders, _stats)]
    return max((one for one in found if one is not None), default=0)
