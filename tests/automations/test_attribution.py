from dataclasses import asdict

import pytest
import shop_world
import sqlalchemy as sa
from shop_world import DAY, HOUR, ShopWorld

from automations.reports import report
from automations.reports.report import FlowReport
from bot import contacts
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables.automations import Credit


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts)
    await world.person()
    await world.adds()
    await world.passes(HOUR)
    return world


async def credited(shop: ShopWorld) -> list[tuple[str, int, bool]]:
    async with shop.database.reading() as session:
        rows = await session.execute(sa.select(table(Credit)).order_by(table(Credit).c.id))
    return [(row.flow, row.amount, row.shadow) for row in rows]


async def about(shop: ShopWorld, flow: str = "abandoned_cart") -> FlowReport:
    async with shop.database.reading() as session:
        return next(one for one in await report.flows(session) if one.flow == flow)


async def test_an_order_after_a_click_is_credited_to_the_mail_once(shop: ShopWorld) -> None:
    await shop.clicks()
    await shop.passes(2 * HOUR)
    await shop.orders(revenue=100)
    await shop.happens("Order Updated", order_id="o1", revenue=100)
    assert await credited(shop) == [("abandoned_cart", 10000, False)]


async def test_without_a_click_or_after_five_days_nothing_is_credited(shop: ShopWorld) -> None:
    await shop.orders("o1")
    await shop.clicks()
    await shop.sleeps(6 * DAY)
    await shop.orders("o2")
    assert await credited(shop) == []


async def clicked_for_a_browser(shop: ShopWorld, claimed: str) -> None:
    """A browser that only claims this address leaves a cart, and whoever reads that mailbox follows the mail."""
    await shop.happens("", claimed, kind="identify", anonymous="b1", rank="page", traits={"email": claimed})
    lamp = {"product_id": "lamp", "name": "Lamp", "price": 9, "currency": "EUR"}
    await shop.happens("Product Updated", source="shopify", **lamp)
    await shop.happens("Product Added", anonymous="b1", rank="page", cart_id="c9", quantity=1, **lamp)
    await shop.passes(HOUR)
    assert shop.mails.sent[-1].payload["to"] == claimed
    await shop.clicks()


async def test_a_click_in_the_mailbox_counts_though_the_mail_left_for_a_browser(
    database: Database, texts: Texts
) -> None:
    shop = await shop_world.opened(database, texts)
    ada = await shop.person()
    await clicked_for_a_browser(shop, "ada@example.org")
    assert shop.mails.sent[-1].row["contact_id"] != ada
    await shop.orders(revenue=100)
    assert await credited(shop) == [("abandoned_cart", 10000, False)]


async def test_a_click_of_a_browser_that_claims_another_address_does_not_count(
    database: Database, texts: Texts
) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.person()
    await shop.person("eve@example.org")
    await clicked_for_a_browser(shop, "eve@example.org")
    await shop.happens("", kind="identify", anonymous="b1", rank="page", traits={"email": "ada@example.org"})
    await shop.orders(revenue=100)
    assert await credited(shop) == []


async def test_a_click_of_somebody_who_is_known_counts_for_nobody_else(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.person()
    await clicked_for_a_browser(shop, "ada@example.org")
    async with database.transaction() as session:
        await contacts.find_or_create(session, [("anonymous_id", "b1"), ("email", "bob@example.org")], shop.now)
    await shop.orders(revenue=100)
    assert await credited(shop) == []


async def test_a_scanner_does_not_earn_money(shop: ShopWorld) -> None:
    await shop.clicks(label="prefetch")
    await shop.orders()
    assert await credited(shop) == []


async def test_a_pending_order_is_credited_when_it_is_paid(shop: ShopWorld) -> None:
    await shop.clicks()
    await shop.orders(status="pending", revenue=50)
    assert await credited(shop) == []
    await shop.happens("Order Paid", order_id="o1")
    assert await credited(shop) == [("abandoned_cart", 5000, False)]


async def test_t56_refunds_and_changes_follow_the_order(shop: ShopWorld) -> None:
    await shop.clicks()
    await shop.orders(revenue=100)
    await shop.happens("Order Updated", order_id="o1", revenue=80, updated_at=(shop.now + HOUR).isoformat())
    assert await credited(shop) == [("abandoned_cart", 8000, False)]
    await shop.happens("Order Cancelled", order_id="o1")
    assert await credited(shop) == [("abandoned_cart", 0, False)]


async def test_the_last_of_several_clicks_is_credited_and_all_are_kept(shop: ShopWorld) -> None:
    await shop.clicks()
    await shop.passes(DAY)
    await shop.clicks()
    await shop.orders()
    async with shop.database.reading() as session:
        row = (await session.execute(sa.select(table(Credit)))).mappings().one()
    assert len(row["touches"]) == 2 and row["message_id"] == shop.mails.sent[-1].id


async def test_what_the_hold_out_spends_is_a_shadow(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, automations={"holdout": 0.999999})
    await shop.person()
    await shop.adds()
    await shop.passes(HOUR)
    await shop.orders(revenue=30)
    assert await credited(shop) == [("abandoned_cart", 3000, True)]
    told = await about(shop)
    assert told.withheld == 1 and told.orders == 0 and told.shadow == {"EUR": 3000}


async def test_the_report_tells_people_mails_and_money(shop: ShopWorld) -> None:
    await shop.clicks()
    await shop.orders(revenue=100)
    told = await about(shop)
    assert (told.enrolled, told.sent, told.clicked, told.orders) == (1, 1, 1, 1)
    assert told.revenue == {"EUR": 10000} and told.exited == {"goal": 1}


async def test_the_report_counts_why_mails_were_not_sent_and_who_left(shop: ShopWorld) -> None:
    await shop.checks_out()
    await shop.passes(2 * HOUR)
    await shop.happens("Unsubscribed")
    told = await about(shop, "abandoned_checkout")
    assert told.skipped == {"frequency_cap": 1} and told.unsubscribed == 1 and told.waiting == 0
    assert asdict(told)["skipped"] == {"frequency_cap": 1}  # a Counter would not survive this


async def test_a_flow_nobody_entered_is_in_the_report(shop: ShopWorld) -> None:
    assert (await about(shop, "birthday")).enrolled == 0
