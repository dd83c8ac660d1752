"""Who may leave before whom: the order of messages to one receiver, and how more important ones pass.

Lanes are by priority, the lower the sooner: words of people, alerts, everything else. In an ordered channel a message
waits for the earlier ones to its receiver. In a channel ordered by lanes it waits only for those that matter as much
or more, and an alert only for alerts: a card, or words that Telegram keeps refusing, hold nothing up.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import due
from bot.base.database import UtcDateTime, table
from bot.outbound.sender import Sender
from bot.tables.outbox import Message

WORDS = 10
ALERTS = 30
NOTICES = 40
CARDS = 45
DIGESTS = 60

_rows = table(Message)


def claim(channel: str, sender: Sender, lease: timedelta) -> due.Claim:
    where = [_rows.c.channel == channel, *_first(_rows, sender)]
    return due.Claim(_rows, sender.claim, lease, where, [_rows.c.priority, _rows.c.due_at, _rows.c.id])


def _first(rows: sa.Table, sender: Sender) -> list[sa.ColumnElement[bool]]:
    """Nothing stands before it."""
    if not sender.ordered:
        return []
    earlier = rows.alias("earlier")
    before = [
        earlier.c.channel == rows.c.channel,
        earlier.c.receiver == rows.c.receiver,
        earlier.c.due_at.is_not(None),
        earlier.c.id < rows.c.id,
    ]
    if sender.ordered == "lanes":
        before.append(earlier.c.priority <= rows.c.priority)
        before.append(sa.or_(rows.c.priority != ALERTS, earlier.c.priority == ALERTS))
    return [~sa.exists().where(*before)]


def next_due(channel: str, sender: Sender) -> sa.Select[Any]:
    """When the next message may be claimed: what waits behind another is not looked for, its end is a kick."""
    free_at = sa.case(
        (sa.and_(_rows.c.lease_until.is_not(None), _rows.c.lease_until > _rows.c.due_at), _rows.c.lease_until),
        else_=_rows.c.due_at,
    )
    waiting = sa.select(free_at.label("at")).where(
        _rows.c.channel == channel, _rows.c.due_at.is_not(None), *_first(_rows, sender)
    )
    first = waiting.order_by(_rows.c.due_at).limit(50).subquery()
    return sa.select(sa.func.min(first.c.at, type_=UtcDateTime()))


async def behind(session: AsyncSession, row: Mapping[str, Any], now: datetime, most: int) -> list[dict[str, Any]]:
    """What waits right behind a claimed row in its lane, in order, up to what somebody else holds.

    They are locked: whoever takes them along (`Send.riders`) may.
    """
    lane = sa.select(_rows).where(
        _rows.c.channel == row["channel"],
        _rows.c.receiver == row["receiver"],
        _rows.c.priority == row["priority"],
        _rows.c.due_at.is_not(None),
        _rows.c.id > row["id"],
    )
    found = await session.execute(lane.order_by(_rows.c.id).limit(most).with_for_update())
    free = []
    for one in found.mappings():
        if one["lease_until"] is not None and one["lease_until"] > now:
            break
        free.append(dict(one))
    return free
