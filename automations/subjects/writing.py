"""One mail about to be written, and what every subject shares: its links, its lines with the price of now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from automations.asking.facts import Person, Row
from automations.asking.matter import Case
from automations.care import Care
from automations.definition.flow import Flow
from automations.definition.step import Step
from bot.base.ground import Ground
from bot.base.hosts import Hosts
from bot.events import page_words
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
        """The address with the campaign's tags, if it is one of the shop's; else the shop's front page."""
        shop = self.ground.config.shop
        text = str(url) if url and shop.hosts.ours(url) else shop.url
        tags = {**tracking.utm(shop.name, self.flow.campaign, self.step.id), "utm_medium": self.medium}
        return tracking.with_utm(text, tags, shop.hosts)


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

    gives: Mapping[str, Any] = field(default_factory=dict)
    """The shape of what `show` makes, with possible values: what a template of such a flow is checked against."""


ITEM: Mapping[str, Any] = {
    "product_id": "1002", "variant_id": "1", "name": "Desk lamp", "variant": "Brass", "url": "https://shop.example/1002",
    "image_url": "https://shop.example/1002.png", "category": "Lamps", "quantity": 2, "price": 8900, "old_price": 9900,
    "price_dropped": True, "total": 17800, "currency": "EUR", "by_page": False, "compare_at": 12900,
}  # fmt: skip
"""A possible line, with every key that `show_item` gives."""

ORDER: Mapping[str, Any] = {"number": "#1042", "order_id": "1042"}
"""What every mail about an order knows of it."""

ORDERED: Mapping[str, Any] = {
    **ORDER, "ordered_at": datetime(2026, 1, 5, 12, tzinfo=UTC), "url": "https://shop.example/orders/1042",
    "codes": ["WELCOME10"],
}  # fmt: skip


def show_order(writing: Writing, order: Row | None, ordered_at: datetime | None) -> dict[str, Any]:
    """What mails show of an order beside its lines. Its page opens to whoever has the link: it goes to nobody of whom
    only a page said who they are, and leads to the shop's own hosts or nowhere.
    """
    url = str(order["page_url"]) if order and not writing.person.is_claimed else ""
    return {
        "number": (order["number"] or order["order_id"]) if order else "",
        "order_id": order["order_id"] if order else "",
        "ordered_at": order["ordered_at"] if order else ordered_at,
        "url": writing.link(url) if writing.ground.config.shop.hosts.ours(url) else "",
        "codes": list(order["codes"]) if order else [],
    }


def show_item(writing: Writing, line: Row, currency: str) -> dict[str, Any]:
    """One line with the price of now, None where nobody knows it. A price that rose is never shown as if it still
    were the old one.
    """
    known = writing.person.products.find(line)
    if line.get("rank") == "page":
        line = _of_a_page(line, known, currency, writing.ground.config.shop.hosts)
    then = amount(line.get("price"))
    now = known["price"] if known and known["price"] is not None and known["currency"] in ("", currency) else then
    quantity = max(1, amount(line.get("quantity")) or 1)
    name = str(line.get("name") or (known["name"] if known else "") or "")
    variant = text(line.get("variant")) or _variant(line, known)
    return {
        "product_id": text(line.get("product_id")),
        "variant_id": text(line.get("variant_id")),
        "name": name.removesuffix(f" - {variant}") if variant else name,
        "variant": variant,
        "url": writing.link(line.get("url") or (known["url"] if known else "")),
        "image_url": str(line.get("image_url") or (known["image_url"] if known else "") or ""),
        "category": str(line.get("category") or (known["category"] if known else "") or ""),
        "quantity": quantity,
        "price": now,
        "old_price": then,
        "price_dropped": now is not None and then is not None and 0 < now < then,
        "total": None if now is None else now * quantity,
        "currency": currency,
        "by_page": line.get("rank") == "page" and known is None,
        "compare_at": _compare_at(writing, known, now),
    }


def _variant(line: Row, known: Row | None) -> str:
    """As the catalogue calls it, if the line is of that variant."""
    mine = known is not None and text(line.get("variant_id")) == known["variant_id"]
    return str(known["variant"]) if known and mine else ""


def _compare_at(writing: Writing, known: Row | None, now: int | None) -> int | None:
    """The shop's own crossed-out price, if it is dearer; none where the lowest of the weeks before must be told."""
    before = known["compare_at"] if known else None
    shown = before is not None and now is not None and before > now
    return before if shown and not writing.ground.config.automations.prior_price else None


def _of_a_page(line: Row, known: Row | None, currency: str, hosts: Hosts) -> Row:
    """What anybody may have told: the catalogue's words, link, picture and price; of goods that it does not know what
    `page_words` lets through (also of rows that are older than that).
    """
    if known is None:
        return page_words.goods(line, hosts)
    names = ("name", "url", "image_url", "category")
    price = line.get("price") if line.get("listed") else known["price"]
    there = {name: known[name] for name in names}
    return {**line, **there, "variant": "", "price": price if known["currency"] in ("", currency) else None}


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def amount(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
