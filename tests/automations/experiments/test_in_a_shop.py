"""From the first cart to the verdict, through the front doors: chance decides once about a person."""

from pathlib import Path

import pytest
import shop_world
import sqlalchemy as sa
from shop_world import DAY, HOUR, ShopWorld

from automations.definition import flow_files
from automations.experiments import assignment, holdout, incremental, looks
from automations.experiments.outcomes import Window
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables.events import Event
from bot.tables.experiments import Exposure

WINDOW = Window(5 * DAY, "EUR")
_EXPERIMENT = """
[experiment]
name = "subject"
metric = "order"
size = 100
[experiment.variants.plain]
[experiment.variants.reminder]
steps.first.subject = "Your cart is waiting"
"""


@pytest.fixture
async def shop(database: Database, texts: Texts, tmp_path: Path) -> ShopWorld:
    """Its cart flow tries two subjects of the first mail."""
    shipped = (flow_files.folders(Config())[0] / "abandoned_cart.toml").read_text("utf-8")
    (tmp_path / "abandoned_cart.toml").write_text(shipped + _EXPERIMENT, "utf-8")
    return await shop_world.opened(database, texts, flow_files.load([tmp_path]))


async def leaves_a_cart(shop: ShopWorld, who: str, cart: str) -> None:
    await shop.happens("Product Added", who, product_id="lamp", name="Lamp", price=19.9, quantity=1, currency="EUR",
                       cart_id=cart)  # fmt: skip


async def exposed(shop: ShopWorld) -> dict[int, str]:
    async with shop.database.reading() as session:
        rows = await session.execute(sa.select(table(Exposure).c.contact_id, table(Exposure).c.variant))
        return {row[0]: row[1] for row in rows}


async def test_t51_somebody_held_out_stays_so_on_a_new_device(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, automations={"holdout": 0.5})
    mark = 0
    while True:  # somebody who is held out
        mark += 1
        who = f"p{mark}@example.org"
        person = await shop.person(who)
        if holdout.bucket(shop.ground.secret, "holdout", person) < 5000:
            break
    await leaves_a_cart(shop, who, "c1")
    await shop.passes(10 * DAY)
    assert shop.templates() == []
    devices = 0
    while True:  # a device whose own number would not be
        devices += 1
        await shop.happens("Product Viewed", anonymous=f"phone{devices}", product_id="lamp")
        row = await shop.happens("Product Added", anonymous=f"phone{devices}", product_id="lamp", name="Lamp",
                                 price=19.9, quantity=1, currency="EUR", cart_id=f"d{devices}")  # fmt: skip
        device = await _contact_of(shop, row)
        if holdout.bucket(shop.ground.secret, "holdout", device) >= 5000:
            break
    await shop.happens("", who, anonymous=f"phone{devices}", kind="identify", traits={"email": who})
    await leaves_a_cart(shop, who, "c2")
    await shop.passes(10 * DAY)
    carts = await shop.enrolled("abandoned_cart")
    assert len(carts) >= 2 and {row["context"]["bucket"] for row in carts} == {
        holdout.bucket(shop.ground.secret, "holdout", person)
    }
    assert shop.templates() == []
    assert {row["status"] for row in await shop.written()} == {"withheld"}


async def _contact_of(shop: ShopWorld, event_id: int) -> int:
    async with shop.database.reading() as session:
        found = await session.scalar(sa.select(table(Event).c.contact_id).where(table(Event).c.id == event_id))
    assert found is not None
    return int(found)


async def test_t52_whoever_comes_back_gets_the_same_arm(shop: ShopWorld) -> None:
    arms = {}
    for number in range(8):
        person = await shop.person(f"p{number}@example.org")
        arms[person] = assignment.variant(shop.ground.secret, "subject", person, {"plain": 1, "reminder": 1})
    assert set(arms.values()) == {"plain", "reminder"}
    for time in range(2):
        for number in range(8):
            await leaves_a_cart(shop, f"p{number}@example.org", f"c{time}-{number}")
        await shop.passes(20 * DAY)
    assert {row["contact_id"]: row["variant"] for row in await shop.enrolled("abandoned_cart")} == arms
    assert len(await shop.enrolled("abandoned_cart")) == 16
    firsts = [mail for mail in shop.mails.sent if mail.row["step_id"] == "first"]
    assert len(firsts) == 16
    for mail in firsts:
        assert (mail.payload["subject"] == "Your cart is waiting") == (arms[mail.row["contact_id"]] == "reminder")
    assert await exposed(shop) == arms  # once each


async def test_what_people_do_comes_to_the_verdict(shop: ShopWorld) -> None:
    for number in range(30):
        await shop.person(f"p{number}@example.org")
        await leaves_a_cart(shop, f"p{number}@example.org", f"c{number}")
    await shop.passes(2 * HOUR)
    arms = await exposed(shop)
    clicked = [index for index, mail in enumerate(shop.mails.sent) if arms[mail.row["contact_id"]] == "reminder"]
    for index in clicked:
        await shop.clicks(index)
    await shop.happens("Order Completed", "p3@example.org", order_id="o1", currency="EUR", revenue=40,
                       products=[{"product_id": "lamp", "name": "Lamp", "price": 40, "quantity": 1}])  # fmt: skip
    async with shop.database.transaction() as session:
        [plan] = await looks.plans(session)
        said = await looks.verdict(session, plan, WINDOW, shop.now + 6 * DAY)
    assert (said.status, said.missing, plan.control) == ("collecting", 10, "plain")
    assert said.tallies["reminder"].click == len(clicked) == said.tallies["reminder"].n
    assert said.tallies["plain"].click == 0
    assert sum(tally.order for tally in said.tallies.values()) == 1
    assert sum(tally.spent for tally in said.tallies.values()) == 4000


async def test_the_hold_out_of_the_shop_comes_to_the_report(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, automations={"holdout": 0.5})
    for number in range(12):
        await shop.person(f"p{number}@example.org")
        await leaves_a_cart(shop, f"p{number}@example.org", f"c{number}")
    await shop.passes(2 * HOUR)
    held = {row["contact_id"] for row in await shop.written() if row["status"] == "withheld"}
    async with shop.database.reading() as session:
        everything, cart = await incremental.report(session, WINDOW, shop.now + 6 * DAY)
    assert (cart.held.n, cart.treated.n, cart.mails) == (len(held), 12 - len(held), 12 - len(held))
    assert 0 < len(held) < 12 and everything.held == cart.held
