"""What each kind of step does, told by little flows."""

import asyncio
import tomllib
from datetime import timedelta
from typing import Any

import pytest
import shop_world
import sqlalchemy as sa
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from automations.definition import flow
from automations.definition.flow_files import Flows
from automations.running import effects
from bot import contacts
from bot.base import stores
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables.events import Event
from bot.tables.experiments import Exposure
from bot.tables.people import ContactTag

ADA, EVE = "ada@example.org", "eve@example.org"
HEAD = """
title = "A flow"
about = "cart"
priority = "cart"
cap = "ignore"
[trigger]
events = ["Product Added"]
[enrol]
key = "cart:{cart_id}"
"""
SENDS = '[[steps]]\nid = "{0}"\nsend = "abandoned_cart"\n'
FIRST, SECOND, LAST = SENDS.format("first"), SENDS.format("second"), SENDS.format("last")
DONE = '[[steps]]\nid = "done"\nexit = "thanked"\n'


def flows(*parts: str, head: str = HEAD, name: str = "little") -> Flows:
    """One flow of these parts."""
    tree = tomllib.loads("\n".join((head, *parts)))
    return Flows({name: flow.from_definition(name, tree)}, {name: tree}, {})


async def opened(database: Database, texts: Texts, *parts: str, head: str = HEAD) -> ShopWorld:
    world = await shop_world.opened(database, texts, flows(*parts, head=head))
    await world.person()
    return world


def steps_written(rows: list[dict[str, Any]]) -> list[str]:
    return [row["step_id"] for row in rows]


async def the_one(shop: ShopWorld) -> dict[str, Any]:
    (row,) = await shop.enrolled()
    return row


async def rows_of(shop: ShopWorld, model: Any) -> list[dict[str, Any]]:
    async with shop.database.reading() as session:
        return [dict(row) for row in (await session.execute(sa.select(table(model)))).mappings()]


WAIT_FOR = '[[steps]]\nid = "waiting"\nwait_for = {events = ["Coupon Applied"], timeout = "2d"}\n'
THEN_ELSE = WAIT_FOR + 'then = "second"\nelse = "first"\n'


async def test_an_event_that_is_waited_for_opens_its_own_way_at_once(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, THEN_ELSE, FIRST + 'next = "done"\n', SECOND, DONE)
    await shop.adds()
    await shop.passes(HOUR)
    assert shop.templates() == []
    await shop.happens("Coupon Applied", coupon="SUMMER")
    await shop.passes(timedelta())
    assert steps_written(await shop.written()) == ["second"]
    assert (await the_one(shop))["exit_reason"] == "thanked"


async def test_when_nothing_comes_in_time_it_goes_the_other_way(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, THEN_ELSE, FIRST + 'next = "done"\n', SECOND, DONE)
    await shop.adds()
    await shop.passes(2 * DAY - MINUTE)
    assert shop.templates() == []
    await shop.passes(2 * MINUTE)
    assert steps_written(await shop.written()) == ["first"]
    await shop.happens("Coupon Applied")
    await shop.passes(DAY)
    assert steps_written(await shop.written()) == ["first"]


async def test_the_event_of_somebody_else_or_of_another_name_wakes_nobody(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, THEN_ELSE, FIRST, SECOND)
    await shop.person(EVE)
    await shop.adds()
    await shop.happens("Coupon Applied", EVE)
    await shop.happens("Coupon Denied")
    await shop.passes(HOUR)
    assert (await the_one(shop))["step_id"] == "waiting"


async def test_an_event_from_before_the_step_counts_only_if_it_is_about_the_same_cart(
    database: Database, texts: Texts
) -> None:
    shop = await opened(database, texts, '[[steps]]\nid = "idle"\nwait = "1h"\n', THEN_ELSE, FIRST, SECOND)
    await shop.adds(cart="c1")
    await shop.adds(cart="c2")
    await shop.passes(20 * MINUTE)
    await shop.happens("Coupon Applied", cart_id="c2")
    await shop.passes(HOUR)
    assert {row["dedupe_key"]: row["step_id"] for row in await shop.enrolled()} == {
        "cart:c1": "waiting", "cart:c2": "second"
    }  # fmt: skip


