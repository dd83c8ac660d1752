"""Orders as the shop and its pages tell them, whatever comes first, and each thing that happens to one told once.

A state (`Order Completed`, `Order Updated`) counts by the shop's own time of it. What a state shows for the first time
(paid, cancelled, shipped, delivered) is told as an event of its own, so that a lost webhook loses nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts, events
from bot.base import stores
from bot.events import Happened, NewEvent, names
from bot.events.happened import OURS
from bot.events.people import SHOPS
from bot.shops import carts, catalogue, lines, standing, unconfirmed, worth
from bot.tables.shop import Order

_STATES = ("Order Completed", "Order Updated")
_SECOND = timedelta(milliseconds=999)
ABOUT_THEN = timedelta(hours=36)
_ONCE = ("Order Completed", "Order Paid", "Order Cancelled", "Order Delivered")


async def apply(
    session: AsyncSession, happened: Happened, now: datetime, currency: str, rates: worth.Rates
) -> bool | None:
    """False if this source tells what another told before, tells an older state, or if it is our own word and the
    order has moved on since."""
    said = happened.properties
    order_id = names.text_id(said.get("order_id"))
    if not order_id or happened.store == stores.UNCLEAR:
        return None
    number = lines.text(said.get("order_number"))
    await unconfirmed.replace(session, happened.store, (order_id, number))
    if happened.source == OURS:
        return await _still_holds(session, order_id, happened)
    order = await _row(session, order_id, number, happened)
    heard = take_event(order, happened, currency)
    order.items = await catalogue.with_categories(session, order.store, order.items)
    stale = settle(order, happened, heard, rates, currency)
    await session.flush()
    if order.status != "cancelled":
        await carts.ordered(session, order)
    await _tell(session, order, happened, now)
    return False if heard.known or stale else None


class Heard(NamedTuple):
    """`key` is what is told once (`known`: it was before); `stale`: a state that is older than the one held."""

    key: str
    known: bool
    stale: bool


def take_event(order: Order, happened: Happened, currency: str) -> Heard:
    """What the event itself says of the order; its lines may want their categories before it is settled."""
    if happened.contact_id is not None and (order.contact_id is None or happened.source in SHOPS):
        order.contact_id = happened.contact_id
    before, order.currency = order.currency, lines.currency(happened.properties, order.currency or currency)
    if before != order.currency:
        order.rate = order.net = None
    key = _key(happened)
    known = key in order.told
    stale = _take(order, happened)
    _take_address(order, happened, stale=stale)
    return Heard(key, known, stale)


def settle(order: Order, happened: Happened, heard: Heard, rates: worth.Rates, currency: str) -> bool:
    """How it stands now. True if the event told of the past."""
    standing.settle(order)
    stale = heard.stale or dict(_facts(order)).get(happened.name, happened.ts) is None
    if heard.key and not heard.known:
        order.told = [*order.told, heard.key]
    worth.value(order, rates, currency)
    return stale


def take_in(order: Order, happened: Happened, currency: str) -> None:
    """What one event tells of the order, and nothing else: no row is looked for, nobody hears of it."""
    said = happened.properties
    order.number = lines.text(said.get("order_number")) or order.number
    order.contact_id = happened.contact_id or order.contact_id
    order.currency = lines.currency(said, order.currency or currency)
    _take(order, happened)
    standing.settle(order)
    if (key := _key(happened)) and key not in order.told:
        order.told = [*order.told, key]


def count_history(order: Order) -> None:
    """Of what a shop tells as long past nobody hears, also not later."""
    count_as_told(order)
    if "Order Completed" not in order.told:
        order.told = [*order.told, "Order Completed"]


def count_as_told(order: Order) -> None:
    """What the row shows was told long ago."""
    shown = [name for name, at in _facts(order) if at is not None and name not in order.told]
    order.told = [*order.told, *shown]


def _take(order: Order, happened: Happened) -> bool:
    """True if it is a state, and older than the one that is held."""
    standing.remember(order)
    said = happened.properties
    if happened.name not in _STATES:
        standing.take_fact(order, happened.name, said, lines.not_ahead(happened.ts, happened.received_at))
        if happened.name == "Order Paid" and not order.items:
            _take_amounts(order, said)
        return False
    at = lines.told_at(said, happened.ts, happened.received_at)
    if said.get("restored") is True:
        standing.take_restored(order, happened.received_at)
    first = happened.name == "Order Completed" and "Order Completed" not in order.told
    if not standing.take_state(order, said, at, unless_told="paid" if first else ""):
        return True
    if happened.name == "Order Completed" or said.get("created_at"):
        order.ordered_at = lines.moment(said.get("created_at")) or happened.ts
    _take_amounts(order, said)
    _take_words(order, said)
    order.checkout_id = lines.text(said.get("checkout_id")) or order.checkout_id
    order.cart_id = lines.text(said.get("cart_id")) or order.cart_id
    return False


async def _still_holds(session: AsyncSession, order_id: str, happened: Happened) -> bool | None:
    """What we worked out of a state is told only while the order is still so."""
    mine = select(Order).where(col(Order.order_id) == order_id, col(Order.store) == happened.store)
    order = (await session.scalars(mine)).first()
    if order is None or dict(_facts(order)).get(happened.name) is None:
        return False
    if happened.name not in order.told:
        order.told = [*order.told, happened.name]
    return None


def _key(happened: Happened) -> str:
    """What is told once, whoever tells it."""
    if happened.name in _ONCE:
        return happened.name
    if happened.name == "Order Refunded" and (refund := names.text_id(happened.properties.get("refund_id"))):
        return f"refund:{refund}"
    if happened.name == "Order Fulfilled":
        return f"parcel:{names.text_id(happened.properties.get('fulfillment_id'))}"
    return ""


async def _row(session: AsyncSession, order_id: str, number: str, happened: Happened) -> Order:
    """The order by the id that its store gave it. A number is for people: it may be another order's id."""
    mine = select(Order).where(col(Order.order_id).in_((order_id, f"#{order_id}")), col(Order.store) == happened.store)
    by_id = {order.order_id: order for order in (await session.scalars(mine)).all()}
    found = by_id.get(order_id)
    if happened.source not in SHOPS:
        found = found or by_id.get(f"#{order_id}")  # of a file that knew no ids: there the number was all
    elif found is not None and is_another(found, number):
        found.order_id = f"#{found.number.removeprefix('#')}"
        await session.flush()
        found = None
    if found is None and happened.source in SHOPS:
        found = await _from_before(session, order_id, number, happened)
    if found is None:
        found = new_row(order_id, happened)
        session.add(found)
    found.number = number or found.number
    return found


