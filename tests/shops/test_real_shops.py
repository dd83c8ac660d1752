"""What real shops sent and what became of it wrongly once, each with inputs of the same kind beside it."""

from datetime import timedelta
from typing import Any

import pytest
from conftest import NOON
from intake import Intake

from bot.base.database import Database
from bot.tables.shop import Order, Product

LATER = NOON + timedelta(days=400)
Told = tuple[str, str, dict[str, Any]]


def stamp(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat()[:19]


def woo(
    order_id: int, /, minutes: float, who: str = "ada", status: str = "processing", **changes: Any
) -> dict[str, Any]:
    paid = None if status == "pending" else stamp(0)
    return {
        "id": order_id, "number": str(order_id), "status": status, "currency": "EUR", "date_created_gmt": stamp(0),
        "date_modified_gmt": stamp(minutes), "date_paid_gmt": paid, "total": "119.00", "total_tax": "19.00",
        "shipping_total": "0.00", "payment_method": "stripe", "customer_id": 0,
        "billing": {"first_name": who.title(), "email": f"{who}@example.org", "country": "DE"},
        "line_items": [{"id": 1, "name": "Vase", "product_id": 77, "quantity": 1, "price": 100.0, "total": "100.00"}],
        "refunds": [], **changes,
    }  # fmt: skip


def shopify(order_id: int, /, minutes: float = 0, **changes: Any) -> dict[str, Any]:
    line = {"id": 1, "title": "Vase", "product_id": 77, "variant_id": 771, "quantity": 1, "price": "100.00",
            "tax_lines": [{"price": "19.00"}]}  # fmt: skip
    return {
        "id": order_id, "name": f"#{order_id}", "email": "sam@example.org", "created_at": f"{stamp(0)}Z",
        "updated_at": f"{stamp(minutes)}Z", "processed_at": f"{stamp(0)}Z", "financial_status": "paid",
        "currency": "EUR", "subtotal_price": "100.00", "total_tax": "19.00", "total_price": "119.00",
        "line_items": [line], **changes,
    }  # fmt: skip


SHOPS = {"woocommerce": "https://vase.example", "shopify": "vase.myshopify.com"}


async def deliver(intake: Intake, *told: Told, at: Any = LATER) -> None:
    for system, topic, body in told:
        await intake.deliver(system, topic, body, shop=SHOPS[system], at=at)


async def by_address(intake: Intake) -> dict[str, tuple[str, str, int]]:
    """Of each order, whose it is: address → its store's id, its number, its total."""
    return {row.email: (row.order_id, row.number, row.total) for row in await intake.rows(Order)}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([("woocommerce", "order.created", woo(5050, 0, "anna", number="4042")),
          ("woocommerce", "order.updated", woo(4042, 30, "boris", "completed", number="3034", total="1071.00"))],
         {"anna@example.org": ("5050", "4042", 11900), "boris@example.org": ("4042", "3034", 107100)}),
        ([("shopify", "orders/create", shopify(619999, name="#7777")),
          ("woocommerce", "order.created", woo(7777, 0, "wim", total="5.95"))],
         {"sam@example.org": ("619999", "#7777", 11900), "wim@example.org": ("7777", "7777", 595)}),
        ([("woocommerce", "order.created", woo(1001, 0, "anna")),  # both systems have that very id
          ("shopify", "orders/create", shopify(1001))],
         {"anna@example.org": ("1001", "1001", 11900), "sam@example.org": ("1001", "#1001", 11900)}),
        ([("shopify", "orders/create", shopify(880001, name="880002")),  # a number that is the next order's id
          ("shopify", "orders/create", shopify(880002, name="880001", email="eli@example.org"))],
         {"sam@example.org": ("880001", "880002", 11900), "eli@example.org": ("880002", "880001", 11900)}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("backwards", [False, True])
async def test_a_number_that_is_another_order_s_id_moves_no_order(
    database: Database, told: list[Told], expected: dict[str, Any], backwards: bool
) -> None:
    intake = Intake(database)
    await deliver(intake, *(told[::-1] if backwards else told))
    assert await by_address(intake) == expected


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ([("woocommerce", "order.updated", woo(5001, 3)),
          ("woocommerce", "order.created", woo(5001, 3, "ada", "pending"))], "paid"),
        ([("woocommerce", "order.updated", woo(5001, 3, "ada", "refunded")),
          ("woocommerce", "order.updated", woo(5001, 3))], "refunded"),
        ([("shopify", "orders/paid", shopify(5001, 3)),
          ("shopify", "orders/create", shopify(5001, 3, financial_status="pending"))], "paid"),
        ([("shopify", "orders/updated", shopify(5001, 3, financial_status="voided", cancelled_at=f"{stamp(3)}Z")),
          ("shopify", "orders/paid", shopify(5001, 3))], "cancelled"),
    ],
)  # fmt: skip
async def test_of_one_second_the_later_state_stands(database: Database, told: list[Told], status: str) -> None:
    intake = Intake(database)
    for number, order in enumerate((told, told[::-1])):
        await deliver(intake, *((system, topic, {**body, "id": body["id"] + number}) for system, topic, body in order))
    assert {row.status for row in await intake.rows(Order)} == {status}


@pytest.mark.parametrize("prices", [("20", "10"), ("10", "20"), ("9.99", "10")])
async def test_of_two_prices_of_one_second_the_dearer_stands(database: Database, prices: tuple[str, str]) -> None:
    intake = Intake(database)
    for price in prices:
        told = {"id": 88, "name": "Vase", "price": price, "date_modified_gmt": stamp(0), "status": "publish"}
        await deliver(intake, ("woocommerce", "product.updated", told))
    assert (await intake.one(Product)).price == max(int(float(one) * 100) for one in prices)


