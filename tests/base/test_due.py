from datetime import timedelta

from conftest import NOON

from bot.base import due
from bot.base.database import Database, table
from bot.tables.events import WebhookDelivery

ROWS = table(WebhookDelivery)


async def _deliveries(database: Database, count: int) -> None:
    async with database.transaction() as session:
        for number in range(count):
            session.add(
                WebhookDelivery(
                    system="shopify",
                    topic="x",
                    delivery_key=str(number),
                    received_at=NOON,
                    due_at=NOON + timedelta(seconds=number),
                )
            )


async def _claim(database: Database, worker: int, after: float = 0, limit: int = 500) -> list[str]:
    async with database.transaction() as session:
        rows = await due.claim(session, due.Claim(ROWS, limit), worker, NOON + timedelta(seconds=after))
    return [row["delivery_key"] for row in rows]


async def test_only_rows_whose_time_has_come_are_claimed_longest_due_first(database: Database) -> None:
    await _deliveries(database, 5)
    assert await _claim(database, 1, after=2) == ["0", "1", "2"]


async def test_a_leased_row_is_nobody_elses_until_the_lease_ends(database: Database) -> None:
    await _deliveries(database, 1)
    assert await _claim(database, 1) == ["0"]
    assert await _claim(database, 2, after=60) == []
    assert await _claim(database, 2, after=121) == ["0"]


async def test_a_dead_worker_on_this_machine_frees_its_rows_at_the_next_heartbeat(database: Database) -> None:
    await _deliveries(database, 1)
    async with database.transaction() as session:
        gone = await due.register(session, NOON)
        await session.execute(table(due.Worker).update().values(pid=2**22 + 1))
        me = await due.register(session, NOON)
    assert await _claim(database, gone) == ["0"]
    async with database.transaction() as session:
        assert await due.heartbeat(session, me, NOON) == 1
    assert await _claim(database, me) == ["0"]


async def test_the_next_due_row_tells_how_long_to_sleep(database: Database) -> None:
    await _deliveries(database, 2)
    await _claim(database, 1, limit=1)
    async with database.reading() as session:
        assert await due.next_due(session, ROWS) == NOON + timedelta(seconds=1)


async def test_a_lane_has_one_holder_until_it_expires(database: Database) -> None:
    lease = timedelta(seconds=15)
    async with database.transaction() as session:
        assert await due.hold_lane(session, "updates", 1, NOON, lease)
        assert not await due.hold_lane(session, "updates", 2, NOON + timedelta(seconds=5), lease)
        assert await due.hold_lane(session, "updates", 2, NOON + timedelta(seconds=16), lease)
