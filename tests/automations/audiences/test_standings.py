from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from shop_world import DAY, HOUR, ShopWorld, opened

from automations.definition.flow_files import Flows
from bot import contacts
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables.audiences import CustomerStats, StandingChange
from bot.tables.events import Event
from bot.tables.shop import Order

TIERS = ({"name": "silver", "title": "Silver", "from": 100}, {"name": "gold", "title": "Gold", "from": 500})
ADA = 1
"""The first contact of the world."""

stats, changes, events, orders = table(CustomerStats), table(StandingChange), table(Event), table(Order)


async def _world(database: Database, texts: Texts, **shop: Any) -> ShopWorld:
    world = await opened(database, texts, Flows(), automations={"tiers": TIERS}, shop=shop)
    assert await world.person() == ADA
    return world


async def _standing(world: ShopWorld, contact_id: int = ADA) -> dict[str, Any]:
    rows = await world._rows(sa.select(stats).where(stats.c.contact_id == contact_id))
    return rows[0] if rows else {}


async def _told(world: ShopWorld, name: str = "Tier Changed") -> list[tuple[str, str, str]]:
    rows = await world._rows(sa.select(events.c.body).where(events.c.name == name).order_by(events.c.id))
    found = [row["body"]["properties"] for row in rows]
    return [(one["previous"], one["tier"], one["direction"]) for one in found]


async def _tiers(world: ShopWorld) -> list[tuple[str, str, str]]:
    rows = await world._rows(sa.select(changes).where(changes.c.kind == "tier").order_by(changes.c.id))
    return [(row["before"], row["after"], row["why"]) for row in rows]


async def _bought(world: ShopWorld, order: str, revenue: float, **more: Any) -> None:
    await world.orders(order, revenue=revenue, total=revenue, **more)


async def test_an_order_counts_when_it_is_paid(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 40)
    world.now += 3 * DAY
    await _bought(world, "o2", 60)
    found = await _standing(world)
    assert (found["orders"], found["paid_orders"], found["orders_365"]) == (2, 2, 2)
    assert (found["revenue"], found["revenue_365"]) == (10_000, 10_000)
    assert (found["first_at"], found["last_at"]) == (world.now - 3 * DAY, world.now)
    assert (found["r"], found["f"], found["m"], found["rfm"]) == (5, 2, 2, "promising")


async def test_t21_a_pending_order_is_no_revenue_until_it_is_paid(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 120, financial_status="pending")
    found = await _standing(world)
    assert (found["orders"], found["paid_orders"], found["revenue"], found["rfm"], found["tier"]) == (1, 0, 0, "", "")
    await world.happens("Order Paid", order_id="o1")
    found = await _standing(world)
    assert (found["paid_orders"], found["revenue"], found["tier"]) == (1, 12_000, "silver")
    assert found["rfm"]


async def test_t19_a_refund_recomputes_scores_and_tier_at_once(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 30)
    world.now += 40 * DAY
    await _bought(world, "o2", 600)
    before = await _standing(world)
    assert (before["f"], before["m"], before["tier"]) == (2, 4, "gold")
    world.now += HOUR
    await world.happens("Order Refunded", order_id="o2", refund_id="r1")
    after = await _standing(world)
    assert (after["paid_orders"], after["revenue"], after["f"], after["m"]) == (1, 3_000, 1, 1)
    assert after["last_at"] == before["first_at"]
    assert after["r"] == 4
    assert after["rfm"] != before["rfm"]
    assert after["tier"] == ""
    rows = await world._rows(sa.select(changes).where(changes.c.kind == "rfm", changes.c.why == "reverted"))
    assert [(row["before"], row["after"]) for row in rows] == [(before["rfm"], after["rfm"])]


async def test_a_part_that_went_back_is_no_revenue(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 90)
    await world.happens("Order Refunded", order_id="o1", refund_id="r1", total=25)
    found = await _standing(world)
    assert (found["paid_orders"], found["revenue"]) == (1, 6_500)


async def test_a_cancelled_order_is_none(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 90)
    await world.happens("Order Cancelled", order_id="o1")
    found = await _standing(world)
    assert (found["orders"], found["paid_orders"], found["revenue"], found["rfm"]) == (0, 0, 0, "")


async def test_t55_an_order_in_another_currency_keeps_the_rate_of_its_day(database: Database, texts: Texts) -> None:
    world = await _world(database, texts, exchange_rates=["1 USD = 0.90", "1 JPY = 0.006"])
    await _bought(world, "o1", 200, currency="USD")
    await _bought(world, "o2", 10_000, currency="JPY")
    assert (await _standing(world))["revenue"] == 18_000 + 6_000
    fallen = {"exchange_rates": ["1 USD = 0.50"]}
    later = await opened(database, texts, Flows(), automations={"tiers": TIERS}, shop=fallen)
    later.now, later.count = world.now + DAY, 100
    await later.happens("Order Refunded", order_id="o1", refund_id="r1", total=100)
    await later.standings.nightly(database, later.now)
    assert (await _standing(later))["revenue"] == 9_000 + 6_000
    kept = await later._rows(sa.select(orders.c.rate, orders.c.net).order_by(orders.c.id))
    assert [(row["rate"], row["net"]) for row in kept] == [(0.9, 9_000), (0.006, 6_000)]


