"""One mail about to be written, and what every subject shares: its links, its lines with the price of now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automations.asking.facts import Person, Row
from automations.asking.matter import Case
from automations.care import Care
from automations.definition.flow import Flow, Step
from bot.base.ground import Ground
from bot.outbound.email import tracking
from bot.outbound.email.tracking import LinkTokens


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
    medium: str = "email"
    coupon: Mapping[str, str] = field(default_factory=dict)

    def link(self, url: object) -> str:
        """The address with the campaign's tags, if it is one of the shop's."""
        shop = self.ground.config.shop
        text = str(url or "") or shop.url
        tags = {**tracking.utm(shop.name, self.flow.campaign, self.step.id), "utm_medium": self.medium}
        return tracking.with_utm(text, tags, tracking.own_domains(shop.url))


@dataclass(frozen=True)
class Subject:
    """What flows can be `about`. `needs` is loaded of each person before `show` picks what the template gets.

    `reasons` (optional) makes of one cause the contexts of the enrolments: one, none, or several.
    """

    needs: frozenset[str]
    show: Callable[[Writing], dict[str, Any]]
    reasons: Callable[[Flow, Person, Mapping[str, Any], Care], list[dict[str, Any]]] | None = None
    to_enrol: frozenset[str] = frozenset()
    """What `reasons` needs to know of the person."""


def show_item(writing: Writing, line: Row, currency: str) -> dict[str, Any]:
    """One line with the price of now. A price that rose is never shown as if it still were the old one."""
    known = writing.person.products.find(line)
    then = amount(line.get("price"))
    now = known["price"] if known and known["price"] is not None and known["currency"] in ("", currency) else then
    quantity = max(1, amount(line.get("quantity")) or 1)
    return {
        "product_id": text(line.get("product_id")),
        "variant_id": text(line.get("variant_id")),
        "name": str(line.get("name") or (known["name"] if known else "") or ""),
        "variant": text(line.get("variant")),
        "url": writing.link(line.get("url") or (known["url"] if known else "")),
        "image_url": str(line.get("image_url") or (known["image_url"] if known else "") or ""),
        "category": str(line.get("category") or (known["category"] if known else "") or ""),
        "quantity": quantity,
        "price": now,
        "old_price": then,
        "price_dropped": 0 < now < then,
        "total": now * quantity,
        "currency": currency,
    }


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def amount(value: object) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0
