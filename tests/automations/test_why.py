"""Why somebody got a mail, why not, and why they never came into a flow."""

import pytest
import shop_world
from shop_world import DAY, HOUR, ShopWorld

from automations.definition import versions
from automations.reports import why
from automations.running import pausing
from bot.base.database import Database
from bot.base.texts import Texts


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    return await shop_world.opened(database, texts)


async def refused(shop: ShopWorld, contact_id: int) -> dict[str, tuple[str, int]]:
    async with shop.database.reading() as session:
        return {one.flow: (one.reason, one.times) for one in await why.refused(session, contact_id)}


async def test_who_never_entered_is_told_why(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.happens("Product Viewed", product_id="lamp", category="Lights")
    assert (await refused(shop, contact_id))["browse_reminder"] == ("viewed_once", 1)


async def test_the_newest_answer_is_kept_and_counted(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    await shop.passes(2 * HOUR)
    await shop.adds(cart="c2")
    await shop.adds(cart="c3")
    assert (await refused(shop, contact_id))["abandoned_cart"] == ("re_entry", 2)


async def test_t05_an_order_that_was_told_before_its_checkout_keeps_the_flow_shut(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.orders(checkout_id="k1")
    await shop.checks_out("k1")
    assert (await refused(shop, contact_id))["abandoned_checkout"][0] in ("cart_empty", "goal_reached")
    assert not await shop.enrolled("abandoned_checkout")


async def test_whoever_enters_is_refused_nothing(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    assert "abandoned_cart" not in await refused(shop, contact_id)


async def test_an_older_process_enters_people_into_what_another_has_published(shop: ShopWorld) -> None:
    """Between the moment a changed file is published and the moment we read it, nobody falls through."""
    await shop.person()
    newer = dict(shop.flows.definitions)
    newer["abandoned_cart"] = {**newer["abandoned_cart"], "title": "Another title"}
    changed = shop_world.Flows(shop.flows.by_name, newer, shop.flows.files)
    async with shop.database.transaction() as session:
        active = await versions.publish(session, changed, shop.now)
    await shop.adds()
    [row] = await shop.enrolled("abandoned_cart")
    assert row["version_id"] == active["abandoned_cart"]
    await shop.passes(DAY)
    assert shop.templates()[0] == "abandoned_cart"


async def test_a_flow_that_rests_takes_nobody_and_ends_nothing_that_waits(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds(cart="c1")
    async with shop.database.transaction() as session:
        await pausing.pause(session, "abandoned_cart", shop.now)
    await shop.adds(cart="c2")
    assert (await refused(shop, contact_id))["abandoned_cart"] == ("resting", 1)
    [waiting] = await shop.enrolled("abandoned_cart")
    assert waiting["status"] == "active"
    async with shop.database.transaction() as session:
        await pausing.resume(session, "abandoned_cart", shop.now)
    await shop.passes(2 * HOUR)
    assert shop.templates() == ["abandoned_cart"]
