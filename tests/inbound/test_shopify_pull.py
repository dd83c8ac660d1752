"""The first pull of a shop at Shopify: what its API answers in its own words becomes what its webhooks say."""

import pytest
from intake import Intake
from pulled_shop import differences, everything, opened, pull, shopify_ground, tell, told, webhooks_of
from sqlmodel import SQLModel

from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.demo.shop_trouble import Trouble
from bot.demo.shopify_api import ShopifyShop, read
from bot.inbound.shops import opening, shopify_queries
from bot.inbound.shops.connection import ShopApiError
from bot.inbound.shops.pulling import Pull
from bot.tables.shop import Order, Product


async def test_a_pull_says_what_webhooks_would_have_said(database: Database, texts: Texts) -> None:
    async with ShopifyShop(products=11, customers=8, orders=24) as site:
        ground = shopify_ground(texts, site)
        await pull(database, ground)
        pulled = await told(database)
        intake = Intake(database)
        assert await intake.statuses() == []  # nobody hears of history
        async with opened(ground) as shop:
            await tell(intake, shop, webhooks_of(site), seed=1)
            assert differences(await told(database), pulled) == []
            async with database.transaction() as session:
                for rows in reversed(SQLModel.metadata.sorted_tables):
                    await session.execute(rows.delete())
            await tell(intake, shop, webhooks_of(site), seed=2)
            assert differences(await told(database), pulled) == []
    assert len(pulled["Order"]) == 24
    assert len(pulled["Product"]) == 11 * 3 + 23


async def test_it_is_whole_in_spite_of_troubles_and_changes(database: Database, texts: Texts) -> None:
    trouble = Trouble(0.3, seed=3)
    async with ShopifyShop(customers=70, orders=90, trouble=trouble, cost=45, restored=20_000) as site:

        def change(name: str) -> None:
            """With every page something goes that was read, and something that was not."""
            things = site.things[name]
            if name == "orders" and len(things) > 50:
                things.remove(things.ids[0])
                things.remove(things.ids[-1])

        site.meanwhile = change
        await pull(database, shopify_ground(texts, site))
        known = {int(one.order_id) for one in await Intake(database).rows(Order)}
        assert {one for one in site.things["orders"].ids if one % 50 != 49} - known == set()
    assert trouble.met.keys() == {"throttled", "down", "bad_gateway", "cut", "no_answer"}


async def test_points_are_waited_for_and_pages_fit_what_they_cost(database: Database, texts: Texts) -> None:
    async with ShopifyShop(customers=60, cost=40, restored=50) as site:
        ground = shopify_ground(texts, site)
        waited: list[float] = []

        async def wait(seconds: float) -> None:
            waited.append(seconds)
            site.let_pass(seconds)

        async with opening.opened(ground.config, "shopify", wait) as shop:
            rows = await Pull(database, ground, shop).run()
            assert [row["taken"] for row in rows] == [0, 60, 0]
            assert waited
            assert site.throttled == 0  # we know what a page costs
            site.spend(900)
            await Pull(database, ground, shop).run(again=True)
            assert site.throttled == 1  # and what others spend we are told


async def test_refunds_that_are_too_dear_together_are_asked_for_one_by_one(texts: Texts) -> None:
    async with ShopifyShop(customers=9, orders=40) as site:
        async with opened(shopify_ground(texts, site)) as shop:
            at_once = await everything(shop)
        assert "refund" not in site.asked and any(one.payload.get("refunds") for one in at_once)
        site.too_dear = {"order"}
        async with opened(shopify_ground(texts, site)) as shop:
            assert await everything(shop) == at_once
        assert "refund" in site.asked and site.asked.count("order") > 1


async def test_a_question_that_is_too_dear_in_itself_is_said_in_words(database: Database, texts: Texts) -> None:
    async with ShopifyShop(customers=9, orders=40) as site:
        site.too_dear = {"order", "refund"}
        with pytest.raises(FindingsError, match="too dear"):
            await pull(database, shopify_ground(texts, site))


async def test_an_app_of_the_dev_dashboard_gets_its_token_each_day(database: Database, texts: Texts) -> None:
    async with ShopifyShop(orders=1) as site:
        more = {"token": None, "client_id": site.client_id, "client_secret": site.client_secret}
        await pull(database, shopify_ground(texts, site, **more))
        assert len(await Intake(database).rows(Order)) == 1
        async with opened(shopify_ground(texts, site, **more)) as shop:
            await shop.hooks()
            site.token = "shpat_of_the_next_day"
            assert await shop.hooks() == []
        with pytest.raises(ShopApiError):
            await pull(database, shopify_ground(texts, site, token="shpat_wrong"), again=True)


async def test_a_right_that_the_app_lacks_is_named(database: Database, texts: Texts) -> None:
    async with ShopifyShop(orders=1) as site:
        site.refuses_fields = {"orders"}
        with pytest.raises(ShopApiError, match="right to read"):
            await pull(database, shopify_ground(texts, site))
    assert await Intake(database).rows(Product) == []


def test_queries_are_whole() -> None:
    lists = shopify_queries.PRODUCTS, shopify_queries.CUSTOMERS, shopify_queries.ORDERS
    for query in (*lists, shopify_queries.REFUNDS, shopify_queries.ONE_REFUND):
        assert read(query)
