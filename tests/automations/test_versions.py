"""A flow changes, rests or ends while people are inside."""

import asyncio
import tomllib
from collections import Counter
from typing import Any

import pytest
import shop_world
import sqlalchemy as sa
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from automations.definition import flow
from automations.definition.flow_files import Flows
from automations.running import pausing, publishing
from automations.running.pausing import Late
from automations.running.publishing import How
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables.automations import FlowVersion

HEAD = """
title = "A flow"
about = "cart"
priority = "cart"
[trigger]
events = ["Product Added"]
[enrol]
key = "cart:{cart_id}"
"""
BODY = """
[[steps]]
id = "idle"
wait = "24h"
[[steps]]
id = "first"
send = "abandoned_cart"
max_lateness = "6h"
[[steps]]
id = "again"
wait = "20h"
[[steps]]
id = "second"
send = "abandoned_cart_2"
"""


def flows(body: str = BODY, head: str = HEAD) -> Flows:
    tree = tomllib.loads(head + body)
    return Flows({"little": flow.from_definition("little", tree)}, {"little": tree}, {})


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts, flows())
    await world.person()
    await world.adds()
    return world


async def publish(shop: ShopWorld, new: Flows, how: How | None = None) -> Counter[str]:
    async with shop.database.transaction() as session:
        told = await publishing.publish(session, shop.ground, new, shop.now, how=how)
    return told.get("little", Counter())


async def pause(shop: ShopWorld) -> bool:
    async with shop.database.transaction() as session:
        return await pausing.pause(session, "little", shop.now)


async def resume(shop: ShopWorld, late: Late | None = None) -> bool:
    async with shop.database.transaction() as session:
        return await pausing.resume(session, "little", shop.now, late)


async def the_one(shop: ShopWorld) -> dict[str, Any]:
    (row,) = await shop.enrolled()
    return row


SHORTER = BODY.replace('wait = "24h"', 'wait = "1h"')


async def test_t39_a_shorter_delay_does_not_reach_those_who_wait_when_they_drain(shop: ShopWorld) -> None:
    await shop.passes(3 * HOUR)
    assert await publish(shop, flows(SHORTER)) == Counter()
    await shop.passes(20 * HOUR)
    assert shop.templates() == []
    await shop.passes(HOUR + MINUTE)
    assert shop.templates() == ["abandoned_cart"]


async def test_t39_when_they_move_the_new_delay_counts_from_when_they_came(shop: ShopWorld) -> None:
    await shop.passes(30 * MINUTE)
    assert await publish(shop, flows(SHORTER), "move") == Counter(moved=1)
    await shop.passes(29 * MINUTE)
    assert shop.templates() == []
    await shop.passes(MINUTE)
    assert shop.templates() == ["abandoned_cart"]


async def test_t39_what_is_past_then_leaves_at_once_and_is_not_late_through_the_gate(shop: ShopWorld) -> None:
    await shop.passes(20 * HOUR)  # 08:00 in the morning
    entered = (await the_one(shop))["step_entered_at"]
    assert await publish(shop, flows(SHORTER), "move") == Counter(moved=1)
    assert (await the_one(shop))["step_entered_at"] == entered
    await shop.passes(MINUTE)
    assert shop.templates() == ["abandoned_cart"]
    assert [row["verdicts"]["in_time"] for row in await shop.written()] == [True]


async def test_t39_at_once_is_still_subject_to_the_gate(shop: ShopWorld) -> None:
    await shop.passes(12 * HOUR)  # midnight
    await publish(shop, flows(SHORTER), "move")
    await shop.passes(MINUTE)
    assert shop.templates() == [] and [row["skip_reason"] for row in await shop.written()] == ["quiet_hours"]
    await shop.passes(9 * HOUR)
    assert shop.templates() == ["abandoned_cart"]


async def test_a_flow_may_say_itself_what_becomes_of_people_inside(shop: ShopWorld) -> None:
    await shop.passes(30 * MINUTE)
    moving = flows(SHORTER, HEAD.replace("[trigger]", 'on_change = "move"\n[trigger]'))
    assert await publish(shop, moving) == Counter(moved=1)
    assert await publish(shop, moving) == Counter()


