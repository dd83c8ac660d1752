"""Customers counted and scored, and a segment of five conditions, on SQLite; other sizes by argument:
`python tests/benchmarks/bench_audiences.py 1000000 10000000` for a million customers with ten million orders.

Peers: the GROUP BY of the orders alone, ranks made in Python, and the segment's conditions asked one by one.
"""

import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import figures
import sqlalchemy as sa
from figures import Figure, measured

from automations.audiences import preview, rfm, segment_files
from automations.audiences.compiling import Compiler
from automations.audiences.segment_files import Segments
from automations.audiences.standings import Standings
from bot import migrations
from bot.base import clock
from bot.base.config import Config
from bot.base.database import Database, table
from bot.tables.audiences import CustomerStats

CONFIG = Config()
SEGMENT = {
    "all": [
        {"language": "en"},
        {"last_order": {"after": "120d"}},
        {"consent": {"channel": "email", "topic": "marketing"}},
        {"event": {"name": "Product Viewed", "at_least": 2, "within": "30d"}},
        {"not": {"bought": {"category": "Lamps", "within": "180d"}}},
    ]
}
_stats = table(CustomerStats)

_CHANCE = "(abs(random() % 1000000) / 1000000.0)"
_MOMENT = f"strftime('%Y-%m-%d %H:%M:%S.000000', :now, '-' || CAST(:span * {_CHANCE} AS INT) || ' seconds')"
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
_SOMEBODY = f"1 + CAST(:people * {_CHANCE} * {_CHANCE} AS INT)"
_FILL = (
    f"""{_NUMBERS} INSERT INTO contact (id, status, first_name, last_name, language, traits, created_at)
    SELECT i, 'active', 'Ada', '', CASE WHEN i % 3 THEN 'en' ELSE 'zh_CN' END, '{{"plan":"pro"}}', {_MOMENT} FROM n""",
    f"""{_NUMBERS} INSERT INTO orders (order_id, number, contact_id, cart_id, checkout_id, status, parcel, carrier,
    tracking_number, tracking_url, currency, total, revenue, refunded, rate, net, items, told, ordered_at, changed_at)
    SELECT i, '#' || i, {_SOMEBODY}, '', '', CASE WHEN i % 20 THEN 'paid' ELSE 'cancelled' END, 'delivered', '', '',
    '', 'EUR', 0, 0, 0, 1.0, 500 + abs(random() % 9000), '[{{"product_id":"p' || (i % 1000) || '","variant_id":"",'
    || '"sku":"S' || (i % 1000) || '","name":"A thing that was bought","category":"'
    || CASE WHEN i % 9 THEN 'Coffee' ELSE 'Lamps' END || '","quantity":1,"price":1990}}]', '["Order Completed"]',
    {_MOMENT}, :now FROM n""",
    f"""{_NUMBERS} INSERT INTO event (source, message_id, kind, name, ts, received_at, contact_id, body, status,
    attempts) SELECT 'web', i, 'track', 'Product Viewed', {_MOMENT}, :now, {_SOMEBODY}, '{{}}', 'done', 0 FROM n""",
    f"""{_NUMBERS} INSERT INTO consent (contact_id, address_hash, channel, topic, action, source, at)
    SELECT i, 'h' || i, 'email', 'marketing', CASE WHEN i % 4 THEN 'granted' ELSE 'withdrawn' END, 'form', {_MOMENT}
    FROM n""",
)