def new_row(order_id: str, happened: Happened) -> Order:
    ordered_at = lines.moment(happened.properties.get("created_at")) or happened.ts
    return Order(order_id=order_id, store=happened.store, ordered_at=ordered_at, changed_at=standing.NEVER)


def is_another(found: Order, number: str) -> bool:
    """A row out of a file whose number stands where the shop has an id: the shop told nothing of it so far."""
    plain, held = number.removeprefix("#"), found.number.removeprefix("#")
    return not found.told and bool(plain and held) and plain != held and found.order_id == held


async def _from_before(session: AsyncSession, order_id: str, number: str, happened: Happened) -> Order | None:
    """The same order out of a file, or from before stores had names: the same number, ordered at the same moment, or
    about then (a file may tell no more than the day) by the same address."""
    ordered_at = lines.moment(happened.properties.get("created_at"))
    plain = number.removeprefix("#")
    if ordered_at is None or not plain:
        return None
    alike = select(Order).where(
        col(Order.number).in_((plain, f"#{plain}")), col(Order.order_id).in_((order_id, plain, f"#{plain}")),
        col(Order.ordered_at).between(ordered_at - ABOUT_THEN, ordered_at + ABOUT_THEN),
    )  # fmt: skip
    email = contacts.normalise("email", happened.email)
    found = [
        one
        for one in (await session.scalars(alike)).all()
        if (stores.loose(one.store) or (one.store == happened.store and not standing.is_of_the_shop(one.facts)))
        and (ordered_at <= one.ordered_at <= ordered_at + _SECOND or (email and email == one.email))
    ]
    if len(found) != 1:
        return None
    found[0].order_id, found[0].store = order_id, happened.store
    return found[0]


