import time
import tomllib
from datetime import timedelta

import pytest
import shop_world
import sqlalchemy as sa
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from automations.definition import versions
from automations.definition.flow_files import Flows
from automations.running.engine import MAX_ATTEMPTS, Engine
from bot.base import due
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables.automations import Enrolment, FlowVersion
from bot.tables.people import Contact


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts)
    await world.person()
    return world


def changed(flows: Flows, before: str, after: str) -> Flows:
    """The flows with a changed abandoned cart."""
    text = flows.files["abandoned_cart"].read_text("utf-8")
    assert before in text
    from automations.definition import flow

    tree = tomllib.loads(text.replace(before, after))
    made = flow.from_definition("abandoned_cart", tree)
    return Flows({**flows.by_name, "abandoned_cart": made}, {**flows.definitions, "abandoned_cart": tree}, flows.files)


async def publish(shop: ShopWorld, flows: Flows) -> None:
    async with shop.database.transaction() as session:
        await versions.publish(session, flows, shop.now)


async def test_publishing_the_same_files_again_changes_nothing(shop: ShopWorld) -> None:
    await publish(shop, shop.flows)
    async with shop.database.reading() as session:
        rows = (await session.execute(sa.select(table(FlowVersion)))).mappings().all()
    expected = {name: "active" if flow.enabled else "stopped" for name, flow in shop.flows.by_name.items()}
    assert len(rows) == len(expected) and {row["flow"]: row["status"] for row in rows} == expected


