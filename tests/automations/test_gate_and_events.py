"""The outbox and the events at the same moment, about the same people: nobody waits for the other, no wake is lost."""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import shop_world
import sqlalchemy as sa
from conftest import NOON
from shop_world import DAY, HOUR, MINUTE, ShopWorld
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition import flow
from automations.definition.flow_files import Flows
from automations.running import exits, pausing, publishing, starts, steps
from automations.running.steps import Known
from bot.base import due
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables.automations import Enrolment
from bot.tables.people import Contact

FLOW = """
title = "Two mails"
about = "cart"
priority = "cart"
cap = "ignore"
[trigger]
events = ["Product Added"]
[enrol]
key = "cart:{cart_id}"
[[steps]]
id = "idle"
wait = "1h"
[[steps]]
id = "first"
send = "abandoned_cart"
[[steps]]
id = "soon"
wait = "1m"
[[steps]]
id = "second"
send = "abandoned_cart"
"""
TREE = tomllib.loads(FLOW)
TWO_MAILS = Flows({"little": flow.from_definition("little", TREE)}, {"little": TREE}, {})
ROWS = table(Enrolment)
Hold = Callable[[ShopWorld, AsyncSession], Awaitable[object]]


async def waiting(database: Database, texts: Texts) -> ShopWorld:
    """The first mail of one person is due."""
    shop = await shop_world.opened(database, texts, TWO_MAILS)
    await shop.person()
    await shop.adds()
    shop.now += HOUR
    await shop.engine.move_due(shop.now)
    return shop


async def _event(shop: ShopWorld, session: AsyncSession) -> object:
    (row,) = await shop.enrolled()
    return await shop.on_event._open(session, row["contact_id"], lock=True)  # type: ignore[attr-defined]


async def _trigger(shop: ShopWorld, session: AsyncSession) -> object:
    (row,) = await shop.enrolled()
    return await starts._find(session, row["flow"], row["dedupe_key"])  # type: ignore[attr-defined]


async def _engine(shop: ShopWorld, session: AsyncSession) -> object:
    return await due.claim(session, due.Claim(ROWS), shop.worker, shop.now + DAY)


async def _publishing(shop: ShopWorld, session: AsyncSession) -> object:
    query = publishing._free(sa.select(ROWS.c.id))  # type: ignore[attr-defined]
    return (await session.execute(query)).all()


async def _resuming(shop: ShopWorld, session: AsyncSession) -> object:
    await session.execute(sa.update(ROWS).values(planned_at=shop.now, due_at=shop.now))
    return await pausing._fell_due(session, "little", 0, shop.now)  # type: ignore[attr-defined]


async def _ending(shop: ShopWorld, session: AsyncSession) -> object:
    """What is held of the enrolment while it ends; its mail is the gate's already."""
    (row,) = await shop.enrolled()
    await exits.leave(session, [row["id"]], "goal", shop.now)
    return None


def _claimed(shop: ShopWorld) -> asyncio.Event:
    """Told when the gate has the mail, so that whoever comes then finds it taken."""
    reached = asyncio.Event()
    prepare = shop.gate.prepare

    async def slowly(*given: Any) -> Any:
        reached.set()
        await asyncio.sleep(0.3)
        return await prepare(*given)

    shop.gate.prepare = slowly  # type: ignore[method-assign]
    return reached


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite: one writer at a time
@pytest.mark.parametrize("hold", [_event, _trigger, _engine, _publishing, _resuming, _ending])
async def test_the_gate_does_not_wait_for_whoever_holds_the_enrolment(
    database: Database, texts: Texts, hold: Hold
) -> None:
    shop = await waiting(database, texts)
    reached = _claimed(shop)
    delivering = asyncio.create_task(shop.outbox.deliver_due("email"))
    await reached.wait()
    async with database.transaction() as session:
        assert await hold(shop, session) != []
        assert await asyncio.wait_for(asyncio.shield(delivering), 5) == 1
        await session.execute(sa.update(table(Contact)).values(last_seen_at=shop.now))  # as the next event does
    (mail,) = await shop.written()
    assert mail["status"] == "sent"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite: one writer at a time