async def test_with_match_on_an_event_about_another_thing_wakes_nobody_and_a_silent_one_does(
    database: Database, texts: Texts
) -> None:
    waiting = THEN_ELSE.replace('timeout = "2d"', 'timeout = "2d", match_on = "cart_id"')
    shop = await opened(database, texts, waiting, FIRST, SECOND)
    await shop.adds()
    await shop.happens("Coupon Applied", cart_id="other")
    await shop.passes(MINUTE)
    assert (await the_one(shop))["step_id"] == "waiting"
    await shop.happens("Coupon Applied")
    await shop.passes(MINUTE)
    assert (await the_one(shop))["step_id"] == "second"


async def test_one_event_answers_one_wait(database: Database, texts: Texts) -> None:
    again = WAIT_FOR.replace('"waiting"', '"again"') + 'then = "second"\nelse = "first"\n'
    shop = await opened(database, texts, WAIT_FOR, again, FIRST, SECOND)
    await shop.adds()
    await shop.happens("Coupon Applied")
    await shop.passes(MINUTE)
    assert (await the_one(shop))["step_id"] == "again"
    await shop.happens("Coupon Applied")
    await shop.passes(MINUTE)
    assert steps_written(await shop.written()) == ["second"]


async def test_the_event_that_enrolled_is_not_the_one_that_is_waited_for(database: Database, texts: Texts) -> None:
    waiting = THEN_ELSE.replace("Coupon Applied", "Product Added")
    shop = await opened(database, texts, waiting, FIRST, SECOND)
    await shop.adds()
    await shop.passes(MINUTE)
    assert (await the_one(shop))["step_id"] == "waiting"
    await shop.adds("chair")
    await shop.passes(MINUTE)
    assert (await the_one(shop))["step_id"] == "second"


async def test_history_wakes_nobody(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, THEN_ELSE, FIRST, SECOND)
    await shop.adds()
    await shop.passes(30 * HOUR)
    await shop.happens("Coupon Applied", at=shop.now - 29 * HOUR)
    await shop.passes(MINUTE)
    assert (await the_one(shop))["step_id"] == "waiting"


async def test_what_somebody_did_without_a_name_counts_once_they_have_one(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, THEN_ELSE, FIRST, SECOND)
    await shop.adds()
    await shop.happens("Coupon Applied", anonymous="phone-1")
    await shop.passes(MINUTE)
    assert (await the_one(shop))["step_id"] == "waiting"
    await shop.happens("", anonymous="phone-1", kind="identify")
    await shop.passes(MINUTE)
    assert (await the_one(shop))["step_id"] == "second"


async def test_an_event_that_waits_to_be_applied_is_waited_for_at_the_end_of_the_time(
    database: Database, texts: Texts
) -> None:
    """Down over the end of the wait: the event came in time, only we had not looked at it yet."""
    shop = await opened(database, texts, THEN_ELSE, FIRST, SECOND)
    await shop.adds()
    await shop.passes(DAY)
    apply, shop.applier.apply_due = shop.applier.apply_due, _nothing  # type: ignore[method-assign]
    await shop.happens("Coupon Applied")
    await shop.sleeps(2 * DAY)
    await shop.engine.move_due(shop.now)
    assert (await the_one(shop))["step_id"] == "waiting"
    while await apply():
        pass
    shop.now += MINUTE
    await shop.engine.move_due(shop.now)
    assert (await the_one(shop))["step_id"] == "second"


async def _nothing() -> int:
    return 0


async def test_no_wake_is_lost_when_the_event_is_applied_while_the_engine_moves(
    database: Database, texts: Texts
) -> None:
    shop = await opened(database, texts, '[[steps]]\nid = "idle"\nwait = "1h"\n', THEN_ELSE, FIRST, SECOND)
    for number in range(30):
        await shop.adds(cart=f"c{number}")
        shop.now += timedelta(seconds=1)
    shop.now += HOUR
    move = shop.engine._move  # type: ignore[attr-defined]

    async def slowly(*given: Any) -> None:
        await move(*given)
        await asyncio.sleep(0.3)  # moved, not committed

    shop.engine._move = slowly  # type: ignore[attr-defined]
    moving = asyncio.create_task(shop.engine.move_due(shop.now))
    await asyncio.sleep(0.1)
    await shop.happens("Coupon Applied")
    await moving
    shop.engine._move = move  # type: ignore[attr-defined]
    await shop.passes(MINUTE)
    assert {row["step_id"] for row in await shop.enrolled()} == {"second"}