async def test_people_inside_stay_with_the_version_they_entered(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.passes(2 * HOUR)
    await publish(shop, changed(shop.flows, 'wait = "23h"', 'wait = "1h"'))
    await shop.passes(20 * HOUR)
    assert shop.templates() == ["abandoned_cart"]
    await shop.passes(4 * HOUR)
    assert shop.templates() == ["abandoned_cart", "abandoned_cart_2"]
    async with shop.database.reading() as session:
        found = await session.execute(
            sa.select(table(FlowVersion).c.number, table(FlowVersion).c.status)
            .where(table(FlowVersion).c.flow == "abandoned_cart")
            .order_by(table(FlowVersion).c.number)
        )
    assert [tuple(row) for row in found] == [(1, "draining"), (2, "active")]


async def test_a_flow_switched_off_rests_and_goes_on_when_it_is_switched_on(shop: ShopWorld) -> None:
    await shop.adds()
    off = changed(shop.flows, 'title = "Abandoned cart"', 'title = "Abandoned cart"\nenabled = false')
    await publish(shop, off)
    await shop.passes(3 * HOUR)
    assert shop.templates() == [] and (await shop.enrolled())[0]["status"] == "active"
    await publish(shop, shop.flows)
    await shop.passes(MINUTE)
    assert shop.templates() == ["abandoned_cart"]


async def test_after_three_days_of_rest_the_first_mail_is_stale_and_the_second_keeps_its_distance(
    shop: ShopWorld,
) -> None:
    await shop.adds()
    await publish(shop, changed(shop.flows, 'title = "Abandoned cart"', 'title = "Abandoned cart"\nenabled = false'))
    await shop.passes(3 * DAY)
    await publish(shop, shop.flows)
    await shop.passes(20 * HOUR)
    assert shop.templates() == [] and await shop.skipped() == ["stale"]
    await shop.passes(4 * HOUR)
    assert shop.templates() == ["abandoned_cart_2"]


async def test_a_flow_whose_file_is_gone_takes_nobody_new(shop: ShopWorld) -> None:
    left = {name: flow for name, flow in shop.flows.by_name.items() if name != "abandoned_cart"}
    await shop.adds()
    await publish(shop, Flows(left, shop.flows.definitions, shop.flows.files))
    await shop.passes(2 * HOUR)
    assert shop.templates() == ["abandoned_cart"]
    await shop.happens("Product Added", "new@example.org", product_id="lamp", cart_id="n", price=5)
    assert len(await shop.enrolled("abandoned_cart")) == 1


async def test_an_enrolment_that_cannot_be_moved_ends_as_failed_and_stops_nobody(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.person("eve@example.org")
    await shop.happens("Product Added", "eve@example.org", product_id="lamp", name="Lamp", price=5, cart_id="e")
    rows = shop_world.enrolments
    async with shop.database.transaction() as session:  # a care step without the order that it counts from
        poison = (await session.execute(sa.select(table(FlowVersion).c.id).where(table(FlowVersion).c.flow == "birthday"))).scalar_one()  # fmt: skip  # noqa: E501
        await session.execute(
            rows.update().where(rows.c.dedupe_key == "cart:c1")
            .values(version_id=poison, flow="birthday", step_id="week_before", context={})
        )  # fmt: skip
    await shop.passes(2 * HOUR)
    await shop.passes(6 * HOUR)
    found = {row["dedupe_key"]: row for row in await shop.enrolled()}
    assert found["cart:c1"]["status"] == "failed" and found["cart:c1"]["attempts"] >= MAX_ATTEMPTS
    assert shop.templates() == ["abandoned_cart"]


async def test_t42_two_workers_never_move_one_enrolment_twice(shop: ShopWorld) -> None:
    import asyncio

    await _many_waiting(shop, 600)
    async with shop.database.transaction() as session:
        other = await due.register(session, shop.now)
    engines = [shop.engine, Engine(shop.database, shop.ground, other)]
    moved = await asyncio.gather(*(engine.move_due(shop.now + HOUR) for engine in engines))
    left = await shop.engine.move_due(shop.now + HOUR)
    assert sum(moved) + left == 600
    assert len(await shop.written()) == 600


async def _many_waiting(shop: ShopWorld, count: int, *, due_in: timedelta = HOUR) -> None:
    async with shop.database.transaction() as session:
        version = await session.scalar(
            sa.select(table(FlowVersion).c.id).where(table(FlowVersion).c.flow == "abandoned_cart")
        )
        person = await session.scalar(
            sa.select(table(Contact).c.id).where(table(Contact).c.status == "active").limit(1)
        )
        row = {
            "flow": "abandoned_cart", "version_id": version, "contact_id": person, "status": "active",
            "step_id": "idle", "anchor_ts": shop.now, "entered_at": shop.now, "step_entered_at": shop.now,
            "planned_at": shop.now + due_in, "due_at": shop.now + due_in, "resets": 0, "attempts": 0,
            "context": {"cart_id": "c1"},
        }  # fmt: skip
        base = await session.scalar(sa.select(sa.func.count()).select_from(table(Enrolment))) or 0
        await session.execute(
            sa.insert(table(Enrolment)), [{**row, "dedupe_key": f"cart:{base + number}"} for number in range(count)]
        )


async def test_a_thousand_waits_end_within_a_second_however_many_still_wait(shop: ShopWorld) -> None:
    """Not the benchmark, a guard against a query per row."""
    await _many_waiting(shop, 20_000, due_in=100 * DAY)
    flows = changed(
        shop.flows, '[[steps]]\nid = "first"', '[[steps]]\nid = "more"\nwait = "1h"\n\n[[steps]]\nid = "first"'
    )
    await publish(shop, flows)
    async with shop.database.transaction() as session:
        newest = await session.scalar(sa.select(sa.func.max(table(FlowVersion).c.id)))
    await _many_waiting(shop, 1000)
    rows = shop_world.enrolments
    async with shop.database.transaction() as session:
        await session.execute(rows.update().where(rows.c.due_at < shop.now + DAY).values(version_id=newest))
    started = time.perf_counter()
    assert await shop.engine.move_due(shop.now + HOUR) + await shop.engine.move_due(shop.now + HOUR) == 1000
    assert time.perf_counter() - started < 1.0
    assert {row["step_id"] for row in await shop.enrolled() if row["due_at"] < shop.now + DAY} == {"more"}
