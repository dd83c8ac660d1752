"""What flows do about goods and orders of several stores that use the same ids."""

from types import SimpleNamespace
from typing import Any

import pytest
import shop_world
import sqlalchemy as sa
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from automations.asking.matter import Case
from automations.asking.questions import reviews
from bot.base import ids
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.support import surveys
from bot.support.desk import Desk
from bot.tables.catalogue import SeenPrice, StockAlert
from bot.tables.events import Event
from bot.tables.feedback import SurveyAnswer
from bot.tables.shop import Store

LAMPS, CHAIRS = "shopify:lamps.myshopify.com", "shopify:chairs.myshopify.com"
LINE = {"product_id": "77", "name": "Thing", "price": 20, "quantity": 1}


async def opened(database: Database, texts: Texts, *flows: str) -> ShopWorld:
    world = await shop_world.opened(database, texts, shop_world.only(*flows))
    async with database.transaction() as session:
        session.add_all([Store(name=one, heard_at=world.now) for one in (LAMPS, CHAIRS)])
    await world.person()
    return world


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    return await opened(database, texts, "back_in_stock", "price_drop", "review_request")


async def told(shop: ShopWorld, store: str, **said: Any) -> None:
    """The store says how it stands with its product 77."""
    plain = {"product_id": "77", "name": store[8:13].title(), "price": 20, "currency": "EUR", "stock": 5}
    await shop.happens("Product Updated", "", source="shopify", store=store, **{**plain, **said})


async def test_who_waits_for_goods_of_one_store_hears_nothing_of_the_others(shop: ShopWorld) -> None:
    for store in (LAMPS, CHAIRS):
        await told(shop, store, stock=0)
    await shop.happens("Back In Stock Requested", product_id="77", store=LAMPS)
    await told(shop, CHAIRS, stock=9)
    await shop.passes(3 * HOUR)
    assert shop.templates() == []
    await told(shop, LAMPS, stock=9)
    await shop.passes(3 * HOUR)
    assert shop.templates() == ["back_in_stock"]
    assert "Lamps" in shop.mails.sent[0].payload["text"]
    async with shop.database.reading() as session:
        alerts = (await session.execute(sa.select(table(StockAlert).c.store))).scalars().all()
    assert alerts == [LAMPS]


async def test_what_costs_less_in_another_store_was_not_seen_there(shop: ShopWorld) -> None:
    for store in (LAMPS, CHAIRS):
        await told(shop, store)
    await shop.happens("Product Viewed", store=LAMPS, product_id="77", price=20, currency="EUR")
    await shop.passes(3 * DAY)
    await told(shop, CHAIRS, price=10)
    await shop.passes(DAY)
    assert "price_drop" not in shop.templates()
    async with shop.database.reading() as session:
        seen = (await session.execute(sa.select(table(SeenPrice).c.store, table(SeenPrice).c.price))).all()
    assert [tuple(one) for one in seen] == [(LAMPS, 2000)]


async def test_orders_of_one_number_in_two_stores_are_two_reasons_to_write(shop: ShopWorld) -> None:
    for store in (LAMPS, CHAIRS):
        await told(shop, store)
        order = {"order_id": "1", "total": 20, "currency": "EUR", "products": [LINE]}
        await shop.happens("Order Completed", source="shopify", store=store, **order)
        shop.now += MINUTE
    await shop.happens("Order Delivered", source="shopify", store=LAMPS, order_id="1")
    rows = await shop.enrolled("review_request")
    assert sorted((row["context"]["store"], "delivered_at" in row["context"]) for row in rows) == [
        (CHAIRS, False), (LAMPS, True),
    ]  # fmt: skip


async def test_surveys_about_orders_of_one_number_are_answered_apart(shop: ShopWorld) -> None:
    for store in (LAMPS, CHAIRS):
        await told(shop, store)
        order = {"order_id": "1", "total": 20, "currency": "EUR", "products": [LINE]}
        await shop.happens("Order Completed", source="shopify", store=store, **order)
        await shop.passes(2 * DAY)
        await shop.happens("Order Delivered", source="shopify", store=store, order_id="1")
        await shop.passes(40 * DAY)  # nobody is asked twice in a month
    desk = Desk.build(shop.ground, shop.now)
    for at, mail in enumerate(shop.mails.sent):
        token = ids.sign("survey", mail.id, shop.ground.secret)
        async with shop.database.transaction() as session:
            asked = await surveys.by_token(session, desk, token)
            assert asked is not None
            if asked.answer is None:
                await surveys.answered(session, desk, asked, 10 - at, "", shop.now)
    kept = {row["store"]: row["score"] for row in await shop._rows(sa.select(table(SurveyAnswer)))}
    assert kept.keys() == {LAMPS, CHAIRS}
    assert len(set(kept.values())) == 2
    heard = await shop._rows(sa.select(table(Event).c.store).where(table(Event).c.name == "Survey Answered"))
    assert sorted(row["store"] for row in heard) == [CHAIRS, LAMPS]


async def test_who_answered_about_an_order_of_one_store_is_asked_about_that_of_the_other(shop: ShopWorld) -> None:
    for store, hours in ((LAMPS, 0), (CHAIRS, 1)):
        case = Case("review_request", shop.now, {"order_id": "1", "store": store}, shop.now)
        answer = {"survey": "review_request", "order_id": "1", "store": LAMPS, "score": 9}
        person = SimpleNamespace(more={"answers": [answer]})
        assert reviews.not_answered(person, case, None) is bool(hours)  # type: ignore[arg-type]


async def test_goods_bought_in_one_store_are_still_shown_of_the_other(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, "browse_reminder")
    for store in (LAMPS, CHAIRS):
        await told(shop, store)
    order = {"order_id": "1", "total": 20, "currency": "EUR", "products": [LINE]}
    await shop.happens("Order Completed", source="shopify", store=LAMPS, **order)
    await shop.passes(12 * DAY)
    for _ in range(2):
        await shop.happens("Product Viewed", store=CHAIRS, product_id="77", currency="EUR")
        await shop.happens("Product Viewed", store=LAMPS, product_id="77", currency="EUR")
        shop.now += MINUTE
    await shop.passes(2 * DAY)
    assert shop.templates() == ["browse_reminder"]
    mail = shop.mails.sent[-1].payload["text"]
    assert "Chair" in mail
    assert "Lamps" not in mail
