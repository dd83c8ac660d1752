"""Mails to somebody who has not bought for long: their last order, and what of it can be had now."""

from typing import Any

from automations.asking import matter
from automations.subjects.writing import ITEM, ORDERED, Subject, Writing, show_item, show_order

_MOST = 3


def show(writing: Writing) -> dict[str, Any]:
    order = writing.person.order(writing.case.context)
    currency = (order["currency"] if order else "") or writing.ground.config.shop.currency
    there = [item for item in matter.kept(order) if writing.person.products.available(item)] if order else []
    # What changed since then is no price drop to tell of.
    shown = [
        {**show_item(writing, {**line, "quantity": 1}, currency), "price_dropped": False} for line in there[:_MOST]
    ]
    ordered_at = order["ordered_at"] if order else None
    return {
        "order": {
            **show_order(writing, order, None),
            "days": (writing.case.now - ordered_at).days if ordered_at else 0,
        },
        "products": shown,
    }


SUBJECT = Subject(
    frozenset({"orders", "products"}), show, gives={"order": {**ORDERED, "days": 128}, "products": [ITEM]}
)
