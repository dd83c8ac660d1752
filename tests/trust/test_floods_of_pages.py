"""Anybody can make a page say as much as they like: the shop's words and the mail of others do not wait for it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import NOON
from intake import Intake
from shop_world import HOUR, MINUTE, ShopWorld, opened

from automations.asking import behind
from bot import contacts
from bot.base.database import Database, table
from bot.base.ranks import Rank
from bot.base.texts import Texts
from bot.events import NewEvent
from bot.events import happened as told
from bot.tables.events import Event
from bot.tables.shop import Cart

_rows = table(Event)


def _event(key: str, rank: Rank, name: str = "Product Viewed", **body: Any) -> NewEvent:
    said = {"product_id": "lamp", "quantity": 1}
    return NewEvent("web", key, "track", name, NOON, NOON, {"properties": said, **body}, rank=rank)


def _views(count: int, browser: str = "flood") -> list[NewEvent]:
    return [_event(f"{browser}:{number}", "page", anonymousId=browser) for number in range(count)]


async def _wait(database: Database, waiting: Sequence[NewEvent]) -> None:
    async with database.transaction() as session:
        await session.execute(sa.insert(_rows), [told.values(event) for event in waiting])


async def _applied(database: Database) -> dict[str, int]:
    counted = (
        sa.select(_rows.c.rank, sa.func.count().label("count")).where(_rows.c.due_at.is_(None)).group_by(_rows.c.rank)
    )
    async with database.reading() as session:
        return {row.rank: row.count for row in await session.execute(counted)}


async def test_the_words_of_the_shop_do_not_wait_behind_pages(database: Database) -> None:
    order = _event("o1", "shop", "Order Completed", email="ada@example.org")
    await _wait(database, [*_views(450), order])
    intake = Intake(database)
    await intake.applier.apply_due()
    assert (await _applied(database))["shop"] == 1
    assert intake.names[-1] == "Order Completed"


async def test_pages_get_a_share_while_much_of_the_shop_waits(database: Database) -> None:
    shops = [_event(f"s{number}", "shop", email="ada@example.org") for number in range(310)]
    await _wait(database, [*shops, *_views(120)])
    intake = Intake(database)
    await intake.applier.apply_due()
    assert await _applied(database) == {"shop": 150, "page": 50}
    await intake.apply()
    assert await _applied(database) == {"shop": 310, "page": 120}


async def test_what_one_browser_tells_is_applied_in_its_order(database: Database) -> None:
    put, taken = ("Product Added", "Product Removed")
    before, after = _event("put", "page", put, anonymousId="b1"), _event("later", "page", put, anonymousId="b1")
    out = _event("out", "person", taken, anonymousId="b1")
    await _wait(database, [*_views(250), before, out, *_views(250, "more"), after])
    intake = Intake(database)
    await intake.applier.apply_due()
    (cart,) = await intake.rows(Cart)
    assert cart.items == []
    async with database.reading() as session:
        waits = await session.scalar(sa.select(_rows.c.due_at).where(_rows.c.message_id == "later"))
    assert waits is not None, "what came behind it stays where it was"


async def test_an_event_keeps_its_browser_only_while_it_waits(database: Database) -> None:
    await _wait(database, [_event("u", "page", userId="u1"), *_views(1)])
    intake = Intake(database)
    assert {event.browser for event in await intake.rows(Event)} == {"u1", "flood"}
    await intake.apply()
    assert {event.browser for event in await intake.rows(Event)} == {None}


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    return await opened(database, texts)


async def _left_a_cart(shop: ShopWorld, browser: str) -> int:
    ada = await shop.person()
    async with shop.database.transaction() as session:
        await contacts.find_or_create(session, [("email", "ada@example.org"), ("anonymous_id", browser)], shop.now)
    await shop.adds()
    return ada


async def test_a_flood_of_pages_does_not_hold_the_mail_of_others(shop: ShopWorld) -> None:
    await _left_a_cart(shop, "hers")
    shop.now += HOUR - MINUTE
    await _wait(shop.database, _views(30))
    shop.now += 2 * MINUTE
    await shop.engine.move_due(shop.now)
    await shop.outbox.deliver_due("email")
    (mail,) = await shop.written()
    assert mail["status"] == "sent"


async def test_what_her_own_browser_told_is_waited_for_but_not_for_ever(shop: ShopWorld) -> None:
    ada = await _left_a_cart(shop, "hers")
    shop.now += HOUR - MINUTE
    await _wait(shop.database, _views(1, "hers"))
    shop.now += 2 * MINUTE
    await shop.engine.move_due(shop.now)
    await shop.outbox.deliver_due("email")
    (mail,) = await shop.written()
    assert (mail["status"], mail["skip_reason"]) == ("deferred", "events_wait")
    async with shop.database.reading() as session:
        assert await behind.pages_wait(session, [ada], shop.now) == {ada}
        assert await behind.pages_wait(session, [ada], shop.now, since=NOON) == set()
    for _ in range(120):
        shop.now += timedelta(seconds=5)
        await shop.outbox.deliver_due("email")
    (mail,) = await shop.written()
    assert mail["status"] == "sent"
