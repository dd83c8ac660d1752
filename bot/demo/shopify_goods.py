"""Products, customers and orders as Shopify's webhooks tell of them, made from their numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any

BEGAN = datetime(2025, 1, 1, 9, tzinfo=UTC)
PEOPLE = 40
"""Customers who order, if there are as many."""


def at(number: int, *, minutes: int = 0) -> str:
    """A moment for each number: an hour apart from 2025 on, again from the beginning after a year."""
    return (BEGAN + timedelta(hours=number % 8000, minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def product(number: int) -> dict[str, Any]:
    """Of ten products one has more variants than one answer holds."""
    variants = 25 if number % 10 == 0 else 2
    return {
        "id": number, "title": f"Lamp {number}", "handle": f"lamp-{number}", "vendor": "Lamps",
        "product_type": "Lights",
        "status": "active", "tags": "new, warm", "created_at": at(number), "updated_at": at(number, minutes=5),
        "published_at": at(number), "image": {"src": f"https://cdn.shop.example/{number}.jpg"},
        "variants": [
            {
                "id": number * 100 + one, "product_id": number, "title": f"{one} m", "sku": f"LAMP-{number}-{one}",
                "price": f"{10 + number % 50 + one}.00", "compare_at_price": None, "inventory_policy": "deny",
                "inventory_item_id": number * 1000 + one, "inventory_quantity": (number + one) % 9,
                "updated_at": at(number, minutes=4),
            }
            for one in range(1, variants + 1)
        ],
    }  # fmt: skip


def inventory_item(variant: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": variant["inventory_item_id"], "sku": variant["sku"], "tracked": variant["id"] % 3 != 0,
        "updated_at": variant["updated_at"],
    }  # fmt: skip


def customer(number: int) -> dict[str, Any]:
    states = ("subscribed", "unsubscribed", "not_subscribed", "pending")
    return {
        "id": number, "email": f"person{number}@example.org", "first_name": "Ada", "last_name": f"Number {number}",
        "phone": None, "state": "enabled", "tags": "", "note": None, "verified_email": True, "created_at": at(number),
        "updated_at": at(number, minutes=1), "default_address": _place(number),
        "email_marketing_consent": {
            "state": states[number % 4], "opt_in_level": "single_opt_in", "consent_updated_at": at(number),
        },
    }  # fmt: skip


def order(number: int, people: int = PEOPLE) -> dict[str, Any]:
    """Of ten one has many lines, one was cancelled; of three one was sent, of five one went back in part."""
    who = number % people + 1
    lines = [_line(number, one) for one in range(13 if number % 10 == 3 else 1)]
    price = sum(float(one["price"]) for one in lines)
    back = [_refund(number, lines[0])] if number % 5 == 1 else []
    left = price - (float(lines[0]["price"]) if back else 0)
    lines[0]["current_quantity"] = 0 if back else 1
    sent = number % 3 == 0
    gone = number % 10 == 7
    return {
        "id": number, "name": f"#{number}", "email": f"person{who}@example.org",
        "contact_email": f"person{who}@example.org", "phone": None, "created_at": at(number),
        "updated_at": at(number, minutes=50), "processed_at": at(number), "cancelled_at": at(number) if gone else None,
        "cancel_reason": "customer" if gone else None, "closed_at": None, "currency": "EUR",
        "presentment_currency": "EUR", "taxes_included": True, "test": number % 50 == 49, "tags": "", "note": None,
        "customer_locale": "en-DE", "order_status_url": f"https://shop.example/orders/{number}",
        "browser_ip": "203.0.113.7", "source_name": "web", "buyer_accepts_marketing": False, "discount_codes": [],
        "financial_status": "voided" if gone else "partially_refunded" if back else "paid",
        "fulfillment_status": "fulfilled" if sent else None, "subtotal_price": f"{price:.2f}",
        "current_subtotal_price": f"{left:.2f}", "total_price": f"{price + 4:.2f}", "total_tax": "0.00",
        "total_discounts": "0.00", "total_shipping_price_set": _money("4.00"), "billing_address": _place(who),
        "shipping_address": _place(who), "customer": customer(who), "line_items": lines,
        "fulfillments": [_parcel(number)] if sent else [], "refunds": back,
    }  # fmt: skip


def _line(number: int, one: int) -> dict[str, Any]:
    thing = (number + one) % 50 + 1
    return {
        "id": number * 100 + one, "product_id": thing, "variant_id": thing * 100 + 1, "sku": f"LAMP-{thing}-1",
        "title": f"Lamp {thing}", "name": f"Lamp {thing} - 1 m", "variant_title": "1 m", "vendor": "Lamps",
        "quantity": 1, "current_quantity": 1, "price": f"{10 + number % 40}.00", "total_discount": "0.00",
        "tax_lines": [{"title": "MwSt", "rate": 0.19, "price": "1.00"}],
    }  # fmt: skip


def _refund(number: int, line: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": 70_000_000 + number, "order_id": number, "created_at": at(number, minutes=40),
        "processed_at": at(number, minutes=40),
        "refund_line_items": [
            {"line_item_id": line["id"], "quantity": 1, "subtotal": line["price"], "total_tax": "1.00",
             "line_item": dict(line)}
        ],
        "refund_shipping_lines": [{"subtotal_amount_set": _money("2.00")}],
        "transactions": [
            {"kind": "refund", "status": "success", "amount": f"{float(line['price']) + 2:.2f}", "currency": "EUR"}
        ],
    }  # fmt: skip


def _parcel(number: int) -> dict[str, Any]:
    return {
        "id": 80_000_000 + number, "order_id": number, "status": "success",
        "shipment_status": "delivered" if number % 2 else "in_transit", "created_at": at(number, minutes=30),
        "updated_at": at(number, minutes=45), "tracking_company": "DHL", "tracking_number": f"JJD{number}",
        "tracking_url": f"https://dhl.example/{number}",
    }  # fmt: skip


def _place(number: int) -> dict[str, Any]:
    return {
        "first_name": "Ada", "last_name": f"Number {number}", "phone": None, "address1": "Hauptstr. 1",
        "address2": None, "city": "Berlin", "zip": "10115", "province": None, "country": "Germany",
        "country_code": "DE",
    }  # fmt: skip


def _money(amount: str) -> dict[str, Any]:
    return {"shop_money": {"amount": amount, "currency_code": "EUR"}}
