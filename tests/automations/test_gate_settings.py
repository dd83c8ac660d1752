"""What a flow may say of the gate itself: who is held out, nights, the cap, pausing, arms of an experiment."""

from pathlib import Path

import pytest
import shop_world
from changed_flows import TOP, cart_flow, flows
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from automations.experiments import holdout
from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts
from bot.tables.automations import FlowVersion


async def left_cart(shop: ShopWorld, who: str = "ada@example.org") -> None:
    await shop.adds(cart=f"c-{who}") if who == "ada@example.org" else await shop.happens(
        "Product Added", who, product_id="lamp", name="Lamp", price=19.9, quantity=1, currency="EUR", cart_id=f"c-{who}"
    )


async def test_a_flow_holds_out_its_own_share(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await shop_world.opened(database, texts, flows(tmp_path, (TOP, TOP + "holdout = 0.5\n")))
    people = [f"p{number}@example.org" for number in range(30)]
    for address in people:
        await shop.person(address)
        await left_cart(shop, address)
    await shop.passes(2 * HOUR)
    held = {row["contact_id"] for row in await shop.written() if row["status"] == "withheld"}
    expected = {
        row["contact_id"]
        for row in await shop.enrolled()
        if holdout.of_flow(shop.ground.secret, "abandoned_cart", row["contact_id"]) < 5000
    }
    assert held == expected and 5 < len(held) < 25
    row = next(row for row in await shop.written() if row["status"] == "withheld")
    assert row["verdicts"]["not_held_out"]["of"] == "flow" and row["verdicts"]["under_cap"] is True


async def test_t51_held_out_of_a_flow_stays_so_after_a_merge(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await shop_world.opened(database, texts, flows(tmp_path, (TOP, TOP + "holdout = 0.5\n")))
    made = [(await shop.person(f"p{number}@example.org"), number) for number in range(12)]
    secret = shop.ground.secret
    low = [one for one in made if holdout.of_flow(secret, "abandoned_cart", one[0]) < 5000]
    high = [one for one in made if holdout.of_flow(secret, "abandoned_cart", one[0]) >= 5000]
    (old, number), (survivor, other) = low[0], high[0]
    await left_cart(shop, f"p{number}@example.org")
    await shop.passes(30 * DAY)
    async with shop.database.transaction() as session:
        await contacts.merge(session, survivor, old, shop.now)
    await shop.happens(
        "Product Added", f"p{other}@example.org", product_id="lamp", name="Lamp", price=9, quantity=1, currency="EUR",
        cart_id="new",
    )  # fmt: skip
    await shop.passes(2 * HOUR)
    assert [row["status"] for row in await shop.written()][-1] == "withheld" and shop.templates() == []


async def test_a_flow_may_send_at_night(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await shop_world.opened(database, texts, flows(tmp_path, (TOP, TOP + 'quiet_hours = "off"\n')))
    await shop.person(timezone="Asia/Tokyo")  # 22:00 there
    await shop.adds()
    await shop.passes(HOUR + MINUTE)
    assert shop.templates() == ["abandoned_cart"]


async def test_a_flow_outside_the_cap_neither_asks_for_a_slot_nor_takes_one(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    cart_flow(tmp_path, ('about = "checkout"\n', 'about = "checkout"\ncap = "ignore"\n'), name="abandoned_checkout")
    shop = await shop_world.opened(database, texts, flows(tmp_path))
    await shop.person()
    await shop.adds()
    await shop.passes(HOUR)
    assert shop.templates() == ["abandoned_cart"]  # the one slot is taken
    await shop.checks_out()
    await shop.passes(HOUR)
    assert shop.templates() == ["abandoned_cart", "abandoned_checkout"]
    # Had the second taken a slot too, the next would be free 16 hours after it, not after the first.
    sent = [message.row["due_at"] for message in shop.mails.sent]
    await shop.happens("Checkout Deleted", checkout_id="k1")
    await shop.orders()
    await shop.passes(15 * HOUR)
    await shop.happens(
        "Product Added", product_id="vase", name="Vase", price=9, quantity=1, currency="EUR", cart_id="c2"
    )
    assert sent[1] - sent[0] == HOUR
    slots = await _slots(shop)
    assert slots == 1


async def _slots(shop: ShopWorld) -> int:
    from automations.gate import caps

    rows = await shop.written()
    async with shop.database.reading() as session:
        limits = shop.ground.config.automations.frequency_cap
        found = await caps.load(session, [{**rows[0], "id": 0}], set(), limits, shop.gate.versions, shop.now)
    return len(found.people[rows[0]["contact_id"]].keys() - found.outside)


async def test_a_step_may_ignore_the_cap_and_takes_its_slot_all_the_same(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    cart_flow(tmp_path, ('send = "abandoned_checkout"\n', 'send = "abandoned_checkout"\non_cap = "ignore"\n'),
              name="abandoned_checkout")  # fmt: skip
    shop = await shop_world.opened(database, texts, flows(tmp_path))
    await shop.person()
    await shop.adds()
    await shop.passes(HOUR)
    await shop.checks_out()
    await shop.passes(HOUR)
    assert shop.templates() == ["abandoned_cart", "abandoned_checkout"] and await _slots(shop) == 2


@pytest.mark.parametrize(("pause", "sent"), [(3 * HOUR, ["abandoned_cart"]), (3 * DAY, [])])
async def test_t41_a_paused_flow_keeps_its_mails_and_how_late_they_are_counts(
    database: Database, texts: Texts, pause: object, sent: list[str]
) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.person()
    await shop.adds()
    shop.now += HOUR
    await shop.engine.move_due(shop.now)
    await _status(shop, "paused")
    await shop.outbox.deliver_due("email")
    (row,) = await shop.written()
    assert (row["status"], row["skip_reason"]) == ("deferred", "paused")
    shop.now += pause  # type: ignore[operator]
    await shop.outbox.deliver_due("email")
    assert (await shop.written())[0]["status"] == "deferred"
    await _status(shop, "active")
    shop.now += 15 * MINUTE
    await shop.outbox.deliver_due("email")
    assert shop.templates() == sent
    if not sent:
        assert await shop.skipped() == ["stale"]


async def _status(shop: ShopWorld, status: str) -> None:
    async with shop.database.transaction() as session:
        await session.execute(shop_world.table(FlowVersion).update().values(status=status))


ARMS = """
[experiment]
name = "second_subject"
size = 1000
[experiment.variants.control]
weight = 0
[experiment.variants.short.steps.first]
send = "abandoned_cart_2"
subject = "{{ customer.first_name }}, your lamp"
"""


async def test_a_mail_is_the_one_of_the_persons_arm(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await shop_world.opened(database, texts, flows(tmp_path, ("[trigger]", f"{ARMS}\n[trigger]")))
    ada = await shop.person(first_name="Ada {{ 7*7 }}")
    await shop.adds()
    async with shop.database.transaction() as session:
        rows = shop_world.enrolments
        await session.execute(rows.update().where(rows.c.contact_id == ada).values(variant="short"))
    await shop.passes(2 * HOUR)
    assert shop.mails.sent[0].payload["subject"] == "Ada {{ 7*7 }}, your lamp"
    assert (await shop.written())[0]["template"] == "abandoned_cart_2"
