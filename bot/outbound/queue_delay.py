"""How late words and alerts reach the staff groups: by what waits now, and by what arrived in the last minutes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.outbound import lanes
from bot.tables.chat import Topic
from bot.tables.outbox import Message

RECENT = timedelta(minutes=5)
_LOOKED_AT = 10_000  # newest rows; the cost stays the same for ever
_rows = table(Message)
_topics = table(Topic)


@dataclass(frozen=True)
class Delay:
    """Of one staff group; `chat_id` None: tickets that have no topic yet. Seconds.

    `oldest` is how long the oldest word or alert waits now, `p95` how long those of the last minutes took.
    """

    chat_id: int | None
    waiting: int
    oldest: float
    p95: float

    @property
    def worst(self) -> float:
        return max(self.oldest, self.p95)


async def queue_delay(session: AsyncSession, now: datetime) -> list[Delay]:
    """The groups that something waits for or went to lately, the latest first."""
    waits: dict[int | None, list[float]] = defaultdict(list)
    took: dict[int | None, list[float]] = defaultdict(list)
    matters = sa.and_(_rows.c.channel == "staff_topic", _rows.c.priority < lanes.NOTICES)
    for chat_id, planned_at in await session.execute(_with_group(_rows.c.planned_at).where(matters, _due(now))):
        waits[chat_id].append((now - planned_at).total_seconds())
    newest = sa.select(sa.func.coalesce(sa.func.max(_rows.c.id), 0) - _LOOKED_AT).scalar_subquery()
    ended = sa.and_(_rows.c.id > newest, _rows.c.status == "sent", _rows.c.settled_at > now - RECENT)
    recent = _with_group(_rows.c.planned_at, _rows.c.settled_at).where(matters, ended)
    for chat_id, planned_at, settled_at in await session.execute(recent):
        took[chat_id].append((settled_at - planned_at).total_seconds())
    found = [
        Delay(chat_id, len(waits[chat_id]), max(waits[chat_id], default=0.0), _p95(took[chat_id]))
        for chat_id in {**waits, **took}
    ]
    return sorted(found, key=lambda delay: -delay.worst)


def _with_group(*columns: Any) -> Any:
    """With the group of each row: of its topic, or the one it names (`staff:ID`)."""
    named = sa.case((_rows.c.receiver.like("staff:%"), sa.cast(sa.func.substr(_rows.c.receiver, 7), sa.BigInteger)))
    group = sa.func.coalesce(named, _topics.c.chat_id)
    return sa.select(group, *columns).select_from(
        _rows.outerjoin(_topics, sa.and_(_topics.c.ticket_id == _rows.c.ticket_id, _topics.c.state != "creating"))
    )


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(_rows.c.due_at.is_not(None), _rows.c.planned_at <= now)


def _p95(seconds: Sequence[float]) -> float:
    if not seconds:
        return 0.0
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * 0.95))]
