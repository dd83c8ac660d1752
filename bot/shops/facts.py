"""Questions about what the shop told: carts, orders, products."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.tables.shop import Cart, Order, Product


async def open_cart(
    session: AsyncSession, contact_id: int, now: datetime, *, within: timedelta = timedelta(days=30)
) -> Cart | None:
    """The cart or checkout that the contact touched last, with something in it and not ordered."""
    mine = select(Cart).where(
        col(Cart.contact_id) == contact_id,
        col(Cart.ordered_at).is_(None),
        col(Cart.emptied_at).is_(None),
        col(Cart.changed_at) > now - within,
    )
    found = (await session.scalars(mine.order_by(col(Cart.changed_at).desc(), col(Cart.id).desc()))).all()
    return next((cart for cart in found if cart.items), None)


async def orders_of(session: AsyncSession, contact_id: int, limit: int = 20) -> Sequence[Order]:
    """The contact's orders, the newest first."""
    mine = select(Order).where(col(Order.contact_id) == contact_id)
    return (await session.scalars(mine.order_by(col(Order.ordered_at).desc(), col(Order.id).desc()).limit(limit))).all()


async def spent(session: AsyncSession, contact_id: int) -> Sequence[tuple[str, int, int]]:
    """What the contact has spent in their life as a customer: (currency, amount, orders), the largest number first.

    Amounts are what was paid less what went back; orders that are unpaid or cancelled are none.
    """
    amount, count = sa.func.sum(col(Order.total) - col(Order.refunded)), sa.func.count()
    mine = sa.select(col(Order.currency), amount, count).where(
        col(Order.contact_id) == contact_id, col(Order.status).in_(("paid", "refunded"))
    )
    rows = await session.execute(mine.group_by(col(Order.currency)).order_by(count.desc(), col(Order.currency)))
    return [(currency, int(total), orders) for currency, total, orders in rows]


async def orders_by_number(session: AsyncSession, number: str, limit: int = 5) -> Sequence[Order]:
    """The orders that a person may mean by `#1001`, `1001` or the shop's own id: numbers go before ids, and several
    stores may have one.
    """
    plain = number.strip().removeprefix("#")
    if not plain:
        return []
    meant = sa.or_(col(Order.number).in_((plain, f"#{plain}")), col(Order.order_id) == plain)
    by_number_first = sa.case((col(Order.order_id) == plain, 1), else_=0)
    found = (await session.scalars(select(Order).where(meant).order_by(by_number_first, col(Order.id)))).all()
    numbered = [order for order in found if order.number.removeprefix("#") == plain]
    return (numbered or found)[:limit]


async def products(session: AsyncSession, product_ids: Collection[str]) -> Sequence[Product]:
    """Every row of these products, their variants included."""
    wanted = select(Product).where(col(Product.product_id).in_(list(product_ids)))
    return (await session.scalars(wanted.order_by(col(Product.product_id), col(Product.variant_id)))).all()
