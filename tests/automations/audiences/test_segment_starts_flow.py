"""From an order to a flow that waits for a segment: nothing between is played."""

import tomllib
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from shop_world import ShopWorld, opened

from automations.audiences import segment_files
from automations.audiences.members import Members
from automations.audiences.standings import Standings
from automations.definition import flow, uses
from automations.definition.flow_files import Flows
from automations.running import segment_entries
from bot.base import clock
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.inbound.files import csv_lines, taking
from bot.tables.audiences import CustomerStats, SegmentMember
from bot.tables.events import Event
from bot.tables.people import ContactTag

FLOW = """
title = "Thanks"
about = "win_back"
priority = "win_back"
[trigger]
segment = "vip"
[enrol]
key = "vip:{contact}"
[[steps]]
id = "stick"
tag = {add = ["thanked"]}
"""


async def _with_flow(database: Database, texts: Texts) -> tuple[ShopWorld, Members]:
    tree = tomllib.loads(FLOW)
    flows = Flows({"thanks": flow.from_definition("thanks", tree)}, {"thanks": tree}, {})
    world = await opened(database, texts, flows)

    async def enter(session, segment, ids, now) -> None:  # type: ignore[no-untyped-def]
        await segment_entries.enter_segment(session, world.starter, flows, segment, ids, now)

    config = world.ground.config
    members = Members(config, segment_files.load(config), lambda: uses.segments(flows), enter)
    world.applier.handlers = [*world.applier.handlers, members.on_event]
    return world, members


async def test_an_order_that_makes_a_vip_starts_the_flow_of_vips(database: Database, texts: Texts) -> None:
    world, members = await _with_flow(database, texts)
    ada = await world.person()
    await members.refresh(database, world.now)
    await world.orders("o1", revenue=499, total=499)
    assert await world.enrolled("thanks") == []
    await world.orders("o2", revenue=1, total=1)
    (enrolled,) = await world.enrolled("thanks")
    assert (enrolled["contact_id"], enrolled["dedupe_key"]) == (ada, f"vip:{ada}")
    await world.settle()
    tags = await world._rows(sa.select(table(ContactTag).c.tag))
    assert [row["tag"] for row in tags] == ["thanked"]
    await members.refresh(database, world.now)
    await world.happens("Order Refunded", order_id="o2", refund_id="r1")
    await world.orders("o3", revenue=90, total=90)
    assert len(await world.enrolled("thanks")) == 1


async def test_who_was_one_before_the_flow_does_not_enter(database: Database, texts: Texts) -> None:
    world, members = await _with_flow(database, texts)
    await world.person()
    await world.orders("o1", revenue=900, total=900)
    await members.refresh(database, world.now)
    await members.refresh(database, world.now)
    assert await world.enrolled("thanks") == []


def _orders() -> str:
    day = clock.now() - timedelta(days=10)
    lines = [f"h{number},{day:%Y-%m-%d},old{number}@example.org,paid,900" for number in range(5)]
    return "\n".join(["Order ID,Order Date,Email,Status,Total", *lines, ""])


async def _imported(world: ShopWorld, file: Path) -> None:
    file.write_text(_orders(), "utf-8")
    await taking.take(world.database, world.ground, "orders", csv_lines.look(file))


async def test_whoever_comes_in_by_an_import_enters_no_flow_then_or_later(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    world, members = await _with_flow(database, texts)
    await world.person()
    await members.refresh(database, clock.now())
    await _imported(world, tmp_path / "orders.csv")
    rows = await world._rows(sa.select(table(SegmentMember).c.contact_id))
    stats = await world._rows(sa.select(table(CustomerStats).c.revenue, table(CustomerStats).c.rfm))
    assert len(rows) == 5
    assert [row["revenue"] for row in stats if row["revenue"]] == [90000] * 5
    assert all(row["rfm"] for row in stats if row["revenue"])
    assert await members.refresh(database, clock.now()) == 0
    await Standings(world.ground.config).nightly(database, clock.now())
    await members.refresh(database, clock.now())
    assert await world.enrolled("thanks") == []
    assert await world._rows(sa.select(table(Event).c.id)) == []


async def test_a_program_waits_with_its_look_while_an_import_counts_but_not_for_one_that_broke_off(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    world, members = await _with_flow(database, texts)
    await members.refresh(database, clock.now())
    await _imported(world, tmp_path / "orders.csv")
    async with database.transaction() as session:
        await session.execute(sa.delete(table(SegmentMember)))
    await members.hold(database, clock.now() + timedelta(minutes=5))
    assert await members.refresh(database, clock.now()) == 0
    assert await world.enrolled("thanks") == []
    assert await members.refresh(database, clock.now() + timedelta(minutes=6)) == 5
    assert len(await world.enrolled("thanks")) == 5
