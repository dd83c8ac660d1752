"""Questions that a flow may ask about a person. TOML names them, here they are answered.

A new question is one function with `@condition`: it gets the person, the case (which enrolment, when) and the value
in brackets, and answers True if the mail may go. `reason` is the word kept when it may not.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from automations.asking.facts import Person, Row
from automations.care import Care
from bot.base import clock, money

SKEW = timedelta(minutes=5)
"""How far clocks of shop and shopper may differ before "since the anchor" would miss an order."""

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


@dataclass(frozen=True)
class Condition:
    name: str
    ask: Callable[[Person, Case, Any], bool]
    needs: frozenset[str]
    reason: str
    value: Callable[[str], Any] | None
    hold: timedelta
    """How long the mail waits for a yes, asking again now and then, before the no counts."""


@dataclass(frozen=True)
class Question:
    """A condition with its value filled in, as a flow wrote it."""

    condition: Condition
    value: Any

    def holds(self, person: Person, case: Case) -> bool:
        return self.condition.ask(person, case, self.value)


KNOWN: dict[str, Condition] = {}
_NO_HOLD = timedelta(0)


def condition(
    *needs: str, reason: str = "", value: Callable[[str], Any] | None = None, hold: timedelta = _NO_HOLD
) -> Callable[[Callable[[Person, Case, Any], bool]], Callable[[Person, Case, Any], bool]]:
    def register(ask: Callable[[Person, Case, Any], bool]) -> Callable[[Person, Case, Any], bool]:
        name = ask.__name__
        KNOWN[name] = Condition(name, ask, frozenset(needs), reason or name, value, hold)
        return ask

    return register


def parse(text: str) -> Question:
    """`no_recent_order(10d)` as a question. Raises KeyError for an unknown name, ValueError for a bad value."""
    name, bracket, rest = text.partition("(")
    known = KNOWN[name]
    if known.value is None:
        if bracket:
            raise ValueError(f"{name} takes no value in brackets")
        return Question(known, None)
    if not bracket or not rest.rstrip(")").strip():
        raise ValueError(f"{name} needs a value in brackets, for example {name}(7d)")
    return Question(known, known.value(rest.rstrip(")")))


def needs(texts: Collection[str]) -> set[str]:
    """What has to be loaded to answer these questions."""
    return {need for text in texts for need in parse(text).condition.needs}


def first_no(texts: Collection[str], person: Person, case: Case) -> Condition | None:
    """The first of these questions that is answered with no."""
    for text in texts:
        question = parse(text)
        if not question.holds(person, case):
            return question.condition
    return None


def same_thing(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Both name the same cart, checkout or order."""
    return any(one.get(key) and str(one[key]) == str(other.get(key)) for key in SAME_THING)


def the_cart(person: Person, case: Case) -> Row | None:
    """The checkout or cart that the enrolment is about, as it stands now."""
    if case.context.get("checkout_id"):
        return person.cart("checkout", str(case.context["checkout_id"]))
    return person.cart("cart", str(case.context.get("cart_id") or "") or None)


def ordered_since(person: Person, since: datetime, context: Mapping[str, Any]) -> list[Row]:
    """Orders since then, or of the same cart or checkout; pending and cancelled ones count too."""
    return [order for order in person.orders if order["ordered_at"] >= since - SKEW or same_thing(context, order)]


@condition("carts", reason="cart_empty")
def cart_not_empty(person: Person, case: Case, _value: Any) -> bool:
    cart = the_cart(person, case)
    return bool(cart and cart["items"] and cart["emptied_at"] is None and cart["ordered_at"] is None)


@condition("carts", value=clock.duration)
def cart_emptied(person: Person, case: Case, grace: timedelta) -> bool:
    """For `exit`: the cart has been empty for longer than the grace."""
    cart = the_cart(person, case)
    return bool(cart and cart["emptied_at"] is not None and cart["emptied_at"] <= case.now - grace)


@condition("carts", reason="cart_too_small", value=str)
def cart_worth(person: Person, case: Case, amount: str) -> bool:
    cart = the_cart(person, case)
    return bool(cart and cart["total"] >= money.to_minor(amount, cart["currency"] or "EUR"))


@condition("carts", "products", reason="nothing_to_show", hold=timedelta(hours=24))
def something_to_show(person: Person, case: Case, _value: Any) -> bool:
    """At least one item of the cart can be bought now; if none, a day is left for it to come back."""
    cart = the_cart(person, case)
    return bool(cart and any(person.products.available(item) for item in cart["items"]))


@condition("orders", reason="ordered")
def no_order_since_anchor(person: Person, case: Case, _value: Any) -> bool:
    return not ordered_since(person, case.anchor_ts, case.context)


