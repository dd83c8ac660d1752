"""Marketing keeps silent while customer service has something to make good, says why, and goes on when it is done."""

from datetime import timedelta

import shop_world
from conftest import NOON
from deskwork import GROUP, Stage
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.feedback import ratings
from bot.tables.feedback import Rating

ADA = "ada@example.org"


async def one_customer(database: Database, texts: Texts) -> tuple[Stage, ShopWorld]:
    """Ada writes in Telegram and shops under her address; we know that she is one person."""
    sections = {"telegram": {"staff_chat_id": GROUP}}
    stage = await Stage.set(database, texts, **sections)
    shop = await shop_world.opened(database, texts, **sections)
    shop.now = NOON
    ada = stage.contact.id or 0
    async with database.transaction() as session:
        found = await contacts.find_or_create(session, [("email", ADA)], NOON)
        await contacts.merge(session, ada, found.id or 0, NOON)
        await contacts.allow(session, shop.ground.secret, ada, "email", ADA, "marketing", "checkout", NOON)
    return stage, shop


async def goes_by(shop: ShopWorld, span: timedelta) -> None:
    """Time, an hour at a time: what support has to say waits in the outbox of the chats, and is not looked at here."""
    until = shop.now + span
    while shop.now < until:
        shop.now = min(until, shop.now + HOUR)
        await shop.settle()


async def test_a_complaint_in_telegram_holds_the_cart_mail_until_it_is_resolved(
    database: Database, texts: Texts
) -> None:
    stage, shop = await one_customer(database, texts)
    await stage.customer_says("I want to talk to a human")
    await stage.staff_takes(NOON + MINUTE)
    await stage.staff_writes("/complaint", NOON + MINUTE)
    number = (await stage.ticket()).number
    await shop.adds()
    await goes_by(shop, 2 * HOUR)
    (mail,) = [row for row in await shop.written() if row["flow"]]
    assert (mail["status"], mail["skip_reason"]) == ("deferred", "held_by_service")
    assert mail["verdicts"]["not_held"] == {"reason": "held_by_service", "because": "complaint", "ticket": number}
    assert shop.templates() == []
    shop.now += MINUTE
    await stage.staff_closes(shop.now)
    await shop.settle()  # at once, with nobody waiting for the next look
    assert shop.templates() == ["abandoned_cart"]


async def test_after_a_bad_rating_nothing_is_sold_until_it_was_made_good(database: Database, texts: Texts) -> None:
    stage, shop = await one_customer(database, texts)
    await stage.customer_says("I want to talk to a human")
    await stage.staff_takes(NOON + MINUTE)
    await stage.staff_closes(NOON + 2 * MINUTE)
    shop.now = NOON + 3 * MINUTE
    async with database.transaction() as session:
        (asked,) = (await session.scalars(shop_world.sa.select(Rating))).all()
        assert await ratings.rate(session, stage.desk, asked, 2, shop.now)
    await shop.adds()
    await goes_by(shop, 2 * HOUR)
    mail = next(row for row in await shop.written() if row["flow"])
    assert mail["verdicts"]["not_held"]["because"] == "low_rating" and shop.templates() == []
    shop.now += MINUTE
    await stage.staff_writes("/reopen", shop.now)
    await stage.staff_closes(shop.now + timedelta(seconds=30))
    shop.now += MINUTE
    await shop.settle()
    assert shop.templates() == ["abandoned_cart"]


async def test_held_for_a_week_it_is_given_up(database: Database, texts: Texts) -> None:
    stage, shop = await one_customer(database, texts)
    await stage.customer_says("I want to talk to a human")
    await stage.staff_takes(NOON + MINUTE)
    await stage.staff_writes("/complaint", NOON + MINUTE)
    await shop.adds()
    await goes_by(shop, 6 * DAY)
    assert await shop.skipped() == []
    await goes_by(shop, 2 * DAY)
    assert (await shop.skipped())[:1] == ["held_by_service"] and shop.templates() == []
    first = next(row for row in await shop.written() if row["step_id"] == "first")
    assert first["verdicts"]["not_held"]["because"] == "complaint"
