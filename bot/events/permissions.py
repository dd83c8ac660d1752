"""Who may say what: every event, every kind of call and every field that changes something, by the rank of its source.

Asked once for each event, before anything hears of it. `hint`: only what ends or asks back follows from it, see
`Applier.hints`. What is `refused` is kept and listed, and nothing follows.
"""

from collections.abc import Mapping
from typing import Literal

from bot.base.ranks import Rank
from bot.events import names

Word = Literal["allowed", "hint", "refused"]
Words = Mapping[Rank, Word]


def _row(shop: Word, person: Word, page: Word) -> Words:
    return {"shop": shop, "person": person, "page": page}


_ANYBODY = _row("allowed", "allowed", "allowed")
_HINT = _row("allowed", "hint", "hint")
_OWN = _row("allowed", "allowed", "hint")  # a person about themselves; a page is asked back, or only ends something
_SHOP = _row("allowed", "refused", "refused")
_OURS = _row("refused", "refused", "refused")

EVENTS: Mapping[str, Words] = {
    "Products Searched": _ANYBODY,
    "Product List Viewed": _ANYBODY,
    "Product List Filtered": _ANYBODY,
    "Promotion Viewed": _ANYBODY,
    "Promotion Clicked": _ANYBODY,
    "Product Clicked": _ANYBODY,
    "Product Viewed": _ANYBODY,
    "Product Added": _ANYBODY,
    "Product Removed": _ANYBODY,
    "Cart Viewed": _ANYBODY,
    "Cart Updated": _ANYBODY,
    "Checkout Started": _ANYBODY,
    "Checkout Updated": _ANYBODY,
    "Checkout Step Viewed": _ANYBODY,
    "Checkout Step Completed": _ANYBODY,
    "Payment Info Entered": _ANYBODY,
    "Order Completed": _HINT,
    "Order Updated": _SHOP,
    "Order Paid": _SHOP,
    "Order Fulfilled": _SHOP,
    "Order Delivered": _SHOP,
    "Order Fulfillment Cancelled": _SHOP,
    "Order Not Delivered": _SHOP,
    "Order Edited": _SHOP,
    "Customer Merged": _SHOP,
    "Customer Deleted": _SHOP,
    "Customer Tags Changed": _SHOP,
    "Order Refunded": _SHOP,
    "Order Cancelled": _SHOP,
    "Coupon Entered": _ANYBODY,
    "Coupon Applied": _ANYBODY,
    "Coupon Denied": _ANYBODY,
    "Coupon Removed": _ANYBODY,
    "Product Added to Wishlist": _ANYBODY,
    "Product Removed from Wishlist": _ANYBODY,
    "Wishlist Product Added to Cart": _ANYBODY,
    "Product Shared": _ANYBODY,
    "Cart Shared": _ANYBODY,
    "Product Reviewed": _ANYBODY,
    "Back In Stock Requested": _ANYBODY,
    "Back In Stock Cancelled": _ANYBODY,
    "Product Price Changed": _SHOP,
    "Product Stock Changed": _SHOP,
    "Product Back In Stock": _OURS,
    "Product Price Dropped": _OURS,
    "Product Updated": _SHOP,
    "Product Deleted": _SHOP,
    "Inventory Item Updated": _SHOP,
    "Inventory Level Updated": _SHOP,
    "Site Visited": _ANYBODY,
    "Subscribed": _OWN,
    "Unsubscribed": _OWN,
    "Subscription Started": _SHOP,
    "Subscription Cancelled": _SHOP,
    "Email Bounced": _OURS,
    "Email Marked As Spam": _OURS,
    "Tier Changed": _OURS,
    "Tier Reverted": _OURS,
    "Survey Answered": _OURS,
}
"""Events by name. Whatever a page is allowed is about its own browser: its views, the carts that it made itself."""

CALLS: Mapping[str, Words] = {
    "identify": _ANYBODY,
    "page": _ANYBODY,
    "screen": _ANYBODY,
    "group": _ANYBODY,
    "alias": _row("allowed", "hint", "hint"),  # names whose the browser is, and joins nobody
}

FIELDS: Mapping[str, Words] = {
    "userId": _OWN,
    "email": _OWN,
    "anonymousId": _ANYBODY,
    "previousId": _SHOP,
    "traits": _OWN,
    "traits.marketing_consent": _OWN,
    "traits.phone": _SHOP,
    "traits.shop_tags": _SHOP,
    "context.locale": _OWN,
    "context.timezone": _OWN,
    "properties.cart_id": _OWN,
    "properties.checkout_id": _OWN,
    "properties.products": _SHOP,
    "properties.order_id": _SHOP,
}
"""Fields that change something. A hint is what the browser claims of itself: held beside what is known, and never more.

`traits.shop_tags`, and `shop_note` beside it: what the people of the shop wrote about somebody.
`properties.products`: rows of the catalogue; the lines of its own cart are the cart's. Whoever is a person owns what
they are signed in as, whatever the call names.
"""

_OUR_WORDS = ("order ", "email ", "tier ", "task ", "subscription ", "survey ")
"""A name of the shop's own that begins so would be taken for one of the others."""


def of_event(kind: str, name: str, rank: Rank, *, ours: bool = False) -> Word:
    """What may follow from it. `ours`: we derived it ourselves, from what was allowed."""
    if ours:
        return "allowed" if rank != "page" or name not in EVENTS else EVENTS[name]["page"]
    known = EVENTS.get(names.canonical(name))
    if kind != "track":  # a page may be called like an event: whoever asks by name must not meet it
        return CALLS[kind][rank] if kind in CALLS and known is None else "refused"
    if known is not None:
        return known[rank]
    return "refused" if rank != "shop" and names.folded(name).startswith(_OUR_WORDS) else "allowed"


def may(rank: Rank, field: str) -> bool:
    """Whether what this field says is taken as it stands."""
    return FIELDS[field][rank] == "allowed"
