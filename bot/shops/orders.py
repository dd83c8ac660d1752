"""Orders as the shop and its pages tell them, whatever comes first, and each thing that happens to one told once.

A state (`Order Completed`, `Order Updated`) counts by the shop's own time of it. What a state shows for the first time
(paid, cancelled, shipped, delivered) is told as an event of its own, so that a lost webhook loses nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import events
from bot.events import Happened, NewEvent, names
from bot.events.people import SHOPS
from bot.shops import carts, catalogue, lines, refunds, worth
from bot.tables.shop import Order

_STATES = ("Order Completed", "Order Updated")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_ONCE = ("Order Completed", "Order Paid", "Order Cancelled", "Order Delivered")
_PENDING = ("pending", "authorized", "partially_paid", "on-hold", "unpaid", "open")
_PAID = ("paid", "partially_refunded", "processing", "completed", "complete", "success")
_CANCELLED = ("cancelled", "canceled", "voided", "failed", "trash", "expired")


async def apply(
    session: AsyncSession, happened: Happened, now: datetime, currency: str, rates: worth.Rates
) -> bool | None:
    """False if this source tells what another told before, or tells an older state."""
    said = happened.properties
    order_id = names.text_id(said.get("order_id"))
    if not order_id:
        return None
    at = lines.moment(said.get("updated_at")) or happened.ts
    order = await _row(session, order_id, lines.text(said.get("order_number")), happened, at)
    if happened.contact_id is not None and (order.contact_id is None or happened.source in SHOPS):
        order.contact_id = happened.contact_id
    before, order.currency = order.currency, lines.currency(said, order.currency or currency)
    if before != order.currency:
        order.rate = order.net = None
    key = _key(happened)
    known = key in order.told
    stale = _take_state(order, happened, at)
    order.items = await catalogue.with_categories(session, order.items)
    if not known:
        await _take_change(order, happened)
        if key:
            order.told = [*order.told, key]
    worth.value(order, rates, currency)
    await session.flush()
    if order.status != "cancelled":
        await carts.ordered(session, order)
    await _tell(session, order, happened, now)
    return False if known or stale else None


def _key(happened: Happened) -> str:
    """What is told once, whoever tells it."""
    if happened.name in _ONCE:
        return happened.name
    if happened.name == "Order Refunded" and (refund := names.text_id(happened.properties.get("refund_id"))):
        return f"refund:{refund}"
    if happened.name == "Order Fulfilled":
        return f"parcel:{names.text_id(happened.properties.get('fulfillment_id'))}"
    return ""


async def _row(session: AsyncSession, order_id: str, number: str, happened: Happened, at: datetime) -> Order:
    """The order by its id, or by its number: a page often knows an order by the number that the customer reads."""
    found = (await session.scalars(select(Order).where(col(Order.order_id) == order_id))).one_or_none()
    if found is None:
        by_number = col(Order.number).in_((order_id, f"#{order_id}"))
        found = (await session.scalars(select(Order).where(by_number).limit(1))).one_or_none()
    plain = number.removeprefix("#")
    if found is None and plain and plain != order_id and happened.source in SHOPS:
        told = select(Order).where(col(Order.order_id) == plain, col(Order.number) == "")
        found = (await session.scalars(told)).one_or_none()
        if found is not None:
            found.order_id = order_id
    if found is None:
        ordered_at = lines.moment(happened.properties.get("created_at")) or happened.ts
        # A refund or parcel that comes first tells no state: the first one that does is never too old.
        found = Order(order_id=order_id, ordered_at=ordered_at, changed_at=at if happened.name in _STATES else _NEVER)
        session.add(found)
    found.number = number or found.number
    return found


def _take_state(order: Order, happened: Happened, at: datetime) -> bool:
    """Take over the state that the event tells. True if it is older than the one we hold."""
    if happened.name not in _STATES:
        return False
    said = happened.properties
    if at < order.changed_at:
        return True
    order.changed_at = max(at, order.changed_at)
    if happened.name == "Order Completed" or said.get("created_at"):
        order.ordered_at = lines.moment(said.get("created_at")) or happened.ts
    _take_amounts(order, said)
    order.checkout_id = lines.text(said.get("checkout_id")) or order.checkout_id
    order.cart_id = lines.text(said.get("cart_id")) or order.cart_id
    status = _status(said) or (
        "paid" if happened.name == "Order Completed" and "Order Completed" not in order.told else ""
    )
    _take_status(order, status, said, at)
    _take_parcel(order, said, at)
    return False


def _take_amounts(order: Order, said: Mapping[str, Any]) -> None:
    told = lines.items(said, order.currency)
    if told is not None:
        order.items = refunds.carried_over(told, order.items)
    money = {
        key: lines.amount(said.get(key), order.currency)
        for key in ("total", "revenue", "subtotal", "shipping", "tax", "value")
    }
    worth = lines.value_of(order.items)
    revenue, total = money["revenue"], money["total"]
    if revenue is None:
        revenue = money["subtotal"]
    if revenue is None and total is not None:
        revenue = total - (money["shipping"] or 0) - (money["tax"] or 0)
    if revenue is None:
        revenue = money["value"] if money["value"] is not None else worth if told else None
    if total is None and revenue is not None:
        total = revenue + (money["shipping"] or 0) + (money["tax"] or 0)
    order.revenue = order.revenue if revenue is None else max(0, revenue)
    order.total = order.total if total is None else max(0, total)


def _status(said: Mapping[str, Any]) -> str:
    for key in ("status", "financial_status", "payment_status"):
        word = said.get(key)
        if isinstance(word, str):
            word = word.lower()
            for ours, theirs in (("pending", _PENDING), ("paid", _PAID), ("cancelled", _CANCELLED)):
                if word in theirs:
                    return ours
            if word == "refunded":
                return "refunded"
    return ""


def _take_status(order: Order, status: str, said: Mapping[str, Any], at: datetime) -> None:
    cancelled_at = lines.moment(said.get("cancelled_at"))
    if cancelled_at is not None:
        status = "cancelled"
    if status:
        order.status = status
    if order.status in ("paid", "refunded") and order.paid_at is None:
        order.paid_at = lines.moment(said.get("paid_at")) or at
    if order.status == "cancelled":
        order.cancelled_at = order.cancelled_at or cancelled_at or at
    if order.status == "refunded":
        refunds.all_of_it(order)


def _take_parcel(order: Order, said: Mapping[str, Any], at: datetime) -> None:
    parcel = said.get("parcel")
    if parcel in ("shipped", "delivered") and order.parcel != "delivered":
        order.parcel = parcel
        order.shipped_at = order.shipped_at or lines.moment(said.get("shipped_at")) or at
    if parcel == "delivered":
        order.delivered_at = order.delivered_at or lines.moment(said.get("delivered_at")) or at
    order.carrier = lines.text(said.get("carrier")) or order.carrier
    order.tracking_number = lines.text(said.get("tracking_number")) or order.tracking_number
    order.tracking_url = lines.text(said.get("tracking_url")) or order.tracking_url


async def _take_change(order: Order, happened: Happened) -> None:
    """The single things that happen to an order; they hold in whatever order they come."""
    said, at = happened.properties, happened.ts
    if happened.name == "Order Paid" and order.status == "pending":
        order.status, order.paid_at = "paid", order.paid_at or at
        if not order.items:
            _take_amounts(order, said)
    elif happened.name == "Order Cancelled":
        order.status, order.cancelled_at = "cancelled", order.cancelled_at or at
    elif happened.name == "Order Fulfilled":
        _take_parcel(order, {"parcel": "shipped", **said}, at)
    elif happened.name == "Order Delivered":
        _take_parcel(order, {**said, "parcel": "delivered"}, at)
    elif happened.name == "Order Refunded":
        refunds.take(order, said)


async def _tell(session: AsyncSession, order: Order, happened: Happened, now: datetime) -> None:
    """What the row shows and nobody told yet. The event is applied like any other, and is marked as told then."""
    facts = (
        ("Order Paid", order.paid_at if order.status in ("paid", "refunded") else None),
        ("Order Cancelled", order.cancelled_at),
        ("Order Fulfilled", order.shipped_at),
        ("Order Delivered", order.delivered_at),
    )
    parcel = any(one.startswith("parcel:") for one in order.told)
    for name, at in facts:
        if at is None or name in order.told or (name == "Order Fulfilled" and parcel):
            continue
        properties = {**happened.properties, "order_id": order.order_id, "currency": order.currency}
        properties.pop("updated_at", None)
        await events.record(
            session,
            NewEvent(
                source="aftercart",
                message_id=f"order:{order.order_id}:{name.removeprefix('Order ').lower()}",
                kind="track",
                name=name,
                ts=at,
                received_at=now,
                body={"properties": properties},
                contact_id=order.contact_id,
                rank=happened.rank,
            ),
        )
