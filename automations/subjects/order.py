"""Mails about an order that arrived: what is left to review of it, and a survey if the flow has one."""

from collections.abc import Mapping
from typing import Any

from automations.asking import matter
from automations.asking.facts import Person
from automations.asking.questions import reviews
from automations.care import Care
from automations.definition.flow import Flow
from automations.subjects.writing import ITEM, ORDER, ORDERED, Subject, Writing, show_item, show_order
from bot.base import surveys


def show(writing: Writing) -> dict[str, Any]:
    order = writing.person.order(writing.case.context)
    currency = (order["currency"] if order else "") or writing.ground.config.shop.currency
    number = (order["number"] or order["order_id"]) if order else ""

    def lines(items: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        # What it costs now says nothing here, and is no price drop to tell of.
        return [{**show_item(writing, line, currency), "price_dropped": False} for line in items]

    return {
        "order": {
            **show_order(writing, order, writing.case.anchor_ts),
            "items": lines(matter.kept(order)) if order else [],
        },
        "products": lines(reviews.to_review(writing.person, writing.case)),
        "survey": survey(writing, number),
    }


def survey(writing: Writing, number: str) -> dict[str, Any]:
    """The links only choose a score on our page: nothing is counted before somebody sends it there."""
    kind = writing.flow.survey or ""
    url = writing.links.survey if kind else ""
    scores = [{"score": score, "url": f"{url}?score={score}"} for score in surveys.SCORES.get(kind, ())]
    return {
        "kind": kind, "url": url, "scores": scores, "number": number,
        "order_id": str(writing.case.context.get("order_id") or ""),
    }  # fmt: skip


def reasons(_flow: Flow, person: Person, context: Mapping[str, Any], _care: Care) -> list[dict[str, Any]]:
    """The order with its dates, from which waits are counted."""
    order = person.order(context)
    if order is None:
        return []
    return [matter.dated(context, order)]


_SURVEY = {
    **ORDER, "kind": "nps", "url": "https://shop.example/s/1",
    "scores": [{"score": 10, "url": "https://shop.example/s/1?score=10"}],
}  # fmt: skip

SUBJECT = Subject(
    frozenset({"orders", "products", "reviewed"}), show, reasons, frozenset({"orders"}),
    gives={"order": {**ORDERED, "items": [ITEM]}, "products": [ITEM], "survey": _SURVEY},
)  # fmt: skip
