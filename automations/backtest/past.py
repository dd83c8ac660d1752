"""The copy that a back-test runs in: people as they are, and what happened as it was recorded.

Known from now on, not from then: names, addresses, zones, products, tags, tiers. Permissions, suppressions and mails
that were sent before are given back at their own times. Orders and carts come from the events themselves.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from bot import migrations
from bot.base.database import Database, table
from bot.tables.audiences import CustomerStats
from bot.tables.events import Event
from bot.tables.outbox import Message
from bot.tables.people import Consent, Contact, ContactTag, DeviceUser, Identity, Suppression
from bot.tables.shop import Order, Product, Store

WARMING_UP = timedelta(days=35)
"""How long before the window events are replayed without starting a flow: for carts, views and orders."""

_CHUNK = 1_000
_AS_THEY_ARE: Sequence[type[SQLModel]] = (Contact, Identity, ContactTag, DeviceUser, Store, Product, CustomerStats)
_events, _messages, _orders = table(Event), table(Message), table(Order)


@dataclass(frozen=True)
class Given:
    """A row that becomes known at `at`, while the clock moves: what was still to come must be visible to nobody."""

    at: datetime
    rows: sa.Table
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Recorded:
    """The events of the source, read as they are needed, in the order in which they were applied."""

    source: Database
    since: datetime
    until: datetime

    async def __aiter__(self) -> AsyncIterator[Given]:
        last = 0
        window = _events.c.received_at >= self.since, _events.c.received_at < self.until
        while True:
            query = sa.select(_events).where(*window, _events.c.id > last).order_by(_events.c.id).limit(_CHUNK)
            async with self.source.reading() as session:
                rows = [dict(row) for row in (await session.execute(query)).mappings()]
            for row in rows:
                yield Given(row["received_at"], _events, {**row, **_AGAIN, "due_at": row["received_at"]})
            if len(rows) < _CHUNK:
                return
            last = rows[-1]["id"]


_AGAIN = {"status": "new", "error": None, "lease_until": None, "lease_by": None, "attempts": 0}


@dataclass(frozen=True)
class Past:
    """The copy, and what it is still to be given: events, and other rows in order of time."""

    database: Database
    events: Recorded
    given: Sequence[Given]


@asynccontextmanager
async def copied(source: Database, since: datetime, until: datetime) -> AsyncIterator[Past]:
    """A database of its own on disk, gone afterwards."""
    with TemporaryDirectory() as folder:
        copy = Database(f"sqlite:///{Path(folder) / 'past.db'}")
        try:
            await migrations.upgrade(copy)
            given = await _fill(source, copy, since, until)
            yield Past(copy, Recorded(source, since - WARMING_UP, until), given)
        finally:
            await copy.close()


async def _fill(source: Database, copy: Database, since: datetime, until: datetime) -> list[Given]:
    first = since - WARMING_UP
    for model in _AS_THEY_ARE:
        await _pour(source, copy, table(model), sa.select(table(model)))
    # An order from before what is replayed has no event that would make it.
    await _pour(source, copy, _orders, sa.select(_orders).where(_orders.c.ordered_at < first))
    await _pour(source, copy, _messages, _earlier_mails(since), _past_mail)
    ledger, stops = table(Consent), table(Suppression)
    await _pour(source, copy, ledger, sa.select(ledger).where(ledger.c.at < since))
    await _pour(source, copy, stops, sa.select(stops).where(stops.c.created_at < since))
    async with source.reading() as session:
        later = [Given(row["at"], ledger, dict(row)) for row in (await session.execute(
            sa.select(ledger).where(ledger.c.at >= since, ledger.c.at < until))).mappings()]  # fmt: skip
        later += [Given(row["created_at"], stops, dict(row)) for row in (await session.execute(
            sa.select(stops).where(stops.c.created_at >= since, stops.c.created_at < until))).mappings()]  # fmt: skip
    return sorted(later, key=lambda one: one.at)


def _earlier_mails(since: datetime) -> sa.Select[Any]:
    """Marketing that was handed over before the window: it takes slots of the frequency cap."""
    handed = _messages.c.handed_at.is_not(None), _messages.c.handed_at < since
    return sa.select(_messages).where(
        _messages.c.purpose == "marketing", *handed, _messages.c.handed_at > since - WARMING_UP
    )


def _past_mail(row: Mapping[str, Any]) -> dict[str, Any]:
    gone = ("enrolment_id", "ticket_id", "said_id", "due_at", "lease_until", "lease_by")
    return {**row, **dict.fromkeys(gone), "payload": {}, "flow": None}


async def _pour(source: Database, copy: Database, rows: sa.Table, query: sa.Select[Any], changed: Any = dict) -> None:
    """Chunk by chunk, by id where there is one."""
    keys = list(rows.primary_key.columns)
    async with source.reading() as session:
        stream = await session.stream(query.order_by(*keys))
        async for part in stream.mappings().partitions(_CHUNK):
            async with copy.transaction() as writing:
                await writing.execute(sa.insert(rows), [changed(dict(row)) for row in part])
