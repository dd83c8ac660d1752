"""What a mail can show: plain dicts, lists, strings and numbers, every key always there (templates are strict).

customer  first_name last_name name email language           shop      name url currency language country
cart      items total currency url count (also `checkout`)   products  name url image_url price currency category
order     number order_id ordered_at url codes items days             tips      category name lines items
welcome   topic about                                         survey    kind url scores number order_id
tier      name title previous brings next missing currency   anniversary kind date since years days
birthday  date days belated                                   unsubscribe_url preferences_url flow step
An item has product_id variant_id name variant url image_url category quantity price old_price price_dropped total
currency compare_at (the shop's crossed-out price, or none); of a price drop also prior_price, the lowest of the weeks
before, or 0.
Money is in the smallest unit of its currency.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from automations.subjects import (
    anniversary,
    birthday,
    broadcast,
    browse,
    care_tips,
    cart,
    goods,
    order,
    refills,
    tier,
    welcome,
    win_back,
)
from automations.subjects.writing import Subject, Writing

KNOWN: Mapping[str, Subject] = {
    "cart": cart.SUBJECT,
    "checkout": cart.SUBJECT,
    "browse": browse.SUBJECT,
    "birthday": birthday.SUBJECT,
    "anniversary": anniversary.SUBJECT,
    "care": care_tips.SUBJECT,
    "order": order.SUBJECT,
    "win_back": win_back.SUBJECT,
    "tier": tier.SUBJECT,
    "welcome": welcome.SUBJECT,
    "broadcast": broadcast.SUBJECT,
    "back_in_stock": goods.BACK_IN_STOCK,
    "price_drop": goods.PRICE_DROP,
    "replenishment": refills.SUBJECT,
}
"""By the word that a flow writes after `about`."""


_ALWAYS: Mapping[str, Any] = {
    "language": "en",
    "customer": {
        "first_name": "Maya", "last_name": "Lindt", "name": "Maya Lindt", "email": "maya@example.org", "language": "en",
    },
    "shop": {
        "name": "Juniper & Oak", "url": "https://shop.example", "currency": "EUR", "language": "en", "country": "DE",
    },
    "flow": {"name": "flow", "title": "Flow"},
    "step": "mail",
    "coupon": {"code": "WB-K7QF3MXD", "title": "10 % off", "expires_on": "April 2, 2026"},
    "unsubscribe_url": "https://shop.example/u/1",
    "preferences_url": "https://shop.example/u/1",
}  # fmt: skip


def possible(about: str) -> dict[str, Any]:
    """What `build` could make for a flow about that: every key it gives, with values that a person might see."""
    return {**_ALWAYS, **KNOWN[about].gives}


def remembered(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept with the message of what it showed: things that it said cost less now, so that it is said once, and
    what its survey is about.
    """
    lists = [values.get("products") or (), (values.get("cart") or {}).get("items") or ()]
    told = {(item["product_id"], item["variant_id"]) for items in lists for item in items if item.get("price_dropped")}
    kept: dict[str, Any] = {"price_drops": [list(one) for one in sorted(told)]} if told else {}
    survey = values.get("survey") or {}
    if survey.get("kind"):
        kept["survey"] = {name: survey[name] for name in ("kind", "order_id", "number")}
    return kept


def heading(writing: Writing, values: Mapping[str, Any]) -> dict[str, Any]:
    """The same for subject and preheader, which say nothing that only a page said: no name of the reader, and for goods
    that the catalogue does not know the shop's own name.
    """
    found = dict(values)
    if writing.person.is_claimed:
        found["customer"] = {**values["customer"], "first_name": "", "last_name": "", "name": ""}
    for key in ("cart", "checkout"):
        if key in values:
            found[key] = {**values[key], "items": _by_the_shop(writing, values[key]["items"])}
    if "products" in values:
        found["products"] = _by_the_shop(writing, values["products"])
    return found


def _by_the_shop(writing: Writing, items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    shop = writing.ground.config.shop.name
    return [{**item, "name": shop, "variant": "", "category": ""} if item["by_page"] else item for item in items]


_MOST_LINES = 50
_LONGEST_WORDS = 200
_LONGEST_LINK = 2000
_OF_THE_SHOP = frozenset({"shop", "flow", "coupon", "tier", "welcome", "tips", "unsubscribe_url", "preferences_url"})
"""What the shop's own people wrote, or we did: of any length."""


def build(writing: Writing) -> dict[str, Any]:
    """Everything a template of this flow may use. What came with events is bounded: a page puts anything into a cart,
    and a template loops over all of it. Counts and totals are those of the whole.
    """
    return {name: value if name in _OF_THE_SHOP else _bounded(value, name) for name, value in _every(writing).items()}


def _bounded(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _bounded(one, key) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(one, name) for one in value[:_MOST_LINES]]
    if not isinstance(value, str):
        return value
    if name.endswith("url"):  # half of a link leads nowhere
        return value if len(value) <= _LONGEST_LINK else ""
    return value[:_LONGEST_WORDS]


def _every(writing: Writing) -> dict[str, Any]:
    shop, language = writing.ground.config.shop, writing.case.language
    first, last = writing.person.names
    return {
        "language": language,
        "customer": {
            "first_name": first,
            "last_name": last,
            "name": f"{first} {last}".strip(),
            "email": writing.address,
            "language": language,
        },
        "shop": {
            "name": shop.name, "url": shop.url, "currency": shop.currency, "language": shop.language,
            "country": shop.country,
        },
        "flow": {"name": writing.flow.name, "title": writing.flow.title},
        "step": writing.step.id,
        "coupon": {"code": "", "title": "", "expires_on": "", **writing.coupon},
        "unsubscribe_url": writing.links.unsubscribe,
        "preferences_url": writing.links.preferences,
        **KNOWN[writing.flow.about].show(writing),
    }  # fmt: skip
