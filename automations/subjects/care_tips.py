"""Care tips for what somebody bought, one enrolment per category of the order."""

from collections.abc import Mapping
from typing import Any

from automations.asking import matter
from automations.asking.facts import Person
from automations.care import Care
from automations.definition.flow import Flow
from automations.subjects.writing import ITEM, ORDERED, Subject, Writing, show_item, show_order

_MOST_NAMES, _LONGEST_NAME = 50, 200  # they stand beside the shop's own words, which may be longer


def show(writing: Writing) -> dict[str, Any]:
    order = writing.person.order(writing.case.context)
    kept = matter.kept(order) if order else []
    currency = (order["currency"] if order else "") or writing.ground.config.shop.currency
    deep = writing.step.id.startswith("deep")
    tips = []
    for context in (writing.case.context, *writing.also):
        found = writing.care.find(writing.case.language, context.get("category"))
        lines = (found.deep if deep else found.basics) if found else ()
        mine = [item for item in kept if writing.care.category_of(item) == context.get("category")]
        if found and lines and mine:
            names = [str(item.get("name") or "")[:_LONGEST_NAME] for item in mine[:_MOST_NAMES]]
            tips.append({"category": context["category"], "name": found.name, "lines": list(lines), "items": names})
    return {
        "tips": tips,
        "order": {
            **show_order(writing, order, writing.case.anchor_ts),
            "items": [show_item(writing, line, currency) for line in kept],
        },
    }


def reasons(flow: Flow, person: Person, context: Mapping[str, Any], care: Care) -> list[dict[str, Any]]:
    order = person.order(context)
    if order is None:
        return []
    known = matter.dated(context, order)
    if flow.enrol.each != "care_category":
        return [known]
    found = {care.category_of(line): None for line in matter.kept(order)}
    return [{**known, "category": category} for category in found if category]


_TIP = {"category": "wood", "name": "Wood", "lines": ["Oil it once a year."], "items": ["Oak chair"]}

SUBJECT = Subject(
    frozenset({"orders", "products"}), show, reasons, frozenset({"orders"}),
    gives={"tips": [_TIP], "order": {**ORDERED, "items": [ITEM]}},
)  # fmt: skip
