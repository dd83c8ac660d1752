from typing import Any

import pytest
import sqlalchemy as sa
from deskwork import Stage, seconds
from sqlmodel import col, select

from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.outbound.outbox import Send, Skip
from bot.support.stages import stages
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.staff_room import AuditEntry
from bot.tables.support import TicketEvent, TicketMessage

PROBLEM = "I want to talk to a human"
_ROWS = table(Message)


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    made = await Stage.set(database, texts, support={"flood": {"messages": 5, "within": "1m"}})
    await made.customer_says(PROBLEM)
    await made.staff_takes(seconds(2))
    return made


async def _flood(stage: Stage, many: int = 12, start: float = 10) -> None:
    for number in range(many):
        await stage.customer_says(f"message {number}", seconds(start + number))


async def _leave(stage: Stage, at: float) -> list[dict[str, Any]]:
    """What the notices of held messages say as they leave now."""
    rows = [row for row in await stage.queued("held") if row["due_at"] is not None]
    said = []
    async with stage.database.transaction() as session:
        for number, row in enumerate(rows):
            word = (await stages(stage.desk)["held"].prepare(session, [row], seconds(at)))[row["id"]]
            done = {"due_at": None, "status": "sent", "provider_id": str(900 + number)}
            if isinstance(word, Skip):
                done = {"due_at": None, "status": "skipped"}
            await session.execute(sa.update(_ROWS).where(_ROWS.c.id == row["id"]).values(**done))
            if isinstance(word, Send):
                said.append(dict(word.payload))
    return said


async def _held(stage: Stage) -> list[str]:
    async with stage.database.reading() as session:
        lines = select(TicketMessage).where(TicketMessage.held).order_by(col(TicketMessage.id))
        return [line.text for line in (await session.scalars(lines)).all()]


async def test_a_flood_is_held_in_one_notice_and_nothing_of_it_is_lost(stage: Stage) -> None:
    await _flood(stage)
    assert await stage.texts("relay") == [PROBLEM, *(f"message {number}" for number in range(4))]
    assert await _held(stage) == [f"message {number}" for number in range(4, 12)]
    (notice,) = await _leave(stage, 30)
    assert "Messages held: 8" in notice["text"]
    assert [button["text"] for button in notice["buttons"][0]] == ["Show them", "Block"]
    told = [text for text in await stage.texts("auto_answer") if "all of your messages" in text]
    assert len(told) == 1


async def test_the_notice_is_brought_up_to_date_instead_of_repeated(stage: Stage) -> None:
    await _flood(stage, 8)
    await _leave(stage, 20)
    await _flood(stage, 4, 20)
    (update,) = await _leave(stage, 30)
    assert update["edit"] == 900 and "Messages held: 8" in update["text"]


async def test_shown_messages_come_in_order_in_as_few_posts_as_hold_them(stage: Stage) -> None:
    await _flood(stage)
    before = await stage.texts("relay")
    await stage.customer_says("", seconds(25), attachment={"kind": "photo", "file_id": "x", "name": ""})
    await stage.customer_says("last", seconds(26))
    (notice,) = await _leave(stage, 30)
    await stage.staff_presses(notice["buttons"][0][0]["data"], seconds(40))
    posts = (await stage.queued("relay"))[len(before) :]
    assert len(posts) == 3 and posts[1]["payload"].get("copy")
    assert [line.split(" ", 1)[1] for line in posts[0]["payload"]["text"].splitlines()] == [
        f"message {number}" for number in range(4, 12)
    ]
    assert await _held(stage) == []
    await stage.staff_presses(notice["buttons"][0][0]["data"], seconds(41))
    assert len(await stage.queued("relay")) == len(before) + 3


async def test_after_the_flood_messages_are_shown_one_by_one_again(stage: Stage) -> None:
    await _flood(stage)
    await stage.customer_says("hello again", seconds(200))
    assert (await stage.texts("relay"))[-1] == "hello again"


async def test_the_clock_knows_of_held_messages(stage: Stage) -> None:
    await _flood(stage)
    async with stage.database.reading() as session:
        said = (await session.scalars(select(TicketEvent).where(TicketEvent.name == "said"))).all()
    assert len(said) == 13


async def test_a_flood_before_there_is_a_ticket_opens_one_that_counts_it(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support={"flood": {"messages": 3, "within": "1m"}})
    for number in range(6):
        await stage.customer_says("how much does shipping cost?", seconds(number))
    (ticket,) = await stage.tickets()
    assert ticket.status == "new" and len(await _held(stage)) == 3


async def test_a_blocked_customer_is_kept_and_counted_and_opens_nothing(stage: Stage) -> None:
    await stage.staff_writes("/block", seconds(30))
    ask = (await stage.queued("notice"))[-1]["payload"]
    said = await stage.texts("auto_answer", "rating")
    await stage.staff_presses(ask["buttons"][0][0]["data"], seconds(31))
    await stage.customer_says("let me in", seconds(40))
    assert await stage.customer_presses("1:human", seconds(41)) is None
    (ticket,) = await stage.tickets()
    assert ticket.status == "resolved" and await _held(stage) == ["let me in"]
    (notice,) = await _leave(stage, 50)
    assert "blocked customer: 1" in notice["text"] and notice["buttons"][0][1]["text"] == "Unblock"
    assert await stage.texts("auto_answer", "rating") == said
    async with stage.database.reading() as session:
        (entry,) = (await session.scalars(select(AuditEntry))).all()
    assert (entry.action, entry.subject, entry.actor) == ("blocked", "contact:1", f"staff:{stage.anna.id}")


async def test_asking_to_block_does_not_block(stage: Stage) -> None:
    await stage.staff_writes("/block", seconds(30))
    ask = (await stage.queued("notice"))[-1]["payload"]
    await stage.staff_presses(ask["buttons"][0][1]["data"], seconds(31))
    async with stage.database.reading() as session:
        (contact,) = (await session.scalars(select(Contact))).all()
    assert contact.blocked_at is None


async def test_unblocking_gives_back_the_ticket_and_what_was_written_meanwhile(stage: Stage) -> None:
    await stage.staff_presses("1:block:1:yes", seconds(30))
    await stage.customer_says("let me in", seconds(40))
    await stage.staff_writes("/unblock", seconds(60))
    ticket = await stage.ticket()
    assert ticket.status == "open" and await _held(stage) == []
    assert any("let me in" in text for text in await stage.texts("relay"))
    async with stage.database.reading() as session:
        said = (await session.scalars(select(TicketEvent).where(TicketEvent.name == "said"))).all()
    assert said[-1].at == seconds(40)


async def test_spam_closes_without_a_word_and_is_taken_back_with_what_came_since(stage: Stage) -> None:
    said = await stage.texts("auto_answer", "rating")
    await stage.staff_writes("/spam", seconds(30))
    await stage.customer_says("buy cheap watches", seconds(40))
    (ticket,) = await stage.tickets()
    assert (ticket.status, ticket.spam) == ("resolved", True)
    assert await stage.texts("auto_answer", "rating") == said and await _held(stage) == ["buy cheap watches"]
    await stage.staff_writes("/notspam", seconds(60))
    ticket = await stage.ticket()
    assert (ticket.status, ticket.spam) == ("open", False) and await _held(stage) == []
