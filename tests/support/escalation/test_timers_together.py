"""Two processes at the same timers, one broken row among others, and rows that say what the history says."""

import asyncio

from deskwork import Stage, seconds
from past import add
from sqlmodel import col, select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.escalation.timers import Timers
from bot.support.sla import clocks
from bot.tables.support import SlaTimer, Ticket, TicketEvent

DAY_AND_NIGHT = {"sla": [{"name": "chat", "first_response": "30s", "always_open": True}]}


async def _events(stage: Stage, name: str) -> list[int]:
    async with stage.database.reading() as session:
        found = select(TicketEvent.ticket_id).where(TicketEvent.name == name).order_by(col(TicketEvent.ticket_id))
        return list((await session.scalars(found)).all())


async def test_two_processes_warn_of_each_once(database: Database, database_url: str, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support=DAY_AND_NIGHT)
    tickets = await add(stage, "running", 150, due_at=seconds(15), ticket={"status": "open"})
    other = Database(database_url)

    async def work(at: Database, worker: int) -> int:
        timers, done = Timers(at, stage.desk, worker), 0
        for _ in range(20):
            done += await timers.run(seconds(15))
        return done

    assert sum(await asyncio.gather(work(database, 1), work(other, 2))) == 150
    assert await _events(stage, "timer_warned") == tickets
    assert len(await stage.queued("notice")) == 150
    await other.close()


async def test_a_row_that_cannot_be_looked_at_moves_away_and_the_others_are_done(
    database: Database, texts: Texts
) -> None:
    stage = await Stage.set(database, texts, support=DAY_AND_NIGHT)
    good = await add(stage, "running", 2, due_at=seconds(15), ticket={"status": "open"})
    (broken,) = await add(stage, "running", due_at=seconds(15), ticket={"status": "open"}, pauses=[["no time"]])
    assert await Timers(database, stage.desk, 1).run(seconds(15)) == 3
    assert await _events(stage, "timer_warned") == good
    async with database.reading() as session:
        row = (await session.scalars(select(SlaTimer).where(SlaTimer.ticket_id == broken))).one()
    assert row.due_at is not None and row.due_at > seconds(15) and row.attempts == 1
    assert await Timers(database, stage.desk, 1).run(seconds(15)) == 0


async def test_what_was_written_for_a_batch_is_what_the_history_says(database: Database, texts: Texts) -> None:
    policy = {"name": "chat", "first_response": "1m", "resolution": "1m"}
    stage = await Stage.set(database, texts, support={"sla": [policy]})
    await stage.customer_says("I want to talk to a human")
    for moment in (30, 60.001, 660.1, 1260.1, 1860.1):
        await stage.timers_run(seconds(moment))
        async with database.transaction() as session:
            ticket = await session.get(Ticket, (await stage.ticket()).id)
            assert ticket is not None and await clocks.recompute(session, stage.desk, ticket) == 0, moment