async def test_t40_500_people_wait_in_a_step_that_goes_and_none_of_their_rows_does(shop: ShopWorld) -> None:
    row = await the_one(shop)
    many = [{**{key: value for key, value in row.items() if key != "id"}, "dedupe_key": f"cart:x{number}"}
            for number in range(500)]  # fmt: skip
    async with shop.database.transaction() as session:
        await session.execute(sa.insert(shop_world.enrolments), many)
    gone = flows(BODY.replace('[[steps]]\nid = "idle"\nwait = "24h"\n', ""))
    assert await publish(shop, gone) == Counter()
    assert {row["status"] for row in await shop.enrolled()} == {"active"}  # drain: they finish the old version
    assert await publish(shop, gone, "move") == Counter(step_removed=501)
    rows = await shop.enrolled()
    assert len(rows) == 501
    assert {(row["status"], row["exit_reason"], row["due_at"]) for row in rows} == {("exited", "step_removed", None)}


async def test_t40_drained_people_finish_the_version_they_entered(shop: ShopWorld) -> None:
    await publish(shop, flows(BODY.replace('[[steps]]\nid = "idle"\nwait = "24h"\n', "")))
    await shop.passes(2 * DAY)
    assert shop.templates() == ["abandoned_cart", "abandoned_cart_2"]
    assert (await the_one(shop))["status"] == "finished"


async def test_a_step_that_does_something_else_now_lets_nobody_go_on(shop: ShopWorld) -> None:
    other = BODY.replace(
        'id = "idle"\nwait = "24h"', 'id = "idle"\nwait_for = {events = ["Cart Viewed"], timeout = "1h"}'
    )
    assert await publish(shop, flows(other), "move") == Counter(version_moved=1)
    assert (await the_one(shop))["exit_reason"] == "version_moved"


async def test_steps_added_before_where_somebody_stands_never_run_for_them(shop: ShopWorld) -> None:
    await shop.passes(25 * HOUR)
    assert (await the_one(shop))["step_id"] == "again"
    tagging = '[[steps]]\nid = "more"\nsend = "abandoned_cart_3"\n'
    await publish(shop, flows(tagging + BODY.replace('wait = "20h"', 'wait = "22h"')), "move")
    await shop.passes(3 * DAY)
    assert shop.templates() == ["abandoned_cart", "abandoned_cart_2"]


async def test_who_moves_while_a_mail_is_on_its_way_gets_it_once_and_goes_on_in_the_new_version(
    shop: ShopWorld,
) -> None:
    shop.now += 24 * HOUR
    await shop.engine.move_due(shop.now)
    assert [row["status"] for row in await shop.written()] == ["planned"]
    assert await publish(shop, flows(BODY.replace('wait = "20h"', 'wait = "30h"')), "move") == Counter(moved=1)
    await shop.passes(26 * HOUR)
    assert shop.templates() == ["abandoned_cart"]
    await shop.passes(5 * HOUR)
    assert shop.templates() == ["abandoned_cart", "abandoned_cart_2"]


async def test_stop_ends_it_for_all_who_are_inside_and_takes_their_mails_back(shop: ShopWorld) -> None:
    shop.now += 24 * HOUR
    await shop.engine.move_due(shop.now)
    assert await publish(shop, flows(SHORTER), "stop") == Counter(stopped=1)
    await shop.passes(3 * DAY)
    assert shop.templates() == [] and (await the_one(shop))["exit_reason"] == "stopped"
    assert [(row["status"], row["skip_reason"]) for row in await shop.written()] == [("skipped", "exited")]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite: one writer at a time, nobody is busy
async def test_somebody_who_is_busy_just_then_is_asked_for_again(shop: ShopWorld) -> None:
    """An event is being applied to them: it may wait for somebody that we hold, so we do not wait for it."""
    held = sa.select(shop_world.enrolments.c.id).with_for_update()
    busy = asyncio.Event()

    async def applies() -> None:
        async with shop.database.transaction() as session:
            await session.execute(held)
            busy.set()
            await asyncio.sleep(0.2)

    applying = asyncio.create_task(applies())
    await busy.wait()
    assert await publish(shop, flows(SHORTER), "move") == Counter(moved=1)
    await applying


