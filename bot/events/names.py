"""One name for one event: Segment's v1 names and Klaviyo's are aliases; ids become text."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

EVENTS = (
    "Products Searched", "Product List Viewed", "Product List Filtered", "Promotion Viewed", "Promotion Clicked",
    "Product Clicked", "Product Viewed", "Product Added", "Product Removed", "Cart Viewed", "Cart Updated",
    "Checkout Started", "Checkout Updated", "Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered",
    "Order Completed", "Order Updated", "Order Paid", "Order Fulfilled", "Order Delivered", "Order Refunded",
    "Order Cancelled", "Order Fulfillment Cancelled", "Order Not Delivered", "Order Edited",
    "Customer Merged", "Customer Deleted", "Customer Tags Changed",
    "Coupon Entered", "Coupon Applied", "Coupon Denied", "Coupon Removed",
    "Product Added to Wishlist", "Product Removed from Wishlist", "Wishlist Product Added to Cart", "Product Shared",
    "Cart Shared", "Product Reviewed", "Back In Stock Requested", "Back In Stock Cancelled", "Product Price Changed",
    "Product Stock Changed", "Product Back In Stock", "Product Price Dropped", "Product Updated", "Product Deleted",
    "Inventory Item Updated", "Inventory Level Updated",
    "Site Visited", "Subscribed", "Unsubscribed", "Subscription Started", "Subscription Cancelled",
    "Email Bounced", "Email Marked As Spam", "Tier Changed", "Tier Reverted", "Survey Answered",
)  # fmt: skip
"""Segment e-commerce v2 and our additions."""

ALIASES = {
    "Viewed Product Category": "Product List Viewed",
    "Viewed Promotion": "Promotion Viewed",
    "Clicked Promotion": "Promotion Clicked",
    "Clicked Product": "Product Clicked",
    "Viewed Product": "Product Viewed",
    "Added Product": "Product Added",
    "Removed Product": "Product Removed",
    "Started Order": "Checkout Started",
    "Updated Order": "Order Updated",
    "Completed Order": "Order Completed",
    "Active on Site": "Site Visited",
    "Added to Cart": "Product Added",
    "Started Checkout": "Checkout Started",
    "Placed Order": "Order Completed",
    "Fulfilled Order": "Order Fulfilled",
    "Cancelled Order": "Order Cancelled",
    "Refunded Order": "Order Refunded",
    "Subscribed to Back in Stock": "Back In Stock Requested",
}

LONGEST = 200
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Signs without a look of their own."""

_KNOWN = {name.casefold(): name for name in EVENTS} | {name.casefold(): to for name, to in ALIASES.items()}

# Klaviyo's words and camelCase beside Segment's. What was sent stays; the name that we read is added.
_PROPERTIES = {
    "orderId": "order_id", "checkoutId": "checkout_id", "cartId": "cart_id",
    "productId": "product_id", "variantId": "variant_id", "refundId": "refund_id", "Items": "products",
    "$value": "value", "CheckoutURL": "checkout_url", "Currency": "currency", "$currency_code": "currency",
}  # fmt: skip
_PRODUCT = {
    "productId": "product_id", "variantId": "variant_id", "ProductID": "product_id", "VariantID": "variant_id",
    "SKU": "sku", "ProductName": "name", "Name": "name", "title": "name", "Brand": "brand", "Quantity": "quantity",
    "ItemPrice": "price", "Price": "price", "ProductURL": "url", "URL": "url", "ImageURL": "image_url",
    "imageUrl": "image_url", "image": "image_url", "id": "product_id",
}  # fmt: skip
_ADDED = {
    "AddedItemProductID": "product_id", "AddedItemVariantID": "variant_id", "AddedItemSKU": "sku",
    "AddedItemProductName": "name", "AddedItemPrice": "price", "AddedItemQuantity": "quantity",
    "AddedItemURL": "url", "AddedItemImageURL": "image_url",
}  # fmt: skip
_IDS = ("order_id", "checkout_id", "cart_id", "product_id", "variant_id", "refund_id", "sku")
_ABOUT_PRODUCT = ("Product ", "Wishlist Product ", "Back In Stock")
_ABOUT_ORDER = ("Order ", "Checkout ")


def canonical(name: str) -> str:
    """The name under which the event is kept; a name of the shop's own is kept as it is read (`plain`)."""
    return _KNOWN.get(folded(name)) or plain(name)


def plain(name: str) -> str:
    """The name as it is read: what looks alike by the width of letters, by blanks or by signs unseen is one name."""
    if not (name.isascii() and name.isprintable()):
        name = unicodedata.normalize("NFKC", _UNSEEN.sub("", unicodedata.normalize("NFKC", name)))
        name = name.replace("\u2800", " ")
    return " ".join(name.split())[:LONGEST].strip()


def folded(name: str) -> str:
    """The name for comparing, in whatever case it is written."""
    return unicodedata.normalize("NFKC", plain(name).casefold())


def properties(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a (canonically named) event with our names added and every id as text."""
    found = _named(given, _PROPERTIES)
    if name == "Product Added":
        found = _named(found, _ADDED)
    if name.startswith(_ABOUT_PRODUCT):
        found = _product(found)
    if name.startswith(_ABOUT_ORDER):
        _order_ids(name, found)
    if isinstance(lines := found.get("products"), list):
        found["products"] = [_product(line) for line in lines if isinstance(line, Mapping)]
    return _text_ids(found)


def text_id(value: object) -> str:
    """An id as text: 1001, 1001.0, "1001" and "#1001" are one id; nothing and booleans are none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().removeprefix("#")


def _named(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    found = dict(given)
    foreign = given.keys() & names.keys()
    if foreign:
        for theirs, ours in names.items():
            if theirs in foreign and found.get(ours) is None:
                found[ours] = found[theirs]
    return found


def _product(given: Mapping[str, Any]) -> dict[str, Any]:
    found = _named(given, _PRODUCT)
    for many in ("Categories", "ProductCategories"):
        if isinstance(listed := found.get(many), list) and listed and not found.get("category"):
            found["category"] = listed[0]
    return _text_ids(found)


def _order_ids(name: str, found: dict[str, Any]) -> None:
    event_id = found.get("$event_id")
    if name.startswith("Order ") and found.get("order_id") is None:
        # v1 senders wrote `id`, Klaviyo `$event_id`
        found["order_id"] = found.get("id") if found.get("id") is not None else event_id
    if name in ("Checkout Started", "Checkout Updated") and found.get("checkout_id") is None:
        # Segment's own Checkout Started carries an order_id and no checkout_id
        for other in ("checkout_token", "order_id", "cart_id", "$event_id", "id"):
            if found.get(other) is not None:
                found["checkout_id"] = found[other]
                break


def _text_ids(found: dict[str, Any]) -> dict[str, Any]:
    for key in _IDS:
        if key in found:
            found[key] = text_id(found[key])
    return found