async def test_a_mail_that_was_settled_while_somebody_held_the_enrolment_is_found_within_a_quarter_of_an_hour(
    database: Database, texts: Texts
) -> None:
    shop = await waiting(database, texts)
    reached = _claimed(shop)
    delivering = asyncio.create_task(shop.outbox.deliver_due("email"))
    await reached.wait()
    async with database.transaction() as session:
        await _event(shop, session)
        assert await delivering == 1
    (row,) = await shop.enrolled()
    assert row["step_id"] == "first" and row["due_at"] <= shop.now + 15 * MINUTE
    await shop.passes(15 * MINUTE)
    assert [message["step_id"] for message in await shop.written()] == ["first", "second"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite: one writer at a time
async def test_the_engine_that_looks_just_when_the_mail_is_settled_looks_again(
    database: Database, texts: Texts
) -> None:
    shop = await waiting(database, texts)
    sent, looked = asyncio.Event(), asyncio.Event()
    move = shop.engine._move  # type: ignore[attr-defined]

    async def slowly(*given: Any) -> None:
        await move(*given)  # it has seen a mail on its way
        looked.set()
        await sent.wait()

    shop.engine._move = slowly  # type: ignore[method-assign]
    shop.now += 15 * MINUTE
    moving = asyncio.create_task(shop.engine.move_due(shop.now))
    await looked.wait()
    assert await shop.outbox.deliver_due("email") == 1
    sent.set()
    await moving
    shop.engine._move = move  # type: ignore[method-assign]
    assert [message["status"] for message in await shop.written()] == ["sent"]
    await shop.passes(16 * MINUTE)
    assert [message["step_id"] for message in await shop.written()] == ["first", "second"]


def _looks(entered: datetime, due_at: datetime, now: datetime) -> datetime:
    row = {"step_id": "first", "step_entered_at": entered, "context": {}, "planned_at": None}
    message = {"status": "deferred", "due_at": due_at, "settled_at": None}
    move = steps.on_due(row, TWO_MAILS.by_name["little"], Known(now, NOON.tzinfo, message))  # type: ignore[arg-type]
    assert move.due_at is not None
    return move.due_at


def test_a_mail_that_was_put_off_is_not_looked_at_before_its_time() -> None:
    assert _looks(NOON, NOON + 3 * DAY, NOON + 15 * MINUTE) == NOON + 3 * DAY + 15 * MINUTE


def test_a_mail_in_a_long_queue_is_looked_at_less_and_less_often() -> None:
    at, looks = NOON + 15 * MINUTE, []
    while at < NOON + 2 * DAY:
        later = _looks(NOON, NOON, at)
        looks.append(later - at)
        at = later
    minutes = timedelta(minutes=1)
    assert [span // minutes for span in looks[:5]] == [15, 30, 60, 120, 240]
    assert set(looks[5:]) == {6 * HOUR}


async def test_at_night_a_mail_costs_the_engine_one_look(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, TWO_MAILS)
    await shop.person(timezone="Europe/Berlin")
    shop.now = shop.now.replace(hour=20)
    await shop.adds()
    looks = 0
    move = shop.engine._move  # type: ignore[attr-defined]

    async def counted(session: AsyncSession, rows: Any, now: datetime) -> None:
        nonlocal looks
        looks += len(rows)
        await move(session, rows, now)

    await shop.passes(2 * HOUR)
    assert [message["status"] for message in await shop.written()] == ["deferred"]
    shop.engine._move = counted  # type: ignore[method-assign]
    await shop.passes(8 * HOUR)
    assert looks <= 1 and not shop.mails.sent
    await shop.passes(12 * HOUR)
    assert len(shop.mails.sent) == 2