async def test_publishing_one_flow_leaves_the_others_alone(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    before = await statuses(shop)
    async with shop.database.transaction() as session:
        await publishing.publish(session, shop.ground, flows(), shop.now, only="little")
    assert await statuses(shop) == {**before, "little": "active"}


async def statuses(shop: ShopWorld) -> dict[str, str]:
    async with shop.database.reading() as session:
        found = await session.execute(sa.select(table(FlowVersion).c.flow, table(FlowVersion).c.status))
    return {row.flow: row.status for row in found}


# -- pausing -------------------------------------------------------------------------------------------------------


async def test_t41_after_three_days_of_pause_lateness_decides_and_later_steps_keep_their_distance(
    shop: ShopWorld,
) -> None:
    assert await pause(shop) and not await pause(shop)
    await shop.passes(4 * DAY)
    assert shop.templates() == [] and await shop.written() == []
    assert await resume(shop) and not await resume(shop)
    await shop.passes(MINUTE)
    assert await shop.skipped() == ["stale"] and (await the_one(shop))["step_id"] == "again"
    await shop.passes(20 * HOUR)
    assert shop.templates() == ["abandoned_cart_2"]


async def test_t41_send_late_writes_to_all_who_fell_due(shop: ShopWorld) -> None:
    await pause(shop)
    await shop.passes(4 * DAY)
    await resume(shop, "send")
    await shop.passes(MINUTE)
    assert shop.templates() == ["abandoned_cart"] and await shop.skipped() == []


async def test_t41_skip_late_writes_to_none_of_them_even_if_a_mail_is_hardly_late(shop: ShopWorld) -> None:
    await shop.passes(23 * HOUR)
    await pause(shop)
    await shop.passes(2 * HOUR)
    await resume(shop, "skip")
    await shop.passes(MINUTE)
    assert shop.templates() == [] and await shop.skipped() == ["stale"]
    await shop.passes(20 * HOUR)
    assert shop.templates() == ["abandoned_cart_2"]


async def test_t41_who_did_not_fall_due_in_the_pause_notices_nothing(shop: ShopWorld) -> None:
    await pause(shop)
    await shop.passes(HOUR)
    await resume(shop, "skip")
    await shop.passes(24 * HOUR)
    assert shop.templates() == ["abandoned_cart"]


@pytest.mark.parametrize(
    ("late", "after", "expected"),
    [(None, HOUR, "sent"), (None, DAY, "stale"), ("send", DAY, "sent"), ("skip", HOUR, "stale")],
)
async def test_t41_a_mail_that_was_queued_already_is_held_and_not_skipped(
    shop: ShopWorld, late: Late | None, after: Any, expected: str
) -> None:
    shop.now += 24 * HOUR
    await shop.engine.move_due(shop.now)
    await pause(shop)
    await shop.passes(after)
    assert [(row["status"], row["skip_reason"]) for row in await shop.written()] == [("deferred", "paused")]
    await resume(shop, late)
    await shop.passes(MINUTE)
    (row,) = await shop.written()
    assert (row["skip_reason"] or row["status"]) == expected
    await shop.passes(20 * HOUR)
    assert shop.templates()[-1] == "abandoned_cart_2"


async def test_nobody_enters_a_flow_that_rests_and_an_order_still_ends_it(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(
        database, texts, flows(head=HEAD.replace("[enrol]", '[exit]\nevents = ["Order Completed"]\n[enrol]'))
    )
    await shop.person()
    await shop.adds()
    await pause(shop)
    await shop.adds(cart="c2")
    assert len(await shop.enrolled()) == 1
    await shop.orders()
    assert (await the_one(shop))["exit_reason"] == "goal"


async def test_a_pause_outlives_a_restart_and_what_the_file_says(shop: ShopWorld) -> None:
    await pause(shop)
    shop.now += MINUTE
    await shop.open()
    await publish(shop, flows(head=HEAD.replace("[trigger]", "enabled = false\n[trigger]")))
    await publish(shop, flows())
    await shop.passes(25 * HOUR)
    assert shop.templates() == []
    await publish(shop, flows(head=HEAD.replace("[trigger]", "enabled = false\n[trigger]")))
    await resume(shop, "send")
    await shop.passes(MINUTE)
    assert shop.templates() == []  # the file still says no
    await publish(shop, flows())
    await shop.passes(MINUTE)
    assert shop.templates() == ["abandoned_cart"]
