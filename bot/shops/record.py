"""Keep carts, checkouts, orders and products as the events of shops and trackers tell them: the first handler."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import logs
from bot.events import Happened
from bot.shops import carts, catalogue, customers, lines, orders, prices, stock, unconfirmed
from bot.shops.worth import Rates

log = logs.get(__name__)
_NO_RATES: Rates = {}
_WITH_AMOUNTS = ("Order ", "Checkout ", "Product ", "Cart ", "Wishlist ")


async def hinted(
    session: AsyncSession, happened: Happened, now: datetime, *, currency: str = "EUR", keep_orders: bool = False
) -> None:
    """What somebody told who may not: an order of a page ends the carts of its own browser.

    With `keep_orders` it is kept as unconfirmed, too, until the shop tells of it.
    """
    if happened.name == "Order Completed" and happened.contact_id is not None:
        await carts.said_ordered(session, happened)
        if keep_orders:
            await unconfirmed.keep(session, happened, currency, now)


async def apply(
    session: AsyncSession, happened: Happened, now: datetime, *, currency: str = "EUR", rates: Rates = _NO_RATES
) -> bool | None:
    """Bring the rows up to date. False: this was told before, or is older than what we know.

    `currency` is the shop's own, for events that name none; `rates` are what others are worth in it.
    """
    name = happened.name
    if happened.kind != "track":
        return None
    warn_of_amounts(happened)
    if name in customers.EVENTS:
        return await customers.apply(session, happened, now)
    if name == "Order Edited":
        return None  # its state comes with the order
    if name.startswith("Order "):
        return await orders.apply(session, happened, now, currency, rates)
    if name in prices.LOOKS:
        await prices.note(session, happened, currency)
    if name.startswith("Checkout ") or name in carts.CART_EVENTS:
        await catalogue.learn(session, happened, currency)
        return await carts.apply(session, happened, currency)
    if name == "Product Deleted" and happened.properties.get("answered") is True:
        return False
    if name in ("Product Updated", "Product Deleted"):
        return await catalogue.apply(session, happened, now, currency)
    if name in stock.EVENTS:
        return await catalogue.recount(session, happened, now)
    if name in ("Product Viewed", "Product Clicked"):
        await catalogue.learn(session, happened, currency)
    return None


def warn_of_amounts(happened: Happened) -> None:
    if happened.source != "aftercart" and happened.name.startswith(_WITH_AMOUNTS):
        for key in lines.unreadable(happened.properties):
            log.warning("an amount of money cannot be read", event_name=happened.name, key=key, event_id=happened.id)
