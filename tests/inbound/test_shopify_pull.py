"""The first pull of a shop at Shopify: what its API answers in its own words becomes what its webhooks say."""

from collections.abc import Iterator

import pytest
from intake import Intake
from pulled_shop import differences, everything, opened, pull, shopify_ground, tell, told, webhooks_of
from sqlmodel import SQLModel

from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.demo.shop_trouble import Trouble
from bot.demo.shopify_api import Selection, ShopifyShop, read
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

        async def wait(seconds: float) -> None:
            site.let_pass(seconds)

        site.meanwhile = change
        ground = shopify_ground(texts, site)
        async with opening.opened(ground.config, "shopify", wait) as shop:
            await Pull(database, ground, shop).run()
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


_QUERIES = {
    **{name: getattr(shopify_queries, name) for name in ("PRODUCTS", "CUSTOMERS", "ORDERS", "REFUNDS", "ONE_REFUND")},
    **{f"the rest of {name}": query for name, query in shopify_queries.REST.items()},
    **{f"more {name}": query for name, query in shopify_queries.LONGER.items()},
}


def _lists(asked: Selection, above: str = "") -> Iterator[tuple[str, str, Selection]]:
    """Each list below, by where it stands: what was asked of it, and what is selected."""
    for name, (given, below) in asked.items():
        if "first" in given:
            yield f"{above}{name}", given["first"], below
        yield from _lists(below, f"{above}{name}.")


@pytest.mark.parametrize("name", _QUERIES)
def test_each_list_of_a_query_is_one_of_which_more_can_be_asked(name: str) -> None:
    found = list(_lists(read(_QUERIES[name])))
    assert found
    for where, first, below in found:
        field = where.rpartition(".")[2]
        if first == "$first" and field not in shopify_queries.LONGER:
            assert "pageInfo" in below, where
        elif first != "$first":
            assert int(first) == shopify_queries.FIRST[field], where
            paged = field in shopify_queries.REST and "pageInfo" in below
            assert paged or field in {*shopify_queries.LONGER, "trackingInfo"}, where


def test_each_list_is_declared_once() -> None:
    asked = {where.rpartition(".")[2] for name in _QUERIES for where, _, _ in _lists(read(_QUERIES[name]))}
    more = {*shopify_queries.REST, *shopify_queries.LONGER}
    assert asked - {"products", "customers", "orders"} == shopify_queries.FIRST.keys() == {*more, "trackingInfo"}


@pytest.mark.parametrize("many", [10, 11, 60, 130])
async def test_an_order_with_many_of_everything_is_whole(texts: Texts, many: int) -> None:
    """What a webhook tells, however long its lists are."""
    async with ShopifyShop(customers=1, orders=3, products=1) as site:
        order = site.things["orders"][1]
        (refund,) = order["refunds"]
        (parcel,) = site.things["orders"][3]["fulfillments"]
        (line,) = order["line_items"]
        (shipping,), (payment,), (back,) = (
            refund[name] for name in ("refund_shipping_lines", "transactions", "refund_line_items")
        )
        long = {
            **refund, "refund_shipping_lines": [shipping] * many, "transactions": [payment] * many,
            "refund_line_items": [back] * many,
        }  # fmt: skip
        site.things["orders"].change(
            1,
            line_items=[{**line, "id": one} for one in range(1, many + 1)],
            fulfillments=[{**parcel, "id": one, "order_id": 1} for one in range(1, many + 1)],
            refunds=[long, *({**refund, "id": one} for one in range(2, many + 1))],
        )
        told = site.things["orders"][1]
        (variant, _) = site.things["products"][1]["variants"]
        site.things["products"].change(1, variants=[{**variant, "id": one} for one in range(1, many + 1)])
        async with opened(shopify_ground(texts, site)) as shop:
            by_topic = {(thing.topic, thing.id): thing.payload for thing in await everything(shop)}
    pulled = by_topic["orders/updated", "1"]
    for name in ("line_items", "fulfillments", "refunds"):
        assert [one["id"] for one in pulled[name]] == [one["id"] for one in told[name]], name
    for name in ("refund_line_items", "refund_shipping_lines", "transactions"):
        assert len(pulled["refunds"][0][name]) == many, name
    assert len(by_topic["products/update", "1"]["variants"]) == many
