"""Pools of coupon codes: bringing codes in, making them ahead, and how many are left."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import insert, table
from bot.tables.coupons import CouponCode

LONGEST = 60
_AT_A_TIME = 1000
_codes = table(CouponCode)


@dataclass(frozen=True)
class Taken:
    """What came of a file: new codes, those that were there already, lines that are no code (with their numbers)."""

    new: int
    known: int
    refused: Sequence[int]


@dataclass(frozen=True)
class Stock:
    pool: str
    free: int
    reserved: int
    given: int


async def take_in(session: AsyncSession, pool: str, lines: Iterable[str], now: datetime) -> Taken:
    """One code a line; empty lines and those that begin with # are passed over. A code is never taken twice."""
    words: dict[str, None] = {}
    refused, twice = [], 0
    for number, line in enumerate(lines, 1):
        word = line.strip().strip('",;')
        if not word or word.startswith("#"):
            continue
        if len(word) > LONGEST or len(word.split()) > 1:
            refused.append(number)
        elif word in words:
            twice += 1
        else:
            words[word] = None
    new, wanted = 0, list(words)
    for start in range(0, len(wanted), _AT_A_TIME):
        part = wanted[start : start + _AT_A_TIME]
        rows = [{"pool": pool, "code": word, "status": "free", "added_at": now} for word in part]
        added = insert(session, _codes).values(rows).on_conflict_do_nothing().returning(_codes.c.id)
        new += len((await session.execute(added)).all())
    return Taken(new, len(wanted) - new + twice, refused)


async def stock(session: AsyncSession) -> list[Stock]:
    """How many codes of each pool are left; released ones can be given away too."""
    counted = sa.select(_codes.c.pool, _codes.c.status, sa.func.count().label("n")).group_by(
        _codes.c.pool, _codes.c.status
    )
    found: dict[str, dict[str, int]] = {}
    for row in await session.execute(counted):
        found.setdefault(row.pool, {})[row.status] = row.n
    return [
        Stock(pool, n.get("free", 0) + n.get("released", 0), n.get("reserved", 0), n.get("given", 0))
        for pool, n in sorted(found.items())
    ]


async def codes(session: AsyncSession, pool: str, status: str | None = None) -> list[tuple[str, str]]:
    """The codes of a pool with their status, the oldest first."""
    rows = sa.select(_codes.c.code, _codes.c.status).where(_codes.c.pool == pool)
    if status is not None:
        rows = rows.where(_codes.c.status == status)
    return [(row.code, row.status) for row in await session.execute(rows.order_by(_codes.c.id))]
