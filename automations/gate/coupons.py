"""Coupon codes for the mails of one claim: held under lock, given to the mails that leave, free again otherwise.

A code belongs to one message for good: the message that is tried again keeps its own. All in the claim's transaction,
so that two workers never give away one code.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.config.sending import Pool
from bot.base.database import insert, table
from bot.outbound.outbox import Outcome
from bot.tables.coupons import CouponCode
from bot.tables.outbox import Message

LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without I, L, O, 0 and 1, which people mix up."""

_AT_A_TIME = 1000
_TRIES = 5
_codes = table(CouponCode)
_messages = table(Message)


@dataclass(frozen=True)
class Code:
    """A code and its row; `own`: its message had it before."""

    id: int
    pool: str
    code: str
    own: bool = False


@dataclass
class Codes:
    """What this claim may give away, by pool, and what messages have already; `given` is what leaves now."""

    pools: Mapping[str, Pool] = field(default_factory=dict)
    free: dict[str, list[Code]] = field(default_factory=dict)
    own: dict[int, Code] = field(default_factory=dict)
    given: dict[int, tuple[Code, int, datetime | None]] = field(default_factory=dict)

    def take(self, message_id: int, pool: str) -> Code | None:
        """The message's own code, else a free one of the pool; None if there is none left."""
        mine = self.own.get(message_id)
        if mine is not None and mine.pool == pool:
            return mine
        left = self.free.get(pool)
        return left.pop() if left else None

    def put_back(self, code: Code) -> None:
        if not code.own:
            self.free.setdefault(code.pool, []).append(code)

    def give(self, message_id: int, contact_id: int, code: Code, expires_at: datetime | None) -> None:
        self.given[message_id] = (code, contact_id, expires_at)


async def load(session: AsyncSession, pools: Iterable[Pool], wanted: Mapping[int, str], now: datetime) -> Codes:
    """`wanted` has the pool of each message whose step has one."""
    found = Codes({pool.name: pool for pool in pools})
    if not wanted:
        return found
    mine = sa.select(_codes).where(_codes.c.message_id.in_(sorted(wanted)), _codes.c.status.in_(("reserved", "given")))
    for row in (await session.execute(mine)).mappings():
        found.own[row["message_id"]] = Code(row["id"], row["pool"], row["code"], own=True)
    needed: dict[str, int] = {}
    for message_id, pool in wanted.items():
        if message_id not in found.own or found.own[message_id].pool != pool:
            needed[pool] = needed.get(pool, 0) + 1
    for pool, count in sorted(needed.items()):
        found.free[pool] = await _hold(session, pool, count)
        shape = found.pools.get(pool)
        if shape is not None and len(found.free[pool]) < count and shape.shape:
            made = await make(session, shape, count - len(found.free[pool]), now)
            found.free[pool] += [Code(one.id, pool, one.code) for one in made]
        found.free[pool].reverse()  # taken from the end: the oldest first
    return found


async def _hold(session: AsyncSession, pool: str, count: int) -> list[Code]:
    """Free codes that no other worker holds; of messages that were dropped before they left as well."""
    dropped = sa.exists().where(
        _messages.c.id == _codes.c.message_id, _messages.c.status.in_(("skipped", "failed", "withheld"))
    )
    usable = sa.or_(
        _codes.c.status.in_(("free", "released")),
        sa.and_(_codes.c.status == "reserved", sa.or_(_codes.c.message_id.is_(None), dropped)),
    )
    rows = (
        sa.select(_codes.c.id, _codes.c.code)
        .where(_codes.c.pool == pool, _codes.c.status.in_(("free", "released", "reserved")), usable)
        .order_by(sa.case((_codes.c.status == "free", 0), else_=1), _codes.c.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    return [Code(row.id, pool, row.code) for row in await session.execute(rows)]


async def make(session: AsyncSession, pool: Pool, count: int, now: datetime) -> Sequence[sa.Row[Any]]:
    """New codes of the pool's pattern, as rows with `id` and `code`."""
    assert pool.shape is not None
    before, letters, behind = pool.shape
    made: list[sa.Row[Any]] = []
    for _ in range(_TRIES + count // _AT_A_TIME):
        missing = min(count - len(made), _AT_A_TIME)
        if missing <= 0:
            break
        words = {before + "".join(secrets.choice(LETTERS) for _ in range(letters)) + behind for _ in range(missing)}
        rows = [{"pool": pool.name, "code": word, "status": "free", "added_at": now} for word in sorted(words)]
        added = insert(session, _codes).values(rows).on_conflict_do_nothing().returning(_codes.c.id, _codes.c.code)
        made += (await session.execute(added)).all()
    return made


_RESERVE = (
    sa.update(_codes)
    .where(_codes.c.id == sa.bindparam("of_code"))
    .values(
        status="reserved", contact_id=sa.bindparam("to_contact"), message_id=sa.bindparam("in_message"),
        given_at=None, expires_at=sa.bindparam("until", type_=_codes.c.expires_at.type),
    )
)  # fmt: skip


async def reserve(session: AsyncSession, codes: Codes) -> None:
    """Write down which message leaves with which code."""
    rows = [
        {"of_code": code.id, "to_contact": contact_id, "in_message": message_id, "until": expires_at}
        for message_id, (code, contact_id, expires_at) in codes.given.items()
    ]
    if rows:
        await (await session.connection()).execute(_RESERVE, rows)


async def settled(session: AsyncSession, message_id: int, outcome: Outcome) -> None:
    """Sent, or perhaps sent: it is theirs. Not sent: somebody else may have it."""
    mine = sa.update(_codes).where(_codes.c.message_id == message_id, _codes.c.status == "reserved")
    if outcome.status in ("sent", "unknown"):
        await session.execute(mine.values(status="given", given_at=outcome.at))
    else:
        await session.execute(
            mine.values(status="released", contact_id=None, message_id=None, given_at=None, expires_at=None)
        )
