"""Somebody climbs into a tier: the next morning they hear of it, unless what brought it went back."""

from typing import Any

import pytest
import shop_world
import sqlalchemy as sa
from shop_world import DAY, HOUR, ShopWorld

from bot.base.database import Database
from bot.base.texts import Texts
from bot.tables.events import Event

FLOW = "tier_change"
TIERS = (
    {"name": "silver", "title": "Silver", "title_zh": "银卡", "from": 100, "brings": "Free shipping.",
     "brings_zh": "全场包邮。"},
    {"name": "gold", "title": "Gold", "from": 500},
)  # fmt: skip


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts, shop_world.only(FLOW), automations={"tiers": TIERS})
    await world.person()
    return world


async def buys(shop: ShopWorld, order: str, amount: float, **more: Any) -> None:
    await shop.orders(order, revenue=amount, total=amount, **more)
    await shop.settle()


async def goes_back(shop: ShopWorld, order: str, amount: float) -> None:
    await shop.happens("Order Refunded", order_id=order, total=amount, revenue=amount, currency="EUR")
    await shop.settle()


async def test_the_next_morning_they_hear_what_it_brings_and_what_comes_next(shop: ShopWorld) -> None:
    await buys(shop, "o1", 120)
    assert shop.templates() == []
    await shop.passes(DAY)
    (mail,) = shop.mails.sent
    assert mail.payload["subject"] == "Ada, you are Silver now"
    assert "Free shipping." in mail.payload["text"] and "€380" in mail.payload["text"]
    assert "Gold" in mail.payload["text"]
    assert f"{mail.row['planned_at']:%H:%M}" == "10:00"
    (row,) = await shop.enrolled(FLOW)
    assert row["dedupe_key"] == f"tier:{row['contact_id']}:silver:2026-03-04"


async def test_the_mail_speaks_chinese(shop: ShopWorld) -> None:
    person = await shop.person()
    await shop.change(person, language="zh_CN")
    await buys(shop, "o1", 120)
    await shop.passes(DAY)
    assert "银卡" in shop.mails.sent[0].payload["subject"] and "全场包邮" in shop.mails.sent[0].payload["text"]


async def test_what_goes_back_within_a_day_takes_the_mail_with_it(shop: ShopWorld) -> None:
    await buys(shop, "o1", 120)
    await shop.passes(12 * HOUR)
    await goes_back(shop, "o1", 120)
    await shop.passes(3 * DAY)
    assert shop.templates() == []
    (row,) = await shop.enrolled(FLOW)
    assert (row["status"], row["exit_reason"]) == ("exited", "goal")


async def test_two_steps_in_one_day_are_one_mail_about_the_higher(shop: ShopWorld) -> None:
    await buys(shop, "o1", 120)
    await shop.passes(HOUR)
    await buys(shop, "o2", 500)
    await shop.passes(2 * DAY)
    assert [mail.payload["subject"] for mail in shop.mails.sent] == ["Ada, you are Gold now"]
    assert "at the top" in shop.mails.sent[0].payload["text"]


async def test_who_goes_down_hears_nothing(shop: ShopWorld) -> None:
    await shop.happens("Tier Changed", source="aftercart", tier="", previous="silver", direction="down",
                       date="2026-03-04")  # fmt: skip
    await shop.happens("Tier Changed", source="aftercart", tier="silver", previous="gold", direction="down",
                       date="2026-03-04")  # fmt: skip
    await shop.passes(3 * DAY)
    assert shop.templates() == [] and await shop.enrolled(FLOW) == []


async def test_a_tier_that_only_an_event_claims_is_not_congratulated(shop: ShopWorld) -> None:
    await shop.happens("Tier Changed", tier="gold", previous="", direction="up", date="2026-03-04")
    await shop.passes(3 * DAY)
    assert shop.templates() == [] and await shop.skipped() == []
    async with shop.database.reading() as session:
        told = sa.select(Event.status, Event.error).where(Event.name == "Tier Changed")
        assert (await session.execute(told)).all() == [("refused", "rank")], "only we count tiers"