async def test_check_ends_the_flow_with_its_reason_or_goes_where_it_says(database: Database, texts: Texts) -> None:
    check = '[[steps]]\nid = "asked"\ncheck = ["cart_worth(50)"]\n'
    shop = await opened(database, texts, '[[steps]]\nid = "idle"\nwait = "1h"\n', check, FIRST)
    await shop.adds()
    await shop.passes(2 * HOUR)
    row = await the_one(shop)
    assert (row["status"], row["exit_reason"], row["step_id"]) == ("exited", "cart_too_small", "asked")
    assert shop.templates() == []


async def test_check_with_else_and_branch_with_both_ways(database: Database, texts: Texts) -> None:
    parts = (
        '[[steps]]\nid = "asked"\ncheck = ["cart_worth(50)"]\nelse = "poor"\n',
        FIRST + 'next = "done"\n',
        '[[steps]]\nid = "poor"\nbranch = ["cart_worth(10)", "no_recent_order(10d)"]\nthen = "second"\nelse = "last"\n',
        SECOND + 'next = "done"\n', LAST, DONE,
    )  # fmt: skip
    shop = await opened(database, texts, *parts)
    for email, price in ((ADA, 60), ("bob@example.org", 20), (EVE, 5)):
        await shop.person(email)
        await shop.happens("Product Added", email, product_id="lamp", name="Lamp", price=price, currency="EUR",
                           cart_id=email)  # fmt: skip
    await shop.passes(MINUTE)
    assert steps_written(await shop.written()) == ["first", "second", "last"]
    assert [(row["status"], row["exit_reason"]) for row in await shop.enrolled()] == [
        ("exited", "thanked"), ("exited", "thanked"), ("exited", "thanked"),
    ]  # fmt: skip


SPLIT = '[[steps]]\nid = "lot"\nsplit = {arms = {one = 1, two = 3}, to = {two = "second"}}\n'


async def test_a_split_is_weighted_and_the_same_again_for_the_same_person(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, SPLIT, FIRST + 'next = "done"\n', SECOND, DONE)
    for number in range(60):
        who = f"p{number}@example.org"
        await shop.person(who)
        await shop.happens("Product Added", who, product_id="lamp", name="Lamp", price=5, cart_id=f"a{number}")
        await shop.happens("Product Added", who, product_id="lamp", name="Lamp", price=5, cart_id=f"b{number}")
    await shop.passes(MINUTE)
    arms: dict[int, set[str]] = {}
    for row in await shop.written():
        arms.setdefault(row["contact_id"], set()).add(row["step_id"])
    assert len(arms) == 60 and all(len(steps) == 1 for steps in arms.values())
    assert 30 <= sum(steps == {"second"} for steps in arms.values()) <= 57


async def test_two_who_turn_out_to_be_one_keep_the_arm_of_the_older(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, SPLIT, FIRST + 'next = "done"\n', SECOND, DONE)
    eve = await shop.person(EVE)
    await shop.adds(cart="c1")
    shop.now += MINUTE
    await shop.happens("Product Added", EVE, product_id="lamp", name="Lamp", price=5, cart_id="e1")
    (ada, *_) = await shop.enrolled()
    async with shop.database.transaction() as session:
        await contacts.merge(session, eve, ada["contact_id"], shop.now)
    await shop.adds(cart="c2")
    await shop.passes(MINUTE)
    steps = {row["enrolment_id"]: row["step_id"] for row in await shop.written()}
    by_key = {row["dedupe_key"]: row for row in await shop.enrolled()}
    assert by_key["cart:c2"]["context"]["person"] == ada["contact_id"]
    assert steps[by_key["cart:c2"]["id"]] == steps[by_key["cart:c1"]["id"]]


async def test_tags_are_stuck_on_and_taken_off_and_can_be_asked_for(database: Database, texts: Texts) -> None:
    parts = (
        '[[steps]]\nid = "stick"\ntag = {add = ["left_a_cart", "hot"]}\n',
        '[[steps]]\nid = "cool"\ntag = {remove = ["hot"]}\n',
        '[[steps]]\nid = "idle"\nwait = "1h"\n',
        '[[steps]]\nid = "asked"\nbranch = ["tagged(left_a_cart)", "not_tagged(hot)"]\n'
        'then = "second"\nelse = "done"\n',
        SECOND, DONE,
    )  # fmt: skip
    shop = await opened(database, texts, *parts)
    await shop.adds()
    await shop.adds(cart="c2")
    await shop.passes(MINUTE)
    (row,) = await rows_of(shop, ContactTag)
    assert (row["tag"], row["by"]) == ("left_a_cart", "flow:little")
    await shop.passes(2 * HOUR)
    assert steps_written(await shop.written()) == ["second", "second"]


