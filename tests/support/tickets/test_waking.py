import asyncio

import make
import pytest
import sqlalchemy as sa
from deskwork import Stage, seconds
from sqlmodel import col, select

from bot.base import due
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.support.tickets.waking import Waking
from bot.tables.support import Ticket, TicketEvent

_TICKETS = table(Ticket)


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    """Forty tickets that sleep until the same second."""
    made = await Stage.set(database, texts)
    async with database.transaction() as session:
        for number in range(40):
            until = seconds(100)
            await make.ticket(
                session,
                2000 + number,
                contact_id=made.contact.id,
                status="snoozed",
                snoozed_until=until,
                due_at=until,
                assignee_id=made.anna.id,
            )
    return made


async def _woken(stage: Stage) -> list[int]:
    async with stage.database.reading() as session:
        asked = select(TicketEvent).where(TicketEvent.name == "status_changed").order_by(col(TicketEvent.ticket_id))
        return [event.ticket_id for event in (await session.scalars(asked)).all()]


async def test_two_workers_share_the_snoozes_that_end_and_wake_each_once(stage: Stage, database_url: str) -> None:
    second = Database(database_url)
    workers = [Waking(stage.database, stage.desk, 1), Waking(second, stage.desk, 2)]

    async def until_empty(worker: Waking) -> int:
        took = 0
        while many := await worker.run(seconds(100)):
            took += many
        return took

    took = await asyncio.gather(*(until_empty(worker) for worker in workers))
    await second.close()
    assert sum(took) == 40
    assert await _woken(stage) == sorted({ticket.id for ticket in await stage.tickets()})
    assert len(await _woken(stage)) == 40
    assert len([text for text in await stage.texts("notice") if "time has come" in text]) == 40


async def test_a_worker_that_died_leaves_its_snoozes_to_the_other(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        taken = await due.claim(session, due.Claim(_TICKETS, limit=50), 7, seconds(100))
    assert len(taken) == 40 and await stage.tickets_run(seconds(101)) == 0
    async with stage.database.transaction() as session:
        await due.release(session, [7])
    assert await stage.tickets_run(seconds(102)) == 40
    assert {ticket.status for ticket in await stage.tickets()} == {"open"}


async def test_a_ticket_that_changed_after_it_was_claimed_is_left_alone(stage: Stage) -> None:
    worker = Waking(stage.database, stage.desk, 1)
    async with stage.database.transaction() as session:
        await due.claim(session, due.Claim(_TICKETS, limit=50), 1, seconds(100))
    stage.topic = 2000
    await stage.staff_writes("/snooze 5h", seconds(101))
    await worker._one(1, seconds(102))
    assert (await stage.ticket()).status == "snoozed"


async def test_one_that_cannot_be_woken_moves_away_and_the_others_wake(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await session.execute(sa.update(_TICKETS).where(_TICKETS.c.number == 2000).values(status="nonsense"))
        await session.execute(sa.update(_TICKETS).where(_TICKETS.c.number == 2001).values(assignee_id=None))
    await stage.tickets_run(seconds(100))
    assert len(await _woken(stage)) == 39
    assert await stage.tickets_run(seconds(100)) == 0
