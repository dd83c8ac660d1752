"""Mails about a cart or a checkout: its lines that can be bought now."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from automations.asking import matter
from automations.subjects.writing import ITEM, Subject, Writing, show_item


def show(writing: Writing) -> dict[str, Any]:
    cart = matter.the_cart(writing.person, writing.case)
    currency = (cart["currency"] if cart else "") or writing.ground.config.shop.currency
    there = [item for item in (cart["items"] if cart else []) if writing.person.products.available(item)]
    # A line from before ranks were kept may be anybody's.
    shown_items = [show_item(writing, {"rank": "page", **line}, currency) for line in there]
    items = [item for item in shown_items if item["name"]]
    if writing.ground.config.automations.prior_price:  # a reduction without the price to compare it with is not told
        items = [{**item, "price_dropped": False} for item in items]
    unknown = any(item["total"] is None for item in items)
    shown = {
        "items": items,
        "count": sum(item["quantity"] for item in items),
        "total": None if unknown else sum(item["total"] for item in items),
        "currency": currency,
        "url": writing.link(_url(writing, cart) if cart else ""),
    }
    return {"cart": shown, "checkout": shown}


def _url(writing: Writing, cart: Mapping[str, Any]) -> str:
    """A page may claim somebody's address and give the way into a checkout of its own, to see what they fill in there:
    such a link is kept only if it is the same for everybody."""
    url = str(cart["url"])
    if cart.get("rank") != "page" or not writing.person.is_claimed:
        return url
    parts = urlsplit(url)
    return url if _SAME_FOR_ALL.fullmatch(parts.path) and not parts.query and not parts.fragment else ""


_SAME_FOR_ALL = re.compile(r"(/[a-z]{2}(-[a-z]{2})?)?/[a-z_-]{0,20}/?", re.I)
"""`/cart`, `/de/warenkorb`: no room for an id."""

_CART = {"items": [ITEM], "count": 2, "total": 17800, "currency": "EUR", "url": "https://shop.example/cart"}

SUBJECT = Subject(frozenset({"carts", "products"}), show, gives={"cart": _CART, "checkout": _CART})
