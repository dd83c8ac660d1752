from datetime import timedelta
from typing import Any

import pytest
import structlog
from conftest import NOON
from intake import Intake

from bot.base.database import Database
from bot.shops import facts
from bot.tables.shop import Cart, Order, Product

KETTLE = {"product_id": "1", "sku": "K", "name": "Kettle", "price": 49.0, "quantity": 1}
TEA = {"product_id": "2", "sku": "T", "name": "Tea", "price": "10.00", "quantity": 2}
MINUTE = timedelta(minutes=1)


def _order(**more: Any) -> dict[str, Any]:
    return {"order_id": "1001", "currency": "EUR", "total": 73.9, "revenue": 69, "products": [KETTLE, TEA], **more}


async def test_additions_and_removals_make_a_cart(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Product Added", {"cart_id": "c1", **KETTLE}, userId="u1")
    await intake.tell("Product Added", {"cart_id": "c1", **TEA}, userId="u1")
    await intake.tell("Product Removed", {"cart_id": "c1", "product_id": "2", "quantity": 1}, userId="u1")
    cart = await intake.one(Cart)
    assert [(line["product_id"], line["quantity"], line["price"]) for line in cart.items] == [
        ("1", 1, 4900),
        ("2", 1, 1000),
    ]
    assert (cart.total, cart.currency, cart.emptied_at) == (5900, "EUR", None)


async def test_an_emptied_cart_says_since_when_until_it_is_filled_again(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Product Added", {"cart_id": "c1", **KETTLE}, userId="u1")
    await intake.tell("Product Removed", {"cart_id": "c1", **KETTLE}, userId="u1", ts=NOON + MINUTE)
    assert (await intake.one(Cart)).emptied_at == NOON + MINUTE
    await intake.tell("Product Added", {"cart_id": "c1", **KETTLE}, userId="u1", ts=NOON + 2 * MINUTE)
    assert (await intake.one(Cart)).emptied_at is None


async def test_an_addition_from_before_the_whole_cart_was_told_is_in_it_already(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Cart Viewed", {"cart_id": "c1", "products": [KETTLE]}, userId="u1")
    await intake.tell("Product Added", {"cart_id": "c1", **KETTLE}, userId="u1", ts=NOON - MINUTE)
    assert (await intake.one(Cart)).items[0]["quantity"] == 1


async def test_an_older_state_of_a_cart_changes_nothing_and_starts_nothing(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Cart Updated", {"cart_id": "c1", "products": [KETTLE, TEA]}, userId="u1")
    await intake.tell("Cart Updated", {"cart_id": "c1", "products": [KETTLE]}, userId="u1", ts=NOON - MINUTE)
    assert len((await intake.one(Cart)).items) == 2
    assert intake.names == ["Cart Updated"]
    assert await intake.statuses() == ["done", "known"]


async def test_without_cart_ids_a_person_has_one_cart_and_begins_again_after_the_order(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Product Added", KETTLE, userId="u1")
    await intake.tell("Order Completed", _order(products=[KETTLE]), userId="u1", ts=NOON + MINUTE)
    assert (await intake.one(Cart)).ordered_at == NOON + MINUTE
    await intake.tell("Product Added", TEA, userId="u1", ts=NOON + timedelta(hours=1))
    cart = await intake.one(Cart)
    assert ([line["product_id"] for line in cart.items], cart.ordered_at) == (["2"], None)


async def test_a_segment_checkout_is_known_by_its_order_id(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Checkout Started", {"checkout_id": "k1", "value": 49, "products": [KETTLE]}, userId="u1")
    async with database.reading() as session:
        cart = await facts.open_cart(session, intake.heard[0].contact_id or 0, NOON)
    assert cart is not None
    assert (cart.kind, cart.cart_id, cart.total) == ("checkout", "k1", 4900)


async def test_the_order_closes_its_checkout_even_if_it_comes_first(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Completed", _order(checkout_id="k1"), userId="u1")
    await intake.tell("Checkout Started", {"checkout_id": "k1", "products": [KETTLE]}, userId="u1", ts=NOON - MINUTE)
    assert (await intake.one(Cart)).ordered_at == NOON


async def test_the_order_closes_the_cart_with_the_same_product_on_another_device(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Product Added", {"cart_id": "phone", **KETTLE}, anonymousId="phone")
    await intake.tell("identify", anonymousId="phone", userId="u1")
    await intake.tell("Order Completed", _order(), userId="u1", ts=NOON + MINUTE)
    assert (await intake.one(Cart)).ordered_at == NOON + MINUTE


async def test_the_lines_of_an_order_have_the_category_that_the_shop_gave_their_product(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Product Viewed", {**KETTLE, "category": "kitchen"}, userId="u1")
    await intake.tell("Order Completed", _order(products=[KETTLE, {**TEA, "category": "tea"}]), userId="u1")
    assert [line["category"] for line in (await intake.one(Order)).items] == ["kitchen", "tea"]


async def test_t27_an_order_is_told_once_whoever_tells_it_and_later_ones_enrich_it(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Completed", {"order_id": 1001, "revenue": 69, "currency": "EUR"}, userId="u1")
    more = _order(order_number="#1001", checkout_id="k1", updated_at="2026-03-04T12:01:00Z")
    await intake.tell("Order Completed", more, userId="7", source="shopify")
    order = await intake.one(Order)
    assert (order.number, order.checkout_id, order.total, len(order.items)) == ("#1001", "k1", 7390, 2)
    assert intake.names == ["Order Completed", "Order Paid"]


async def test_a_number_that_a_customer_reads_never_stands_for_the_id_of_an_order(database: Database) -> None:
    for number_first in (True, False):
        intake = Intake(database)
        number, shop = f"10{number_first:d}7", f"45078946{number_first:d}"
        by_number = intake.tell("Order Completed", {"order_id": f"#{number}", "revenue": 5}, userId="u1", source="erp")
        told = {**_order(), "order_id": shop, "order_number": f"#{number}"}
        by_shop = intake.tell("Order Completed", told, userId="7", source="shopify", email="a@example.org")
        for telling in (by_number, by_shop) if number_first else (by_shop, by_number):
            intake.count += 1000
            await telling
        assert [(order.number, order.revenue) for order in await intake.rows(Order, order_id=shop)] == [
            (f"#{number}", 6900)
        ]


async def test_a_pending_order_is_paid_later_and_that_is_told_once(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Completed", _order(status="pending"), userId="u1")
    order = await intake.one(Order)
    assert (order.status, order.paid_at) == ("pending", None)
    await intake.tell("Order Updated", _order(status="paid"), userId="u1", ts=NOON + MINUTE)
    await intake.tell("Order Updated", _order(status="paid"), userId="u1", ts=NOON + 2 * MINUTE)
    order = await intake.one(Order)
    assert (order.status, order.paid_at) == ("paid", NOON + MINUTE)
    assert intake.names == ["Order Completed", "Order Updated", "Order Paid", "Order Updated"]


async def test_t29_an_older_state_of_an_order_is_ignored(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Updated", _order(status="paid"), userId="u1")
    await intake.tell("Order Updated", _order(status="pending", total=1), userId="u1", ts=NOON - MINUTE)
    order = await intake.one(Order)
    assert (order.status, order.total) == ("paid", 7390)
    assert intake.names.count("Order Updated") == 1


async def test_a_lower_total_later_lowers_the_revenue(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Completed", _order(), userId="u1")
    await intake.tell("Order Updated", _order(total=53.9, revenue=49, products=[KETTLE]), userId="u1", ts=NOON + MINUTE)
    order = await intake.one(Order)
    assert (order.revenue, order.total, len(order.items)) == (4900, 5390, 1)


async def test_a_partial_refund_is_of_its_lines(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Completed", _order(), userId="u1")
    back = {"order_id": "1001", "refund_id": "r1", "total": 10, "products": [{"product_id": "2", "quantity": 1}]}
    await intake.tell("Order Refunded", back, userId="u1")
    await intake.tell("Order Refunded", back, userId="u1", source="shopify")
    order = await intake.one(Order)
    assert (order.refunded, order.status) == (1000, "paid")
    assert [line.get("refunded", 0) for line in order.items] == [0, 1]
    assert intake.names.count("Order Refunded") == 1


async def test_a_refund_of_everything_refunds_the_order(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Completed", _order(), userId="u1")
    await intake.tell("Order Refunded", {"order_id": "1001"}, userId="u1")
    order = await intake.one(Order)
    assert (order.status, order.refunded) == ("refunded", 6900)
    assert all(line["refunded"] == line["quantity"] for line in order.items)


async def test_a_refund_that_comes_before_its_order_is_kept_for_it(database: Database) -> None:
    intake = Intake(database)
    back = {"order_id": "1001", "refund_id": "r1", "total": 10, "products": [{**TEA, "quantity": 1}]}
    await intake.tell("Order Refunded", back, userId="u1", ts=NOON + MINUTE)
    await intake.tell("Order Completed", _order(), userId="u1")
    order = await intake.one(Order)
    assert (order.refunded, order.revenue, [line["refunded"] for line in order.items]) == (1000, 6900, [0, 1])


async def test_amounts_beyond_32_bits_and_currencies_without_cents_are_kept(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Completed", {"order_id": "1", "currency": "VND", "revenue": 9_000_000_000}, userId="u1")
    await intake.tell("Order Completed", {"order_id": "2", "currency": "KWD", "revenue": "1.234"}, userId="u1")
    assert [order.revenue for order in await intake.rows(Order)] == [9_000_000_000, 1234]


async def test_nonsense_in_an_event_stops_nothing(database: Database) -> None:
    intake = Intake(database)
    nonsense = {"price": "cheap", "quantity": None, "name": ["x"], "product_id": "9"}
    odd = {"order_id": "1", "total": {"a": 1}, "products": [nonsense, "x", None], "updated_at": 5, "currency": 7}
    await intake.tell("Order Completed", odd, userId="u1")
    await intake.tell("Cart Updated", {"cart_id": "c", "products": "none"}, userId="u1")
    await intake.tell("Product Added", {"cart_id": "c", "quantity": -3}, userId="u1")
    assert set(await intake.statuses()) == {"done"}


async def test_a_product_of_a_page_is_learned_and_never_changed_by_pages(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Product Viewed", {**KETTLE, "currency": "EUR"}, anonymousId="a1")
    await intake.tell("Product Viewed", {**KETTLE, "price": 0.01, "url": "https://evil.example"}, anonymousId="a2")
    product = await intake.one(Product)
    assert (product.name, product.price, product.url, product.stock) == ("Kettle", 4900, "", None)


async def test_orders_are_found_as_customers_name_them(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Completed", _order(order_id="450789469", order_number="#1001"), userId="u1")
    async with database.reading() as session:
        for word in ("#1001", "1001", " 450789469 "):
            (found,) = await facts.orders_by_number(session, word)
            assert found is not None
            assert found.number == "#1001"
        assert not await facts.orders_by_number(session, "1002")
        assert len(await facts.orders_of(session, intake.heard[0].contact_id or 0)) == 1


async def test_amounts_are_read_as_the_pages_of_a_shop_write_them(database: Database) -> None:
    intake = Intake(database)
    lines = [{**KETTLE, "price": "9,50", "quantity": 2}]
    with structlog.testing.capture_logs() as said:
        await intake.tell(
            "Checkout Started",
            {"checkout_id": "k1", "currency": "EUR", "total": "19,00", "products": lines},
            userId="u1",
        )
        paid = {"order_id": "7", "currency": "EUR", "total": "12,50 €", "products": [{**TEA, "price": "€12.50"}]}
        await intake.tell("Order Completed", paid, userId="u1")
    cart, order = await intake.one(Cart), await intake.one(Order)
    assert (cart.total, cart.items[0]["price"]) == (1900, 950)
    assert (order.status, order.total, order.revenue, order.items[0]["price"]) == ("paid", 1250, 1250, 1250)
    assert [entry for entry in said if "amount of money" in entry["event"]] == []


@pytest.mark.parametrize("wrong", ["on request", "12 or 13", True, {"amount": 5}, "1.2.3"])
async def test_an_amount_that_cannot_be_read_is_unknown_and_told(database: Database, wrong: Any) -> None:
    intake = Intake(database)
    told = {"currency": "EUR", "total": wrong, "products": [{**KETTLE, "price": wrong}, TEA]}
    with structlog.testing.capture_logs() as said:
        await intake.tell("Checkout Started", {"checkout_id": "k1", **told}, userId="u1", email="ada@example.org")
        await intake.tell("Order Completed", {"order_id": "7", **told}, userId="u1", email="ada@example.org")
    cart, order = await intake.one(Cart), await intake.one(Order)
    for items in (cart.items, order.items):
        assert [line["price"] for line in items] == [None, 1000]
    assert cart.total == 2000  # what it is worth at least
    warnings = [entry for entry in said if entry["log_level"] == "warning"]
    assert [(one["event_name"], one["key"]) for one in warnings] == [
        (name, key) for name in ("Checkout Started", "Order Completed") for key in ("total", "products[0].price")
    ]
    assert "ada@" not in str(warnings) and str(wrong) not in str([one["key"] for one in warnings])


async def test_a_piece_that_goes_back_without_a_known_price_is_counted_all_the_same(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Order Completed", _order(products=[{**KETTLE, "price": "?"}, TEA]), userId="u1")
    await intake.tell("Order Refunded", {"order_id": "1001", "refund_id": "1", "products": [{"product_id": "1"}]})
    order = await intake.one(Order)
    assert (order.items[0]["refunded"], order.refunded, order.status) == (1, 0, "paid")
