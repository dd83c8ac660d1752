"""From event to enrolment while events come in: 1,000 a second for five seconds, as a shop sends them.

Of ten events one puts something into a cart (and enrols), six are looks at products, three are pages. The peer writes
the same events down and applies nothing.
"""

import asyncio
import tempfile
from pathlib import Path

import sqlalchemy as sa
from figures import Figure, measured, percentile
from sqlmodel import SQLModel

from automations import care
from automations.definition import flow_files, versions
from automations.definition.versions import Versions
from automations.running.on_event import OnEvent
from bot.base import clock, due, paths
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.events import Applier, Ingest, NewEvent
from bot.shops import record, worth
from bot.tables.automations import Enrolment
from bot.tables.events import Event

SECONDS, RATE, PEOPLE = 5, 1_000, 2_000
_rows, _events = table(Enrolment), table(Event)


async def run() -> list[Figure]:
    took, late = await _applied()
    peer = await _written()
    p50, p99 = percentile(late, 0.5), percentile(late, 0.99)
    return [
        Figure(f"event to enrolment p50 / p99 at {RATE:,} events/s, s", f"{p50:.2f} / {p99:.2f}"),
        Figure("events/s applied (peer: written down only)", f"{SECONDS * RATE / took:,.0f}",
               f"{SECONDS * RATE / peer:,.0f}", f"{peer / took:.2f}"),
    ]  # fmt: skip


async def _opened(folder: str) -> Database:
    database = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
    async with database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    return database


async def _applied() -> tuple[float, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        database = await _opened(folder)
        config = Config()
        ground = Ground(config, Texts([paths.templates()]), "secret")
        flows = flow_files.load(flow_files.folders(config))
        async with database.transaction() as session:
            await versions.publish(session, flows, clock.now())
            worker = await due.register(session, clock.now())

        async def shop(session: object, happened: object, now: object) -> object:
            rates = worth.rates(config.shop)
            return await record.apply(session, happened, now, currency=config.shop.currency, rates=rates)  # type: ignore[arg-type]

        on_event = OnEvent(ground, flows, care.load([paths.templates()]), Versions())
        applier = Applier(database, [shop, on_event], worker, secret="secret")
        done = asyncio.Event()

        async def apply() -> None:
            while await applier.apply_due() or not done.is_set():
                await asyncio.sleep(0.001)

        async with measured() as clocked:
            applying = asyncio.create_task(apply())
            await _come_in(database)
            done.set()
            await applying
        async with database.reading() as session:
            late = await session.execute(
                sa.select(_rows.c.entered_at, _events.c.received_at).join(
                    _events, _events.c.id == _rows.c.anchor_event_id
                )
            )
            found = [(row.entered_at - row.received_at).total_seconds() for row in late]
        await database.close()
        assert len(found) >= SECONDS * RATE // 20, f"only {len(found)} people entered"
        return clocked.wall, found


async def _written() -> float:
    with tempfile.TemporaryDirectory() as folder:
        database = await _opened(folder)
        async with measured() as clocked:
            await _come_in(database, SECONDS * RATE)
        await database.close()
        return clocked.wall


async def _come_in(database: Database, at_once: int = 0) -> None:
    """A request of ten events every ten milliseconds; with `at_once` as fast as they are taken."""
    ingest = Ingest(database)
    ingest.start()
    begun = asyncio.get_running_loop().time()
    requests = []
    for number in range(0, SECONDS * RATE, 10):
        requests.append(asyncio.create_task(ingest.add([_event(number + one) for one in range(10)])))
        wait = 0 if at_once else begun + number / RATE - asyncio.get_running_loop().time()
        await asyncio.sleep(max(0, wait))
    await asyncio.gather(*requests)
    await ingest.close()


def _event(number: int) -> NewEvent:
    now, who = clock.now(), f"p{number % PEOPLE}@example.org"
    kind, name = ("track", "Product Added") if number % 10 == 0 else ("track", "Product Viewed")
    if number % 10 > 6:
        kind, name = "page", ""
    properties = {"product_id": f"x{number % 300}", "category": "Lights", "price": 5, "quantity": 1, "currency": "EUR",
                  "cart_id": f"c{number}"}  # fmt: skip
    body = {"email": who, "properties": properties, "context": {}, "traits": {}}
    return NewEvent("bench", str(number), kind, name, now, now, body, rank="shop")
