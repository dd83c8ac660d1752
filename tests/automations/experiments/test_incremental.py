"""What mails bring beyond what would have come anyway, from people who were held back."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import NOON

from automations.experiments import incremental
from automations.experiments.incremental import Incremental
from automations.experiments.outcomes import Window
from bot.base.database import Database, table
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.shop import Order

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = NOON + 30 * DAY


class Mailing:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.people = 0
        self.count = 0

    async def insert(self, model: type[Any], rows: Sequence[dict[str, Any]]) -> None:
        async with self.database.transaction() as session:
            await session.execute(sa.insert(table(model)), list(rows))

    async def come(self, count: int) -> range:
        numbers = range(self.people + 1, self.people + count + 1)
        self.people += count
        await self.insert(Contact, [
            {"id": number, "status": "active", "first_name": "", "last_name": "", "traits": {}, "created_at": NOON}
            for number in numbers
        ])  # fmt: skip
        return numbers

    async def mail(
        self, numbers: Sequence[int], *, held: bool = False, of: str = "", flow: str = "abandoned_cart",
        at: datetime = NOON,
    ) -> None:  # fmt: skip
        detail = {"reason": "withheld", "bucket": 7, **({"of": of} if of else {})}
        rows = []
        for number in numbers:
            self.count += 1
            rows.append({
                "key": str(self.count), "channel": "email", "purpose": "marketing", "once": True, "receiver": "a",
                "priority": 82, "payload": {}, "flow": flow, "contact_id": number, "defers": 0, "attempts": 0,
                "status": "withheld" if held else "sent", "verdicts": {"not_held_out": detail if held else True},
                "planned_at": at, "created_at": at, "settled_at": at, "handed_at": None if held else at,
            })  # fmt: skip
        await self.insert(Message, rows)

    async def order(self, numbers: Sequence[int], at: datetime = NOON + HOUR, revenue: int = 3000) -> None:
        rows = []
        for number in numbers:
            self.count += 1
            rows.append({
                "order_id": str(self.count), "contact_id": number, "status": "paid", "currency": "EUR", "number": "",
                "revenue": revenue, "refunded": 0, "cart_id": "", "checkout_id": "", "parcel": "none", "carrier": "",
                "tracking_number": "", "tracking_url": "", "total": revenue, "items": [], "told": [],
                "changed_at": at, "paid_at": at, "ordered_at": at,
            })  # fmt: skip
        await self.insert(Order, rows)

    async def report(self, now: datetime = LATER, since: datetime | None = None) -> dict[tuple[str, str], Incremental]:
        async with self.database.reading() as session:
            found = await incremental.report(session, Window(5 * DAY, "EUR"), now, since)
        return {(one.flow, one.of): one for one in found}


@pytest.fixture
async def mailing(database: Database) -> Mailing:
    return Mailing(database)


async def test_what_the_mails_brought_is_what_the_held_back_did_not_spend(mailing: Mailing) -> None:
    treated, held = await mailing.come(400), await mailing.come(100)
    await mailing.mail(treated)
    await mailing.mail(treated[:200], at=NOON + DAY)  # a second mail is no second person
    await mailing.mail(held, held=True)
    await mailing.order(treated[:80])  # 20 % of 400, at 30 EUR
    await mailing.order(held[:10])  # 10 % of 100
    found = await mailing.report()
    cart = found["abandoned_cart", "shop"]
    assert (cart.treated.n, cart.treated.order, cart.held.n, cart.held.order, cart.mails) == (400, 80, 100, 10, 600)
    assert cart.money.difference == pytest.approx(300)  # 6 EUR a person against 3 EUR
    assert cart.total.amount == pytest.approx(120_000)
    assert cart.per_thousand.amount == pytest.approx(200_000)
    assert cart.by_orders.amount == pytest.approx(120_000)
    assert cart.total.span.low == pytest.approx(400 * cart.money.span.low)
    assert 0 < cart.by_orders.span.low < 120_000 < cart.by_orders.span.high
    everything = found["", "shop"]
    assert (everything.total, everything.mails) == (cart.total, 600)


async def test_orders_after_the_window_or_before_the_mail_are_not_counted(mailing: Mailing) -> None:
    treated, held = await mailing.come(10), await mailing.come(10)
    await mailing.mail(treated)
    await mailing.mail(held, held=True)
    await mailing.order(treated, at=NOON - HOUR)
    await mailing.order(held, at=NOON + 6 * DAY)
    cart = (await mailing.report())["abandoned_cart", "shop"]
    assert (cart.treated.order, cart.held.order) == (0, 0)


async def test_people_whose_time_is_not_over_are_not_counted_yet(mailing: Mailing) -> None:
    people = await mailing.come(4)
    await mailing.mail(people[:1])
    await mailing.mail(people[1:2], held=True)
    await mailing.mail(people[2:3], at=NOON + 4 * DAY)
    await mailing.mail(people[3:4], held=True, at=NOON + 4 * DAY)
    cart = (await mailing.report(NOON + 6 * DAY))["abandoned_cart", "shop"]
    assert (cart.treated.n, cart.held.n, cart.mails) == (1, 1, 1)
    cart = (await mailing.report(since=NOON + DAY))["abandoned_cart", "shop"]
    assert (cart.treated.n, cart.held.n) == (1, 1)


async def test_the_hold_out_of_the_shop_and_that_of_a_flow_are_told_apart(mailing: Mailing) -> None:
    treated, shops, own = await mailing.come(10), await mailing.come(5), await mailing.come(5)
    await mailing.mail(treated)
    await mailing.mail(shops, held=True)
    await mailing.mail(own, held=True, of="flow")
    await mailing.mail(own, flow="birthday", at=NOON + DAY)
    found = await mailing.report()
    assert {key: (one.treated.n, one.held.n) for key, one in found.items()} == {
        ("", "shop"): (15, 5), ("abandoned_cart", "shop"): (10, 5), ("abandoned_cart", "flow"): (10, 5),
    }  # fmt: skip


async def test_where_nobody_was_held_back_nothing_is_said(mailing: Mailing) -> None:
    await mailing.mail(await mailing.come(5))
    assert await mailing.report() == {}


async def test_with_one_person_held_back_nothing_is_sure(mailing: Mailing) -> None:
    treated, held = await mailing.come(5), await mailing.come(1)
    await mailing.mail(treated)
    await mailing.mail(held, held=True)
    await mailing.order(treated[:2])
    total = (await mailing.report())["abandoned_cart", "shop"].total
    assert (total.span.low, total.span.high) == (-math.inf, math.inf)
