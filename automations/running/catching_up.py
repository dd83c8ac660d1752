"""After the program was down: mails that are long due leave one after another, not all at once.

What a mail server expects of us is what we do on other days. So mails that fell due while nobody worked are spread
out such that together with those of today no more leave than in the busiest hour of the week, and a fifth. Who is too
late by then is told so by `max_lateness`, as ever. It is counted by each process for itself, so it is nearly exact.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.tables.outbox import Message

LONG_DUE = timedelta(minutes=10)
"""Later than this a mail is one that was missed."""

ABOVE = 1.2
LEAST = 600.0
"""Mails an hour that no mail server minds: a small shop does not catch up for days."""

_WEEK = timedelta(days=7)
_HOUR = timedelta(hours=1)
_LATELY = timedelta(minutes=10)
_COUNTED = 100_000  # newest messages that are looked at: more would hold everybody up
_messages = table(Message)
_marketing = _messages.c.purpose == "marketing"


class CatchingUp:
    """Gives late mails their turns."""

    def __init__(self) -> None:
        self._usual: tuple[datetime, float] | None = None

    async def turns(
        self, session: AsyncSession, late: Sequence[tuple[int, int, datetime]], now: datetime
    ) -> Mapping[int, datetime]:
        """When each contact is written to. `late` has contact, rank and planned time of each mail, in any order.

        The longest due come first. All mails of a person have one turn, so that the most important one wins it.
        """
        if not late:
            return {}
        pause = _HOUR / await self._rate(session, now)
        turn = max(now, await _last(session, now) + pause)
        turns: dict[int, datetime] = {}
        for contact_id, _rank, _planned in sorted(late, key=lambda one: (one[2], one[1], one[0])):
            if contact_id not in turns:
                turns[contact_id] = turn
                turn += pause
        return turns

    async def _rate(self, session: AsyncSession, now: datetime) -> float:
        """Late mails an hour beside those that are on time: what is left of it, a fifth of the usual at least."""
        if self._usual is None or abs(now - self._usual[0]) > _HOUR:
            self._usual = now, await usual(session, now)
        most = self._usual[1] * ABOVE
        return max(most - await _on_time(session, now), most - self._usual[1])


async def usual(session: AsyncSession, now: datetime) -> float:
    """Marketing mails in the busiest hour of the last seven days."""
    newest = sa.select(_messages.c.handed_at, _messages.c.purpose).order_by(_messages.c.id.desc()).limit(_COUNTED)
    rows = newest.subquery()
    left = sa.select(rows.c.handed_at).where(rows.c.purpose == "marketing", rows.c.handed_at > now - _WEEK)
    hours = Counter(at.replace(minute=0, second=0, microsecond=0) for at in await session.scalars(left))
    return max(LEAST, float(max(hours.values(), default=0)))


async def _on_time(session: AsyncSession, now: datetime) -> float:
    """Mails an hour that were queued lately and were not late."""
    last: int = await session.scalar(sa.select(sa.func.max(_messages.c.id))) or 0
    fresh = sa.select(_messages.c.planned_at, _messages.c.created_at).where(
        _marketing, _messages.c.id > last - _COUNTED // 5, _messages.c.created_at > now - _LATELY
    )
    found = (await session.execute(fresh)).all()
    count = sum(row.created_at - row.planned_at <= LONG_DUE for row in found)
    return float(count * (_HOUR / _LATELY))


async def _last(session: AsyncSession, now: datetime) -> datetime:
    """The last turn that is given away already."""
    given = sa.select(sa.func.max(_messages.c.due_at)).where(
        _marketing, _messages.c.status == "planned", _messages.c.due_at > now, _messages.c.handed_at.is_(None)
    )
    at: datetime | None = await session.scalar(given)
    return at or now - _HOUR
