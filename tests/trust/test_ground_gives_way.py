"""A database that is full or read-only, a clock that jumps: what was acknowledged is there, nothing leaves twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import NOON
from fakes import RecordingSender
from structlog.testing import capture_logs

from bot.base import clock
from bot.base.database import Database, table
from bot.events import Applier, Ingest, NewEvent
from bot.events.happened import Happened
from bot.outbound import outbox
from bot.outbound.outbox import Outbox
from bot.outbound.sender import DeliveryError, Outgoing, Receipt
from bot.tables.events import Event
from bot.tables.outbox import Message

ROWS, EVENTS = table(Message), table(Event)
_NEVER = "PRAGMA max_page_count = 4294967294"


async def _pragma(database: Database, words: str) -> None:
    """On the one connection that writes."""
    async with database.engine.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        cursor = await raw.execute(words)
        await cursor.close()


async def _full(database: Database) -> None:
    async with database.reading() as session:
        pages = await session.scalar(sa.text("PRAGMA page_count"))
    await _pragma(database, f"PRAGMA max_page_count = {pages}")


async def _read_only(database: Database) -> None:
    await _pragma(database, "PRAGMA query_only = ON")


async def _well_again(database: Database) -> None:
    await _pragma(database, "PRAGMA query_only = OFF")
    await _pragma(database, _NEVER)


TROUBLES = [_full, _read_only]


def _event(number: int) -> NewEvent:
    body = {"userId": f"u{number}", "properties": {"title": "x" * 20_000}}
    return NewEvent("site", f"m{number}", "track", "Product Viewed", NOON, NOON, body, rank="page")


@pytest.fixture
def sqlite(database: Database) -> Iterator[Database]:
    if not database.is_sqlite:
        pytest.skip("a PostgreSQL server is filled and locked by its own operator")
    with capture_logs():  # traces of such errors are long to paint
        yield database


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_an_event_is_acknowledged_only_if_it_is_kept(sqlite: Database, trouble: Callable[..., Any]) -> None:
    ingest = Ingest(sqlite)
    ingest.start()
    kept, refused = [], []
    try:
        await ingest.add([_event(0)])
        kept.append("m0")
        await trouble(sqlite)
        for number in range(1, 6):
            try:
                await ingest.add([_event(number)])
                kept.append(f"m{number}")
            except sa.exc.DBAPIError:
                refused.append(number)
        assert refused  # the client hears a 5xx and comes again
        await _well_again(sqlite)
        for number in refused:
            await ingest.add([_event(number)])
            kept.append(f"m{number}")
    finally:
        await ingest.close()
    async with sqlite.reading() as session:
        there = (await session.scalars(sa.select(EVENTS.c.message_id))).all()
    assert sorted(there) == sorted(kept) == [f"m{number}" for number in range(6)]


async def _queue(database: Database, count: int, now: datetime, *, once: bool | None = None) -> None:
    async with database.transaction() as session:
        for number in range(count):
            await outbox.queue(
                session, channel="email", purpose="plain", receiver="x", payload={"text": f"m{number}"},
                key=f"m{number}", now=now, once=number % 2 == 0 if once is None else once,
            )  # fmt: skip


async def _statuses(database: Database) -> Counter[str]:
    async with database.reading() as session:
        return Counter((await session.scalars(sa.select(ROWS.c.status))).all())


async def test_a_database_that_gives_way_before_the_hand_over_lets_nothing_leave(sqlite: Database) -> None:
    await _queue(sqlite, 6, clock.now())
    sender = RecordingSender(ordered=False)
    box = Outbox(sqlite, {"email": sender}, {}, worker=1)
    await _read_only(sqlite)
    with pytest.raises(sa.exc.DBAPIError):
        await box.deliver_due("email")
    assert sender.sent == []
    await _well_again(sqlite)
    while await box.deliver_due("email"):
        pass
    assert Counter(sender.texts) == {f"m{number}": 1 for number in range(6)}
    assert await _statuses(sqlite) == {"sent": 6}


async def test_a_database_that_gives_way_after_the_hand_over_doubles_no_marketing(sqlite: Database) -> None:
    """For longer than the program asks again: nobody knows of it then, and marketing stays with that."""
    await _queue(sqlite, 4, clock.now(), once=True)
    sent: list[int] = []

    class Sender(RecordingSender):
        async def send(self, message: Outgoing) -> Receipt:
            sent.append(message.id)
            await _read_only(sqlite)
            return Receipt(clock.now())

    box = Outbox(sqlite, {"email": Sender(ordered=False)}, {}, worker=1)
    with pytest.raises(sa.exc.DBAPIError):
        await box.deliver_due("email")
    assert await _statuses(sqlite) == {"handed": 4}
    await _well_again(sqlite)
    later = Outbox(sqlite, {"email": Sender(ordered=False)}, {}, 2, now=lambda: clock.now() + timedelta(minutes=5))
    await later.deliver_due("email")
    assert await _statuses(sqlite) == {"unknown": 4}
    assert sorted(sent) == sorted(set(sent))


@pytest.mark.parametrize("hours", [6, -6])
async def test_a_clock_that_jumps_doubles_nothing_and_loses_nothing(database: Database, hours: int) -> None:
    """It jumps while some have left, some were refused for now, and is set right later."""
    jump, real = timedelta(hours=hours), clock.now()
    await _queue(database, 6, real - timedelta(hours=7))
    refusals = {"m0": 1, "m1": 1}

    def answer(message: Outgoing) -> Receipt:
        text = str(message.payload["text"])
        if refusals.get(text, 0) > 0:
            refusals[text] -= 1
            raise DeliveryError("later")
        return Receipt(real)

    sender = RecordingSender(ordered=False, answer=answer)
    clocks = [real, real + jump, real, real + timedelta(hours=7), real + timedelta(hours=14)]
    for now in clocks:
        box = Outbox(database, {"email": sender}, {}, 1, now=lambda now=now: now)  # type: ignore[misc]
        for _ in range(3):
            await box.deliver_due("email")
    assert Counter(sender.texts) == {f"m{number}": 1 for number in range(6)}
    assert await _statuses(database) == {"sent": 6}


@pytest.mark.parametrize("hours", [6, -6])
async def test_events_are_applied_once_over_a_clock_that_jumps(database: Database, hours: int) -> None:
    heard: list[str] = []

    async def hear(_session: Any, told: Happened, _now: datetime) -> None:
        heard.append(f"m{told.id}")

    ingest = Ingest(database)
    ingest.start()
    await ingest.add([_event(number) for number in range(3)])
    real = clock.now()
    for now in (real + timedelta(hours=hours), real, real + timedelta(hours=7)):
        await Applier(database, [hear], 1, secret="s", now=lambda now=now: now).apply_due()  # type: ignore[misc]
    await ingest.add([_event(number) for number in range(3, 5)])
    await Applier(database, [hear], 1, secret="s", now=lambda: real + timedelta(hours=8)).apply_due()
    await ingest.close()
    assert len(heard) == len(set(heard)) == 5
