"""How many mails may ask for a second yes: by network, by key and in all, whoever asks for whom.

Counted in rows that are locked while they change, so that several processes and many requests at once count as one.
What a key has, and what all have, is shared by the networks: the more one had, the less of it others may have taken.
Of a day's, which comes back last, more is kept: a quarter for addresses that the shop knows, another one for them and
for networks that had none yet.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.base.database import insert, table
from bot.base.ground import Ground
from bot.tables.people import SignUpTally

SHARED = frozenset({"key", "all"})
"""Limits that others may have used up: what they hold back is mailed later."""

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_IN_A_WIDER = 3
_HOURS = 24
_FOR_STRANGERS, _FOR_NEW_NETWORKS = 0.5, 0.75  # parts of a day's that may be taken before the rest is kept for others
_rows = table(SignUpTally)


class _Full(Exception):  # noqa: N818 - leads out of a savepoint, and is no error
    pass


@dataclass(frozen=True)
class _Limit:
    """`name` is told, `scope` is counted. Of a shared one, `own` is the scope of the network that it is shared by, of
    which there may be `own_most`; of one with a `reserve` parts are kept for known addresses and for new networks."""

    name: str
    scope: str
    within: timedelta
    most: int
    own: str = ""
    own_most: int = 1
    reserve: bool = False


async def take(
    session: AsyncSession, ground: Ground, marks: str, key: str, now: datetime, *, known: bool = False
) -> str:
    """Count one mail. Returns which limit is reached (nothing was counted then), or nothing. `marks` are those of the
    network; empty for a server of the shop, behind which is whoever visits it. `known`: the shop knows the address."""
    every = list(_limits(ground, marks, key, known=known))
    had = await _tallies(session, every, now)
    try:
        async with session.begin_nested():
            # What all share is locked first: two that ask at once wait here, and never for each other.
            for one in every:
                if not await _count(session, one, _share(one, had.get(one.own, 0)), now):
                    raise _Full(one.name)
    except _Full as full:
        return str(full)
    return ""


def marks(ground: Ground, network: str) -> str:
    """The network as it is kept: as a hash, after that of the wider one that it belongs to, if there is one."""
    return " ".join(ids.hash_address(one, ground.secret) for one in (_wider(network), network) if one)


def _limits(ground: Ground, marks: str, key: str, *, known: bool) -> Iterator[_Limit]:
    limits = ground.config.automations.sign_up_limits
    *wider, own = marks.split(" ")
    hour = limits.network_per_hour
    networks = [(one, _IN_A_WIDER * hour) for one in wider] + ([(own, hour)] if own else [])
    sharing, most = networks[0] if networks else ("", hour)
    of_hour, of_day = (f"network {sharing}", f"network in a day {sharing}") if networks else ("", "")
    yield _Limit("all", "all in a day", _DAY, limits.all_per_day, "" if known else of_day, _HOURS * most, not known)
    yield _Limit("all", "all in an hour", _HOUR, limits.all_per_hour, of_hour, most)
    yield _Limit("key", f"key {key}", _HOUR, limits.key_per_hour, of_hour, most)
    for one, most in networks:
        yield _Limit("network", f"network in a day {one}", _DAY, _HOURS * most)
        yield _Limit("network", f"network {one}", _HOUR, most)


def _share(limit: _Limit, had: int) -> int:
    """So many may have been taken in all for this network to have one more: the first is as good as everybody's, and
    whoever had half of what one network may have waits once others took half."""
    most = max(1, int(limit.most * _FOR_NEW_NETWORKS)) if limit.reserve else limit.most
    if not limit.own or (limit.reserve and had == 0):
        return most
    open_to_all = limit.most * _FOR_STRANGERS if limit.reserve else limit.most
    return min(most, int(open_to_all * (1 - had / limit.own_most)) + had + 1)


async def _tallies(session: AsyncSession, every: Sequence[_Limit], now: datetime) -> dict[str, int]:
    """How much each network had of what is shared."""
    within = {one.scope: one.within for one in every}
    asked = sa.select(_rows.c.scope, _rows.c.since, _rows.c.mails).where(_rows.c.scope.in_([one.own for one in every]))
    return {scope: mails for scope, since, mails in await session.execute(asked) if since > now - within[scope]}


def _wider(network: str) -> str:
    """The /48 of an IPv6 network: whoever rents one has 65,536 networks of the usual size."""
    try:
        known = ipaddress.ip_network(network)
    except ValueError:
        return ""
    return str(known.supernet(new_prefix=48)) if known.version == 6 and known.prefixlen > 48 else ""


async def _count(session: AsyncSession, limit: _Limit, most: int, now: datetime) -> bool:
    over = _rows.c.since <= now - limit.within
    put = insert(session, _rows).values(scope=limit.scope, since=now, mails=1)
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