async def test_tags_of_two_who_are_one_are_joined(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, '[[steps]]\nid = "stick"\ntag = {add = ["vip"]}\n', FIRST)
    eve = await shop.person(EVE)
    await shop.adds()
    await shop.happens("Product Added", EVE, product_id="lamp", name="Lamp", price=5, cart_id="e1")
    await shop.passes(MINUTE)
    assert len(await rows_of(shop, ContactTag)) == 2
    ada = (await shop.enrolled())[0]["contact_id"]
    async with shop.database.transaction() as session:
        await contacts.merge(session, ada, eve, shop.now)
    assert [(row["contact_id"], row["tag"]) for row in await rows_of(shop, ContactTag)] == [(ada, "vip")]


async def test_a_task_is_asked_for_once_in_words_of_the_event(database: Database, texts: Texts) -> None:
    task = '[[steps]]\nid = "call"\ntask = {text = "Call about {cart_id}{unknown}", priority = "high"}\n'
    shop = await opened(database, texts, task, FIRST)
    await shop.adds()
    await shop.passes(MINUTE)
    (event,) = [row for row in await rows_of(shop, Event) if row["name"] == effects.TASK]
    said = event["body"]["properties"]
    assert said["text"] == "Call about c1" and said["priority"] == "high" and said["step"] == "call"
    assert event["source"] == "aftercart" and event["contact_id"] == (await the_one(shop))["contact_id"]
    # The same step once more, as after a crash: nothing new.
    row = await the_one(shop)
    made = shop.flows.by_name["little"].step("call")
    assert made is not None
    async with shop.database.transaction() as session:
        await effects.apply(session, [effects.Done(row, row["context"], made)], shop.now)
    assert len([row for row in await rows_of(shop, Event) if row["name"] == effects.TASK]) == 1


async def test_a_webhook_is_queued_once_with_what_happened(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, '[[steps]]\nid = "tell"\nwebhook = {name = "crm"}\n', FIRST)
    async with shop.database.transaction() as session:
        both = [("email", ADA), ("user_id", "u-7"), ("shopify", stores.person("shopify:x.myshopify.com", "42"))]
        await contacts.find_or_create(session, both, shop.now)
    await shop.adds()
    await shop.engine.move_due(shop.now)
    (row,) = [row for row in await shop.written() if row["channel"] == "webhook"]
    assert (row["purpose"], row["status"], row["receiver"]) == ("webhook", "planned", "webhook:crm")
    assert row["payload"]["flow"] == "little" and row["payload"]["context"] == {"cart_id": "c1", "product_id": "lamp"}
    assert row["payload"]["contact_ids"] == {"user_id": "u-7", "shopify": "42"} and row["enrolment_id"] is None


async def test_a_batch_takes_as_many_statements_however_many_it_moves(database: Database, texts: Texts) -> None:
    parts = (
        '[[steps]]\nid = "lot"\nsplit = {arms = {one = 1, two = 1}}\n',
        '[[steps]]\nid = "asked"\nbranch = ["not_tagged(vip)", "no_recent_order(10d)"]\nelse = "first"\n',
        '[[steps]]\nid = "stick"\ntag = {add = ["seen"], remove = ["new"]}\n',
        '[[steps]]\nid = "call"\ntask = {text = "Call"}\n',
        '[[steps]]\nid = "tell"\nwebhook = {name = "crm"}\n',
        WAIT_FOR, FIRST,
    )  # fmt: skip
    shop = await opened(database, texts, *parts)
    counts = []
    for cart in ("a", "b"):
        for number in range(2 if cart == "a" else 40):
            who = f"{cart}{number}@example.org"
            await shop.person(who)
            await shop.happens("Product Added", who, product_id="lamp", name="Lamp", price=5, cart_id=who)
        statements: list[str] = []

        def seen(_connection: Any, _cursor: Any, text: str, *_more: Any, told: list[str] = statements) -> None:
            told.append(text)

        sa.event.listen(shop.database.engine.sync_engine, "before_cursor_execute", seen)
        assert await shop.engine.move_due(shop.now) == (2 if cart == "a" else 40)
        sa.event.remove(shop.database.engine.sync_engine, "before_cursor_execute", seen)
        counts.append(len(statements))
    assert {row["step_id"] for row in await shop.enrolled()} == {"waiting"}
    assert counts[0] == counts[1] < 25


