"""Mails about what somebody looked at."""

from datetime import timedelta
from typing import Any

from automations.asking import conditions, matter
from automations.subjects.writing import ITEM, Subject, Writing, show_item


def show(writing: Writing) -> dict[str, Any]:
    bought_within = next(
        (
            question.value
            for question in map(conditions.parse, writing.step.check)
            if question.condition.name == "something_viewed_to_show"
        ),
        timedelta(days=30),
    )
    shop = writing.ground.config.shop
    viewed = matter.viewed_items(writing.person, writing.case.now, bought_within)
    # What a browser told of a price is not believed: the catalogue's price, or none.
    shown = [show_item(writing, {**view, "price": None, "quantity": 1}, shop.currency) for view in viewed]
    return {"products": [item for item in shown if item["name"]]}


SUBJECT = Subject(frozenset({"views", "products", "orders"}), show, gives={"products": [ITEM]})
