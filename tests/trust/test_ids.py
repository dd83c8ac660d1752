"""Ids belong to who gave them: another store's order, product or customer of the same id is another one."""

from datetime import timedelta
from itertools import permutations
from pathlib import Path

import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from intake import Intake
from two_shops import BERLIN, CHAIRS, LAMPS, PARIS, shopify, whose, woo

from bot.base import config as settings
from bot.base.config import Shops
from bot.base.database import Database
from bot.base.ground import Ground
from bot.base.ranks import Rank
from bot.base.texts import Texts
from bot.events import Happened
from bot.inbound.files import csv_lines, taking
from bot.shops import carts, catalogue
from bot.shops.inbox import Inbox
from bot.tables.catalogue import PriceChange, SeenPrice
from bot.tables.events import Event
from bot.tables.people import Contact, Identity
from bot.tables.shop import Cart, Order, Product, Store


async def test_two_shops_of_shopify_have_orders_customers_and_refunds_of_their_own(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", shopify(1, "anna@example.org", "119.00"), LAMPS)
    await intake.deliver("shopify", "orders/create", shopify(1, "boris@example.org", "5.00"), CHAIRS)
    refund = {"id": 9, "order_id": 1, "transactions": [{"kind": "refund", "amount": "5.00", "currency": "EUR"}]}
    await intake.deliver("shopify", "refunds/create", refund, CHAIRS)
    await intake.deliver("shopify", "refunds/create", {**refund, "order_id": 2}, LAMPS)
    assert await whose(intake) == {
        (f"shopify:{LAMPS}", "1"): ("#1001", 11900, "anna@example.org"),
        (f"shopify:{CHAIRS}", "1"): ("#1001", 500, "boris@example.org"),
        (f"shopify:{LAMPS}", "2"): ("", 0, ""),
    }
    assert [one.refunded for one in await intake.rows(Order)] == [0, 500, 500]
    assert sorted(one.first_name for one in await intake.rows(Contact)) == ["Anna", "Boris"]
    assert {one.value for one in await intake.rows(Identity, kind="shopify")} == {
        f"shopify:{LAMPS}:customer:42", f"shopify:{CHAIRS}:customer:42",
    }  # fmt: skip
    assert intake.names.count("Order Paid") == 2


async def test_one_person_may_be_a_customer_of_both_shops(database: Database) -> None:
    intake = Intake(database)
    for shop, number in ((LAMPS, 42), (CHAIRS, 43)):
        body = shopify(1, "anna@example.org", "5.00")
        await intake.deliver("shopify", "orders/create", {**body, "customer": {"id": number}}, shop)
    assert len(await intake.rows(Contact)) == 1
    assert len(await intake.rows(Identity, kind="shopify")) == 2


async def test_two_sites_of_woocommerce_have_orders_of_their_own(database: Database) -> None:
    intake = Intake(database)
    for site, email, total in ((BERLIN, "anna@example.org", "119.00"), (PARIS, "boris@example.org", "5.00")):
        await intake.deliver("woocommerce", "order.created", woo(7777, "7777", email, total), site)
    gone = woo(7777, "7777", "boris@example.org", "5.00", status="cancelled", date_modified_gmt="2026-03-02T12:00:00")
    await intake.deliver("woocommerce", "order.updated", gone, PARIS)
    assert {one.store: (one.status, one.total) for one in await intake.rows(Order)} == {
        "woocommerce:shop.example/de": ("paid", 11900), "woocommerce:shop.example/fr": ("cancelled", 500),
    }  # fmt: skip


@pytest.mark.parametrize("order", range(2))
async def test_a_number_that_is_another_orders_id_joins_nothing(database: Database, order: int) -> None:
    intake = Intake(database)
    told = (woo(5050, "4042", "anna@example.org", "119.00"), woo(4042, "3034", "boris@example.org", "1071.00"))
    for body in list(permutations(told))[order]:
        await intake.deliver("woocommerce", "order.created", body, BERLIN)
        await intake.deliver("woocommerce", "order.updated", body, BERLIN)
    store = "woocommerce:shop.example/de"
    assert await whose(intake) == {
        (store, "5050"): ("4042", 11900, "anna@example.org"), (store, "4042"): ("3034", 107100, "boris@example.org"),
    }  # fmt: skip


@pytest.mark.parametrize("order", range(2))
async def test_a_number_of_one_shop_is_no_id_of_another(database: Database, order: int) -> None:
    intake = Intake(database)
    told = (
        ("shopify", "orders/create", shopify(619999, "sam@example.org", "119.00", name="#7777"), LAMPS),
        ("woocommerce", "order.created", woo(7777, "7777", "wim@example.org", "5.95"), BERLIN),
    )
    for one in list(permutations(told))[order]:
        await intake.deliver(*one)
    assert await whose(intake) == {
        (f"shopify:{LAMPS}", "619999"): ("#7777", 11900, "sam@example.org"),
        ("woocommerce:shop.example/de", "7777"): ("7777", 595, "wim@example.org"),
    }


async def test_products_and_prices_of_two_shops_are_apart(database: Database) -> None:
    intake = Intake(database)
    for shop, title, price in ((LAMPS, "Lamp", "100.00"), (CHAIRS, "Chair", "20.00")):
        body = {"id": 77, "title": title, "updated_at": "2026-03-01T12:00:00Z", "published_at": "2026-03-01T12:00:00Z",
                "variants": [{"id": 771, "title": "Default Title", "price": price}]}  # fmt: skip
        await intake.deliver("shopify", "products/update", body, shop)
    assert [(one.store, one.name, one.price) for one in await intake.rows(Product, variant_id="")] == [
        (f"shopify:{LAMPS}", "Lamp", 10000), (f"shopify:{CHAIRS}", "Chair", 2000),
    ]  # fmt: skip
    assert "Product Price Changed" not in intake.names
    await intake.deliver("shopify", "products/delete", {"id": 77}, CHAIRS)
    assert [one.published for one in await intake.rows(Product, variant_id="")] == [True, False]
    async with database.reading() as session:
        found = await catalogue.find(session, f"shopify:{LAMPS}", "77", "771")
    assert found is not None
    assert found["price"] == 10000
    assert len(await intake.rows(PriceChange)) == 4


async def test_a_page_that_names_no_store_is_of_the_only_one_that_has_the_goods(database: Database) -> None:
    intake = Intake(database)
    view = {"product_id": "77", "price": "90.00", "currency": "EUR"}
    await intake.tell("Product Viewed", view, rank="page", anonymousId="b1", email="anna@example.org")
    body = {"id": 77, "title": "Lamp", "updated_at": "2026-03-01T12:00:00Z", "variants": []}
    await intake.deliver("shopify", "products/update", body, LAMPS)
    assert [one.store for one in await intake.rows(SeenPrice)] == [f"shopify:{LAMPS}"]  # there was no other
    assert [one.store for one in await intake.rows(Product)] == [f"shopify:{LAMPS}"]
    await intake.deliver("shopify", "products/update", {**body, "id": 78, "title": "Chair"}, CHAIRS)
    for product_id, store in (("77", f"shopify:{LAMPS}"), ("78", f"shopify:{CHAIRS}")):
        await intake.tell("Product Viewed", {**view, "product_id": product_id}, email="anna@example.org")
        assert intake.heard[-1].store == store
    await intake.deliver("shopify", "products/update", {**body, "title": "Chair"}, CHAIRS)
    await intake.tell("Product Viewed", view, email="anna@example.org")
    assert intake.heard[-1].store == ""  # now both have it: nothing is guessed


async def test_what_several_stores_may_have_told_is_kept_named_and_changes_nothing(database: Database) -> None:
    intake = Intake(database)
    for shop in (LAMPS, CHAIRS):
        await intake.deliver("shopify", "orders/create", shopify(1, "anna@example.org", "5.00"), shop)
    before = await whose(intake)
    gone = {"order_id": "1", "total": "0.01", "currency": "EUR"}
    await intake.tell("Order Cancelled", gone, source="erp", ts=NOON + timedelta(days=1))
    (event,) = await intake.rows(Event, source="erp")
    assert event.status == "done"
    assert "several stores have an order 1" in event.error
    assert await whose(intake) == before
    assert {one.status for one in await intake.rows(Order)} == {"paid"}
    await intake.tell("Order Cancelled", gone, source="erp", store=f"shopify:{CHAIRS}", ts=NOON + timedelta(days=1))
    assert {one.store: one.status for one in await intake.rows(Order)} == {
        f"shopify:{LAMPS}": "paid", f"shopify:{CHAIRS}": "cancelled",
    }  # fmt: skip


async def test_carts_of_one_token_are_apart_and_an_order_closes_its_own(database: Database) -> None:
    intake = Intake(database)
    for shop in (LAMPS, CHAIRS):
        cart = {"token": "c1", "updated_at": "2026-03-01T09:00:00Z", "line_items": [{"product_id": 77, "quantity": 1}]}
        await intake.deliver("shopify", "carts/update", cart, shop)
    await intake.deliver("shopify", "orders/create", shopify(1, "anna@example.org", "5.00", cart_token="c1"), LAMPS)
    assert {one.store: one.ordered_at is not None for one in await intake.rows(Cart)} == {
        f"shopify:{LAMPS}": True, f"shopify:{CHAIRS}": False,
    }  # fmt: skip


@pytest.mark.parametrize("rank", ["page", "shop"])
async def test_an_empty_cart_of_the_shop_gives_way_to_nothing_that_a_page_says(database: Database, rank: Rank) -> None:
    store = f"shopify:{LAMPS}"
    async with database.transaction() as session:
        ada, eve = (await make.contact(session)).id, (await make.contact(session)).id
        plain = {"kind": "cart", "cart_id": "c9", "changed_at": NOON, "currency": "EUR", "total": 0, "url": ""}
        session.add(Cart(store=store, contact_id=ada, rank="shop", items=[], **plain))
        line = {"product_id": "1", "variant_id": "", "sku": "", "name": "", "price": 100, "quantity": 1}
        session.add(Cart(store="", contact_id=eve, rank="page", items=[line], **plain))
    said = {"cart_id": "c9", "product_id": "2", "quantity": 1, "price": 1, "currency": "EUR"}
    told = Happened(
        1, "web", "track", "Product Added", NOON, NOON, eve, said, {}, {}, None, None, "eve", rank=rank, store=store
    )
    async with database.transaction() as session:
        await carts.apply(session, told, "EUR")
    async with database.reading() as session:
        found = {one.store: one for one in (await session.scalars(sa.select(Cart))).all()}
    if rank == "shop":
        assert [len(one.items) for one in found.values()] == [2]
        return
    assert (found[store].contact_id, found[store].rank, found[store].items) == (ada, "shop", [])
    assert [line["product_id"] for line in found[""].items] == ["1"]


async def test_stores_that_are_declared_one_are_one(database: Database) -> None:
    intake = Intake(database)
    shops = Shops.model_validate({"stores": [{"name": "main", "shopify": LAMPS, "woocommerce": BERLIN}]})
    intake.inbox = Inbox(database, 1, shops=shops)
    await intake.deliver("shopify", "orders/create", shopify(1, "anna@example.org", "5.00"), LAMPS)
    await intake.deliver("woocommerce", "order.created", woo(1, "1", "anna@example.org", "5.00"), BERLIN)
    assert [one.store for one in await intake.rows(Order)] == [f"shopify:{LAMPS}"]
    assert [one.name for one in await intake.rows(Store)] == [f"shopify:{LAMPS}"]


# -- files -------------------------------------------------------------------------------------------------------------

ORDERS = "Name,Id,Created at,Total,Currency,Financial Status,Email\n"


async def _import(database: Database, texts: Texts, folder: Path, text: str, store: str = "") -> str:
    file = folder / "orders.csv"
    file.write_text(text)
    ground = Ground(settings.load(None, {}), texts, "secret")
    report = await taking.take(database, ground, "orders", csv_lines.look(file), store=store)
    assert report.refused == 0
    return report.store


@pytest.fixture
def line() -> str:
    return ORDERS + "#1001,1,2026-03-01 11:00:00 +0100,5.00,EUR,paid,anna@example.org\n"


async def test_a_file_and_the_webhooks_of_the_only_shop_tell_of_one_order(
    database: Database, texts: Texts, tmp_path: Path, line: str
) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", shopify(2, "boris@example.org", "7.00"), LAMPS)
    assert await _import(database, texts, tmp_path, line) == f"shopify:{LAMPS}"
    await intake.deliver("shopify", "orders/create", shopify(1, "anna@example.org", "5.00"), LAMPS)
    assert [(one.store, one.order_id) for one in await intake.rows(Order)] == [
        (f"shopify:{LAMPS}", "2"), (f"shopify:{LAMPS}", "1"),
    ]  # fmt: skip


async def test_a_file_before_the_first_webhook_is_found_by_number_and_moment_only(
    database: Database, texts: Texts, tmp_path: Path, line: str
) -> None:
    intake = Intake(database)
    assert await _import(database, texts, tmp_path, line) == "import"
    other = shopify(1, "boris@example.org", "70.00", name="#2002")  # the same id, and another order
    await intake.deliver("shopify", "orders/create", other, CHAIRS)
    same = shopify(1, "anna@example.org", "5.00")
    await intake.deliver("shopify", "orders/create", same, LAMPS)
    assert await whose(intake) == {
        (f"shopify:{LAMPS}", "1"): ("#1001", 500, "anna@example.org"),
        (f"shopify:{CHAIRS}", "1"): ("#2002", 7000, "boris@example.org"),
    }


async def test_a_file_of_a_declared_store_is_apart_from_other_shops(
    database: Database, texts: Texts, tmp_path: Path, line: str
) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", shopify(1, "boris@example.org", "70.00"), CHAIRS)
    assert await _import(database, texts, tmp_path, line, store="old") == "old"
    assert await whose(intake) == {
        (f"shopify:{CHAIRS}", "1"): ("#1001", 7000, "boris@example.org"),
        ("old", "1"): ("#1001", 500, "anna@example.org"),
    }


async def test_numbers_of_a_file_without_ids_are_no_ids(database: Database, texts: Texts, tmp_path: Path) -> None:
    intake = Intake(database)
    await intake.deliver("woocommerce", "order.created", woo(5050, "6000", "anna@example.org", "9.00"), BERLIN)
    text = "Name,Created at,Total,Currency,Financial Status,Email\n" + (
        "5050,2026-03-01 11:00:00 +0100,5.00,EUR,paid,boris@example.org\n"
        "6000,2026-03-01 11:00:00 +0100,9.00,EUR,paid,anna@example.org\n"
    )
    await _import(database, texts, tmp_path, text)
    store = "woocommerce:shop.example/de"
    assert await whose(intake) == {
        (store, "5050"): ("6000", 900, "anna@example.org"), (store, "#5050"): ("5050", 500, "boris@example.org"),
    }  # fmt: skip
    carlas = woo(5052, "5050", "carla@example.org", "5.00", date_created_gmt="2026-03-01T11:59:00")
    await intake.deliver("woocommerce", "order.created", carlas, BERLIN)
    found = await whose(intake)
    assert found[store, "5052"] == ("5050", 500, "carla@example.org")
    assert len(found) == 3  # the same number at another moment, by somebody else: nobody says that it is the file's
    await intake.deliver("woocommerce", "order.created", woo(5051, "5050", "boris@example.org", "5.00"), BERLIN)
    found = await whose(intake)
    assert found[store, "5051"] == ("5050", 500, "boris@example.org")
    assert len(found) == 3 and (store, "#5050") not in found  # the same number and moment: it is the file's


async def test_a_page_of_one_shop_does_not_get_the_price_of_another(database: Database) -> None:
    intake = Intake(database)
    for shop, title, price in ((LAMPS, "Lamp", "100.00"), (CHAIRS, "Chair", "1.00")):
        body = {"id": 77, "title": title, "updated_at": "2026-03-01T12:00:00Z", "published_at": "2026-03-01T12:00:00Z",
                "variants": [{"id": 771, "title": "Default Title", "price": price}]}  # fmt: skip
        await intake.deliver("shopify", "products/update", body, shop)
    cart = {"cart_id": "c1", "currency": "EUR", "products": [{"product_id": "77", "quantity": 1, "price": 5}]}
    await intake.tell("Cart Updated", cart, rank="page", store=f"shopify:{LAMPS}", anonymousId="b1")
    assert (await intake.one(Cart)).items[0]["price"] == 10000
