"""What the catalogue tells of itself: prices over time, stock that changed, prices that people saw."""

from datetime import datetime, timedelta
from typing import Any

from conftest import NOON
from intake import Intake, payload

from bot.base.database import Database
from bot.shops import prices
from bot.tables.catalogue import PriceChange, SeenPrice
from bot.tables.events import Event
from bot.tables.shop import Product

DAY = timedelta(days=1)


async def _told(intake: Intake, at: datetime = NOON, product: str = "lamp", **more: Any) -> None:
    said = {"product_id": product, "name": "Lamp", "price": 20, "currency": "EUR", "stock": 5, **more}
    await intake.tell("Product Updated", {**said, "updated_at": at.isoformat()}, source="shopify", ts=at)


async def _changes(intake: Intake, name: str) -> list[dict[str, Any]]:
    return [event.body["properties"] for event in await intake.rows(Event) if event.name == name]


async def test_the_first_price_of_the_shop_is_no_change(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Product Viewed", {"product_id": "lamp", "price": 99, "currency": "EUR"}, anonymousId="a1")
    await _told(intake)
    assert await _changes(intake, "Product Price Changed") == []
    assert [row.price for row in await intake.rows(PriceChange)] == [2000]


async def test_a_changed_price_is_told_once_and_of_nobody(database: Database) -> None:
    intake = Intake(database)
    await _told(intake)
    await _told(intake, NOON + DAY, price=15)
    await _told(intake, NOON + DAY, price=15)
    await _told(intake, NOON, price=11)  # an old state that came late
    assert await _changes(intake, "Product Price Changed") == [
        {"product_id": "lamp", "old": "20.00", "new": "15.00", "currency": "EUR"}
    ]
    told = await intake.one(Event, name="Product Price Changed")
    assert (told.source, told.contact_id, told.status, told.ts) == ("aftercart", None, "done", NOON + DAY)


async def test_another_currency_is_no_change_of_the_price(database: Database) -> None:
    intake = Intake(database)
    await _told(intake)
    await _told(intake, NOON + DAY, price=15, currency="USD")
    await _told(intake, NOON + 2 * DAY, price=14, currency="USD")
    assert [one["old"] for one in await _changes(intake, "Product Price Changed")] == ["15.00"]


async def test_each_variant_tells_of_itself(database: Database) -> None:
    intake = Intake(database)
    small, large = {"variant_id": "s", "price": 20, "stock": 0}, {"variant_id": "l", "price": 25, "stock": 4}
    await _told(intake, variants=[small, large])
    await _told(intake, NOON + DAY, variants=[{**small, "stock": 3}, {**large, "price": 21}])
    assert [one.get("variant_id") for one in await _changes(intake, "Product Price Changed")] == ["l"]
    assert await _changes(intake, "Product Stock Changed") == [
        {"product_id": "lamp", "variant_id": "s", "from": 0, "to": 3}
    ]


async def test_what_is_taken_off_cannot_be_bought_and_what_is_not_counted_always_can(database: Database) -> None:
    intake = Intake(database)
    await _told(intake)
    await _told(intake, NOON + DAY, published=False)
    await _told(intake, NOON + 2 * DAY, stock=None)
    await intake.tell("Product Deleted", {"product_id": "lamp"}, source="shopify", ts=NOON + 3 * DAY)
    moves = [(one["from"], one["to"]) for one in await _changes(intake, "Product Stock Changed")]
    assert moves == [(5, 0), (0, None), (None, 0)]


async def test_the_lowest_price_is_the_one_of_the_thirty_days_before(database: Database) -> None:
    intake = Intake(database)
    lamp = ("", "lamp", "")
    found = []
    for day, price in ((0, 10), (5, 30), (40, 25), (50, 28), (60, 20)):
        await _told(intake, NOON + day * DAY, price=price)
        async with database.reading() as session:
            found.append((await prices.prior(session, [lamp, ("", "mug", "")])).get(lamp))
    assert found == [None, 1000, 3000, 2500, 2500]


async def test_the_price_that_somebody_saw_last_is_remembered_and_no_page_makes_it_higher(database: Database) -> None:
    intake = Intake(database)
    await _told(intake)
    for at, price in ((NOON, 500), (NOON - DAY, 3), (NOON, None)):
        said = {"product_id": "lamp", "price": price, "currency": "EUR"}
        await intake.tell("Product Viewed", said, ts=at, userId="u1")
    assert [(row.price, row.currency, row.at) for row in await intake.rows(SeenPrice)] == [(2000, "EUR", NOON)]
    await intake.tell("Product Viewed", {"product_id": "lamp", "price": 18, "currency": "USD"}, userId="u1")
    assert [(row.price, row.currency) for row in await intake.rows(SeenPrice)] == [(1800, "USD")]
    async with database.transaction() as session:
        await prices.forget(session, NOON + 40 * DAY)
    assert await intake.rows(SeenPrice) == []


async def test_a_cart_shows_the_price_of_each_of_its_lines(database: Database) -> None:
    intake = Intake(database)
    small, large = {"variant_id": "s", "price": 20}, {"variant_id": "l", "price": 25}
    await _told(intake, variants=[small, large])
    lines = [{"product_id": "lamp", **small}, {"product_id": "lamp", **large}, {"product_id": "mug", "price": 4}]
    await intake.tell("Cart Viewed", {"cart_id": "c", "products": lines, "currency": "EUR"}, userId="u1")
    seen = {(row.product_id, row.variant_id): row.price for row in await intake.rows(SeenPrice)}
    assert seen == {("lamp", "s"): 2000, ("lamp", "l"): 2500, ("mug", ""): 400}


async def test_nobody_is_remembered_who_was_not_named(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Product Viewed", {"product_id": "lamp", "price": 20})
    assert await intake.rows(SeenPrice) == []


async def test_a_product_webhook_tells_of_the_variant_that_changed(database: Database) -> None:
    intake = Intake(database)
    body = payload("shopify_product")
    first, *_ = body["variants"]
    first |= {"inventory_management": "shopify", "inventory_policy": "deny", "inventory_quantity": 0}
    await intake.deliver("shopify", "products/update", body)
    later = (datetime.fromisoformat(body["updated_at"]) + timedelta(hours=1)).isoformat()
    first |= {"inventory_quantity": 7, "price": "1.00"}
    await intake.deliver("shopify", "products/update", {**body, "updated_at": later})
    stock = await _changes(intake, "Product Stock Changed")
    assert [one for one in stock if one.get("variant_id")] == [
        {"product_id": str(body["id"]), "variant_id": str(first["id"]), "from": 0, "to": 7}
    ]
    assert {one.get("variant_id") for one in await _changes(intake, "Product Price Changed")} == {
        None, str(first["id"]),
    }  # fmt: skip


async def test_a_price_out_of_the_future_does_not_keep_out_those_that_follow(database: Database) -> None:
    intake = Intake(database)
    said = {"product_id": "lamp", "name": "Lamp", "currency": "EUR"}
    ahead = {**said, "price": 99, "updated_at": (NOON + 900 * DAY).isoformat()}
    await intake.tell("Product Updated", ahead, source="shopify")
    await intake.tell("Product Updated", {**said, "price": 20}, source="shopify", ts=NOON + DAY)
    assert [row.price for row in await intake.rows(Product)] == [2000]
