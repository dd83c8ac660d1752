"""What a shop deletes for good while webhooks are lost is found at night, and an API that answers little is doubted."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import sqlalchemy as sa
from intake import Intake
from pulled_shop import opened, pull, shopify_ground, woo_ground

from bot.base import clock
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.demo.shopify_api import ShopifyShop
from bot.demo.woocommerce_api import WooCommerceSite
from bot.inbound.shops import alarm, comparing, deletions
from bot.shops import troubles
from bot.shops.inbox import Inbox
from bot.support.desk import Desk
from bot.tables.events import WebhookDelivery
from bot.tables.people import Identity
from bot.tables.shop import Order, Product

Site = WooCommerceSite | ShopifyShop
MANY = {"products": 11, "customers": 12, "orders": 13}


@pytest.fixture(params=["woocommerce", "shopify"])
async def pulled(
    request: pytest.FixtureRequest, texts: Texts, database: Database
) -> AsyncIterator[tuple[Site, Ground]]:
    """A shop of which everything is pulled."""
    async with AsyncExitStack() as stack:
        if request.param == "woocommerce":
            woo = await stack.enter_async_context(WooCommerceSite(**MANY))
            made: tuple[Site, Ground] = woo, woo_ground(texts, woo)
        else:
            shop = await stack.enter_async_context(ShopifyShop(**MANY))
            made = shop, shopify_ground(texts, shop)
        await pull(database, made[1])
        yield made


async def _night(database: Database, ground: Ground, **more: Any) -> dict[str, tuple[int, bool]]:
    """What was lost of each kind, and whether it was believed."""
    async with opened(ground) as shop:
        found = await comparing.compare(database, ground, shop, **more)
    intake = Intake(database)
    inbox = Inbox(database, 1, shops=ground.config.shops)
    while await inbox.translate_due():
        pass
    intake.now = clock.now()
    await intake.apply()
    return {one.resource: (one.lost, one.missing.believed) for one in found}


async def _left(database: Database) -> dict[str, set[str]]:
    """The ids of what is there, as far as we know."""
    intake = Intake(database)
    people = [one for one in await intake.rows(Identity) if one.kind in ("shopify", "woocommerce")]
    return {
        "products": {one.product_id for one in await intake.rows(Product) if one.published and not one.variant_id},
        "customers": {one.value.rpartition(":")[2] for one in people},
        "orders": {one.order_id for one in await intake.rows(Order) if one.status != "cancelled"},
    }


async def test_what_is_gone_for_good_is_found_and_nothing_else(database: Database, pulled: tuple[Site, Ground]) -> None:
    site, ground = pulled
    before = await _left(database)
    nothing = dict.fromkeys(MANY, (0, True))
    assert await _night(database, ground) == nothing
    assert await _left(database) == before
    for name in MANY:
        site.things[name].remove(2)
    assert await _night(database, ground) == dict.fromkeys(MANY, (1, True))
    assert await _left(database) == {name: ids - {"2"} for name, ids in before.items()}
    assert await _night(database, ground) == nothing


async def test_a_shop_that_knows_nothing_any_more_changes_nothing_and_is_told(
    database: Database, pulled: tuple[Site, Ground]
) -> None:
    site, ground = pulled
    before, desk = await _left(database), Desk.build(ground)
    site.forgets = True
    found = await _night(database, ground)
    assert not found["products"][1] and not found["customers"][1]
    assert {lost for lost, _ in found.values()} == {0}
    assert await _left(database) == before
    async with database.transaction() as session:
        (trouble,) = await troubles.every(session)
        assert trouble.kind == troubles.FEW and "customers 12/12" in trouble.words
        assert await alarm.look(session, desk, clock.now()) == 1
        assert await alarm.look(session, desk, clock.now()) == 0
    site.forgets = False
    await _night(database, ground)
    async with database.reading() as session:
        assert await troubles.every(session) == []


async def test_more_than_a_tenth_waits_until_a_person_says_that_it_is_so(
    database: Database, pulled: tuple[Site, Ground]
) -> None:
    site, ground = pulled
    before = await _left(database)
    for number in range(3, 8):
        site.things["customers"].remove(number)
    assert (await _night(database, ground))["customers"] == (0, False)
    assert await _left(database) == before
    assert (await _night(database, ground, believe=True))["customers"] == (5, True)
    assert (await _left(database))["customers"] == before["customers"] - {"3", "4", "5", "6", "7"}


async def test_each_night_goes_on_where_the_one_before_stopped(
    database: Database, pulled: tuple[Site, Ground], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, ground = pulled
    monkeypatch.setattr(deletions, "_A_NIGHT", 5)
    site.things["customers"].remove(2)
    assert [(await _night(database, ground))["customers"] for _ in range(4)] == [
        (0, True), (0, True), (1, True), (0, True),
    ]  # fmt: skip


async def test_what_only_a_file_told_of_is_not_asked_for(database: Database, pulled: tuple[Site, Ground]) -> None:
    """It names by number, handle or SKU what the shop has ids for."""
    _, ground = pulled
    orders, products = table(Order), table(Product)
    async with database.transaction() as session:
        of_a_file = sa.update(orders).where(orders.c.order_id == "3")
        await session.execute(of_a_file.values(order_id="77", facts={"status": "paid"}))
        by_sku = sa.update(products).where(products.c.product_id == "3", products.c.variant_id == "")
        await session.execute(by_sku.values(product_id="77", sku="77"))
    before = await _left(database)
    await _night(database, ground)
    assert await _left(database) == before
    assert await Intake(database).rows(WebhookDelivery) == []


async def test_orders_that_the_app_may_not_see_are_not_gone(database: Database, texts: Texts) -> None:
    async with ShopifyShop(**MANY) as site:
        ground = shopify_ground(texts, site)
        await pull(database, ground)
        before = await _left(database)
        for number in (1, 2):
            site.things["orders"].remove(number)
        await _night(database, ground)
        assert await _left(database) == before