@pytest.mark.parametrize(
    "told",
    [
        [("woocommerce", "order.created", woo(5003, 0)), ("woocommerce", "order.deleted", {"id": 5003})],
        [("woocommerce", "order.deleted", {"id": 5003}), ("woocommerce", "order.created", woo(5003, 0))],
        [("woocommerce", "order.created", woo(5003, 0)),
         ("woocommerce", "order.updated", woo(5003, 5, "ada", "trash"))],
        [("shopify", "orders/create", shopify(5003)), ("shopify", "orders/delete", {"id": 5003})],
    ],
)  # fmt: skip
async def test_an_order_in_the_bin_is_no_revenue(database: Database, told: list[Told]) -> None:
    intake = Intake(database)
    await deliver(intake, *told)
    assert (await intake.one(Order)).status == "cancelled"
    assert "Order Cancelled" in intake.names


def _back(amount: str, **changes: Any) -> dict[str, Any]:
    return {"id": 9001, "order_id": 5004, "processed_at": f"{stamp(9)}Z", "refund_line_items": [],
            "transactions": [{"kind": "refund", "status": "success", "amount": amount}], **changes}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([("woocommerce", "order.created", woo(5004, 0)),
          ("woocommerce", "order.updated", woo(5004, 10, refunds=[{"id": 9001, "total": "-101.00"}]))],
         ("paid", 10100, 1513)),
        ([("shopify", "orders/create", shopify(5004)), ("shopify", "refunds/create", _back("101.00"))],
         ("paid", 10100, 1513)),
        ([("woocommerce", "order.created", woo(5004, 0)),
          ("woocommerce", "order.updated", woo(5004, 10, refunds=[
              {"id": 1, "total": "-50.50"}, {"id": 2, "total": "-50.50"}]))],
         ("paid", 10100, 1513)),
        ([("shopify", "orders/create", shopify(5004)), ("shopify", "refunds/create", _back("119.00"))],
         ("refunded", 11900, 0)),
    ],
)  # fmt: skip
async def test_what_went_back_with_its_tax_leaves_the_rest_net(
    database: Database, told: list[Told], expected: tuple[str, int, int]
) -> None:
    intake = Intake(database)
    await deliver(intake, *told)
    order = await intake.one(Order)
    assert (order.status, order.refunded, order.net) == expected


def _edited(*left: int) -> dict[str, Any]:
    """An order of three lines of 40, 60 and 20, of which so many pieces are left."""
    pairs = zip(left, ("40.00", "60.00", "20.00"), strict=True)
    lines = [{"id": place, "title": f"Thing {place}", "product_id": place, "quantity": 1, "current_quantity": pieces,
              "price": price} for place, (pieces, price) in enumerate(pairs, 1)]  # fmt: skip
    total = sum(float(one["price"]) * one["current_quantity"] for one in lines)
    whole = {"subtotal_price": "120.00", "total_price": "120.00", "total_tax": "0.00", "taxes_included": True}
    return shopify(610010, 60, line_items=lines, current_subtotal_price=f"{total:.2f}", **whole)


@pytest.mark.parametrize(
    ("left", "names", "total"),
    [((1, 0, 1), ["Thing 1", "Thing 3"], 6000), ((1, 0, 0), ["Thing 1"], 4000), ((0, 0, 1), ["Thing 3"], 2000)],
)
async def test_an_edited_order_has_the_lines_that_are_left(
    database: Database, left: tuple[int, ...], names: list[str], total: int
) -> None:
    intake = Intake(database)
    await deliver(intake, ("shopify", "orders/updated", _edited(*left)))
    order = await intake.one(Order)
    assert ([line["name"] for line in order.items], order.total, order.revenue) == (names, total, total)


def _product(*quantities: int, policy: str = "deny") -> dict[str, Any]:
    """As versions since 2024 tell it: nothing says whether a variant is counted."""
    variants = [{"id": place, "title": f"Size {place}", "price": "19.99", "compare_at_price": "24.99", "sku": None,
                 "inventory_policy": policy, "inventory_item_id": 9000 + place, "inventory_quantity": pieces,
                 "old_inventory_quantity": 3} for place, pieces in enumerate(quantities, 1)]  # fmt: skip
    return {"id": 788, "title": "Shirt", "handle": "shirt", "status": "active", "published_at": f"{stamp(0)}Z",
            "updated_at": f"{stamp(5)}Z", "created_at": None, "image": None, "images": [], "media": [], "options": [],
            "tags": "mens, shirt", "variants": variants, "category": None}  # fmt: skip


@pytest.mark.parametrize(
    ("product", "tracked", "stock"),
    [
        (_product(0, 50), None, [None, None, 50]),  # whether nothing or everything is left of the first is not told
        (_product(0, 50), True, [50, 0, 50]),
        (_product(0, 50), False, [None, None, 50]),
        (_product(0, policy="continue"), True, [None, None]),
    ],
)  # fmt: skip
async def test_a_product_of_the_newer_versions_tells_its_stock(
    database: Database, product: dict[str, Any], tracked: bool | None, stock: list[int | None]
) -> None:
    intake = Intake(database)
    await deliver(intake, ("shopify", "products/update", product))
    if tracked is not None:
        item = {"id": 9001, "sku": "", "tracked": tracked, "updated_at": f"{stamp(6)}Z"}
        await deliver(intake, ("shopify", "inventory_items/update", item))
    rows = sorted(await intake.rows(Product), key=lambda row: row.variant_id)
    assert [row.stock for row in rows] == stock
    assert {(row.variant, row.compare_at) for row in rows[1:]} <= {("Size 1", 2499), ("Size 2", 2499)}
