"""Is it alive: `/healthz` for load balancers and for people."""

import asyncio
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, due, logs
from bot.base.database import Database, table
from bot.support.escalation import group_alarm
from bot.tables.automations import Enrolment
from bot.tables.chat import TelegramChat
from bot.tables.events import Event, WebhookDelivery
from bot.tables.mail import ReceivedMail
from bot.tables.outbox import Message
from bot.tables.support import SlaTimer

log = logs.get(__name__)

ANSWER_WITHIN = 5.0  # seconds; a load balancer that waits longer has gone

KINDS = {
    "updates": table(TelegramChat),
    "webhooks": table(WebhookDelivery),
    "events": table(Event),
    "enrolments": table(Enrolment),
    "timers": table(SlaTimer),
    "mails": table(ReceivedMail),
}
"""The kinds of work that have a table of their own; messages are a kind per channel."""
_messages = table(Message)


async def overdue(session: AsyncSession, now: datetime) -> dict[str, float]:
    """Seconds that the longest waiting row of each kind is late; 0 where nothing waits."""
    late = {name: await due.oldest_overdue(session, rows, now) for name, rows in KINDS.items()}
    by_channel = (
        sa.select(_messages.c.channel, sa.func.min(_messages.c.due_at, type_=_messages.c.due_at.type))
        .where(_messages.c.due_at <= now)
        .group_by(_messages.c.channel)
    )
    for channel, oldest in await session.execute(by_channel):
        late[f"messages:{channel}"] = (now - oldest).total_seconds()
    return late


def routes(database: Database) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> JSONResponse:
        """200 while the database answers, else 503. `overdue_seconds` grows when work stands still; `staff_groups` are
        those in which the bot may not work, with the reasons."""
        answer: dict[str, Any] = {"alive": True, "database": "ok", "overdue_seconds": {}}
        try:
            async with asyncio.timeout(ANSWER_WITHIN), database.reading() as session:
                late = await overdue(session, clock.now())
                shut = {group: why for group, why in (await group_alarm.in_trouble(session)).items() if why}
        except Exception as error:  # whatever keeps the driver from answering: that is what we are asked
            log.warning("the database does not answer", reason=logs.clean(str(error))[:200])
            return JSONResponse({**answer, "database": "away"}, 503)
        answer["staff_groups"] = shut
        answer["overdue_seconds"] = {name: round(seconds, 1) for name, seconds in late.items()}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    return router