def _fill(file: Path, customers: int, orders: int) -> None:
    """Orders and views of two years and of two months; a few customers have many of them."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-500000")
    found = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> '' AND tbl_name IN ('orders', 'event')"
    indexes = connection.execute(found).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    now = f"{clock.now():%Y-%m-%d %H:%M:%S}"
    sizes = (customers, orders, 2 * customers, customers)
    for statement, size, days in zip(_FILL, sizes, (700, 730, 60, 700), strict=True):
        connection.execute(statement, {"count": size, "people": customers, "now": now, "span": days * 86_400})
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("ANALYZE")
    connection.close()


async def run(customers: int = 20_000, orders: int = 200_000) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shop.db"
        database = Database(f"sqlite:///{file}")
        await migrations.upgrade(database)
        await database.close()
        await asyncio.to_thread(_fill, file, customers, orders)
        database = Database(f"sqlite:///{file}")
        try:
            return await _measure(database, f"{customers:,} customers", f"{orders:,} orders")
        finally:
            await database.close()


async def _measure(database: Database, customers: str, orders: str) -> list[Figure]:
    standings, now = Standings(CONFIG), clock.now()
    async with measured() as counted:
        await standings.recount(database, now)
    async with measured() as scored:
        await standings.rescore(database, now)
    async with measured() as again:
        await standings.recount(database, now + timedelta(hours=24))
        async with measured() as rescored:
            await standings.rescore(database, now + timedelta(hours=24))
    async with measured() as grouped, database.reading() as session:
        plain = (
            "SELECT contact_id, count(*), sum(net), min(ordered_at), max(ordered_at) FROM orders GROUP BY contact_id"
        )
        (await session.execute(sa.text(f"SELECT count(*) FROM ({plain})"))).all()
    ranked = await _ranked(database)
    return [
        Figure(f"{customers}, {orders}: first count", _took(counted), f"{_took(grouped)} GROUP BY alone",
               f"{counted.cpu / grouped.cpu:.1f}"),
        Figure("scored from the counts, first time", _took(scored), f"{_took(ranked)} ranks in Python",
               f"{scored.cpu / ranked.cpu:.1f}, goal 8 s for a million"),
        Figure("scored from the counts, a night later", _took(rescored)),
        Figure("from the orders, a night later", _took(again), "", "goal 30 s for ten million orders"),
        await _segment(database, customers),
    ]  # fmt: skip


def _took(clock_of: figures.Clock) -> str:
    """Others work on the machine too: seconds of the wall, and of this process alone."""
    return f"{clock_of.wall:.1f} s ({clock_of.cpu:.1f} of CPU)"


async def _ranked(database: Database) -> figures.Clock:
    """Scores of all customers by sorting in Python; they are not even written back."""
    async with measured() as took, database.reading() as session:
        columns = _stats.c.last_at, _stats.c.orders_365, _stats.c.revenue_365
        rows = (await session.execute(sa.select(*columns).where(_stats.c.last_at.is_not(None)))).all()
        scores = [_levels([row[place] for row in rows]) for place in range(3)]
        codes = [f"{scores[0][r]}{scores[1][f]}{scores[2][m]}" for r, f, m in rows]
        assert set(map(rfm.GROUP_OF.get, codes)) <= set(rfm.GROUPS)
    return took


def _levels(values: Sequence[object]) -> dict[object, int]:
    first: dict[object, int] = {}
    for place, value in enumerate(sorted(values)):  # type: ignore[type-var]
        first.setdefault(value, place)
    return {value: min(5, 1 + 5 * place // (len(values) - 1)) for value, place in first.items()}


async def _segment(database: Database, customers: str) -> Figure:
    segment = segment_files.of_tree(SEGMENT, CONFIG, Segments())
    compiler = Compiler(Segments(), CONFIG, clock.now())
    async with measured() as took, database.reading() as session:
        found = await preview.count(session, compiler, segment)
    async with measured() as apart, database.reading() as session:
        parts = [segment_files.of_tree({"all": [rule]}, CONFIG, Segments()) for rule in SEGMENT["all"]]
        lists = [set((await session.scalars(compiler.members(part))).all()) for part in parts]
        assert len(set.intersection(*lists)) == found
    assert found
    return Figure(f"segment of five conditions, {customers}: {found:,} in it", _took(took),
                  f"{_took(apart)} one by one", f"{took.cpu / apart.cpu:.2f}")  # fmt: skip


if __name__ == "__main__":
    figures.show(asyncio.run(run(*map(int, sys.argv[1:]))))
