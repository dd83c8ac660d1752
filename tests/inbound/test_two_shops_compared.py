"""Shops beside each other: what one told is not taken for the word of the other, and each is pulled whole."""

from datetime import UTC, datetime, timedelta

import make
from intake import Intake
from pulled_shop import at_once, pull, shopify_ground, shopify_section, woo_section

from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo.shopify_api import ShopifyShop
from bot.demo.woocommerce_api import WooCommerceSite
from bot.inbound.shops import comparing, opening
from bot.inbound.shops.pulling import Pull
from bot.tables.shop import Order


async def test_a_customer_of_two_shops_is_compared_with_what_this_one_told(database: Database, texts: Texts) -> None:
    async with ShopifyShop(customers=2) as site:
        ground = shopify_ground(texts, site)
        await pull(database, ground)
        soon, later = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (1, 2))
        intake = Intake(database)
        before = site.things["customers"][2]
        await intake.deliver(
            "shopify", "customers/update", {**before, "id": 77, "updated_at": later.isoformat()}, "other.myshopify.com"
        )
        site.things["customers"].change(2, updated_at=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))  # and its webhook was lost
        async with opening.opened(ground.config, "shopify", at_once) as shop:
            found = await comparing.compare(database, ground, shop)
    assert {one.resource: one.lost for one in found} == {"products": 0, "customers": 1, "orders": 0}


async def test_two_systems_that_are_one_store_are_both_pulled_and_neither_misses_what_the_other_has(
    database: Database, texts: Texts
) -> None:
    async with ShopifyShop(orders=3) as shopify, WooCommerceSite(orders=7) as woo:
        stores = [{"name": "main", "shopify": shopify.domain, "woocommerce": woo.url}]
        shops = {"shopify": shopify_section(shopify), "woocommerce": woo_section(woo), "stores": stores}
        ground = make.ground(texts, shops=shops)
        theirs = shopify.things["orders"]
        for number in (1, 2, 3):  # no two orders of one store have one id
            theirs.change(number + 100, **{**theirs[number], "id": number + 100})
            theirs.remove(number)
        for system in opening.SYSTEMS:
            async with opening.opened(ground.config, system, at_once) as shop:
                await Pull(database, ground, shop).run()
                assert {one.lost for one in await comparing.compare(database, ground, shop)} == {0}
    orders = await Intake(database).rows(Order)
    assert {(one.store, one.order_id) for one in orders} == {
        (orders[0].store, str(one)) for one in (101, 102, 103, *range(1, 8))
    }  # fmt: skip
