"""Mails about goods that will be used up: what lasts how long, by the shop's word and by the person's own pace."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from automations.asking import matter
from automations.asking.facts import Person, Row
from automations.asking.questions import refills
from automations.care import Care
from automations.definition.flow import Flow
from automations.definition.goods import Refill
from automations.subjects.writing import ITEM, ORDER, Subject, Writing, show_item

INTERVALS = 2
"""How many times somebody must have bought again before their own pace counts."""

SLOWEST, FASTEST = 2.0, 0.5
_DAY = timedelta(days=1)


def show(writing: Writing) -> dict[str, Any]:
    order = writing.person.order(writing.case.context)
    lines = [line for line in refills.the_lines(writing.person, writing.case)
             if writing.person.products.available(line)]  # fmt: skip
    currency = (order["currency"] if order else "") or writing.ground.config.shop.currency
    items = [{**show_item(writing, line, currency), "quantity": 1} for line in lines]
    if writing.ground.config.automations.prior_price:  # a reduction without the price to compare it with is not told
        items = [{**item, "price_dropped": False} for item in items]
    return {
        "products": items,
        "order": {"number": order["number"] if order else "", "order_id": order["order_id"] if order else ""},
    }


def reasons(flow: Flow, person: Person, context: Mapping[str, Any], _care: Care) -> list[dict[str, Any]]:
    """One for each family of the order that no later order has again."""
    order = person.order(context)
    if order is None:
        return []
    known = matter.dated(context, order)
    found = []
    for family in dict.fromkeys(refill.family for refill in flow.refill):
        rules = [refill for refill in flow.refill if refill.family == family]
        about = {
            "family": family,
            "products": sorted({product for rule in rules for product in rule.products}),
            "categories": sorted({word for rule in rules for word in rule.categories}),
        }
        lasts = _lasts(order, rules)
        later = any(one["ordered_at"] > order["ordered_at"] and refills.of_family(one, about) for one in person.orders)
        if lasts and not later:
            pace = _pace(person, order, rules, about)
            found.append({**known, **about, "lasts": round(lasts * pace, 3), "pace": round(pace, 3)})
    return found


def _lasts(order: Row, rules: Sequence[Refill]) -> float:
    """How many days what was kept of the order lasts: each line by the rule that names it, else by its category's."""
    days = 0.0
    for item in matter.kept(order):
        named = next((rule for rule in rules if str(item.get("product_id") or "") in rule.products), None)
        rule = named or next((rule for rule in rules if refills.belongs(item, (), rule.categories)), None)
        days += rule.days * item["quantity"] if rule else 0.0
    return days


def _pace(person: Person, order: Row, rules: Sequence[Refill], about: Mapping[str, Any]) -> float:
    """How much longer than expected it lasts this person: the median over their own intervals, within limits.

    An interval is compared with what the order that began it should have lasted, so that a large order is no slow one.
    """
    mine = [one for one in person.orders if one["ordered_at"] <= order["ordered_at"] and refills.of_family(one, about)]
    mine.sort(key=lambda one: one["ordered_at"])
    ratios = [
        (after["ordered_at"] - before["ordered_at"]) / _DAY / expected
        for before, after in pairwise(mine)
        if (expected := _lasts(before, rules))
    ]
    return min(max(median(ratios), FASTEST), SLOWEST) if len(ratios) >= INTERVALS else 1.0


SUBJECT = Subject(
    frozenset({"orders", "products"}), show, reasons, frozenset({"orders"}), gives={"products": [ITEM], "order": ORDER}
)
