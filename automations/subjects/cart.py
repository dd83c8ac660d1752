"""Mails about a cart or a checkout: its lines that can be bought now."""

from typing import Any

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
        "url": writing.link(cart["url"] if cart else ""),
    }
    return {"cart": shown, "checkout": shown}


_CART = {"items": [ITEM], "count": 2, "total": 17800, "currency": "EUR", "url": "https://shop.example/cart"}

SUBJECT = Subject(frozenset({"carts", "products"}), show, gives={"cart": _CART, "checkout": _CART})
