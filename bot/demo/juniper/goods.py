"""What Juniper & Oak has in Shopify: its shelf, its customers, and the orders of before."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bot.base import clock
from bot.demo import shopify_goods
from bot.demo.customers import EVERYBODY
from bot.demo.sample_shop import WARES, Ware
from bot.demo.shop_front import CURRENCY, Customer
from bot.demo.shopify_api import ShopifyShop

_SHIPPING = 4.90
_EARLIER = (
    Customer("cust-11", "Ines", "ines@example.com"),
    Customer("cust-12", "Tom", "tom@example.com", consents=False),
    Customer("cust-13", "Yuki", "yuki@example.com"),
    Customer("cust-14", "Paul", "paul@example.com", consents=False),
    Customer("cust-15", "Sara", "sara@example.com"),
    Customer("cust-16", "Otto", "otto@example.com"),
)
_ORDERED = ((0, 0), (1, 2), (2, 1), (0, 4), (3, 3), (4, 0), (2, 2), (5, 1), (0, 3))
"""Who of them ordered which ware, the oldest first."""


def fill(shop: ShopifyShop, site: str) -> None:
    """`site` is the shop's web site, where its pictures are."""
    for ware in WARES:
        shop.things["products"].change(int(ware.product_id), **_product(ware, site))
    for customer in (*EVERYBODY, *_EARLIER):
        found = customer_of(customer)
        shop.things["customers"].change(found["id"], **found)
    for number, (who, what) in enumerate(_ORDERED, 901):
        ordered = order_of(number, _EARLIER[who], [WARES[what]], "", days_ago=30 * (len(_ORDERED) + 901 - number))
        shop.things["orders"].change(ordered["id"], **ordered)


def moment(days_ago: int = 0) -> str:
    return f"{clock.now() - timedelta(days=days_ago):%Y-%m-%dT%H:%M:%SZ}"


def _product(ware: Ware, site: str) -> dict[str, Any]:
    number = int(ware.product_id)
    variant = {
        "id": number * 100 + 1, "product_id": number, "title": "Default Title", "sku": ware.sku,
        "price": f"{ware.price:.2f}", "compare_at_price": None, "inventory_policy": "deny",
        "inventory_item_id": number * 1000 + 1, "inventory_quantity": 12, "updated_at": moment(60),
    }  # fmt: skip
    return {
        **shopify_goods.product(number), "title": ware.name, "handle": ware.sku.lower(), "vendor": "Juniper & Oak",
        "product_type": ware.category, "tags": "", "created_at": moment(400), "updated_at": moment(60),
        "published_at": moment(400), "image": {"src": f"{site}/pictures/{ware.product_id}.png"}, "variants": [variant],
    }  # fmt: skip


def customer_of(customer: Customer) -> dict[str, Any]:
    number = 7_700_000_000 + int(customer.user_id.removeprefix("cust-"))
    consent = {
        "state": "subscribed" if customer.consents else "not_subscribed", "opt_in_level": "single_opt_in",
        "consent_updated_at": moment(300),
    }  # fmt: skip
    return {
        **shopify_goods.customer(number), "email": customer.email, "first_name": customer.name, "last_name": "",
        "created_at": moment(350), "updated_at": moment(300), "email_marketing_consent": consent,
        "default_address": _place(customer),
    }  # fmt: skip


def order_of(
    number: int, customer: Customer, wares: Sequence[Ware], checkout: str, *, days_ago: int = 0, paid: bool = True
) -> dict[str, Any]:
    """As Shopify writes it."""
    at, worth, place = moment(days_ago), sum(ware.price for ware in wares), _place(customer)
    return {
        **shopify_goods.order(number), "id": 5_500_000_000_000 + number, "order_number": number,
        "email": customer.email, "contact_email": customer.email, "checkout_token": checkout or None,
        "created_at": at, "updated_at": at, "processed_at": at, "cancelled_at": None, "cancel_reason": None,
        "currency": CURRENCY, "presentment_currency": CURRENCY, "taxes_included": False, "test": False,
        "customer_locale": customer.language, "financial_status": "paid" if paid else "pending",
        "fulfillment_status": None, "subtotal_price": f"{worth:.2f}", "current_subtotal_price": f"{worth:.2f}",
        "total_price": f"{worth + _SHIPPING:.2f}", "total_shipping_price_set": _money(_SHIPPING),
        "billing_address": place, "shipping_address": place, "customer": customer_of(customer),
        "order_status_url": "", "fulfillments": [], "refunds": [],
        "line_items": [_line(number, at, ware) for at, ware in enumerate(wares, 1)],
    }  # fmt: skip


def _line(number: int, at: int, ware: Ware) -> dict[str, Any]:
    product_id = int(ware.product_id)
    return {
        "id": 9_900_000_000 + number * 10 + at, "product_id": product_id, "variant_id": product_id * 100 + 1,
        "sku": ware.sku, "title": ware.name, "name": ware.name, "variant_title": None, "vendor": "Juniper & Oak",
        "quantity": 1, "current_quantity": 1, "price": f"{ware.price:.2f}", "total_discount": "0.00", "tax_lines": [],
    }  # fmt: skip


def parcel_of(order: dict[str, Any], tracking: str) -> dict[str, Any]:
    return {
        "id": order["id"] + 1, "order_id": order["id"], "status": "success", "shipment_status": "in_transit",
        "created_at": moment(), "updated_at": moment(), "tracking_company": "DHL", "tracking_number": tracking,
        "tracking_url": f"https://dhl.example/{tracking}", "line_items": order["line_items"],
    }  # fmt: skip


def refund_of(order: dict[str, Any], ware: Ware) -> dict[str, Any]:
    line = next(one for one in order["line_items"] if one["sku"] == ware.sku)
    back = {"line_item_id": line["id"], "quantity": 1, "subtotal": line["price"], "total_tax": "0.00"}
    return {
        "id": order["id"] + 2, "order_id": order["id"], "created_at": moment(), "processed_at": moment(),
        "refund_line_items": [{**back, "line_item": {**line, "current_quantity": 0}}], "refund_shipping_lines": [],
        "transactions": [{"kind": "refund", "status": "success", "amount": line["price"], "currency": CURRENCY}],
    }  # fmt: skip


def _place(customer: Customer) -> dict[str, Any]:
    return {
        "first_name": customer.name, "last_name": "", "phone": None, "address1": "Hauptstr. 1", "address2": None,
        "city": "Berlin", "zip": "10115", "province": None, "country": "Germany", "country_code": "DE",
    }  # fmt: skip


def _money(amount: float) -> dict[str, Any]:
    return {"shop_money": {"amount": f"{amount:.2f}", "currency_code": CURRENCY}}
