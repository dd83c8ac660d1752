"""Due enrolments a second with a thousand and with a million others waiting: cost must not grow with waiting."""

import tempfile
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from figures import Figure, measured
from sqlmodel import SQLModel

from automations.definition import flow_files, versions
from automations.running.engine import Engine
from bot import tables
from bot.base import clock, paths
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.tables.automations import Enrolment
from bot.tables.people import Contact

assert tables

DUE = 20_000
ROWS = table(Enrolment)
_FLOW = """
title = "Two waits"
about = "cart"
priority = "cart"
[trigger]
events = ["Product Added"]
[enrol]
key = "cart:{cart_id}"
[[steps]]
id = "first"
wait = "1h"
[[steps]]
id = "second"
wait = "1h"
[[steps]]
id = "mail"
send = "abandoned_cart"
"""


async def run() -> list[Figure]:
    few, many = await _rate(1_000), await _rate(1_000_000)
    ratio = few / many
    return [
        Figure(
            "due enrolments/s, 1,000,000 waiting (peer: 1,000 waiting)", f"{many:,.0f}", f"{few:,.0f}",
            f"{ratio:.2f} (goal below 1.5)",
        )
    ]  # fmt: skip


async def _rate(waiting: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "two_waits.toml").write_text(_FLOW, "utf-8")
        database = Database(f"sqlite:///{folder / 'bench.db'}")
        async with database.engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)
        now = clock.now()
        async with database.transaction() as session:
            version = (await versions.publish(session, flow_files.load([folder]), now))["two_waits"]
            session.add(Contact(created_at=now))
        await _fill(database, version, 0, DUE, -1)
        await _fill(database, version, DUE, waiting, 86_400)
        engine = Engine(database, Ground(Config(), Texts([paths.templates()]), "secret"), worker=1)
        async with measured() as took:
            done = 0
            while moved := await engine.move_due(clock.now()):
                done += moved
        await database.close()
        assert done == DUE, f"{done} of {DUE} due enrolments were moved"
        return done / took.wall


async def _fill(database: Database, version: int, start: int, count: int, seconds: float) -> None:
    """Enrolments in their first wait, in one statement: the filling is not what is measured."""
    now = clock.now()
    numbers = sa.text(
        "WITH RECURSIVE n(i) AS (SELECT :low UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :high) SELECT i FROM n"
    )
    i = numbers.columns(sa.column("i", sa.Integer)).cte("numbers").c.i
    values = {
        "flow": "two_waits", "version_id": version, "contact_id": 1, "status": "active", "step_id": "first",
        "anchor_ts": now, "entered_at": now, "step_entered_at": now, "due_at": now + timedelta(seconds=seconds),
        "planned_at": now + timedelta(seconds=seconds), "context": {}, "attempts": 0, "resets": 0,
    }  # fmt: skip
    columns = [sa.literal(value, ROWS.c[name].type) for name, value in values.items()]
    made = sa.select(sa.cast(i, sa.String), *columns)
    async with database.transaction() as session:
        await session.execute(
            sa.insert(ROWS).from_select(["dedupe_key", *values], made), {"low": start, "high": start + count}
        )
