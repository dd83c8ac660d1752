"""What an order is worth in the shop's own currency, by the rate of the day it came: rates that change later change
nothing that was sold before."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

import sqlalchemy as sa
from babel.numbers import get_currency_precision
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import config
from bot.base.database import table
from bot.tables.shop import Order

Rates = Mapping[str, Decimal]
_orders = table(Order)


def rates(shop: config.Shop) -> Rates:
    """What one unit of each known currency is worth in the shop's own, which is among them."""
    return {**{rate.currency: rate.worth for rate in shop.exchange_rates}, shop.currency: Decimal(1)}


def value(order: Order, known: Rates, own: str) -> None:
    """Keep the rate of the order, and what it is worth now. Without a rate it has no worth until there is one."""
    if order.rate is None:
        rate = Decimal(1) if order.currency == own else known.get(order.currency)
        order.rate = None if rate is None else float(rate)
    if order.rate is not None:
        left = max(0, order.revenue - order.refunded_net) * _factor(Decimal(str(order.rate)), order.currency, own)
        order.net = int(left.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _factor(rate: Decimal, currency: str, own: str) -> Decimal:
    """From the smallest unit of one currency to that of the other."""
    return rate.scaleb(get_currency_precision(own) - get_currency_precision(currency or own))


async def fill(session: AsyncSession, known: Rates, own: str, limit: int = 5_000) -> int:
    """Orders from before, or whose currency had no rate: they take the one of today. Returns how many it took."""
    named = {**known, own: Decimal(1), "": Decimal(1)}
    due = sa.select(_orders.c.id).where(_orders.c.net.is_(None), _orders.c.currency.in_(sorted(named)))
    ids = (await session.scalars(due.order_by(_orders.c.id).limit(limit))).all()
    for currency, rate in named.items():
        left = sa.case(
            (_orders.c.revenue > _orders.c.refunded_net, _orders.c.revenue - _orders.c.refunded_net), else_=0
        )
        worth = sa.cast(sa.func.round(left * float(_factor(rate, currency, own))), sa.BigInteger)
        mine = sa.update(_orders).where(_orders.c.id.in_(ids), _orders.c.currency == currency)
        await session.execute(mine.values(rate=float(rate), net=worth))
    return len(ids)
