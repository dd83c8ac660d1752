"""Questions about what somebody ordered."""

from datetime import timedelta
from typing import Any

from automations.asking import matter
from automations.asking.conditions import condition
from automations.asking.facts import Person
from automations.asking.matter import Case
from bot.base import clock


@condition("orders", reason="ordered")
def no_order_since_anchor(person: Person, case: Case, _value: Any) -> bool:
    return not matter.ordered_since(person, case.anchor_ts, case.context)


@condition("orders")
def ordered(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: the person ordered since the event that enrolled them."""
    return bool(matter.ordered_since(person, case.anchor_ts, case.context))


@condition("orders", reason="recent_order", value=clock.duration)
def no_recent_order(person: Person, case: Case, within: timedelta) -> bool:
    return not any(order["ordered_at"] > case.now - within for order in person.orders if order["status"] != "cancelled")


@condition("orders", reason="not_paid")
def order_paid(person: Person, case: Case, _value: Any) -> bool:
    order = person.order(case.context)
    return bool(order and order["paid_at"])


@condition("orders", reason="order_cancelled")
def order_not_cancelled(person: Person, case: Case, _value: Any) -> bool:
    return matter.stands(person, case.context)


@condition("orders")
def order_gone(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: the order, or what it had of this category, was cancelled or went back."""
    order = person.order(case.context)
    return bool(order) and not (order_not_cancelled(person, case, None) and line_not_refunded(person, case, None))


@condition("orders", reason="refunded")
def line_not_refunded(person: Person, case: Case, _value: Any) -> bool:
    """Something of the care category was kept; without a category, anything of the order."""
    order = person.order(case.context)
    category = case.context.get("category")
    return bool(order and any(category in (None, case.care.category_of(item)) for item in matter.kept(order)))


@condition("orders", reason="order_not_tagged", value=str.strip)
def order_tagged(person: Person, case: Case, tag: str) -> bool:
    """The shop's own tag on the order, in whatever case it is written."""
    order = person.order(case.context)
    return bool(order and matter.has_word(order["tags"], tag))


@condition("orders", reason="order_tagged", value=str.strip)
def order_not_tagged(person: Person, case: Case, tag: str) -> bool:
    return not order_tagged(person, case, tag)


@condition("orders", reason="no_such_code", value=str.strip)
def order_used_code(person: Person, case: Case, code: str) -> bool:
    order = person.order(case.context)
    return bool(order and matter.has_word(order["codes"], code))


@condition("orders", reason="used_code", value=str.strip)
def order_used_no_code(person: Person, case: Case, code: str) -> bool:
    """Not this one."""
    return not order_used_code(person, case, code)


@condition("orders", "products", reason="goods_not_tagged", value=str.strip)
def order_goods_tagged(person: Person, case: Case, tag: str) -> bool:
    """Something that was bought and kept has this tag of the shop's catalogue."""
    order = person.order(case.context)
    return any(matter.is_tagged(person, item, tag) for item in (matter.kept(order) if order else ()))


@condition("orders", reason="other_category", value=str.strip)
def order_has(person: Person, case: Case, category: str) -> bool:
    """Something of that category was bought and kept: the shop's own name for it, or a part of it."""
    order = person.order(case.context)
    names = [str(item.get("category") or "").lower() for item in matter.kept(order)] if order else []
    return any(category.lower() in name for name in names)
