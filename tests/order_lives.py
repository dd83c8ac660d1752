"""The life of an order as its shop tells of it: paid, edited, partly paid back, sent, lost, sent again."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from conftest import NOON

Told = tuple[str, dict[str, Any]]
"""A topic and what it says."""


def at(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def line(number: int, price: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
    named = {"id": number, "product_id": 100 + number, "variant_id": 200 + number, "title": f"Thing {number}"}
    return {**named, "quantity": quantity, "current_quantity": quantity, "price": price, **more}


def shopify(minutes: float, status: str = "paid", **changes: Any) -> dict[str, Any]:
    return {
        "id": 7001, "name": "#1001", "email": "ada@example.org", "currency": "EUR", "taxes_included": True,
        "created_at": at(0), "processed_at": at(0), "updated_at": at(minutes), "financial_status": status,
        "fulfillment_status": None, "fulfillments": [], "refunds": [], "cancelled_at": None,
        "subtotal_price": "100.00", "current_subtotal_price": "100.00", "total_price": "100.00", "total_tax": "0.00",
        "line_items": [line(1, "40.00"), line(2, "60.00")], **changes,
    }  # fmt: skip


def paid_back(number: int, minutes: float, amount: str, items: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    return {
        "id": number, "order_id": 7001, "created_at": at(minutes), "processed_at": at(minutes),
        "refund_line_items": [dict(one) for one in items],
        "transactions": [{"kind": "refund", "status": "success", "amount": amount, "currency": "EUR"}],
    }  # fmt: skip


def parcel(number: int, minutes: float, status: str = "success", shipment: str | None = None) -> dict[str, Any]:
    return {
        "id": number, "order_id": 7001, "status": status, "shipment_status": shipment, "created_at": at(number),
        "updated_at": at(minutes), "tracking_company": "DHL", "tracking_number": f"T{number}", "line_items": [],
    }  # fmt: skip


def life_of_shopify() -> list[Told]:
    edited = {"line_items": [line(1, "40.00"), line(2, "60.00", current_quantity=0)], "current_subtotal_price": "40.00"}
    back = {"refunds": [paid_back(31, 30, "60.00")]}
    more = {"refunds": [paid_back(31, 30, "60.00"), paid_back(32, 80, "10.00")]}
    return [
        ("orders/create", shopify(0, "pending")),
        ("orders/updated", shopify(10, "pending", note="ring twice")),
        ("orders/paid", shopify(10)),  # in the same second
        ("orders/updated", shopify(20, **edited)),
        ("refunds/create", paid_back(31, 30, "60.00")),
        ("orders/updated", shopify(31, "partially_refunded", **edited, **back)),
        ("fulfillments/create", parcel(40, 40)),
        ("orders/fulfilled", shopify(41, "partially_refunded", **edited, **back, fulfillment_status="fulfilled",
                                     fulfillments=[parcel(40, 40)])),
        ("fulfillments/update", parcel(40, 50, "cancelled")),
        ("orders/updated", shopify(51, "partially_refunded", **edited, **back,
                                   fulfillments=[parcel(40, 50, "cancelled")])),
        ("fulfillments/create", parcel(60, 60)),
        ("orders/fulfilled", shopify(61, "partially_refunded", **edited, **back, fulfillment_status="fulfilled",
                                     fulfillments=[parcel(40, 50, "cancelled"), parcel(60, 60)])),
        ("fulfillments/update", parcel(60, 70, shipment="delivered")),
        ("refunds/create", paid_back(32, 80, "10.00")),
        ("orders/updated", shopify(81, "partially_refunded", **edited, **more, fulfillment_status="fulfilled",
                                   fulfillments=[parcel(40, 50, "cancelled"), parcel(60, 70, shipment="delivered")])),
    ]  # fmt: skip


def woo(minutes: float, status: str = "processing", refunds: Sequence[Mapping[str, Any]] = (), **changes: Any) -> Told:
    order = {
        "id": 7001, "number": "3001", "status": status, "currency": "EUR", "date_created_gmt": at(0)[:19],
        "date_modified_gmt": at(minutes)[:19], "date_paid_gmt": at(12)[:19] if status != "pending" else None,
        "total": "119.00", "total_tax": "19.00", "cart_tax": "19.00", "shipping_total": "0.00", "customer_id": 0,
        "payment_method": "card", "billing": {"email": "ada@example.org", "first_name": "Ada", "country": "DE"},
        "line_items": [{"id": 1, "name": "Mug", "product_id": 77, "quantity": 2, "price": 50, "total": "100.00"}],
        "refunds": list(refunds), **changes,
    }  # fmt: skip
    return "order.updated", order


def life_of_woocommerce() -> list[Told]:
    one, two = {"id": 91, "total": "-11.90"}, {"id": 92, "total": "-23.80"}
    return [
        ("order.created", woo(0, "pending")[1]),
        woo(10, "failed", date_paid_gmt=None),
        woo(11, "pending"),
        woo(12, "processing"),
        woo(12, "pending", date_paid_gmt=None),  # in the same second
        woo(20, "processing", [one]),
        woo(30, "completed", [one], date_completed_gmt=at(30)[:19]),
        woo(40, "processing", [one, two]),
        woo(50, "trash", [one, two]),
        ("order.restored", woo(60, "processing", [one, two])[1]),
        woo(70, "processing", [two]),  # the first was taken back
        woo(80, "completed", [two], date_completed_gmt=at(80)[:19]),
    ]


LIVES = {"shopify": life_of_shopify, "woocommerce": life_of_woocommerce}
