"""History of a shop from files, with flows that wait for segments: `make bench ARGS=importing=10000` for 10,000 people.

The peer writes the rows that came of it down again with bare executemany: nothing read, nobody found, nothing counted.
"""

import csv
import resource
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from figures import Figure, measured
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from automations.audiences import segment_files
from automations.audiences.members import Members
from automations.audiences.standings import Standings
from bot import tables
from bot.base import clock, paths
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.inbound.files import csv_lines, taking
from bot.tables.audiences import CustomerStats, SegmentMember
from bot.tables.events import Event
from bot.tables.outbox import Message
from bot.tables.people import Consent, Contact, Identity
from bot.tables.shop import Order

assert tables

PEOPLE = 100_000
ORDERS_EACH = 5
LIVE = ("one_time_buyers", "vip")
_BATCH = 500


async def run(people: int = PEOPLE) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder, now = Path(name), clock.now()
        orders = dict(_write(folder, people, now))
        database = await _opened(folder / "bench.db")
        config, entered = Config(), list[int]()
        ground = Ground(config, Texts([paths.templates()]), "secret")

        async def enter(_session: AsyncSession, _segment: str, ids: Sequence[int], _now: datetime) -> None:
            entered.extend(ids)

        members = Members(config, segment_files.load(config), lambda: list(LIVE), enter)
        await members.refresh(database, now)
        async with measured() as took:
            for subject in ("customers", "orders"):
                report = await taking.take(database, ground, subject, csv_lines.look(folder / f"{subject}.csv"))
                assert report.refused == 0, report.first_refused
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        await members.refresh(database, clock.now())
        before = await _rows(database, CustomerStats, "contact_id", "orders", "rfm")
        await Standings(config).nightly(database, clock.now())
        await members.refresh(database, clock.now())
        assert before == await _rows(database, CustomerStats, "contact_id", "orders", "rfm")
        counted = Counter(count for _, count, _ in before if count)
        assert counted == Counter(orders.values()), "some orders are not their buyers'"
        assert not entered and not await _rows(database, Event, "id") and not await _rows(database, Message, "id")
        once = [one for one, segment in await _rows(database, SegmentMember, "contact_id", "segment")
                if segment == LIVE[0]]  # fmt: skip
        assert len(once) == counted[1], "a segment is not right when the import ends"
        bare = await _again(database, await _opened(folder / "peer.db"))
        await database.close()
    lines = people + sum(orders.values())
    return [
        Figure(
            f"{people:,} people, {sum(orders.values()):,} orders: lines/s (peer: rows alone)",
            f"{lines / took.wall:,.0f} ({took.wall:.0f} s)", f"{lines / bare:,.0f} ({bare:.1f} s)",
            f"{took.wall / bare:.1f} x the time; {memory:,.0f} MB",
        )
    ]  # fmt: skip


def _write(folder: Path, people: int, now: datetime) -> Iterator[tuple[int, int]]:
    """Two files, and how many orders each buyer has: one in ten none, the others one to nine."""
    with (folder / "customers.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["Customer ID", "First Name", "Last Name", "Email", "Accepts Email Marketing", "Phone"])
        for who in range(people):
            yes = "yes" if who % 2 else "no"
            lines.writerow([who + 1, "Ada", f"Of {who}", f"buyer{who}@example.org", yes, f"+4915112{who:06}"])
    with (folder / "orders.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["Id", "Name", "Email", "Financial Status", "Currency", "Subtotal", "Total", "Created at",
                        "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku"])  # fmt: skip
        number = 0
        for who in range(people):
            count = who * 7 % (2 * ORDERS_EACH)
            for one in range(count):
                number += 1
                at = now - timedelta(days=31 + (who * 13 + one * 29) % 600)
                worth = f"{10 + who * 17 % 90}.00"
                lines.writerow([number, f"#{number}", f"buyer{who}@example.org", "paid", "EUR", worth, worth,
                                at.isoformat(), 1, "Mug", worth, "MUG"])  # fmt: skip
            if count:
                yield who, count


async def _opened(file: Path) -> Database:
    database = Database(f"sqlite:///{file}")
    async with database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    return database


async def _rows(database: Database, model: type[Any], *names: str) -> list[tuple[Any, ...]]:
    rows = table(model)
    async with database.reading() as session:
        found = await session.execute(sa.select(*(rows.c[name] for name in names)).order_by(*rows.primary_key))
        return [tuple(row) for row in found]


async def _again(database: Database, peer: Database) -> float:
    """The seconds that the same rows take alone."""
    wall = 0.0
    for model in (Contact, Identity, Consent, Order):
        rows = table(model)
        async with database.reading() as session:
            found = [dict(row) for row in (await session.execute(sa.select(rows))).mappings()]
        async with measured() as took:
            for start in range(0, len(found), _BATCH):
                async with peer.transaction() as session:
                    await session.execute(sa.insert(rows), found[start : start + _BATCH])
        wall += took.wall
    await peer.close()
    return wall
