from typing import Any

import pytest
from conftest import NOON
from intake import Intake, payload

from bot.base.database import Database
from bot.shops import woocommerce
from bot.tables.people import Contact, Identity
from bot.tables.shop import Order, Product


async def _status(database: Database, **changes: Any) -> str:
    intake = Intake(database)
    await intake.deliver("woocommerce", "order.created", payload("woocommerce_order", **changes))
    return str((await intake.one(Order)).status)


async def test_a_guest_order_is_known_by_its_billing_address(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("woocommerce", "order.created", payload("woocommerce_order"))
    order, contact = await intake.one(Order), await intake.one(Contact)
    assert (order.order_id, order.number, order.status, order.contact_id) == ("727", "727", "paid", contact.id)
    assert (order.revenue, order.total, order.ordered_at) == (5798, 7390, NOON)
    assert [(line["product_id"], line["variant_id"]) for line in order.items] == [("93", ""), ("22", "23")]
    kinds = {one.kind for one in await intake.rows(Identity)}
    assert kinds == {"email", "phone"}
    assert intake.names == ["Order Completed", "Order Updated", "Order Paid"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "pending", "date_paid_gmt": None}, "pending"),
        ({"status": "on-hold", "date_paid_gmt": None}, "pending"),
        ({"payment_method": "cod", "date_paid_gmt": None}, "pending"),
        ({"status": "failed", "date_paid_gmt": None}, "cancelled"),
        ({"status": "completed"}, "paid"),
        ({"status": "refunded"}, "refunded"),
    ],
)
async def test_states_of_woocommerce_are_ours(database: Database, changes: dict[str, Any], status: str) -> None:
    assert await _status(database, **changes) == status


async def test_a_draft_of_the_block_checkout_is_no_order(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("woocommerce", "order.created", payload("woocommerce_order", status="checkout-draft"))
    assert await intake.rows(Order) == []


async def test_an_update_of_an_unknown_order_creates_it_and_a_refund_in_it_counts_once(database: Database) -> None:
    intake = Intake(database)
    refunded = payload("woocommerce_order", refunds=[{"id": 801, "reason": "", "total": "-10.00"}])
    await intake.deliver("woocommerce", "order.updated", {**refunded, "date_modified_gmt": "2026-03-06T10:00:00"})
    await intake.deliver("woocommerce", "order.updated", {**refunded, "date_modified_gmt": "2026-03-06T11:00:00"})
    order = await intake.one(Order)
    assert (order.status, order.refunded) == ("paid", 1000)
    assert intake.names.count("Order Completed") == 1
    assert intake.names.count("Order Refunded") == 1


async def test_completed_is_shipped(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("woocommerce", "order.created", payload("woocommerce_order"))
    done = {"date_completed_gmt": "2026-03-05T09:00:00", "date_modified_gmt": "2026-03-05T09:00:00"}
    await intake.deliver("woocommerce", "order.updated", payload("woocommerce_order", status="completed", **done))
    assert (await intake.one(Order)).parcel == "shipped"
    assert intake.names[-1] == "Order Fulfilled"


async def test_customers_and_products_are_kept(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("woocommerce", "customer.updated", payload("woocommerce_customer"))
    await intake.deliver("woocommerce", "product.updated", payload("woocommerce_product"))
    contact, product = await intake.one(Contact), await intake.one(Product)
    assert (contact.first_name, contact.country) == ("Ada", "DE")
    assert ("woocommerce", "woocommerce:goods.myshopify.com:customer:25") in {
        (one.kind, one.value) for one in await intake.rows(Identity)
    }
    assert (product.product_id, product.price, product.stock, product.category) == ("93", 4900, 3, "Kettles")


@pytest.mark.parametrize(
    "topic", ["order.updated", "customer.updated", "product.updated", "product.deleted", "coupon.x"]
)
@pytest.mark.parametrize(
    "body", [{}, {"id": None}, {"id": 1, "billing": 5, "line_items": "x", "refunds": {}}, {"id": []}]
)
def test_odd_bodies_are_no_accident(topic: str, body: dict[str, object]) -> None:
    assert isinstance(woocommerce.translate(topic, body, "https://shop.example", NOON), list)
