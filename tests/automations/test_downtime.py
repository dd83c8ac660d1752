"""The program was down, or its clock jumped: what is still timely goes out once, spaced as ruled, the rest is stale."""

import tomllib
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import shop_world
import sqlalchemy as sa
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from automations.definition import flow
from automations.definition.flow_files import Flows
from automations.running import catching_up
from automations.running.engine import Engine
from bot.base import due
from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.outbox import Outbox

STRICT = """
title = "Strict"
about = "cart"
priority = "price_drop"
[trigger]
events = ["Coupon Applied"]
[enrol]
key = "coupon:{contact}:{local_date}"
[[steps]]
id = "idle"
wait = "1h"
[[steps]]
id = "first"
send = "abandoned_cart"
max_lateness = "4h"
"""
LINE = {"product_id": "lamp", "name": "Lamp", "price": 19.9, "quantity": 1, "currency": "EUR"}


def and_a_strict_one(flows: Flows) -> Flows:
    tree = tomllib.loads(STRICT)
    strict = flow.from_definition("strict", tree)
    return Flows({**flows.by_name, "strict": strict}, {**flows.definitions, "strict": tree}, flows.files)


async def mails(shop: ShopWorld) -> dict[str, list[tuple[str, str, str]]]:
    """By address of the receiver: template, status or reason, time of the end."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for row in await shop.written():
        told = row["template"], row["skip_reason"] or row["status"], f"{row['settled_at'] or row['due_at']:%H:%M}"
        found.setdefault(str(row["contact_id"]), []).append(told)
    return found


async def test_t37_six_hours_down(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    shop.flows = and_a_strict_one(shop.flows)
    shop.now += MINUTE
    await shop.open()
    shop.now = shop.now.replace(hour=7, minute=0) + DAY  # 5 March
    today = {"birthday": "--03-05", "birthday_known_at": shop.now - 9 * DAY}
    ada, bob = await shop.person("ada@example.org"), await shop.person("bob@example.org", **today)
    eve, both = await shop.person("eve@example.org"), await shop.person("both@example.org", **today)
    # Midnight comes to Auckland while we are down; the sweep that would have found her is missed.
    far = await shop.person("far@example.org", birthday="--03-13", timezone="Pacific/Auckland",
                            birthday_known_at=shop.now - 9 * DAY)  # fmt: skip
    await shop.sweeps.run(shop.now)
    await shop.passes(90 * MINUTE)
    for who in ("ada@example.org", "both@example.org"):
        await shop.happens("Product Added", who, cart_id=who, **LINE)  # m1 is due at 09:30
    await shop.happens("Coupon Applied", "eve@example.org", coupon="X")  # due at 09:30 too, at most 4 h late
    assert shop.templates() == [] and far not in {row["contact_id"] for row in await shop.enrolled()}

    await shop.passes(30 * MINUTE - timedelta(seconds=1))  # 09:00, and down until 15:00
    await shop.sleeps(6 * HOUR + timedelta(seconds=1))
    await shop.sweeps.run(shop.now)
    await shop.passes(2 * MINUTE)

    told = await mails(shop)
    assert told[str(ada)] == [("abandoned_cart", "sent", "15:00")]  # 5.5 of 6 h late
    assert told[str(eve)] == [("abandoned_cart", "stale", "15:00")]  # 5.5 of 4 h late
    assert ("birthday", "sent", "15:00") in told[str(bob)]  # 6 of 36 h late
    assert [one for one in told[str(both)] if one[1] == "sent"] == [("abandoned_cart", "sent", "15:00")]
    assert far in {row["contact_id"] for row in await shop.enrolled()}

    await shop.passes(2 * DAY)
    handed: dict[int, list[Any]] = {}
    for row in await shop.written():
        if row["handed_at"]:
            handed.setdefault(row["contact_id"], []).append(row["handed_at"])
    assert all(later - earlier >= 16 * HOUR for times in handed.values() for earlier, later in pairwise(sorted(times)))
    first, second = [row for row in await shop.written() if row["contact_id"] == ada][:2]
    assert second["planned_at"] == first["settled_at"] + 23 * HOUR  # counted from when it really left


async def _many(shop: ShopWorld, count: int, step: timedelta) -> None:
    """People with a cart each, whose first mails fall due one after another."""
    for number in range(count):
        who = f"p{number}@example.org"
        await shop.person(who)
        await shop.happens("Product Added", who, cart_id=who, **LINE)
        shop.now += step


async def test_t37_missed_mails_leave_one_after_another_the_longest_due_first(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    await _many(shop, 30, MINUTE)
    await shop.sleeps(5 * HOUR)
    began = shop.now
    await shop.passes(MINUTE)
    early = [row for row in await shop.written() if row["status"] == "sent"]
    pause = HOUR / (catching_up.LEAST * catching_up.ABOVE)
    assert len(early) == MINUTE // pause + 1 == 13
    await shop.passes(5 * MINUTE)
    sent = [message.row for message in shop.mails.sent]
    assert len(sent) == 30
    assert [row["contact_id"] for row in sent] == [row["contact_id"] for row in await shop.enrolled()]
    handed = [row["handed_at"] for row in await shop.written()]
    assert handed[0] == began and {later - earlier for earlier, later in pairwise(handed)} == {pause}


def _sent(shop: ShopWorld) -> dict[str, Any]:
    return {
        "channel": "email", "purpose": "marketing", "receiver": "x", "payload": {}, "status": "sent", "verdicts": {},
        "planned_at": shop.now, "created_at": shop.now, "priority": 50, "once": True, "attempts": 0, "defers": 0,
    }  # fmt: skip


async def test_the_usual_is_the_busiest_hour_of_the_week(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    yesterday, last_month = shop.now - DAY, shop.now - 30 * DAY
    many = [(yesterday, 700), (last_month, 2000), (shop.now - HOUR, 50)]
    async with shop.database.transaction() as session:
        for at, count in many:
            rows = [{**_sent(shop), "key": f"{at}{number}", "handed_at": at} for number in range(count)]
            await session.execute(sa.insert(shop_world.messages), rows)
        assert await catching_up.usual(session, shop.now) == 700


async def test_mails_that_are_on_time_leave_less_room_for_those_that_were_missed(
    database: Database, texts: Texts
) -> None:
    shop = await shop_world.opened(database, texts)
    turns = catching_up.CatchingUp()
    late = [(number, 82, shop.now - HOUR) for number in range(3)]
    async with shop.database.transaction() as session:
        free = await turns.turns(session, late, shop.now)
        rows = [{**_sent(shop), "key": str(number)} for number in range(60)]
        await session.execute(sa.insert(shop_world.messages), rows)  # 360 an hour
        busy = await turns.turns(session, late, shop.now)
    assert free[1] - free[0] == HOUR / 720 and busy[1] - busy[0] == HOUR / 360
    assert free[0] == busy[0] == shop.now


async def test_two_missed_mails_of_one_person_have_one_turn_and_the_higher_takes_it(
    database: Database, texts: Texts
) -> None:
    shop = await shop_world.opened(database, texts)
    shop.flows = and_a_strict_one(shop.flows)
    shop.now += MINUTE
    await shop.open()
    await shop.person()
    await shop.happens("Coupon Applied", coupon="X")
    shop.now += MINUTE
    await shop.adds()
    await shop.sleeps(3 * HOUR)
    await shop.passes(5 * MINUTE)
    (sent,) = [row for row in await shop.written() if row["status"] == "sent"]
    assert sent["flow"] == "abandoned_cart" and await shop.skipped() == ["frequency_cap"]


# -- the clock jumps -----------------------------------------------------------------------------------------------


async def second_outbox(shop: ShopWorld) -> Outbox:
    async with shop.database.transaction() as session:
        other = await due.register(session, shop.now)
    return Outbox(shop.database, {"email": shop.mails}, {"marketing": shop.gate}, other, now=lambda: shop.now)


@pytest.mark.parametrize("jump", [2 * HOUR, -HOUR])
async def test_t38_a_jump_while_a_mail_is_in_the_hands_of_a_worker_sends_it_once(
    database: Database, texts: Texts, jump: timedelta
) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.person()
    await shop.adds()
    shop.now += HOUR
    await shop.engine.move_due(shop.now)
    taken, ready = await shop.outbox._take("email", shop.mails, shop.now)
    assert taken == len(ready) == 1
    other = await second_outbox(shop)
    shop.now += jump
    await other.deliver_due("email")  # after two hours the lease is over, an hour earlier it is not
    await shop.outbox._hand_over(shop.mails, ready)
    await shop.passes(3 * HOUR)
    assert shop.templates() == ["abandoned_cart"]


@pytest.mark.parametrize("jump", [2 * HOUR, -HOUR])
async def test_t38_a_jump_between_two_workers_moves_nobody_twice(
    database: Database, texts: Texts, jump: timedelta
) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.person()
    await shop.adds()
    async with shop.database.transaction() as session:
        other = Engine(shop.database, shop.ground, await due.register(session, shop.now))
    shop.now += HOUR
    assert await shop.engine.move_due(shop.now) == 1
    shop.now += jump
    await other.move_due(shop.now)
    await shop.passes(4 * HOUR)
    rows = await shop.written()
    assert [(row["step_id"], row["status"]) for row in rows] == [("first", "sent")]


async def test_t38_a_wait_ends_at_its_own_moment_when_the_clock_was_set_back(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.person()
    await shop.adds()
    planned = (await shop.enrolled())[0]["due_at"]
    shop.now += 30 * MINUTE
    shop.now -= HOUR
    await shop.passes(80 * MINUTE)
    assert shop.templates() == []
    await shop.passes(10 * MINUTE)
    assert shop.templates() == ["abandoned_cart"] and shop.mails.sent[0].row["planned_at"] == planned


# -- too late to take it back --------------------------------------------------------------------------------------


async def _in_hand(shop: ShopWorld) -> Any:
    """The mail of a cart, said to be handed over: the next thing is the first byte."""
    await shop.person()
    await shop.adds()
    shop.now += HOUR
    await shop.engine.move_due(shop.now)
    _, ready = await shop.outbox._take("email", shop.mails, shop.now)
    return await shop.outbox._handed(shop.mails, ready)


async def test_t04_an_order_while_the_mail_is_handed_over_is_told_as_a_race_and_ends_the_rest(
    database: Database, texts: Texts
) -> None:
    shop = await shop_world.opened(database, texts)
    handed = await _in_hand(shop)
    await shop.orders()
    await shop.outbox._recorded([(message, await shop.mails.send(message)) for message in handed])
    await shop.passes(4 * DAY)
    (row,) = await shop.written()
    assert (row["status"], row["verdicts"]["raced"]) == ("sent", "goal")
    (enrolment,) = await shop.enrolled("abandoned_cart")
    assert (enrolment["status"], enrolment["exit_reason"]) == ("exited", "goal")


async def test_t43_a_worker_that_dies_between_the_answer_and_its_writing_down_never_sends_again(
    database: Database, texts: Texts
) -> None:
    shop = await shop_world.opened(database, texts)
    for message in await _in_hand(shop):
        await shop.mails.send(message)  # 250, and then nothing more of this worker
    (row,) = await shop.written()
    key = row["key"]
    shop.outbox = await second_outbox(shop)
    await shop.passes(HOUR)
    (row,) = await shop.written()
    assert (row["status"], row["skip_reason"], row["key"]) == ("unknown", "worker_lost", key)
    assert shop.templates() == ["abandoned_cart"]
    await shop.passes(DAY)
    assert shop.templates() == ["abandoned_cart", "abandoned_cart_2"]  # the flow goes on