EXPERIMENT = """
[experiment]
name = "delay"
size = 100
[experiment.variants.control]
[experiment.variants.later.steps]
idle = {wait = "5h"}
"""
IDLE = '[[steps]]\nid = "idle"\nwait = "1h"\n'


async def test_the_arm_of_an_experiment_changes_steps_and_is_written_down_once(
    database: Database, texts: Texts
) -> None:
    shop = await opened(database, texts, EXPERIMENT, IDLE, FIRST)
    for number in range(12):
        who = f"p{number}@example.org"
        await shop.person(who)
        await shop.happens("Product Added", who, product_id="lamp", name="Lamp", price=5, cart_id=f"a{number}")
    arms = {row["contact_id"]: row["variant"] for row in await shop.enrolled()}
    assert set(arms.values()) == {"control", "later"}
    exposed = await rows_of(shop, Exposure)
    assert {row["contact_id"]: row["variant"] for row in exposed} == arms
    await shop.passes(2 * HOUR)
    early = {row["contact_id"] for row in await shop.written()}
    assert early == {contact for contact, arm in arms.items() if arm == "control"}
    await shop.passes(4 * HOUR)
    assert {row["contact_id"] for row in await shop.written()} == set(arms)


async def test_t52_who_comes_again_has_the_same_arm_even_with_other_weights(database: Database, texts: Texts) -> None:
    shop = await opened(database, texts, EXPERIMENT, IDLE, FIRST)
    await shop.adds()
    (first,) = await shop.enrolled()
    other = "later" if first["variant"] == "control" else "control"
    tree = tomllib.loads("\n".join((HEAD, EXPERIMENT, IDLE, FIRST)))
    tree["experiment"]["variants"][first["variant"]]["weight"] = 1
    tree["experiment"]["variants"][other]["weight"] = 10_000
    again = Flows({"little": flow.from_definition("little", tree)}, {"little": tree}, {})
    shop.flows, shop.now = again, shop.now + MINUTE
    await shop.open()
    await shop.adds(cart="c2")
    assert [row["variant"] for row in await shop.enrolled()] == [first["variant"]] * 2
    assert len(await rows_of(shop, Exposure)) == 1


async def test_who_never_comes_to_the_step_that_differs_is_not_exposed(database: Database, texts: Texts) -> None:
    experiment = EXPERIMENT.replace('idle = {wait = "5h"}', 'second = {send = "abandoned_cart_2"}')
    check = '[[steps]]\nid = "asked"\ncheck = ["cart_worth(50)"]\n'
    shop = await opened(database, texts, experiment, IDLE, check, SECOND)
    await shop.adds()
    await shop.passes(2 * HOUR)
    assert (await the_one(shop))["exit_reason"] == "cart_too_small" and await rows_of(shop, Exposure) == []
    await shop.person(EVE)
    await shop.happens("Product Added", EVE, product_id="lamp", name="Lamp", price=90, cart_id="e", currency="EUR")
    assert await rows_of(shop, Exposure) == []
    await shop.passes(2 * HOUR)
    (row,) = await rows_of(shop, Exposure)
    assert (row["flow"], row["experiment"]) == ("little", "delay") and row["enrolment_id"] is not None


def test_a_flow_that_goes_in_a_circle_does_not_go_on_for_ever() -> None:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from automations.running import steps

    made = flows('[[steps]]\nid = "one"\ntag = {add = ["x"]}\n', SECOND).by_name["little"]
    round_about = made.model_copy(update={"steps": (made.steps[0].model_copy(update={"next": "one"}), made.steps[1])})
    now = datetime(2026, 3, 4, tzinfo=UTC)
    row = {"step_id": "one", "context": {}, "step_entered_at": now, "planned_at": now}
    with pytest.raises(ValueError, match="circle"):
        steps.on_due(row, round_about, steps.Known(now, ZoneInfo("UTC")))
