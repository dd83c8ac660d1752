"""Numbers for Prometheus: `/metrics`. Counts and seconds only; every query is small however many rows there are."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock
from bot.base.database import Database, table
from bot.inbound.web import health
from bot.outbound import queue_delay
from bot.tables.events import Event, RejectedEvent
from bot.tables.mail import ReceivedMail
from bot.tables.outbox import Message
from bot.tables.people import OptIn
from bot.tables.support import SlaTimer

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
RECENT = 10_000
"""States are counted over so many newest rows: enough to alarm on, and the cost stays the same for ever."""
_FRESH = 1.0  # seconds that an answer is good for


class _Collected(Collector):
    """What was read from the database, in the shape that prometheus_client asks for."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class _Numbers:
    """Counted once a second at most, however many ask: anybody may."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._counting = asyncio.Lock()
        self._found = b""
        self._until = 0.0

    async def answer(self) -> bytes:
        async with self._counting:
            if time.monotonic() >= self._until:
                self._found = await self._count()
                self._until = time.monotonic() + _FRESH
            return self._found

    async def _count(self) -> bytes:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        async with self.database.reading() as session:
            registry.register(_Collected([one async for one in _metrics(session, clock.now())]))
        return generate_latest(registry)


def routes(database: Database) -> APIRouter:
    router = APIRouter()
    numbers = _Numbers(database)

    @router.get("/metrics")
    async def metrics() -> Response:
        return PlainTextResponse(await numbers.answer(), media_type=CONTENT_TYPE)

    return router


async def _metrics(session: AsyncSession, now: datetime) -> Any:
    late = await health.overdue(session, now)
    yield _gauge(
        "overdue_seconds", "Age of the longest overdue row", ["kind"], [((kind,), late[kind]) for kind in late]
    )
    yield _gauge("due_rows", "Rows whose time has come", ["kind"], [row async for row in _due(session, now)])
    yield _gauge(
        "messages", f"The newest {RECENT} messages", ["channel", "status"], await _recent(session, Message, "channel")
    )
    yield _gauge(
        "mails_received", f"The newest {RECENT} mails", ["kind", "status"], await _recent(session, ReceivedMail, "kind")
    )
    yield _gauge("sla_timers", f"The newest {RECENT} SLA clocks", ["metric", "state"], await _recent(session, SlaTimer))
    yield _gauge("sign_ups", f"The newest {RECENT} sign-ups", ["outcome"], await _sign_ups(session))
    late_groups = [((str(one.chat_id or ""),), one.worst) for one in await queue_delay.queue_delay(session, now)]
    yield _gauge("staff_queue_seconds", "How late words and alerts reach a staff group", ["group"], late_groups)
    yield await _counter(session, "events_received", "Events taken", Event)
    yield await _counter(session, "events_rejected", "Events that could not be used", RejectedEvent)


def _gauge(name: str, words: str, labels: list[str], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    gauge = GaugeMetricFamily(f"aftercart_{name}", words, labels=labels)
    for parts, value in values:
        gauge.add_metric(parts, value)
    return gauge


async def _counter(session: AsyncSession, name: str, words: str, model: type[Any]) -> Metric:
    """Ids only grow: the newest one counts, without reading the rows."""
    newest = await session.scalar(sa.select(sa.func.max(table(model).c.id)))
    return CounterMetricFamily(f"aftercart_{name}", words, value=newest or 0)


async def _due(session: AsyncSession, now: datetime) -> Any:
    for kind, rows in health.KINDS.items():
        yield (kind,), await session.scalar(sa.select(sa.func.count()).select_from(rows).where(rows.c.due_at <= now))
    rows = table(Message)
    waiting = sa.select(rows.c.channel, sa.func.count()).where(rows.c.due_at <= now).group_by(rows.c.channel)
    for channel, count in await session.execute(waiting):
        yield (f"messages:{channel}",), count


async def _sign_ups(session: AsyncSession) -> list[tuple[tuple[str, ...], float]]:
    """`mailed`, `no_mail` (they get it, or were just asked), `new`, or the limit that kept the mail back."""
    rows = table(OptIn)
    newest = await session.scalar(sa.select(sa.func.max(rows.c.id))) or 0
    outcome = sa.case(
        (rows.c.mailed, "mailed"),
        (rows.c.held_by == "new", "new"),
        (rows.c.held_by != "", sa.literal("limit_") + rows.c.held_by),
        else_="no_mail",
    )
    counted = sa.select(outcome, sa.func.count()).where(rows.c.id > newest - RECENT).group_by(outcome)
    return [((str(name),), count) for name, count in await session.execute(counted)]


async def _recent(
    session: AsyncSession, model: type[Any], label: str = "metric"
) -> Iterator[tuple[tuple[str, ...], float]]:
    rows = table(model)
    state = rows.c.status if "status" in rows.c else rows.c.state
    newest = await session.scalar(sa.select(sa.func.max(rows.c.id))) or 0
    counted = (
        sa.select(rows.c[label], state, sa.func.count())
        .where(rows.c.id > newest - RECENT)
        .group_by(rows.c[label], state)
    )
    return iter([((str(one), str(two)), count) for one, two, count in await session.execute(counted)])
