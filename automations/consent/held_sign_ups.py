"""Sign-ups that could not be asked by mail at once, as others had used up what all share: they are, in a fair order.

Addresses that the shop knows come first, then whoever's network had the fewest mails, then whoever waits longest:
strangers who ask for thousands delay nobody but themselves.
"""

import heapq
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.consent import opt_in
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.outbound.email.templates import MailTemplates
from bot.tables.people import OptIn

_DAY = timedelta(days=1)
_AT_ONCE = 50
_EACH = 10  # of one network and key
_LOOKED_AT = 2000  # however many networks strangers make up
_ENOUGH = 5  # refusals: there is no room for that key now
_rows = table(OptIn)


@dataclass
class _Queue:
    """What waits of one network and key, the oldest first; `had` is how many mails the network had in a day. Addresses
    that the shop knows are a queue of their own."""

    known: bool
    network: str
    key: str
    had: int
    waiting: list[int]

    def __lt__(self, other: "_Queue") -> bool:
        return self._place < other._place

    @property
    def _place(self) -> tuple[bool, int, int]:
        return not self.known, self.had, self.waiting[0]


async def run(database: Database, ground: Ground, mails: MailTemplates, now: datetime) -> int:
    """Mail as many as there is room for, each in a transaction of its own. Returns how many need not wait any more."""
    async with database.reading() as session:
        queues = await _queues(session, now)
    heapq.heapify(queues)
    refused: Counter[str] = Counter()
    done = 0
    while queues and done < _AT_ONCE:
        first = heapq.heappop(queues)
        if refused[first.key] >= _ENOUGH:
            continue
        row_id = first.waiting.pop(0)
        async with database.transaction() as session:
            held = await opt_in.mail_held(session, ground, mails, row_id, now)
        if held:
            refused[first.key] += 1
            continue
        done += 1
        first.had += first.network != ""
        if first.waiting:
            heapq.heappush(queues, first)
    return done


async def _queues(session: AsyncSession, now: datetime) -> list[_Queue]:
    one = _rows.c.key, _rows.c.network, _rows.c.known
    place = sa.func.row_number().over(partition_by=one, order_by=_rows.c.id)
    every = sa.select(_rows.c.id, *one, place.label("place")).where(*opt_in.still_held(now)).subquery()
    order = every.c.known.desc(), every.c.place, every.c.id
    first = sa.select(every).where(every.c.place <= _EACH).order_by(*order).limit(_LOOKED_AT)
    found = (await session.execute(first)).all()
    if not found:
        return []
    had = await _had(session, now)
    queues: dict[tuple[bool, str, str], _Queue] = {}
    for row in found:
        network = _widest(row.network)
        new = _Queue(row.known, network, row.key, had[network], [])
        queues.setdefault((row.known, network, row.key), new).waiting.append(row.id)
    return list(queues.values())


async def _had(session: AsyncSession, now: datetime) -> Counter[str]:
    counted = sa.select(_rows.c.network, sa.func.count()).where(
        _rows.c.held_by == "", _rows.c.asked_at > now - _DAY, _rows.c.mailed.is_(True), _rows.c.network != ""
    )
    had: Counter[str] = Counter()
    for network, mails in await session.execute(counted.group_by(_rows.c.network)):
        had[_widest(network)] += mails
    return had


def _widest(marks: str) -> str:
    return marks.partition(" ")[0]