async def test_an_order_without_a_rate_is_worth_something_once_there_is_one(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 200, currency="USD")
    found = await _standing(world)
    assert (found["paid_orders"], found["revenue"]) == (1, 0)
    later = await opened(database, texts, Flows(), shop={"exchange_rates": ["1 USD = 0.92"]})
    await later.standings.nightly(database, world.now)
    assert (await _standing(world))["revenue"] == 18_400


async def test_what_was_bought_over_a_year_ago_leaves_at_night(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 300)
    world.now += 100 * DAY
    await _bought(world, "o2", 50)
    assert (await _standing(world))["revenue_365"] == 35_000
    world.now += 266 * DAY
    await world.standings.nightly(database, world.now)
    found = await _standing(world)
    assert (found["orders_365"], found["revenue_365"], found["revenue"]) == (1, 5_000, 35_000)
    assert found["r"] == 2


async def test_orders_from_before_are_counted_in_the_first_night(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    async with database.transaction() as session:
        for number in range(3):
            session.add(Order(order_id=f"old{number}", contact_id=ADA, status="paid", revenue=20_000,
                              currency="EUR", ordered_at=world.now - 9 * DAY, changed_at=world.now))  # fmt: skip
    await world.standings.catch_up(database, world.now)
    found = await _standing(world)
    assert (found["paid_orders"], found["revenue"], found["tier"]) == (3, 60_000, "gold")
    assert await _told(world) == []  # nobody is congratulated by an update of the program


async def test_people_who_turn_out_to_be_one_bought_together(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    other = await world.person("eve@example.org")
    await _bought(world, "o1", 70)
    world.now += DAY
    await world.orders("o2", revenue=80, total=80)
    await world.happens("Order Completed", "eve@example.org", order_id="o3", revenue=400, total=400, currency="EUR")
    async with database.transaction() as session:
        await contacts.merge(session, ADA, other, world.now)
    found = await _standing(world)
    assert (found["paid_orders"], found["revenue"], found["stale"]) == (3, 55_000, True)
    assert await _standing(world, other) == {}
    await world.standings.rescore(database, world.now)
    await world.standings.catch_up(database, world.now)
    found = await _standing(world)
    assert (found["paid_orders"], found["revenue"], found["tier"], found["stale"]) == (3, 55_000, "gold", False)


async def test_a_tier_is_reached_at_once_and_told_once(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 99.99)
    assert (await _standing(world))["tier"] == ""
    await _bought(world, "o2", 0.01)
    found = await _standing(world)
    assert (found["tier"], found["tier_since"]) == ("silver", world.now)
    await world.happens("Order Updated", order_id="o2", revenue=0.01, currency="EUR")
    assert await _told(world) == [("", "silver", "up")]
    assert await _tiers(world) == [("", "silver", "order")]


async def test_a_tier_is_lost_at_night_after_its_grace(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 500)
    world.now += 366 * DAY
    await world.standings.nightly(database, world.now)
    found = await _standing(world)
    assert (found["tier"], found["tier_until"]) == ("gold", world.now + 30 * DAY)
    world.now += 29 * DAY
    await world.standings.nightly(database, world.now)
    assert (await _standing(world))["tier"] == "gold"
    world.now += DAY
    await world.standings.nightly(database, world.now)
    assert (await _standing(world))["tier"] == ""
    assert await _told(world) == [("", "gold", "up"), ("gold", "", "down")]
    assert await _tiers(world) == [("", "gold", "order"), ("gold", "", "nightly")]


async def test_who_buys_within_the_grace_keeps_the_tier(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 500)
    world.now += 366 * DAY
    await world.standings.nightly(database, world.now)
    await _bought(world, "o2", 510)
    found = await _standing(world)
    assert (found["tier"], found["tier_until"]) == ("gold", None)
    world.now += 31 * DAY
    await world.standings.nightly(database, world.now)
    assert (await _standing(world))["tier"] == "gold"


async def test_a_tier_won_by_what_goes_back_within_a_day_was_never_won(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 150)
    world.now += 10 * DAY
    await _bought(world, "o2", 400)
    world.now += timedelta(hours=23)
    await world.happens("Order Refunded", order_id="o2", refund_id="r1")
    assert (await _standing(world))["tier"] == "silver"
    assert await _told(world, "Tier Reverted") == [("silver", "gold", "reverted")]
    assert await _tiers(world) == [("", "silver", "order"), ("silver", "gold", "order"), ("gold", "silver", "reverted")]


async def test_a_refund_after_a_day_leaves_the_tier_its_grace(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 500)
    world.now += timedelta(hours=25)
    await world.happens("Order Refunded", order_id="o1", refund_id="r1")
    found = await _standing(world)
    assert (found["tier"], found["revenue_365"]) == ("gold", 0)
    assert await _told(world, "Tier Reverted") == []
    await world.standings.nightly(database, world.now)
    assert (await _standing(world))["tier_until"] == world.now + 30 * DAY


async def test_history_that_is_loaded_congratulates_nobody(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    past = world.now - 30 * DAY
    await world.happens("Order Completed", at=past, order_id="o1", revenue=700, total=700, currency="EUR")
    assert (await _standing(world))["tier"] == "gold"
    assert await _told(world) == []


async def test_a_tier_that_the_shop_no_longer_has_gives_way(database: Database, texts: Texts) -> None:
    world = await _world(database, texts)
    await _bought(world, "o1", 500)
    later = await opened(database, texts, Flows(), automations={"tiers": [{"name": "member", "from": 1}]})
    await later.standings.nightly(database, world.now)
    assert (await _standing(world))["tier"] == "member"
    assert await _told(world) == [("", "gold", "up")]
