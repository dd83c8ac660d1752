"""Which tickets and ratings hold marketing, and which do not."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import shop_world
from changed_flows import TOP, flows
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from bot.base.database import Database
from bot.base.texts import Texts
from bot.tables.feedback import Rating
from bot.tables.support import Ticket, TicketMessage

FERN = {"product_id": "fern", "name": "Fern", "price": 10, "quantity": 1, "category": "Plants"}


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts)
    await world.person()
    return world


async def opens(shop: ShopWorld, text: str = "", **fields: Any) -> Ticket:
    """A ticket of Ada in which she said that."""
    async with shop.database.transaction() as session:
        people = shop_world.table(shop_world.Contact)
        person = await session.scalar(shop_world.sa.select(people.c.id).where(people.c.status == "active"))
        values = {"number": 1001, "contact_id": person, "channel": "telegram", "opened_at": shop.now, "status": "open"}
        ticket = Ticket(**{**values, **fields})
        session.add(ticket)
        await session.flush()
        if text:
            session.add(TicketMessage(
                contact_id=person, ticket_id=ticket.id, channel="telegram", author="customer", text=text,
                provider_key=f"t{ticket.number}", at=shop.now, received_at=shop.now,
            ))  # fmt: skip
    return ticket


async def held(shop: ShopWorld) -> str | None:
    """Why the newest mail is held now."""
    row = (await shop.written())[-1]
    said = row["verdicts"].get("not_held")
    return said["because"] if isinstance(said, dict) else None


@pytest.mark.parametrize(
    ("ticket", "why"),
    [
        ({"kind": "complaint"}, "complaint"),
        ({"kind": "complaint", "status": "waiting_customer"}, "complaint"),
        ({"priority": "urgent"}, "open_ticket"),
        ({}, None),
        ({"kind": "complaint", "status": "resolved"}, None),
        ({"kind": "complaint", "spam": True}, None),
        ({"kind": "drill", "priority": "urgent"}, None),
        ({"kind": "task", "priority": "urgent"}, None),
    ],
)
async def test_a_flow_without_an_order_looks_at_complaints_and_what_is_urgent(
    shop: ShopWorld, ticket: dict[str, Any], why: str | None
) -> None:
    await opens(shop, **ticket)
    await shop.adds()
    await shop.passes(HOUR + MINUTE)
    assert await held(shop) == why
    assert shop.templates() == ([] if why else ["abandoned_cart"])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Where is order #2002?", "open_ticket"),
        ("Where is my parcel?", "open_ticket"),  # it was their newest order when they asked
        ("Where is 2001?", None),  # about another order of theirs
    ],
)
async def test_a_flow_about_an_order_looks_at_tickets_about_it(shop: ShopWorld, said: str, why: str | None) -> None:
    await shop.orders("o1", order_number="2001")
    shop.now += HOUR
    await shop.orders("o2", order_number="2002", products=[FERN])
    shop.now += HOUR
    await opens(shop, said)
    await shop.passes(10 * DAY)
    second = next(row["id"] for row in await shop.enrolled("care_tips") if row["context"]["order_id"] == "o2")
    mail = next(row for row in await shop.written() if row["enrolment_id"] == second)
    told = mail["verdicts"]["not_held"]
    assert (told["because"] if isinstance(told, dict) else None) == why


@pytest.mark.parametrize(
    ("score", "days", "why"), [(2, 1, "low_rating"), (1, 29, "low_rating"), (3, 1, None), (1, 31, None)]
)
async def test_a_low_rating_counts_for_thirty_days(shop: ShopWorld, score: int, days: int, why: str | None) -> None:
    rated = shop.now - timedelta(days=days)
    ticket = await opens(shop, status="resolved", opened_at=rated, resolved_at=rated - HOUR)
    await rates(shop, ticket, score, rated)
    await shop.adds()
    await shop.passes(HOUR + MINUTE)
    assert await held(shop) == why


async def rates(shop: ShopWorld, ticket: Ticket, score: int, at: Any, cycle: int = 1) -> None:
    async with shop.database.transaction() as session:
        session.add(Rating(
            ticket_id=ticket.id or 0, contact_id=ticket.contact_id, asked_at=at, score=score, rated_at=at, cycle=cycle,
        ))  # fmt: skip


async def test_a_better_rating_ends_the_hold_of_a_low_one(shop: ShopWorld) -> None:
    ticket = await opens(shop, status="resolved", resolved_at=shop.now - 2 * HOUR)
    await rates(shop, ticket, 1, shop.now - HOUR)
    await rates(shop, ticket, 5, shop.now - MINUTE, cycle=2)
    await shop.adds()
    await shop.passes(HOUR + MINUTE)
    assert shop.templates() == ["abandoned_cart"]


async def test_a_flow_may_write_all_the_same(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await shop_world.opened(database, texts, flows(tmp_path, (TOP, TOP + "held_by_service = false\n")))
    await shop.person()
    await opens(shop, kind="complaint")
    await shop.adds()
    await shop.passes(HOUR + MINUTE)
    assert shop.templates() == ["abandoned_cart"] and (await shop.written())[0]["verdicts"]["not_held"] is True


async def test_waiting_for_service_does_not_make_a_mail_late(shop: ShopWorld) -> None:
    ticket = await opens(shop, kind="complaint")
    await shop.adds()
    await shop.passes(2 * DAY)  # the first mail of a cart may be six hours late
    async with shop.database.transaction() as session:
        rows = shop_world.table(Ticket)
        await session.execute(rows.update().where(rows.c.id == ticket.id).values(status="resolved"))
    await shop.passes(7 * HOUR)  # nobody told: the slow look finds it
    assert "abandoned_cart" in shop.templates()
