"""Tells when the way into a staff group eats a good part of the time in which an answer is promised."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import logs
from bot.base.database import table
from bot.outbound import queue_delay, staff_group
from bot.support import post
from bot.support.desk import Desk
from bot.tables.outbox import Message

log = logs.get(__name__)

SHARE = 0.2
"""The part of the smallest promise that may go by on the way."""

_EVERY = timedelta(minutes=10)
_OUTBOX = table(Message)


def smallest_budget(desk: Desk) -> timedelta | None:
    """The shortest time in which any policy promises an answer."""
    promised = [
        target
        for policy in desk.ground.config.support.sla
        for target in (policy.first_response, policy.next_response)
        if target is not None
    ]
    return min(promised, default=None)


async def look(session: AsyncSession, desk: Desk, now: datetime) -> int:
    """Alarm the groups that are late, once in ten minutes each. Returns how many were."""
    budget = smallest_budget(desk)
    if budget is None:
        return 0
    alarmed = 0
    for delay in await queue_delay.queue_delay(session, now):
        if delay.worst > SHARE * budget.total_seconds():
            chat_id = delay.chat_id
            if chat_id is None:
                chat_id = await staff_group.current(session, desk.ground.config.telegram.staff_chat_id)
            alarmed += chat_id is not None and await _alarm(session, desk, chat_id, delay, budget, now)
    return alarmed


async def _alarm(
    session: AsyncSession, desk: Desk, chat_id: int, delay: queue_delay.Delay, budget: timedelta, now: datetime
) -> bool:
    slot = int(now.timestamp() // _EVERY.total_seconds())
    recent = sa.select(_OUTBOX.c.id).where(
        _OUTBOX.c.key.in_([_key(chat_id, slot), _key(chat_id, slot - 1)]), _OUTBOX.c.created_at > now - _EVERY
    )
    if await session.scalar(recent.limit(1)) is not None:
        return False
    seconds, promised = round(delay.worst), budget.total_seconds()
    log.warning("the way into a staff group is slow", chat_id=chat_id, seconds=seconds, waiting=delay.waiting)
    percent = round(100 * delay.worst / promised)
    text = desk.staff("staff.queue_delay", seconds=seconds, percent=percent, budget=round(promised))
    return await post.to_staff(session, chat_id, {"text": text}, _key(chat_id, slot), now) is not None


def _key(chat_id: int, slot: int) -> str:
    return f"queue_delay:{chat_id}:{slot}"
