"""What an enrolment is about, as it stands now: the case, its cart, its order, what was looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from automations.asking.facts import Person, Row, of_one_store
from automations.care import Care

SKEW = timedelta(minutes=5)
"""How far clocks of shop and shopper may differ before "since the anchor" would miss an order."""

CANCELLED = "Order Cancelled"
SAME_THING = ("checkout_id", "cart_id", "order_id")


@dataclass(frozen=True)
class Case:
    """Why we ask: the flow, the event that enrolled (its corrected time, its ids in `context`), and now."""

    flow: str
    anchor_ts: datetime
    context: Mapping[str, Any]
    now: datetime
    language: str = "en"
    care: Care = field(default_factory=lambda: Care({}))


def same_thing(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Both name the same cart, checkout or order. Each says in `store` whose the ids are."""
    return of_one_store(one, other) and any(same(one, other, key) for key in SAME_THING)


def same(one: Mapping[str, Any], other: Mapping[str, Any], key: str) -> bool:
    """Both name the same id of one store."""
    return bool(one.get(key)) and str(one[key]) == str(other.get(key)) and of_one_store(one, other)


def stands(person: Person, context: Mapping[str, Any]) -> bool:
    """The order that the context names is neither cancelled nor paid back. `person` has its orders."""
    order = person.order(context)
    return order is not None and order["status"] not in ("cancelled", "refunded")


def was_taken_back(person: Person, context: Mapping[str, Any], name: str, said: Mapping[str, Any]) -> bool:
    """The event says that the order was cancelled, as it was then; by now it stands again."""
    return name == CANCELLED and same(said, context, "order_id") and stands(person, context)


def named(properties: Mapping[str, Any], store: str) -> dict[str, Any]:
    """What an event says, and whose the ids in it are."""
    return {**properties, "store": store}


def the_cart(person: Person, case: Case) -> Row | None:
    """The checkout or cart that the enrolment is about, as it stands now."""
    if case.context.get("checkout_id"):
        return person.cart("checkout", case.context)
    return person.cart("cart", case.context)


def ordered_since(person: Person, since: datetime, context: Mapping[str, Any]) -> list[Row]:
    """Orders since then, or of the same cart or checkout; pending and cancelled ones count too."""
    return [order for order in person.orders if order["ordered_at"] >= since - SKEW or same_thing(context, order)]


def viewed_items(person: Person, now: datetime, bought_within: timedelta, most: int = 4) -> list[Row]:
    """The last distinct products looked at that can be bought now and were not bought lately, newest first."""
    bought = [item for order in person.orders if order["ordered_at"] > now - bought_within for item in order["items"]]
    shown: dict[tuple[str, str], Row] = {}
    for view in person.views:
        thing = view["store"], view["product_id"]
        known = thing in shown or any(same(view, item, "product_id") for item in bought)
        if view["product_id"] and not known and person.products.available(view):
            shown[thing] = view
    return list(shown.values())[:most]


def has_word(words: Sequence[Any], word: str) -> bool:
    """A tag or a code, in whatever case it is written."""
    return word.casefold() in {str(one).casefold() for one in words}


def is_tagged(person: Person, item: Row, tag: str) -> bool:
    known = person.products.find(item)
    return known is not None and has_word(known["tags"], tag)


def dated(context: Mapping[str, Any], order: Row) -> dict[str, Any]:
    """The context with the times of the order, from which waits are counted."""
    told = {name: order[name].isoformat() for name in ("ordered_at", "delivered_at") if order[name]}
    return {**context, **told}


def kept(order: Row) -> list[Row]:
    """The lines of an order that did not go back, each with what is left of its quantity (partial refunds drop out)."""
    left = [{**item, "quantity": _count(item, "quantity", 1) - _count(item, "refunded", 0)} for item in order["items"]]
    return [item for item in left if item["quantity"] > 0] if order["status"] not in ("cancelled", "refunded") else []


def _count(item: Row, key: str, default: int) -> int:
    value = item.get(key, default)
    return int(value) if isinstance(value, int | float) else default
