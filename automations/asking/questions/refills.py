"""Questions about goods that are used up: bought again, gone back, on a subscription, there to be bought."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import matter
from automations.asking.conditions import condition
from automations.asking.facts import HANDED, Person, Row, loads
from automations.asking.matter import Case
from bot.base import clock
from bot.base.database import table
from bot.tables.automations import Enrolment
from bot.tables.events import Event
from bot.tables.outbox import Message

STARTED, CANCELLED = "Subscription Started", "Subscription Cancelled"
_AGE = timedelta(days=400)
_events, _messages, _enrolments = table(Event), table(Message), table(Enrolment)


def belongs(item: Mapping[str, Any], products: Collection[str], categories: Collection[str]) -> bool:
    """Whether the item is one of these products, or of a category that names one of these words."""
    category = str(item.get("category") or "").lower()
    return str(item.get("product_id") or "") in products or any(_stands_in(word, category) for word in categories)


@lru_cache(maxsize=2000)
def _stands_in(word: str, category: str) -> bool:
    """As a whole word where the script has word borders, else anywhere."""
    if word.isascii():
        return re.search(rf"(?<![a-z]){re.escape(word.lower())}(?![a-z])", category) is not None
    return word.lower() in category


def of_family(order: Row, context: Mapping[str, Any]) -> list[Row]:
    """What was kept of the family that the enrolment is about. Empty for an order that was cancelled or went back."""
    products, categories = context.get("products") or (), context.get("categories") or ()
    return [item for item in matter.kept(order) if belongs(item, products, categories)]


def the_lines(person: Person, case: Case) -> list[Row]:
    order = person.order(case.context)
    return of_family(order, case.context) if order else []


@condition("orders")
def family_bought(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: a later order has something of the family, in whatever variant. One not paid yet counts."""
    since = clock.parse(str(case.context["ordered_at"]))
    return any(
        order["ordered_at"] > since
        and not matter.same(order, case.context, "order_id")
        and of_family(order, case.context)
        for order in person.orders
    )


@condition("orders")
def refill_gone(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: nothing of the family was kept of the order."""
    return not the_lines(person, case)


@condition("orders", "products", reason="out_of_stock", hold=timedelta(days=14))
def refill_in_stock(person: Person, case: Case, _value: Any) -> bool:
    """What was bought then can be bought now; two weeks are left for it to come back."""
    return any(person.products.available(item) for item in the_lines(person, case))


@loads("subscriptions")
async def _subscriptions(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    """What subscriptions they began and ended, oldest first."""
    told = sa.select(_events.c.contact_id, _events.c.name, _events.c.body).where(
        _events.c.contact_id.in_(ids), _events.c.name.in_((STARTED, CANCELLED)), _events.c.ts > now - _AGE
    )
    for person in people.values():
        person.more["subscriptions"] = []
    for row in await session.execute(told.order_by(_events.c.ts, _events.c.id)):
        people[row.contact_id].more["subscriptions"].append((row.name, row.body.get("properties") or {}))


def _subscribed(person: Person, products: Collection[str], categories: Collection[str]) -> bool:
    """By their trait `subscription_active`, or the last event about something of the family, or about nothing named."""
    active = person.contact["traits"].get("subscription_active") is True
    for name, said in person.more["subscriptions"]:
        listed = said.get("products")
        items = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else [said]
        if not any(one.get("product_id") or one.get("category") for one in items) or any(
            belongs(one, products, categories) for one in items
        ):
            active = name == STARTED
    return active


@condition("subscriptions")
def family_subscribed(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: it comes by itself."""
    return _subscribed(person, case.context.get("products") or (), case.context.get("categories") or ())


@loads("refills told")
async def _told(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    """Which orders and families a mail of which flow was about: (flow, store, order, family)."""
    told = (
        sa.select(_messages.c.contact_id, _messages.c.flow, _enrolments.c.context)
        .join(_enrolments, _enrolments.c.id == _messages.c.enrolment_id)
        .where(_messages.c.contact_id.in_(ids), _messages.c.handed_at > now - _AGE, _messages.c.status.in_(HANDED))
    )
    for person in people.values():
        person.more["refills told"] = set()
    for row in await session.execute(told):
        about = (row.flow, row.context.get("store"), row.context.get("order_id"), row.context.get("family"))
        people[row.contact_id].more["refills told"].add(about)


@condition("refills told", reason="not_told")
def told_of_refill(person: Person, case: Case, _value: Any) -> bool:
    """The mail before left: a reminder reminds of something."""
    names = [case.context.get(name) for name in ("store", "order_id", "family")]
    return (case.flow, *names) in person.more["refills told"]
