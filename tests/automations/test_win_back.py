"""Who is asked to come back, when, and who is left alone afterwards."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import shop_world
import sqlalchemy as sa
from shop_world import DAY, HOUR, ShopWorld

from automations.audiences.standings import Standings
from automations.backtest import outcome, past
from automations.backtest.replay import Replay
from automations.running.sweeps.win_back import _late, _may_be
from bot import contacts
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables.people import ContactTag
from bot.tables.shop import Order

FLOW = "win_back"


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    return await shop_world.opened(database, texts, shop_world.only(FLOW, "abandoned_cart"))


async def buyer(shop: ShopWorld, *days_ago: int, email: str = "ada@example.org", **fields: Any) -> int:
    """Somebody who bought then, and is counted."""
    person = await shop.person(email, last_seen_at=None, **fields)
    async with shop.database.transaction() as session:
        for number, days in enumerate(days_ago):
            at = shop.now - days * DAY
            session.add(Order(
                order_id=f"{email}{number}", contact_id=person, status="paid", currency="EUR", revenue=2000, net=2000,
                items=[{"product_id": "lamp", "name": "Lamp", "quantity": 1, "price": 2000}], ordered_at=at,
                paid_at=at, changed_at=at,
            ))  # fmt: skip
    await Standings(shop.ground.config).recount(shop.database, shop.now)
    return person


async def nights(shop: ShopWorld, count: int) -> None:
    """The job of each night, and the day after it."""
    for _ in range(count):
        await shop.sweeps.run(shop.now)
        await shop.passes(DAY)


async def tags(shop: ShopWorld) -> list[str]:
    return [row["tag"] for row in await shop._rows(sa.select(table(ContactTag).c.tag))]


async def test_two_mails_after_three_months_of_silence_and_then_they_are_left_alone(shop: ShopWorld) -> None:
    await buyer(shop, 89)
    assert await shop.sweeps.run(shop.now) == 0
    await nights(shop, 1)
    start = shop.now
    await nights(shop, 24)
    assert shop.templates() == ["win_back", "win_back_2"] and await tags(shop) == []
    days = [(mail.row["planned_at"] - start).days for mail in shop.mails.sent]
    assert days[1] - days[0] == 10
    await nights(shop, 3)
    assert await tags(shop) == ["sunset"]
    await nights(shop, 35)
    assert shop.templates() == ["win_back", "win_back_2"]


@pytest.mark.parametrize(
    ("days_ago", "enters"),
    [
        ((89,), False), ((91,), True), ((119,), True), ((121,), False),
        ((100, 130), True),  # a gap of 30 days: late after 90
        ((150, 210, 220), False),  # a median of 35 days: late after 90, and over since day 120
        ((100, 160, 220), False),  # a gap of 60 days: late only after 120
        ((125, 185, 245), True),
        ((151, 211, 271), False),
        ((400, 420, 800), True),  # a median of 200 days: late after 400
        ((), False),  # never bought: nothing to come back to
    ],
)  # fmt: skip
async def test_late_is_counted_from_their_own_pace(shop: ShopWorld, days_ago: tuple[int, ...], enters: bool) -> None:
    await buyer(shop, *days_ago)
    assert await shop.sweeps.run(shop.now) == enters


async def test_it_looks_once_a_night_and_a_person_enters_once_for_each_last_order(shop: ShopWorld) -> None:
    await buyer(shop, 95)
    assert await shop.sweeps.run(shop.now) == 1
    await shop.passes(HOUR)
    await buyer(shop, 95, email="bob@example.org")
    assert await shop.sweeps.run(shop.now) == 0  # the same day
    shop.now += DAY
    assert await shop.sweeps.run(shop.now) == 1
    assert sorted(row["dedupe_key"].split(":")[2] for row in await shop.enrolled(FLOW)) == [
        "ada@example.org0", "bob@example.org0",
    ]  # fmt: skip


async def test_an_order_that_went_back_was_none(shop: ShopWorld) -> None:
    await buyer(shop, 95)
    async with shop.database.transaction() as session:
        await session.execute(sa.update(table(Order)).values(status="refunded"))
    await Standings(shop.ground.config).recount(shop.database, shop.now)
    assert await shop.sweeps.run(shop.now) == 0


@pytest.mark.parametrize("event", ["Order Completed", "Product Added", "Checkout Started"])
async def test_whoever_comes_back_is_out(shop: ShopWorld, event: str) -> None:
    await buyer(shop, 95)
    await shop.sweeps.run(shop.now)
    await shop.passes(2 * DAY)
    assert shop.templates() == ["win_back"]
    line = {"product_id": "lamp", "name": "Lamp", "price": 20, "quantity": 1}
    about = {"Order Completed": {"order_id": "new"}, "Product Added": {"cart_id": "c", **line},
             "Checkout Started": {"checkout_id": "k"}}[event]  # fmt: skip
    await shop.happens(event, currency="EUR", revenue=20, **{"products": [line], **about})
    (row,) = await shop.enrolled(FLOW)
    assert (row["status"], row["exit_reason"]) == ("exited", "goal")


async def test_whoever_clicks_or_visits_is_not_sunset(shop: ShopWorld) -> None:
    await buyer(shop, 95)
    bob = await buyer(shop, 95, email="bob@example.org")
    await buyer(shop, 95, email="cyd@example.org")
    await nights(shop, 2)
    assert shop.templates() == ["win_back"] * 3
    ada, cyd = (next(n for n, mail in enumerate(shop.mails.sent) if mail.payload["to"] == f"{who}@example.org")
                for who in ("ada", "cyd"))  # fmt: skip
    await shop.clicks(ada)
    await shop.clicks(cyd, "prefetch")
    await shop.happens("Product Viewed", "bob@example.org", product_id="lamp")
    await nights(shop, 27)
    ends = {row["contact_id"]: row["exit_reason"] for row in await shop.enrolled(FLOW)}
    assert sorted(filter(None, ends.values())) == ["engaged", "engaged"] and ends[bob] == "engaged"
    assert await tags(shop) == ["sunset"]


async def test_nobody_enters_who_is_in_another_flow_or_does_not_allow_it(shop: ShopWorld) -> None:
    ada = await buyer(shop, 95)
    await buyer(shop, 95, email="bob@example.org", consent=False)
    cyd = await buyer(shop, 95, email="cyd@example.org")
    async with shop.database.transaction() as session:
        await contacts.withdraw(session, shop.ground.secret, cyd, "email", "cyd@example.org", "marketing", "u",
                                shop.now)  # fmt: skip
    await shop.adds()
    assert [row["contact_id"] for row in await shop.enrolled("abandoned_cart")] == [ada]
    assert await shop.sweeps.run(shop.now) == 0
    await shop.passes(8 * DAY)
    assert await shop.sweeps.run(shop.now) == 1  # the cart's mails are over


async def test_who_bought_may_be_written_to_where_the_shop_says_so(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only(FLOW), automations={"purchase_is_consent": True})
    await buyer(shop, 95, consent=False)
    assert await shop.sweeps.run(shop.now) == 1


def test_counts_rule_out_only_whom_the_orders_rule_out_too() -> None:
    """What may be is a superset of what is late, for every pace: nobody is missed by not reading their orders."""
    now = datetime(2026, 3, 4, tzinfo=shop_world.NOON.tzinfo)
    trigger = shop_world.only(FLOW).by_name[FLOW].trigger
    late = 0
    for last in range(90, 700, 7):
        for gaps in ((), (10,), (200,), (5, 300), (300, 5), (5, 5, 250), (250, 250, 3), (90, 1, 90, 1, 90)):
            bought = [now - timedelta(days=last)]
            for gap in gaps:
                bought.insert(0, bought[0] - timedelta(days=gap))
            row = {"paid_orders": len(bought), "first_at": bought[0], "last_at": bought[-1]}
            if _late(bought, trigger, now):
                late += 1
                assert _may_be(row, trigger, now)
    assert late > 20


async def test_a_back_test_finds_who_would_have_come_in(shop: ShopWorld) -> None:
    """By the orders as they were known in each night: the one that came later ends it, and is no reason before."""
    await buyer(shop, 80)
    bob = await buyer(shop, 80, email="bob@example.org")
    since = shop.now
    await shop.passes(13 * DAY)
    await shop.happens("Order Completed", "bob@example.org", order_id="back", revenue=20, currency="EUR", products=[])
    await shop.passes(3 * DAY)
    assert shop.templates() == []  # nobody swept
    async with past.copied(shop.database, since, shop.now) as found:
        run = Replay(found, shop.ground, shop.flows, shop_world._tips(), shop_world._mails(), since, shop.now)
        await run.run()
        async with found.database.reading() as session:
            seen = await outcome.read(session, FLOW, run.taker.subjects)
    assert len(seen.sent) == 2 and {line.step for line in seen.sent} == {"missed"}
    assert seen.ended == {"active": 1, "goal": 1} and bob in {line.contact_id for line in seen.sent}
