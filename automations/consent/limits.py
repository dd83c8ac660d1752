"""How many mails may ask for a second yes: by network, by key and in all, whoever asks for whom.

Counted in rows that are locked while they change, so that several processes and many requests at once count as one.
"""

import ipaddress
from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.base.database import insert, table
from bot.base.ground import Ground
from bot.tables.people import SignUpTally

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_IN_A_WIDER = 3
_rows = table(SignUpTally)


class _Full(Exception):  # noqa: N818 - leads out of a savepoint, and is no error
    pass


async def take(session: AsyncSession, ground: Ground, network: str, key: str, now: datetime) -> str:
    """Count one mail. Returns which limit is reached (nothing was counted then), or nothing."""
    try:
        async with session.begin_nested():
            # What all share is locked first: two that ask at once wait here, and never for each other.
            for name, scope, within, most in _scopes(ground, network, key):
                if not await _count(session, scope, within, most, now):
                    raise _Full(name)
    except _Full as full:
        return str(full)
    return ""


def _scopes(ground: Ground, network: str, key: str) -> Iterator[tuple[str, str, timedelta, int]]:
    limits = ground.config.automations.sign_up_limits
    yield "all", "all in a day", _DAY, limits.all_per_day
    yield "all", "all in an hour", _HOUR, limits.all_per_hour
    yield "key", f"key {key}", _HOUR, limits.key_per_hour
    if wider := _wider(network):
        yield "network", f"network {mark(ground, wider)}", _HOUR, _IN_A_WIDER * limits.network_per_hour
    yield "network", f"network {mark(ground, network)}", _HOUR, limits.network_per_hour


def _wider(network: str) -> str:
    """The /48 of an IPv6 network: whoever rents one has 65,536 networks of the usual size."""
    try:
        known = ipaddress.ip_network(network)
    except ValueError:
        return ""
    return str(known.supernet(new_prefix=48)) if known.version == 6 and known.prefixlen > 48 else ""


def mark(ground: Ground, network: str) -> str:
    return ids.hash_address(network, ground.secret)


async def _count(session: AsyncSession, scope: str, within: timedelta, most: int, now: datetime) -> bool:
    over = _rows.c.since <= now - within
    put = insert(session, _rows).values(scope=scope, since=now, mails=1)
    counted = put.on_conflict_do_update(
        index_elements=["scope"],
        set_={
            "mails": sa.case((over, 1), else_=_rows.c.mails + 1),
            "since": sa.case((over, put.excluded.since), else_=_rows.c.since),
        },
        where=sa.or_(over, _rows.c.mails < most),
    )
    return await session.scalar(counted.returning(_rows.c.mails)) is not None


async def forget(session: AsyncSession, now: datetime) -> None:
    await session.execute(sa.delete(_rows).where(_rows.c.since < now - 2 * _DAY))
