"""Two shops that number their orders, customers and products alike, for tests of ids."""

from typing import Any

from intake import Intake

from bot.tables.people import Identity
from bot.tables.shop import Order

LAMPS, CHAIRS = "lamps.myshopify.com", "chairs.myshopify.com"
BERLIN, PARIS = "https://shop.example/de/", "https://shop.example/fr/"


def shopify(order_id: int, email: str, total: str, **more: Any) -> dict[str, Any]:
    line = {"title": "Mug", "product_id": 77, "variant_id": 771, "quantity": 1, "price": total}
    return {
        "id": order_id, "name": "#1001", "email": email, "created_at": "2026-03-01T11:00:00+01:00",
        "updated_at": "2026-03-01T12:00:00+01:00", "financial_status": "paid", "currency": "EUR",
        "subtotal_price": total, "total_tax": "0.00", "total_price": total, "line_items": [line],
        "customer": {"id": 42, "email": email, "first_name": email.split("@", maxsplit=1)[0].title()}, **more,
    }  # fmt: skip


def woo(order_id: int, number: str, email: str, total: str, **more: Any) -> dict[str, Any]:
    line = {"id": 1, "name": "Mug", "product_id": 77, "variation_id": 0, "quantity": 1, "price": 1, "total": total}
    return {
        "id": order_id, "number": number, "status": "processing", "currency": "EUR",
        "date_created_gmt": "2026-03-01T10:00:00", "date_modified_gmt": "2026-03-01T12:00:00",
        "date_paid_gmt": "2026-03-01T12:00:00", "total": total, "total_tax": "0.00", "shipping_total": "0.00",
        "payment_method": "stripe", "customer_id": 0, "billing": {"first_name": "Ada", "email": email},
        "line_items": [line], "refunds": [], **more,
    }  # fmt: skip


async def whose(intake: Intake) -> dict[tuple[str, str], tuple[str, int, str]]:
    """Each order by store and id: its number, its total, and the address of its contact."""
    addresses = {one.contact_id: one.value for one in await intake.rows(Identity, kind="email")}
    return {
        (one.store, one.order_id): (one.number, one.total, addresses.get(one.contact_id, ""))
        for one in await intake.rows(Order)
    }
