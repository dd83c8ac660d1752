"""From an order to a flow that waits for a segment: nothing between is played."""

import tomllib

import sqlalchemy as sa
from shop_world import ShopWorld, opened

from automations.audiences import segment_files
from automations.audiences.members import Members
from automations.definition import flow, uses
from automations.definition.flow_files import Flows
from automations.running import segment_entries
from bot.base.database import Database, table
from bot.base.texts import Texts
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
