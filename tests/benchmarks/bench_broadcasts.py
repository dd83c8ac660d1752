"""People a second made ready for a broadcast, and what it takes of memory: `BROADCAST_PEOPLE` sets how many."""

import os
import resource
import tempfile
from pathlib import Path

import sqlalchemy as sa
from figures import Figure, measured
from sqlmodel import SQLModel

from automations.audiences import segment_files
from automations.broadcasts import broadcast_files, control, progress
from automations.broadcasts.broadcast_files import Around
from automations.broadcasts.going import Broadcasts
from bot import tables
from bot.base import clock, paths
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.tables import broadcasts
from bot.tables.people import Contact

assert tables

PEOPLE = int(os.environ.get("BROADCAST_PEOPLE", "50000"))
_TREE = {
    "title": "News", "segment": "english", "send": "newsletter", "when": "2030-01-01 10:00", "zone": "recipient",
    "throttle": "100000 per 1h",
}  # fmt: skip


async def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        database = Database(f"sqlite:///{Path(name) / 'bench.db'}")
        async with database.engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)
        await _people(database)
        found = await _prepared(database)
        await database.close()
        return found


async def _people(database: Database) -> None:
    numbers = sa.text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :high) SELECT i FROM n")
    i = numbers.columns(sa.column("i", sa.Integer)).cte("numbers").c.i
    zones = ("Europe/Berlin", "Asia/Tokyo", "America/New_York", "Europe/London", "Asia/Shanghai")
    rows, now = table(Contact), clock.now()
    values = {
        "status": "active", "first_name": "Ada", "last_name": "", "language": "en", "traits": {}, "created_at": now,
    }  # fmt: skip
    zone = sa.case(*((i % len(zones) == number, zone) for number, zone in enumerate(zones)))
    made = sa.select(zone, *(sa.literal(value, rows.c[name].type) for name, value in values.items()))
    async with database.transaction() as session:
        await session.execute(sa.insert(rows).from_select(["timezone", *values], made), {"high": PEOPLE})


async def _prepared(database: Database) -> list[Figure]:
    config = Config()
    segment = segment_files.of_tree({"all": [{"language": "en"}]}, config, segment_files.load(config))
    known = segment_files.load(config).with_one("english", segment)
    ground, rows = Ground(config, Texts([paths.templates()]), "secret"), table(broadcasts.Broadcast)
    now = clock.now()
    async with database.transaction() as session:
        await control.put(session, broadcast_files.of_tree("news", _TREE, Around()), now)
        standing = await control.find(session, config, "news", Around())
        await control.start(session, config, standing, now)
        await session.execute(sa.update(rows).values(due_at=now))
    when = clock.parse("2030-01-01T01:00:00Z")  # 10:00 in Tokyo
    going = Broadcasts(database, ground, known, worker=1, now=lambda: when)
    await going.run()
    before = _most()
    async with measured() as took:
        while await going.run():
            pass
    grown = _most() - before
    async with measured() as counting, database.reading() as session:
        standing = await control.find(session, config, "news", Around())
        assert standing.row is not None
        told = await progress.count(session, standing.broadcast, standing.row["version_id"], when)
    assert told.enrolled == told.waiting == PEOPLE, told
    return [
        Figure(f"people/s made ready for a broadcast, of {PEOPLE:,}", f"{PEOPLE / took.wall:,.0f}",
               f"{took.wall:.1f} s, {took.cpu:.1f} s of the processor"),
        Figure("memory that this took more, MB", f"{grown:.1f}"),
        Figure(f"seconds to count how far it is, of {PEOPLE:,}", f"{counting.wall:.2f}"),
    ]  # fmt: skip


def _most() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
