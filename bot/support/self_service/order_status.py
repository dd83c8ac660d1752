"""Where is my order: answered from the orders of this customer only. A number that is not theirs never shows data."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import babel.dates

from bot.base import clock
from bot.support.answers import mentions, ranking
from bot.support.desk import Desk
from bot.tables.people import Contact
from bot.tables.shop import Order, UnconfirmedOrder

_MOST = 3
_ABOUT_AN_ORDER = re.compile(
    r"(?:my|the|an?|is|it|it's|here|order|orders|number|no|nr|id|status|for|of|please|订单|订单号|单号|我的|是|的|号|查|查一下|查询|请)+"
)


@dataclass(frozen=True)
class Reply:
    """`kind` told: the words say how `orders` stand; confirm: a number nearly fits the only one of `orders`; ask: no
    order is known; unproven: the number is not one of theirs, a person must look; heard: only a page told of it."""

    kind: Literal["told", "confirm", "ask", "unproven", "heard"]
    text: str = ""
    orders: Sequence[Order] = ()


def facts_of(order: Order) -> dict[str, Any]:
    """An order as templates see it."""
    return {
        "number": order.number or order.order_id,
        "state": state(order),
        "carrier": order.carrier,
        "tracking_url": order.tracking_url,
        "ordered_at": order.ordered_at,
        "shipped_at": order.shipped_at,
        "delivered_at": order.delivered_at,
    }


def state(order: Order) -> str:
    """One word: cancelled, refunded, delivered, shipped, paid or pending."""
    if order.status in ("cancelled", "refunded"):
        return order.status
    return order.parcel if order.parcel in ("shipped", "delivered") else order.status


def heard_of(desk: Desk, contact: Contact, heard: Sequence[UnconfirmedOrder], text: str, language: str) -> Reply | None:
    """What only a page told of, in this person's own browser: the one that `text` names, else the newest."""
    asked = set(mentions.numbers(text))
    meant = [one for one in heard if not asked or asked & {mentions.plain_number(one.number)}]
    if not meant:
        return None
    day = _date(meant[0].ordered_at, language, clock.zone(contact.timezone) or desk.timezone)
    return Reply("heard", desk.say(language, "order.unconfirmed", number=meant[0].number, date=day))


def is_only_a_number(text: str) -> bool:
    """A message such as `#1001` or `my order number is 1001`."""
    asked = ranking.normalise(text)
    if not mentions.numbers(text):
        return False
    words = [token for token in ranking.tokens(asked) if not re.search(r"\d", token)]
    return all(_ABOUT_AN_ORDER.fullmatch(word) for word in words)


def reply(desk: Desk, contact: Contact, mine: Sequence[Order], text: str, language: str, now: datetime) -> Reply:
    """How those of `mine` stand that `text` asks for: the named ones, else the newest open ones.

    `mine` are all orders that may be told there (`disclosing.orders`).
    """
    asked = mentions.numbers(text)
    named = [order for order in mine if _names(order) & set(asked)]
    if named:
        return _tell(desk, contact, named, language, now)
    if asked:
        near = mentions.nearest_number(asked[0], [order.number or order.order_id for order in mine])
        order = next((order for order in mine if (order.number or order.order_id) == near), None) if near else None
        if order is None:
            return Reply("unproven")
        return Reply("confirm", desk.say(language, "order.confirm", number=order.number or order.order_id), [order])
    if not mine:
        return Reply("ask", desk.say(language, "order.ask"))
    open_ones = [order for order in mine if state(order) in ("pending", "paid", "shipped")]
    return _tell(desk, contact, open_ones or mine[:1], language, now)


def _tell(desk: Desk, contact: Contact, orders: Sequence[Order], language: str, now: datetime) -> Reply:
    return Reply("told", told(desk, contact, orders[:_MOST], language, now), orders[:_MOST])


def _names(order: Order) -> set[str]:
    return {mentions.plain_number(name) for name in (order.number, order.order_id) if name}


def told(desk: Desk, contact: Contact, orders: Sequence[Order], language: str, now: datetime) -> str:
    """The state of these orders in the customer's language and zone."""
    tz = clock.zone(contact.timezone) or desk.timezone
    return "\n\n".join(_told(desk, order, language, tz) for order in orders)


def _told(desk: Desk, order: Order, language: str, tz: ZoneInfo) -> str:
    how = state(order)
    at = {"shipped": order.shipped_at, "delivered": order.delivered_at, "cancelled": order.cancelled_at}.get(how)
    words = [
        desk.say(
            language, "order.line", number=order.number or order.order_id, date=_date(order.ordered_at, language, tz)
        ),
        desk.say(language, f"order.{how}")
        if at is None
        else desk.say(language, f"order.{how}.since", date=_date(at, language, tz)),
    ]
    if how == "shipped" and (order.carrier or order.tracking_number):
        parcel = " ".join(part for part in (order.carrier, order.tracking_number) if part)
        words.append(desk.say(language, "order.parcel", parcel=parcel))
    if how in ("shipped", "delivered") and order.tracking_url:
        words.append(order.tracking_url)
    return "\n".join(words)


def _date(at: datetime, language: str, tz: ZoneInfo) -> str:
    return str(babel.dates.format_date(at.astimezone(tz), "long", locale=language))
