"""A tier that is reached is written about, unless what had brought it went back."""

from datetime import timedelta

from shop_world import DAY, opened

from bot.base.database import Database
from bot.base.texts import Texts

TIERS = ({"name": "silver", "title": "Silver", "from": 100}, {"name": "gold", "title": "Gold", "from": 500})


async def test_whoever_climbs_is_written_to_the_next_morning(database: Database, texts: Texts) -> None:
    world = await opened(database, texts, automations={"tiers": TIERS})
    await world.person()
    await world.orders("o1", revenue=120, total=120)
    (enrolled,) = await world.enrolled("tier_change")
    assert enrolled["dedupe_key"].split(":")[2] == "silver"
    await world.passes(2 * DAY)
    assert world.templates().count("tier_change") == 1


async def test_a_tier_that_was_taken_back_is_not_written_about(database: Database, texts: Texts) -> None:
    world = await opened(database, texts, automations={"tiers": TIERS})
    await world.person()
    await world.orders("o1", revenue=120, total=120)
    await world.passes(timedelta(hours=5))
    await world.happens("Order Refunded", order_id="o1", refund_id="r1")
    (enrolled,) = await world.enrolled("tier_change")
    assert (enrolled["status"], enrolled["exit_reason"]) == ("exited", "goal")
    await world.passes(2 * DAY)
    assert "tier_change" not in world.templates()
