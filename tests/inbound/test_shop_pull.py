"""The first pull of a shop: whole, once, in whatever order and however often it is broken off."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from intake import Intake
from pulled_shop import differences, everything, pull_woo, tell, told, woo, woo_ground
from sqlmodel import SQLModel

from automations.audiences import rfm
from bot.base import clock
from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo.shop_trouble import Trouble
from bot.demo.woocommerce_api import WooCommerceSite
from bot.events import Happened
from bot.inbound.shops import woocommerce
from bot.inbound.shops.connection import ShopApiError
from bot.inbound.shops.pulling import Pull
from bot.inbound.shops.shop import RESOURCES
from bot.shops import orders
from bot.tables.events import Event, WebhookDelivery
from bot.tables.people import Contact
from bot.tables.shop import Order, Product


async def test_a_pull_says_what_webhooks_would_have_said(database: Database, texts: Texts) -> None:
    async with WooCommerceSite(products=12, customers=9, orders=30) as site:
        ground = woo_ground(texts, site)
        await pull_woo(database, ground)
        pulled = await told(database)
        intake = Intake(database)
        assert await intake.statuses() == []  # nobody hears of history

        async with woo(ground) as connection:
            shop = woocommerce.WooCommerce(ground.config.shops.woocommerce, connection)
            things = await everything(shop)
            await tell(intake, shop, things, seed=1)
            assert differences(await told(database), pulled) == []  # webhooks of the same change nothing

            await _empty(database)
            await tell(intake, shop, things, seed=2)
            assert differences(await told(database), pulled) == []

            await Pull(database, ground, shop).run(again=True)
            assert differences(await told(database), pulled) == []
    assert len(pulled["Order"]) == 30
    assert len(pulled["Product"]) == 12 + 2  # one of seven has two variations


async def test_what_a_pull_ends_with_is_made_up_for_where_it_was_killed_after_the_last_page(
    database: Database, texts: Texts
) -> None:
    def dies(resource: str, _taken: int, _total: int | None) -> None:
        if resource == RESOURCES[-1]:
            raise MemoryError

    async with WooCommerceSite(customers=2, orders=3) as site:
        ground = woo_ground(texts, site)
        async with woo(ground) as connection:
            shop = woocommerce.WooCommerce(ground.config.shops.woocommerce, connection)
            with pytest.raises(MemoryError):
                await Pull(database, ground, shop, dies).run()
            async with database.reading() as session:
                assert await rfm.kept(session) is None
        await pull_woo(database, ground)
        async with database.reading() as session:
            assert await rfm.kept(session) is not None


async def _empty(database: Database) -> None:
    async with database.transaction() as session:
        for rows in reversed(SQLModel.metadata.sorted_tables):
            await session.execute(rows.delete())


async def test_it_is_whole_in_spite_of_troubles_and_changes(database: Database, texts: Texts) -> None:
    trouble = Trouble(0.6, seed=7)
    async with WooCommerceSite(products=15, customers=20, orders=230, trouble=trouble) as site:
        gone = iter(range(3, 200, 7))

        def change(path: str) -> None:
            """Some go, some come, some change, with every page."""
            if path == "/orders":
                for _ in range(12):
                    number = next(gone, None)
                    if number in site.things["orders"].ids:
                        site.things["orders"].remove(number)
                site.things["orders"].change(len(site.asked) + 10_000, date_modified_gmt=_ahead())

        site.meanwhile = change
        await pull_woo(database, woo_ground(texts, site))
        intake = Intake(database)
        await _work_off(intake)
        known = {int(one.order_id) for one in await intake.rows(Order)}
    assert set(site.things["orders"].ids) - known == set()
    assert trouble.met.keys() == {"throttled", "down", "bad_gateway", "cut", "no_answer"}


def _ahead() -> str:
    return (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")


async def _work_off(intake: Intake) -> None:
    while await intake.inbox.translate_due():
        pass
    intake.now = clock.now()
    await intake.apply()


async def test_killed_again_and_again_it_goes_on_and_ends(database: Database, texts: Texts) -> None:
    async with WooCommerceSite(products=6, customers=105, orders=205) as site:
        ground = woo_ground(texts, site)
        for stop_after in (2, 2, 3):
            pulling = asyncio.create_task(pull_woo(database, ground))
            asked = len(site.asked)
            while len(site.asked) < asked + stop_after and not pulling.done():
                await asyncio.sleep(0.002)
            pulling.cancel()
            await asyncio.gather(pulling, return_exceptions=True)
        before = len(site.asked)
        rows = await pull_woo(database, ground)
        assert [(row["resource"], row["taken"], row["total"]) for row in rows] == [
            ("products", 6, 6), ("customers", 105, 105), ("orders", 205, 205),
        ]  # fmt: skip
        assert all(row["finished_at"] for row in rows)
        assert "/products" not in site.asked[before:]  # what was done is not asked for again
        intake = Intake(database)
        assert len(await intake.rows(Order)) == 205

        asked = len(site.asked)
        await pull_woo(database, ground)
        assert len(site.asked) == asked


async def test_a_thing_that_cannot_be_taken_stops_nothing(
    database: Database, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with WooCommerceSite(orders=30) as site:
        real = orders.take_event

        def take_event(order: Order, happened: Happened, currency: str) -> orders.Heard:
            if happened.properties.get("order_id") == "13":
                raise RuntimeError("this one cannot be taken")
            return real(order, happened, currency)

        monkeypatch.setattr(orders, "take_event", take_event)
        rows = await pull_woo(database, woo_ground(texts, site))
    intake = Intake(database)
    assert [row["taken"] for row in rows] == [0, 0, 30]
    assert len(await intake.rows(Order)) == 29
    assert [row.topic for row in await intake.rows(WebhookDelivery)] == ["order.updated"]


async def test_what_changes_while_we_pull_is_news(database: Database, texts: Texts) -> None:
    async with WooCommerceSite(orders=3) as site:
        site.things["orders"].change(4, date_created_gmt=_ahead(), date_modified_gmt=_ahead())
        await pull_woo(database, woo_ground(texts, site))
        intake = Intake(database)
        assert len(await intake.rows(Order)) == 3
        await _work_off(intake)
    assert "Order Completed" in {event.name for event in await intake.rows(Event)}
    assert len(await intake.rows(Order)) == 4
    assert "Order Completed" in intake.names


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"consumer_key": "ck_wrong"}, "refuses the key"),
        ({"address": "http://127.0.0.1:1", "allow_private": False}, "not a public address"),
        ({"address": "http://shop.example", "allow_private": False}, "https"),
        ({"address": "https://2130706433", "allow_private": False}, "not a public address"),
    ],
)
async def test_what_is_wrong_is_said_and_no_key_with_it(
    database: Database, texts: Texts, changed: dict[str, object], word: str
) -> None:
    async with WooCommerceSite(orders=3) as site:
        ground = woo_ground(texts, site)
        settings = ground.config.shops.woocommerce.model_validate(
            {**ground.config.shops.woocommerce.model_dump(), **changed}
        )
        shops = ground.config.shops.model_copy(update={"woocommerce": settings})
        object.__setattr__(ground, "config", ground.config.model_copy(update={"shops": shops}))
        with pytest.raises(ShopApiError) as error:
            await pull_woo(database, ground)
        assert word in str(error.value)
        assert site.secret not in str(error.value)


async def test_variations_are_goods_of_their_own(database: Database, texts: Texts) -> None:
    async with WooCommerceSite(products=7) as site:
        await pull_woo(database, woo_ground(texts, site))
    names = {one.name for one in await Intake(database).rows(Product)}
    assert {"Lamp 7", "Lamp 7 - S", "Lamp 7 - M"} <= names


async def test_an_old_order_renames_nobody(database: Database, texts: Texts) -> None:
    async with WooCommerceSite(customers=1, orders=1) as site:
        site.things["customers"].change(1, first_name="Augusta")
        await pull_woo(database, woo_ground(texts, site))
    assert (await Intake(database).one(Contact)).first_name == "Augusta"


async def test_an_older_webhook_takes_back_no_name_that_was_pulled(database: Database, texts: Texts) -> None:
    async with WooCommerceSite(customers=1) as site:
        before = site.things["customers"][1]
        site.things["customers"].change(1, first_name="Augusta", date_modified_gmt="2025-03-04T05:06:07")
        await pull_woo(database, woo_ground(texts, site))
        intake = Intake(database)
        await intake.deliver("woocommerce", "customer.updated", dict(before), site.url)
    assert (await intake.one(Contact)).first_name == "Augusta"


async def test_an_answer_of_many_megabytes_is_one_like_others(texts: Texts) -> None:
    async with WooCommerceSite(orders=3) as site:
        site.things["orders"].change(2, meta_data=[{"key": "a", "value": "x" * 1000}] * 8000)
        async with woo(woo_ground(texts, site)) as connection:
            answer = await connection.ask("GET", "/wc/v3/orders", params={"orderby": "id", "order": "asc"})
    assert answer.data == list(site.things["orders"])
