"""Products, customers and orders as a site of WooCommerce tells of them, made from their numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any

BEGAN = datetime(2025, 1, 1, 9, tzinfo=UTC)
PEOPLE = 40
"""Customers who order, if there are as many."""


def gmt(number: int, *, minutes: int = 0) -> str:
    """A moment for each number: an hour apart from 2025 on, again from the beginning after a year."""
    return (BEGAN + timedelta(hours=number % 8000, minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S")


def product(number: int) -> dict[str, Any]:
    variable = number % 7 == 0
    return {
        "id": number, "name": f"Lamp {number}", "permalink": f"https://shop.example/product/{number}/",
        "date_created_gmt": gmt(number), "date_modified_gmt": gmt(number, minutes=5), "status": "publish",
        "type": "variable" if variable else "simple", "sku": f"LAMP-{number}", "price": f"{10 + number % 90}.00",
        "manage_stock": not variable, "stock_quantity": None if variable else number % 20, "stock_status": "instock",
        "backorders": "no", "categories": [{"id": 9, "name": "Lamps"}],
        "images": [{"id": number, "src": f"https://shop.example/{number}.jpg"}],
        "variations": [10_000_000 + number * 10 + one for one in range(2)] if variable else [],
    }  # fmt: skip


def variation(number: int) -> dict[str, Any]:
    parent = (number - 10_000_000) // 10
    return {
        "id": number, "date_created_gmt": gmt(parent), "date_modified_gmt": gmt(parent, minutes=6), "status": "publish",
        "permalink": f"https://shop.example/product/{parent}/?size={number % 10}",
        "sku": f"LAMP-{parent}-{number % 10}",
        "price": f"{12 + number % 10}.00", "manage_stock": True, "stock_quantity": number % 5, "backorders": "no",
        "stock_status": "instock", "image": {"id": number, "src": f"https://shop.example/{number}.jpg"},
        "attributes": [{"id": 1, "name": "Size", "option": "SML"[number % 10]}],
    }  # fmt: skip


def customer(number: int) -> dict[str, Any]:
    return {
        "id": number, "date_created_gmt": gmt(number), "date_modified_gmt": gmt(number, minutes=1),
        "email": f"person{number}@example.org", "first_name": "Ada", "last_name": f"Number {number}",
        "role": "customer", "username": f"person{number}", "billing": _place(number), "shipping": _place(number),
        "is_paying_customer": True, "meta_data": [],
    }  # fmt: skip


def order(number: int, people: int = PEOPLE) -> dict[str, Any]:
    """Of three one is paid, one is done, one went back in part; of ten one is cancelled."""
    who = number % people + 1
    status = "cancelled" if number % 10 == 9 else ("processing", "completed", "processing")[number % 3]
    done = gmt(number, minutes=50) if status == "completed" else None
    price = 10 + number % 90
    refunds = [{"id": 50_000_000 + number, "reason": "", "total": "-4.00"}] if number % 3 == 2 else []
    return {
        "id": number, "parent_id": 0, "number": str(number), "status": status, "currency": "EUR",
        "date_created_gmt": gmt(number), "date_modified_gmt": gmt(number, minutes=51), "date_completed_gmt": done,
        "date_paid_gmt": None if status == "cancelled" else gmt(number, minutes=2), "discount_total": "0.00",
        "shipping_total": "4.00", "shipping_tax": "0.00", "cart_tax": "0.00", "total_tax": "0.00",
        "total": f"{price + 4}.00", "customer_id": who, "payment_method": "paypal",
        "billing": {**_place(who), "email": f"person{who}@example.org"}, "shipping": _place(who), "meta_data": [],
        "line_items": [
            {
                "id": number * 10, "name": f"Lamp {number % 50 + 1}", "product_id": number % 50 + 1, "variation_id": 0,
                "quantity": 1, "subtotal": f"{price}.00", "total": f"{price}.00", "total_tax": "0.00",
                "sku": f"LAMP-{number % 50 + 1}", "price": price, "image": {"id": "", "src": ""}, "parent_name": None,
            }
        ],
        "refunds": refunds,
    }  # fmt: skip


def _place(number: int) -> dict[str, Any]:
    return {"first_name": "Ada", "last_name": f"Number {number}", "country": "DE", "city": "Berlin", "phone": ""}
