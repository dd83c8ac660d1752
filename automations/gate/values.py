"""What a mail can show: plain dicts, lists, strings and numbers, every key always there (templates are strict).

customer  first_name last_name name email language           shop      name url currency language country
cart      items total currency url count (also `checkout`)   products  name url image_url price currency category
order     number order_id ordered_at items                   tips      category name lines items
birthday  date days belated                                   unsubscribe_url preferences_url flow step
An item has name variant url image_url category quantity price old_price price_dropped total currency.
Money is in the smallest unit of its currency.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from automations.asking import conditions
from automations.asking.conditions import Case
from automations.asking.facts import Person, Row
from automations.care import Care
from automations.definition.flow import Flow, Step
from bot.base.ground import Ground
from bot.contacts import zones
from bot.outbound.email import tracking
from bot.outbound.email.tracking import LinkTokens

NEEDS: dict[str, frozenset[str]] = {
    "cart": frozenset({"carts", "products"}),
    "checkout": frozenset({"carts", "products"}),
    "browse": frozenset({"views", "products", "orders"}),
    "birthday": frozenset(),
    "care": frozenset({"orders", "products"}),
}
"""What has to be loaded for the mails of flows about each subject."""


@dataclass(frozen=True)
class Writing:
    """One mail about to be written: to whom, in which flow and step, about which case. `also` are merged cases."""

    ground: Ground
    care: Care
    flow: Flow
    step: Step
    person: Person
    case: Case
    address: str
    links: LinkTokens
    also: Sequence[Mapping[str, Any]] = ()

    def link(self, url: object) -> str:
        """The address with the campaign's tags, if it is one of the shop's."""
        shop = self.ground.config.shop
        text = str(url or "") or shop.url
        return tracking.with_utm(
            text, tracking.utm(shop.name, self.flow.name, self.step.id), tracking.own_domains(shop.url)
        )


def build(writing: Writing) -> dict[str, Any]:
    """Everything a template of this flow may use."""
    shop, contact = writing.ground.config.shop, writing.person.contact
    language = writing.case.language
    return {
        "language": language,
        "customer": {
            "first_name": contact["first_name"],
            "last_name": contact["last_name"],
            "name": f"{contact['first_name']} {contact['last_name']}".strip(),
            "email": writing.address,
            "language": language,
        },
        "shop": {
            "name": shop.name, "url": shop.url, "currency": shop.currency, "language": shop.language,
            "country": shop.country,
        },
        "flow": {"name": writing.flow.name, "title": writing.flow.title},
        "step": writing.step.id,
        "unsubscribe_url": writing.links.unsubscribe,
        "preferences_url": writing.links.unsubscribe,
        **_ABOUT[writing.flow.about](writing),
    }  # fmt: skip


def _cart(writing: Writing) -> dict[str, Any]:
    cart = conditions.the_cart(writing.person, writing.case)
    currency = (cart["currency"] if cart else "") or writing.ground.config.shop.currency
    there = [item for item in (cart["items"] if cart else []) if writing.person.products.available(item)]
    items = [_item(writing, item, currency) for item in there]
    shown = {
        "items": items,
        "count": sum(item["quantity"] for item in items),
        "total": sum(item["total"] for item in items),
        "currency": currency,
        "url": writing.link(cart["url"] if cart else ""),
    }
    return {"cart": shown, "checkout": shown}


def _item(writing: Writing, item: Row, currency: str) -> dict[str, Any]:
    """One line with the price of now. A price that rose is never shown as if it still were the old one."""
    known = writing.person.products.find(item)
    then = _amount(item.get("price"))
    now = known["price"] if known and known["price"] is not None and known["currency"] in ("", currency) else then
    quantity = max(1, _amount(item.get("quantity")) or 1)
    return {
        "name": str(item.get("name") or (known["name"] if known else "") or ""),
        "variant": _text(item.get("variant")),
        "url": writing.link(item.get("url") or (known["url"] if known else "")),
        "image_url": str(item.get("image_url") or (known["image_url"] if known else "") or ""),
        "category": str(item.get("category") or (known["category"] if known else "") or ""),
        "quantity": quantity,
        "price": now,
        "old_price": then,
        "price_dropped": 0 < now < then,
        "total": now * quantity,
        "currency": currency,
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _amount(value: object) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _browse(writing: Writing) -> dict[str, Any]:
    bought_within = next(
        (
            question.value
            for question in map(conditions.parse, writing.step.check)
            if question.condition.name == "something_viewed_to_show"
        ),
        timedelta(days=30),
    )
    shop = writing.ground.config.shop
    viewed = conditions.viewed_items(writing.person, writing.case.now, bought_within)
    # What a browser told of a price is not believed: the catalogue's price, or none.
    shown = [_item(writing, {**view, "price": 0, "quantity": 1}, shop.currency) for view in viewed]
    return {"products": shown}


def _birthday(writing: Writing) -> dict[str, Any]:
    day = date.fromisoformat(str(writing.case.context["birthday"]))
    today = writing.case.now.astimezone(zones.local(writing.ground.config, writing.person.contact).zone).date()
    days = (day - today).days
    return {"birthday": {"date": day.isoformat(), "days": max(0, days), "belated": days < 0}}


def _care(writing: Writing) -> dict[str, Any]:
    order = writing.person.order(str(writing.case.context.get("order_id") or ""))
    kept = conditions.kept(order) if order else []
    currency = (order["currency"] if order else "") or writing.ground.config.shop.currency
    deep = writing.step.id.startswith("deep")
    tips = []
    for context in (writing.case.context, *writing.also):
        found = writing.care.find(writing.case.language, context.get("category"))
        lines = (found.deep if deep else found.basics) if found else ()
        mine = [item for item in kept if writing.care.category_of(item) == context.get("category")]
        if found and lines and mine:
            names = [str(item.get("name") or "") for item in mine]
            tips.append({"category": context["category"], "name": found.name, "lines": list(lines), "items": names})
    return {
        "tips": tips,
        "order": {
            "number": order["number"] or order["order_id"] if order else "",
            "order_id": order["order_id"] if order else "",
            "ordered_at": order["ordered_at"] if order else writing.case.anchor_ts,
            "items": [_item(writing, item, currency) for item in kept],
        },
    }


_ABOUT: dict[str, Callable[[Writing], dict[str, Any]]] = {
    "cart": _cart, "checkout": _cart, "browse": _browse, "birthday": _birthday, "care": _care,
}  # fmt: skip
