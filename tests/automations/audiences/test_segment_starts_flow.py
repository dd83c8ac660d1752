"""From an order to a flow that waits for a segment: nothing between is played."""

import tomllib
from datetime import timedelta
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
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
from bot.inbound.files.aftermath import Aftermath
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


async def _with_flow(database: Database, texts: Texts, segment: str = "vip") -> tuple[ShopWorld, Members]:
    tree = tomllib.loads(FLOW.replace("vip", segment))
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


@pytest.mark.parametrize("whole", [False, True])
async def test_the_night_that_counts_half_an_import_tells_nobody_of_it_and_the_next_one_does_of_news(
    database: Database, texts: Texts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """Among customers of long ago who bought little, Ada seems to become a champion."""
    world, members = await _with_flow(database, texts, "champions")
    night = Aftermath(world.ground.config, Standings(world.ground.config), members).night
    world.now = clock.now()
    await world.person()
    for number in range(3):
        await world.orders(f"o{number}", revenue=20, total=20)
    await night(database)
    await members.refresh(database, clock.now())
    day = clock.now() - timedelta(days=200)
    lines = [f"h{number},{day:%Y-%m-%d},old{number}@example.org,paid,1" for number in range(40)]
    (tmp_path / "orders.csv").write_text("\n".join(["Order ID,Order Date,Email,Status,Total", *lines, ""]), "utf-8")
    with monkeypatch.context() as patch:
        if not whole:
            patch.setattr(Aftermath, "at_end", AsyncMock())  # killed before its end
        await taking.take(world.database, world.ground, "orders", csv_lines.look(tmp_path / "orders.csv"))
    await night(database)
    await members.refresh(database, clock.now())
    rows = await world._rows(sa.select(table(SegmentMember).c.contact_id))
    assert len(rows) == 1
    assert await world.enrolled("thanks") == []

    bea = await world.person("bea@example.org")
    bought = {"revenue": 30, "total": 30, "currency": "EUR"}
    for number in range(3):
        await world.happens("Order Completed", "bea@example.org", order_id=f"b{number}", **bought)
    await night(database)
    await members.refresh(database, clock.now())
    assert [row["contact_id"] for row in await world.enrolled("thanks")] == [bea]
