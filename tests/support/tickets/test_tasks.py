"""A task that a flow asks for: a ticket among staff, and the customer hears nothing of it."""

from typing import Any

import pytest
import sqlalchemy as sa
from conftest import NOON
from deskwork import GROUP, Stage, seconds
from sqlmodel import col, select

from bot import events
from bot.base.database import Database
from bot.base.texts import Texts
from bot.events import Applier, NewEvent
from bot.support.tickets import staff_card, tasks
from bot.support.tickets.tasks import Tasks
from bot.tables.feedback import Rating
from bot.tables.people import Contact
from bot.tables.support import SlaTimer, TicketEvent

TEXT = "Call her: <b>third</b> cart this week"
RETURNS = {"departments": [{"name": "returns", "groups": [-100600], "languages": ["zh_CN"]}]}


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts, telegram={"staff_chat_id": GROUP}, support=RETURNS)


async def asks(stage: Stage, *, source: str = "aftercart", key: str = "t1", **said: Any) -> None:
    """The event that a flow leaves, applied as the program does."""
    properties = {
        "text": TEXT,
        "department": None,
        "priority": "high",
        "flow": "abandoned_cart",
        "step": "call",
        **said,
    }
    async with stage.database.transaction() as session:
        await events.record(
            session,
            NewEvent(
                source, key, "track", tasks.EVENT, NOON, NOON, {"properties": properties}, stage.contact.id, rank="shop"
            ),
        )
    applier = Applier(stage.database, [Tasks(stage.desk)], 1, secret=stage.desk.ground.secret, now=lambda: NOON)
    while await applier.apply_due():
        pass


async def test_a_task_is_a_ticket_for_staff_and_the_customer_hears_nothing(stage: Stage) -> None:
    await asks(stage)
    ticket = await stage.ticket()
    assert (ticket.kind, ticket.priority, ticket.status) == ("task", "high", "new")
    assert ticket.contact_id == stage.contact.id and ticket.channel == "telegram"
    async with stage.database.reading() as session:
        assert (await session.scalars(select(SlaTimer))).all() == []  # nothing is promised to who asked nothing
        card = await staff_card.content(session, stage.desk, ticket, NOON)
    assert "📌 task" in card["text"]
    assert "abandoned_cart (call): Call her: &lt;b&gt;third&lt;/b&gt; cart this week" in card["text"]
    (notice,) = [text for text in await stage.texts("notice") if "Call her" in text]
    assert "The customer asked nothing" in notice
    assert await stage.queued("answer", "auto_answer", "rating") == []


async def test_it_is_posted_to_the_group_of_its_department(stage: Stage) -> None:
    await asks(stage, department="returns")
    assert (await stage.ticket()).department == "returns"
    await asks(stage, key="t2", department="nobody_knows_it")
    assert (await stage.ticket()).department == ""


async def test_asked_twice_it_is_one_ticket(stage: Stage) -> None:
    await asks(stage)
    await asks(stage)
    assert len(await stage.tickets()) == 1


async def test_nobody_outside_can_ask_for_one(stage: Stage) -> None:
    await asks(stage, source="web")
    assert await stage.tickets() == []


async def test_about_a_blocked_customer_nothing_is_asked(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await session.execute(sa.update(Contact).values(blocked_at=NOON))
    await asks(stage)
    assert await stage.tickets() == []


async def test_what_the_customer_says_meanwhile_is_another_matter(stage: Stage) -> None:
    await asks(stage)
    await stage.customer_says("I want to talk to a human", seconds(60))
    task, other = await stage.tickets()
    assert (task.kind, other.kind) == ("task", "question") and task.waiting_since is None


async def test_once_staff_wrote_from_it_the_answer_comes_into_it_with_promises_of_its_own(stage: Stage) -> None:
    await asks(stage)
    await stage.staff_takes(seconds(10))
    await stage.staff_says("Hello Ada, can we help with your cart?", seconds(20))
    await stage.arrive(seconds(21))
    await stage.customer_says("Yes, which size should I take?", seconds(60))
    (ticket,) = await stage.tickets()
    assert ticket.kind == "question" and ticket.waiting_since == seconds(60)
    async with stage.database.reading() as session:
        metrics = {timer.metric for timer in await session.scalars(select(SlaTimer))}
    assert "first_response" not in metrics


async def test_closing_it_tells_and_asks_the_customer_nothing(stage: Stage) -> None:
    await asks(stage)
    await stage.staff_takes(seconds(10))
    await stage.staff_closes(seconds(20))
    assert (await stage.ticket()).status == "resolved"
    async with stage.database.reading() as session:
        assert (await session.scalars(select(Rating))).all() == []
        names = (await session.scalars(select(TicketEvent.name).order_by(col(TicketEvent.id)))).all()
    assert names[0] == "opened" and await stage.queued("answer", "auto_answer", "rating") == []