def _take_address(order: Order, happened: Happened, *, stale: bool) -> None:
    """The address that opens the order: the shop's own word, and the newest state's."""
    named = contacts.normalise("email", happened.email) if happened.rank == "shop" else None
    if named is not None and (not order.email or (happened.name in _STATES and not stale)):
        order.email = named


def _take_words(order: Order, said: Mapping[str, Any]) -> None:
    """What people read of it beside its lines; what a state does not name stays."""
    order.page_url = lines.text(said.get("order_url")) or order.page_url
    if "note" in said:
        order.note = lines.text(said.get("note"))
    if "tags" in said:
        order.tags = lines.words(said.get("tags"))
    codes = lines.words(said.get("discount_codes")) or lines.words(said.get("coupon"))
    if codes or "discount_codes" in said:
        order.codes = codes


def _take_amounts(order: Order, said: Mapping[str, Any]) -> None:
    """`revenue` is of the goods, without tax and shipping; `gross` the same goods with tax; both before refunds."""
    told = lines.items(said, order.currency)
    if told is not None:
        order.items = told
    money = {
        key: lines.amount(said.get(key), order.currency)
        for key in ("total", "revenue", "subtotal", "shipping", "tax", "value", "gross", "edited")
    }
    revenue, total = money["revenue"], money["total"]
    if revenue is None:
        revenue = money["subtotal"]
    if revenue is None and total is not None:
        revenue = total - (money["shipping"] or 0) - (money["tax"] or 0)
    if revenue is None:
        revenue = money["value"] if money["value"] is not None else lines.value_of(order.items) if told else None
    if total is None and revenue is not None:
        total = revenue + (money["shipping"] or 0) + (money["tax"] or 0)
    order.revenue = order.revenue if revenue is None else max(0, revenue)
    order.total = order.total if total is None else max(0, total)
    gross = money["gross"]
    if gross is None and total is not None:
        gross = total - (money["shipping"] or 0)
    if gross is not None:
        order.gross = max(order.revenue, gross)
    order.edited = money["edited"] or 0


_LOST = "lost:"
"""Before a name in `told`: the order showed it, and then no more."""


def _facts(order: Order) -> tuple[tuple[str, datetime | None], ...]:
    return (
        ("Order Paid", order.paid_at if order.status in ("paid", "refunded") else None),
        ("Order Cancelled", order.cancelled_at),
        ("Order Fulfilled", order.shipped_at),
        ("Order Delivered", order.delivered_at),
    )


async def _tell(session: AsyncSession, order: Order, happened: Happened, now: datetime) -> None:
    """What the row shows and nobody told yet. What it shows no more is told anew when it comes back."""
    if happened.history:
        count_history(order)
        return
    parcel = order.shipped_at is not None and any(one.startswith("parcel:") for one in order.told)
    gone = {name for name, at in _facts(order) if at is None}
    lost = [f"{_LOST}{one}" for one in order.told if one in gone and f"{_LOST}{one}" not in order.told]
    order.told = [*(one for one in order.told if one not in gone), *lost]
    for name, at in _facts(order):
        if at is None or name in order.told or (name == "Order Fulfilled" and parcel):
            continue
        order.told = [*order.told, name]
        again = f"{_LOST}{name}" in order.told  # news of now: it was paid long ago, and is paid again
        properties = {**happened.properties, "order_id": order.order_id, "currency": order.currency}
        properties.pop("updated_at", None)
        await events.record(
            session,
            NewEvent(
                source="aftercart",
                message_id=f"order:{order.store}:{order.order_id}:{name.removeprefix('Order ').lower()}:"
                f"{order.changed_at.isoformat()}:{at.isoformat()}",
                kind="track",
                name=name,
                ts=max(at, order.changed_at) if again else at,
                received_at=now,
                body={"properties": properties},
                contact_id=order.contact_id,
                rank=happened.rank,
                store=order.store,
            ),
        )
