"""An event before it is kept (`NewEvent`), as handlers get it (`Happened`), and the way to record one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import work
from bot.base.database import insert, table
from bot.base.ranks import Rank
from bot.events import fitting, names
from bot.tables.events import Event

OURS = "aftercart"
"""The source of events that we derive ourselves; no key can be named so."""

_rows = table(Event)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event on its way in; (`source`, `message_id`) comes once.

    `body` has, as far as present, userId, anonymousId, email, previousId, traits, properties, context and flags (what
    was mended on the way in). `contact_id` is for those who know already whom it is about. `rank` is that of whoever
    said it; an event of ours that follows from another has the rank of that one.
    """

    source: str
    message_id: str
    kind: str
    name: str
    ts: datetime
    received_at: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
    contact_id: int | None = None
    rank: Rank = field(kw_only=True)
    store: str = ""
    """Whose the ids are that it names, as far as its source says."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that we answered 200 and could not take, for the debugger list. `reason` is a sentence; `rank` is how
    far whoever sent it would have been believed."""

    source: str
    reason: str
    body: str
    received_at: datetime
    rank: Rank = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Happened:
    """An event with its contact, as handlers get it. `contact_id` is None if nobody is named."""

    id: int
    source: str
    kind: str
    name: str
    ts: datetime
    received_at: datetime
    contact_id: int | None
    properties: Mapping[str, Any]
    traits: Mapping[str, Any]
    context: Mapping[str, Any]
    user_id: str | None
    email: str | None
    anonymous_id: str | None
    rank: Rank
    network: str = ""
    """From which network a page's event came, see `inbound.web.peers`."""
    store: str = ""
    history: bool = False
    """Told of what is long past: rows are brought up to date, and nobody hears of it."""


def values(event: NewEvent) -> dict[str, Any]:
    """The row of a new event, due at once. What no column keeps is left out, and named in its flags."""
    body, ts = fitting.fit(event.body, event.ts, event.received_at)
    return {
        "source": event.source,
        "rank": event.rank,
        "store": event.store,
        "message_id": fitting.message_id(event.message_id),
        "kind": event.kind,
        "name": names.canonical(event.name) if event.kind == "track" else names.plain(event.name),
        "ts": ts,
        "received_at": event.received_at,
        "contact_id": event.contact_id,
        "body": body,
        "browser": _browser(body, event.rank),
        "status": "new",
        "due_at": event.received_at,
        "attempts": 0,
    }


def _browser(body: Mapping[str, Any], rank: Rank) -> str | None:
    """The browser that it tells of; for a page that names none, the user who it says sits there."""
    browser = contacts.normalise("anonymous_id", body.get("anonymousId"))
    if browser is None and rank == "page":
        return contacts.normalise("claimed_user", body.get("userId"))
    return browser


async def record(session: AsyncSession, event: NewEvent) -> int | None:
    """Write the event down in the caller's transaction; it is applied after the commit. None if it is known already."""
    added = insert(session, _rows).values(values(event)).on_conflict_do_nothing().returning(_rows.c.id)
    event_id: int | None = await session.scalar(added)
    if event_id is not None:
        work.kick(session, "events")
    return event_id


def of_row(row: Mapping[str, Any] | sa.RowMapping, contact_id: int | None, *, history: bool = False) -> Happened:
    body = row["body"]
    return Happened(
        id=row["id"],
        source=row["source"],
        kind=row["kind"],
        name=row["name"],
        ts=row["ts"],
        received_at=row["received_at"],
        contact_id=contact_id,
        properties=body.get("properties") or {},
        traits=body.get("traits") or {},
        context=body.get("context") or {},
        user_id=_text(body.get("userId")),
        email=_text(body.get("email")),
        anonymous_id=_text(body.get("anonymousId")),
        rank=row["rank"],
        network=str(body.get("network") or ""),
        store=row["store"],
        history=history,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
