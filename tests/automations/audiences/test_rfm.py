import gzip
import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import NOON

from automations.audiences import rfm
from automations.audiences.rfm import GROUPS
from bot.base import config
from bot.base.database import Database, table
from bot.tables.audiences import CustomerStats, StandingChange
from bot.tables.people import Contact

stats = table(CustomerStats)
Customer = tuple[int, int, int]
"""Days since the last order, orders, revenue."""

RETAILER = Path(__file__).parent / "online_retail.csv.gz"
"""The 4,338 customers of a gift wholesaler, 1 December 2010 to 9 December 2011, counted from "Online Retail" (D. Chen,
UCI Machine Learning Repository, doi:10.24432/C5BW33, CC BY 4.0)."""


async def _customers(database: Database, customers: Sequence[Customer]) -> None:
    people = [{"id": number, "status": "active", "created_at": NOON, "first_name": "", "last_name": "", "traits": {}}
              for number in range(1, len(customers) + 1)]  # fmt: skip
    rows = [
        {"contact_id": number, "orders": f, "paid_orders": f, "orders_365": f, "revenue": m, "revenue_365": m,
         "first_at": NOON - timedelta(days=400), "last_at": NOON - timedelta(days=r, minutes=5), "r": 0, "f": 0, "m": 0,
         "rfm": "", "tier": "", "stale": False, "counted_at": NOON}
        for number, (r, f, m) in enumerate(customers, 1)
    ]  # fmt: skip
    async with database.transaction() as session:
        await session.execute(sa.insert(table(Contact)), people)
        await session.execute(sa.insert(stats), rows)


async def _scored(database: Database, settings: config.Rfm | None = None) -> list[sa.RowMapping]:
    async with database.transaction() as session:
        bounds = await rfm.measure(session, settings or config.Rfm(), "EUR", NOON)
        await rfm.score(session, bounds, range(1, 10_000), NOON)
        rows = (await session.execute(sa.select(stats).order_by(stats.c.contact_id))).mappings().all()
    for row in rows:
        assert bounds.scores(row, NOON) == (row["r"], row["f"], row["m"])
        assert row["rfm"] == rfm.GROUP_OF[f"{row['r']}{row['f']}{row['m']}"]
    return list(rows)


def _level(values: Sequence[int], value: int) -> int:
    """`min(5, 1 + floor(5 * percent_rank))`, written out."""
    return min(5, 1 + 5 * sum(other < value for other in values) // (len(values) - 1))


def test_every_code_is_in_one_group() -> None:
    codes = [code for codes in GROUPS.values() for code in codes.split()]
    assert len(codes) == 125
    assert set(codes) == {"".join(map(str, code)) for code in product(range(1, 6), repeat=3)}
    assert len(GROUPS) == 11


async def test_a_known_retailer_has_the_known_groups(database: Database) -> None:
    lines = gzip.decompress(RETAILER.read_bytes()).decode().splitlines()
    await _customers(database, [tuple(map(int, line.split(","))) for line in lines])  # type: ignore[misc]
    assert Counter(row["rfm"] for row in await _scored(database)) == {
        "champions": 790, "loyal": 407, "potential_loyalist": 299, "new_customers": 397, "promising": 239,
        "need_attention": 247, "about_to_sleep": 231, "at_risk": 359, "cannot_lose_them": 125, "hibernating": 672,
        "lost": 572,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_equal_customers_score_equally_whatever_their_order(database: Database, seed: int) -> None:
    dice = random.Random(seed)
    customers = [(dice.randrange(0, 12), min(dice.randrange(1, 9), 3), dice.randrange(1, 6) * 100) for _ in range(60)]
    await _customers(database, customers)
    rows = await _scored(database)
    days, orders, spent = zip(*customers, strict=True)
    for (r, f, m), row in zip(customers, rows, strict=True):
        reversed_days = [-day for day in days]
        assert row["r"] == _level(reversed_days, -r)
        assert row["f"] == _level(orders, f)
        assert row["m"] == _level(spent, m)


async def test_few_customers_are_scored_by_fixed_bounds(database: Database) -> None:
    await _customers(database, [(5, 8, 100_000), (31, 2, 4_999), (366, 1, 0)] * 6)  # 18: two short of enough
    rows = await _scored(database)
    assert [(row["r"], row["f"], row["m"]) for row in rows[:3]] == [(5, 5, 5), (4, 2, 1), (1, 1, 1)]


async def test_a_shop_may_name_its_own_bounds(database: Database) -> None:
    await _customers(database, [(5, 3, 9_000)] * 30)
    own = config.Rfm(by="thresholds", recency=(1, 2, 3, 4), frequency=(1, 2, 3, 4), monetary=(10, 20, 30, 91))
    rows = await _scored(database, own)
    assert {(row["r"], row["f"], row["m"]) for row in rows} == {(1, 4, 4)}


async def test_only_who_moves_is_written_and_noted(database: Database) -> None:
    await _customers(database, [(5, 1, 100)] * 18)
    await _scored(database)
    changes = table(StandingChange)
    async with database.transaction() as session:
        await session.execute(sa.update(stats).where(stats.c.contact_id == 7).values(orders_365=9, revenue_365=200_000))
        bounds = rfm.fixed(config.Rfm(), "EUR")
        later = NOON + timedelta(minutes=1)
        await rfm.score(session, bounds, range(1, 100), later)
        noted = (await session.execute(sa.select(changes))).mappings().all()
        moved = (await session.scalars(sa.select(stats.c.contact_id).where(stats.c.rfm_since == later))).all()
    assert [(row["contact_id"], row["kind"], row["before"], row["after"]) for row in noted] == [
        (7, "rfm", "new_customers", "champions")
    ]
    assert moved == [7]


@pytest.mark.parametrize("off", [-1, 0, 1], ids=["a second before", "to the second", "a second after"])
async def test_a_day_ends_at_the_same_second_for_one_and_for_all(database: Database, off: int) -> None:
    await _customers(database, [(1, 1, 100)] * 3)
    last = NOON - timedelta(days=31, seconds=off)
    async with database.transaction() as session:
        await session.execute(sa.update(stats).values(last_at=last))
    rows = await _scored(database)  # compares each with what the same bounds say of one
    assert {row["r"] for row in rows} == {4 if off >= 0 else 5}
