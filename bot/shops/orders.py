"""Orders as the shop and its pages tell them, whatever comes first, and each thing that happens to one told once.

A state (`Order Completed`, `Order Updated`) counts by the shop's own time of it. What a state shows for the first time
(paid, cancelled, shipped, delivered) is told as an event of its own, so that a lost webhook loses nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts, events
from bot.base import stores
from bot.events import Happened, NewEvent, names
from bot.events.people import SHOPS
from bot.shops import carts, catalogue, lines, refunds, unconfirmed, worth
from bot.tables.shop import Order

_STATES = ("Order Completed", "Order Updated")
_SECOND = timedelta(milliseconds=999)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
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
    if happened.store == stores.UNCLEAR:
        return None
    number = lines.text(said.get("order_number"))
    await unconfirmed.replace(session, happened.store, (order_id, number))
    order = await _row(session, order_id, number, happened, at)
    if happened.contact_id is not None and (order.contact_id is None or happened.source in SHOPS):
        order.contact_id = happened.contact_id
    before, order.currency = order.currency, lines.currency(said, order.currency or currency)
    if before != order.currency:
        order.rate = order.net = None
    key = _key(happened)
    known = key in order.told
    stale = _take_state(order, happened, at)
    _take_address(order, happened, stale=stale)
    order.items = await catalogue.with_categories(session, order.store, order.items)
    if not known:
        _take_change(order, happened)
        if key:
            order.told = [*order.told, key]
    worth.value(order, rates, currency)
    await session.flush()
    if order.status != "cancelled":
        await carts.ordered(session, order)
    await _tell(session, order, happened, now)
    return False if known or stale else None


def take_in(order: Order, happened: Happened, currency: str) -> None:
    """What one event tells of the order, and nothing else: no row is looked for, nobody hears of it."""
    said = happened.properties
    order.number = lines.text(said.get("order_number")) or order.number
    order.contact_id = happened.contact_id or order.contact_id
    order.currency = lines.currency(said, order.currency or currency)
    key = _key(happened)
    _take_state(order, happened, lines.moment(said.get("updated_at")) or happened.ts)
    if key not in order.told or not key:
        _take_change(order, happened)
        order.told = [*order.told, key] if key else order.told


def count_as_told(order: Order) -> None:
    """What the row shows was told long ago."""
    shown = [name for name, at in _facts(order) if at is not None and name not in order.told]
    order.told = [*order.told, *shown]


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
    """The order by the id that its store gave it. A number is for people: it may be another order's id."""
    mine = select(Order).where(col(Order.order_id).in_((order_id, f"#{order_id}")), col(Order.store) == happened.store)
    by_id = {order.order_id: order for order in (await session.scalars(mine)).all()}
    found = by_id.get(order_id)
    if happened.source not in SHOPS:
        found = found or by_id.get(f"#{order_id}")  # of a file that knew no ids: there the number was all
    elif found is not None and _is_another(found, number):
        found.order_id = f"#{found.number.removeprefix('#')}"
        await session.flush()
        found = None
    if found is None and happened.source in SHOPS:
        found = await _from_before(session, order_id, number, happened)
    if found is None:
        ordered_at = lines.moment(happened.properties.get("created_at")) or happened.ts
        # A refund or parcel that comes first tells no state: the first one that does is never too old.
        found = Order(
            order_id=order_id, store=happened.store, ordered_at=ordered_at,
            changed_at=at if happened.name in _STATES else NEVER,
        )  # fmt: skip
        session.add(found)
    found.number = number or found.number
    return found


def _is_another(found: Order, number: str) -> bool:
    """A row out of a file whose number stands where the shop has an id: the shop told nothing of it so far."""
    plain, held = number.removeprefix("#"), found.number.removeprefix("#")
    return not found.told and bool(plain and held) and plain != held and found.order_id == held


async def _from_before(session: AsyncSession, order_id: str, number: str, happened: Happened) -> Order | None:
    """The same order out of a file, or from before stores had names: the same number, ordered at the same moment."""
    ordered_at = lines.moment(happened.properties.get("created_at"))
    plain = number.removeprefix("#")
    if ordered_at is None or not plain:
        return None
    alike = select(Order).where(
        col(Order.number).in_((plain, f"#{plain}")), col(Order.ordered_at).between(ordered_at, ordered_at + _SECOND)
    )
    found = [one for one in (await session.scalars(alike)).all() if stores.loose(one.store)]
    if len(found) != 1 or found[0].order_id not in (order_id, plain, f"#{plain}"):
        return None
    found[0].order_id, found[0].store = order_id, happened.store
    return found[0]


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


def _take_address(order: Order, happened: Happened, *, stale: bool) -> None:
    """The address that opens the order: the shop's own word, and the newest state's."""
    named = contacts.normalise("email", happened.email) if happened.rank == "shop" else None
    if named is not None and (not order.email or (happened.name in _STATES and not stale)):
        order.email = named


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


def _take_change(order: Order, happened: Happened) -> None:
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


def _facts(order: Order) -> tuple[tuple[str, datetime | None], ...]:
    return (
        ("Order Paid", order.paid_at if order.status in ("paid", "refunded") else None),
        ("Order Cancelled", order.cancelled_at),
        ("Order Fulfilled", order.shipped_at),
        ("Order Delivered", order.delivered_at),
    )


async def _tell(session: AsyncSession, order: Order, happened: Happened, now: datetime) -> None:
    """What the row shows and nobody told yet. The event is applied like any other, and is marked as told then."""
    parcel = any(one.startswith("parcel:") for one in order.told)
    for name, at in _facts(order):
        if at is None or name in order.told or (name == "Order Fulfilled" and parcel):
            continue
        properties = {**happened.properties, "order_id": order.order_id, "currency": order.currency}
        properties.pop("updated_at", None)
        await events.record(
            session,
            NewEvent(
                source="aftercart",
                message_id=f"order:{order.store}:{order.order_id}:{name.removeprefix('Order ').lower()}",
                kind="track",
                name=name,
                ts=at,
                received_at=now,
                body={"properties": properties},
                contact_id=order.contact_id,
                rank=happened.rank,
                store=order.store,
            ),
        )