@condition("orders")
def ordered(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: the person ordered since the event that enrolled them."""
    return bool(ordered_since(person, case.anchor_ts, case.context))


@condition("orders", reason="recent_order", value=clock.duration)
def no_recent_order(person: Person, case: Case, within: timedelta) -> bool:
    return not any(order["ordered_at"] > case.now - within for order in person.orders if order["status"] != "cancelled")


@condition("orders", "carts", reason="just_bought", value=clock.duration)
def not_just_bought(person: Person, case: Case, within: timedelta) -> bool:
    """No paid order of that time contains a product of the cart."""
    cart = the_cart(person, case)
    mine = {str(item.get("product_id")) for item in cart["items"]} if cart else set()
    return not any(
        order["paid_at"] and order["paid_at"] > case.now - within and order["status"] != "cancelled"
        and mine & {str(item.get("product_id")) for item in order["items"]}
        for order in person.orders
    )  # fmt: skip


@condition("views", reason="viewed_once", value=clock.duration)
def viewed_twice_in(person: Person, case: Case, within: timedelta) -> bool:
    """Two views of one product, or of one category, within the time before the newest view."""
    if not person.views:
        return False
    recent = [view for view in person.views if view["ts"] >= person.views[0]["ts"] - within]
    for key in ("product_id", "category"):
        seen = [str(view[key]) for view in recent if view.get(key)]
        if len(seen) > len(set(seen)):
            return True
    return False


@condition("clicks", "views", reason="inactive", value=clock.duration)
def active_in(person: Person, case: Case, within: timedelta) -> bool:
    """Seen in the shop or clicked a mail of ours within the time."""
    moments = [person.contact["last_seen_at"], person.clicked_at, *(view["ts"] for view in person.views[:1])]
    return any(moment is not None and moment > case.now - within for moment in moments)


@condition("views", reason="machine")
def human_pace(person: Person, _case: Case, _value: Any) -> bool:
    """No 25 views within one second, no 300 within a minute: shoppers do not read that fast."""
    times = [view["ts"] for view in person.views]
    return not any(
        times[first] - times[first + count - 1] <= span
        for count, span in ((25, timedelta(seconds=1)), (300, timedelta(minutes=1)))
        for first in range(len(times) - count + 1)
    )


@condition("views", "products", "orders", reason="nothing_to_show", value=clock.duration)
def something_viewed_to_show(person: Person, case: Case, bought_within: timedelta) -> bool:
    return bool(viewed_items(person, case.now, bought_within))


def viewed_items(person: Person, now: datetime, bought_within: timedelta, most: int = 4) -> list[Row]:
    """The last distinct products looked at that can be bought now and were not bought lately, newest first."""
    bought = {
        str(item.get("product_id"))
        for order in person.orders
        if order["ordered_at"] > now - bought_within
        for item in order["items"]
    }
    shown: dict[str, Row] = {}
    for view in person.views:
        product_id = view["product_id"]
        if product_id and product_id not in shown and product_id not in bought and person.products.available(view):
            shown[product_id] = view
    return list(shown.values())[:most]


@condition("orders", reason="not_paid")
def order_paid(person: Person, case: Case, _value: Any) -> bool:
    order = person.order(case.context.get("order_id"))
    return bool(order and order["paid_at"])


@condition("orders", reason="order_cancelled")
def order_not_cancelled(person: Person, case: Case, _value: Any) -> bool:
    order = person.order(case.context.get("order_id"))
    return bool(order and order["status"] not in ("cancelled", "refunded"))


@condition("orders")
def order_gone(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: the order, or what it had of this category, was cancelled or went back."""
    order = person.order(case.context.get("order_id"))
    return bool(order) and not (order_not_cancelled(person, case, None) and line_not_refunded(person, case, None))


@condition("orders", reason="refunded")
def line_not_refunded(person: Person, case: Case, _value: Any) -> bool:
    """Something of the care category was kept; without a category, anything of the order."""
    order = person.order(case.context.get("order_id"))
    category = case.context.get("category")
    return bool(order and any(category in (None, case.care.category_of(item)) for item in kept(order)))


def kept(order: Row) -> list[Row]:
    """The lines of an order that did not go back, each with what is left of its quantity (partial refunds drop out)."""
    left = [{**item, "quantity": _count(item, "quantity", 1) - _count(item, "refunded", 0)} for item in order["items"]]
    return [item for item in left if item["quantity"] > 0] if order["status"] not in ("cancelled", "refunded") else []


def _count(item: Row, key: str, default: int) -> int:
    value = item.get(key, default)
    return int(value) if isinstance(value, int | float) else default


@condition(reason="no_tip")
def tip_in_language(_person: Person, case: Case, _value: Any) -> bool:
    return case.care.find(case.language, case.context.get("category")) is not None


@condition(reason="no_tip")
def deep_tip_in_language(_person: Person, case: Case, _value: Any) -> bool:
    tips = case.care.find(case.language, case.context.get("category"))
    return tips is not None and bool(tips.deep)


@condition("taught", reason="recently_taught", value=clock.duration)
def not_taught_in(person: Person, case: Case, within: timedelta) -> bool:
    """The same care category was not written about for another order."""
    return not any(
        told["flow"] == case.flow
        and told["category"] == case.context.get("category")
        and told["order_id"] != case.context.get("order_id")
        and told["at"] > case.now - within
        for told in person.taught
    )


@condition("tickets", reason="unhappy", hold=timedelta(days=7), value=int)
def no_unhappy_ticket(person: Person, _case: Case, low: int) -> bool:
    """No ticket is open that is urgent or a complaint, or while their last rating was low: first we make it good."""
    return not any(
        ticket["priority"] == "urgent"
        or ticket["kind"] == "complaint"
        or (ticket["last_score"] is not None and ticket["last_score"] <= low)
        for ticket in person.tickets
    )
