import sqlalchemy as sa
from conftest import NOON

from bot.base import due, worker
from bot.base.database import Database, table
from bot.tables.events import WebhookDelivery

ROWS = table(WebhookDelivery)


async def _held_by(database: Database) -> list[int | None]:
    async with database.reading() as session:
        return list(await session.scalars(sa.select(ROWS.c.lease_by)))


async def _one_row(database: Database, lease_by: int | None = None) -> None:
    async with database.transaction() as session:
        session.add(
            WebhookDelivery(
                system="shopify",
                topic="x",
                delivery_key="1",
                received_at=NOON,
                due_at=NOON,
                lease_by=lease_by,
                lease_until=NOON.replace(year=2100) if lease_by else None,
            )
        )


async def test_what_a_killed_process_held_is_free_as_soon_as_the_next_one_starts(database: Database) -> None:
    async with database.transaction() as session:
        gone = await due.register(session, NOON)
        await session.execute(table(due.Worker).update().values(pid=2**22 + 1))
    await _one_row(database, lease_by=gone)

    async with worker.working(database):
        assert await _held_by(database) == [None]


async def test_a_clean_stop_frees_the_leases_and_forgets_the_worker(database: Database) -> None:
    await _one_row(database)

    async with worker.working(database) as me, database.transaction() as session:
        await due.claim(session, due.Claim(ROWS), me, NOON)

    assert await _held_by(database) == [None]
    async with database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(table(due.Worker))) == 0


async def test_a_worker_that_was_taken_for_dead_writes_itself_down_again(database: Database) -> None:
    async with database.transaction() as session:
        me = await due.register(session, NOON)
        await due.release(session, [me])
        await due.heartbeat(session, me, NOON)
        assert await session.scalar(sa.select(table(due.Worker).c.id)) == me
