"""Mails about single products: back in stock, or cheaper than when they were last seen."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from automations.asking import conditions
from automations.asking.facts import Person, Row, of_one_store
from automations.asking.questions import goods
from automations.care import Care
from automations.definition.flow import Flow
from automations.subjects.writing import ITEM, Subject, Writing, show_item
from bot.shops import prices


def _shown(writing: Writing, thing: Row, price: int = 0) -> dict[str, Any]:
    """The thing as a line of a mail; `price` is what they saw it at."""
    item = show_item(writing, {**thing, "quantity": 1}, thing["currency"] or writing.ground.config.shop.currency)
    return {**item, "old_price": price or item["price"], "price_dropped": 0 < (item["price"] or 0) < price}


# -- back in stock -----------------------------------------------------------------------------------------------------


def _back(writing: Writing) -> dict[str, Any]:
    thing = goods.the_thing(writing.person, writing.case)
    return {"products": [_shown(writing, thing)] if thing else []}


def _asked_for(_flow: Flow, person: Person, context: Mapping[str, Any], _care: Care) -> list[dict[str, Any]]:
    """The request that was released for this; without one nobody is told anything."""
    wanted = str(context.get("product_id") or ""), str(context.get("variant_id") or "")
    return [
        {**context, "alert_id": alert["id"]}
        for alert in person.more["alerts"]
        if alert["status"] == "released"
        and (alert["product_id"], alert["variant_id"]) == wanted
        and of_one_store(alert, context)
    ][:1]


BACK_IN_STOCK = Subject(
    frozenset({"wares", "alerts", "orders"}), _back, _asked_for, frozenset({"alerts"}), gives={"products": [ITEM]}
)


# -- price drop --------------------------------------------------------------------------------------------------------


def _cheaper(writing: Writing) -> dict[str, Any]:
    """Everything of the day that still holds, the largest saving first, each thing once."""
    found: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
    for context in (writing.case.context, *writing.also):
        case = dataclasses.replace(writing.case, context=context)
        thing = goods.the_thing(writing.person, case)
        if thing is None or conditions.first_no(writing.step.check, writing.person, case):
            continue
        item = _shown(writing, thing, int(context["was"]))
        prior = context.get("prior")
        item["prior_price"] = int(prior) if prior and writing.ground.config.automations.prior_price else 0
        saving = 1 - item["price"] / item["old_price"] if item["old_price"] else 0.0
        mine = thing["store"], thing["product_id"]
        found[mine] = max(found.get(mine, (-1.0, item)), (saving, item), key=_first)
    ranked = sorted(found.values(), key=_first, reverse=True)
    return {"products": [item for _, item in ranked][: writing.flow.drop.most]}


def _first(pair: tuple[float, Any]) -> float:
    return pair[0]


def _seen_dearer(flow: Flow, person: Person, context: Mapping[str, Any], _care: Care) -> list[dict[str, Any]]:
    """What they saw it at and what it costs now, by our own rows: an event that only claims a drop is none."""
    wanted = str(context.get("product_id") or ""), str(context.get("variant_id") or "")
    for look in goods.seen(person):
        thing = look["thing"]
        if (
            (look["product_id"], look["variant_id"]) != wanted
            or not of_one_store(look, context)
            or not thing
            or not thing["price"]
        ):
            continue
        if look["currency"] == thing["currency"] and look["price"] >= prices.least_before(
            thing, flow.drop.percent, flow.drop.least
        ):
            return [
                {
                    **context, "price": thing["price"], "was": look["price"], "currency": thing["currency"],
                    "prior": look.get("prior"),
                }
            ]  # fmt: skip
    return []


PRICE_DROP = Subject(
    frozenset({"wares", "orders", "drops"}), _cheaper, _seen_dearer, frozenset({"seen"}),
    gives={"products": [{**ITEM, "prior_price": 9900}]},
)  # fmt: skip
