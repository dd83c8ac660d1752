"""Events and webhooks that nobody sees: refused, rejected, failed, ignored. They are listed, shown and tried again."""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import work
from bot.base.database import table
from bot.base.errors import Finding, FindingsError
from bot.contacts import audit
from bot.tables.events import ASIDE, Event, RejectedEvent, WebhookDelivery

MOST = 500
"""So many are told at once."""

REJECTED = "rejected"
"""Not a state of an event: what could not even be kept as one has a table of its own."""

_events, _rejected, _webhooks = table(Event), table(RejectedEvent), table(WebhookDelivery)
_SECRET = (
    "hmac",
    "signature",
    "authorization",
    "cookie",
    "secret",
    "token",
    "password",
    "writekey",
    "write_key",
    "api_key",
    "apikey",
)
_HIDDEN = "(hidden)"
_NEXT = {"status": "new", "error": None, "attempts": 0, "lease_until": None, "lease_by": None}


@dataclass(frozen=True)
class Asked:
    """Which ones. `status` "" means all that went wrong, `all` every one; `before` is the id that a page ends at.

    `source` is the shop system and `name` the topic where webhooks are asked for.
    """

    status: str = ""
    source: str = ""
    name: str = ""
    since: datetime | None = None
    before: int | None = None
    count: int = 50


async def events(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    """The newest first, without their content: ids, times, source, rank, name, status and why."""
    if asked.status == REJECTED:
        return await _turned_away(session, asked)
    shown = ("id", "received_at", "source", "rank", "kind", "name", "status", "error", "contact_id", "attempts")
    wrong = sa.text(ASIDE)  # in the words of the index, or it is not used
    found = await _listed(session, _events, shown, asked, wrong, source="source", name="name")
    return [{**row, "id": str(row["id"])} for row in found]


async def webhooks(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    shown = ("id", "received_at", "system", "topic", "rank", "status", "error", "attempts")
    wrong = _webhooks.c.status.in_(("ignored", "failed"))
    return await _listed(session, _webhooks, shown, asked, wrong, source="system", name="topic")


async def _turned_away(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    if asked.name:
        return []  # nobody knows what they are called
    shown = ("id", "received_at", "source", "rank", "reason")
    anything = sa.true()
    found = await _listed(session, _rejected, shown, Asked(**{**vars(asked), "status": ""}), anything, source="source")
    return [
        {"id": f"r{row['id']}", "received_at": row["received_at"], "source": row["source"], "rank": row["rank"],
         "kind": None, "name": None, "status": REJECTED, "error": row["reason"], "contact_id": None, "attempts": 0}
        for row in found
    ]  # fmt: skip


async def _listed(
    session: AsyncSession,
    rows: sa.Table,
    shown: tuple[str, ...],
    asked: Asked,
    wrong: sa.ColumnElement[bool] | sa.TextClause,
    *,
    source: str,
    name: str = "",
) -> list[dict[str, Any]]:
    query = sa.select(*(rows.c[column] for column in shown)).order_by(rows.c.id.desc())
    if asked.status in ("", "failed", "refused", "ignored"):
        query = query.where(wrong)
    if asked.status not in ("", "all"):
        query = query.where(rows.c.status == asked.status)
    if asked.source:
        query = query.where(rows.c[source] == asked.source)
    if asked.name and name:
        query = query.where(rows.c[name] == asked.name)
    if asked.since is not None:
        query = query.where(rows.c.received_at >= asked.since)
    if asked.before is not None:
        query = query.where(rows.c.id < asked.before)
    found = await session.execute(query.limit(min(max(asked.count, 1), MOST)))
    return [dict(row) for row in found.mappings()]


async def event(session: AsyncSession, number: str) -> dict[str, Any]:
    """All of one, its content too, without secrets. `number` as listed; with an `r` it was rejected."""
    rows = _rejected if number.startswith("r") else _events
    return _shown(await _one(session, rows, number, "event"))


async def webhook(session: AsyncSession, number: str) -> dict[str, Any]:
    return _shown(await _one(session, _webhooks, number, "webhook"))


async def retry_event(
    session: AsyncSession, number: str, now: datetime, *, actor: str, as_shop_because: str = ""
) -> None:
    """Let a failed or refused event be applied once more.

    Its rank stays what its door said: that a key is a server's today does not tell who used it then. Only a person
    who knows better may say so, with a reason, and that stands in the audit log; whose event it is, is asked anew.
    """
    if number.startswith("r"):
        words = "it was never taken as an event; whoever sent it must send it again, corrected"
        raise FindingsError(Finding(words, f"event {number}"))
    row = await _one(session, _events, number, "event")
    if row["status"] not in ("failed", "refused"):
        raise FindingsError(
            Finding(f"it is {row['status']}: only failed and refused ones are retried", f"event {number}")
        )
    values: dict[str, Any] = {**_NEXT, "due_at": now}
    if as_shop_because:
        values |= {"rank": "shop", "contact_id": None}
        told = {"rank": row["rank"], "because": as_shop_because[:500], "refused": row["error"]}
        await audit.write(session, actor, "event.believed", f"event:{row['id']}", now, **told)
    await session.execute(sa.update(_events).where(_events.c.id == row["id"]).values(values))
    work.kick(session, "events")


async def retry_webhook(session: AsyncSession, number: str, now: datetime) -> None:
    """Let a failed or ignored webhook be read once more, for example by a newer version that knows its topic."""
    row = await _one(session, _webhooks, number, "webhook")
    if row["status"] not in ("failed", "ignored"):
        words = f"it is {row['status']}: only failed and ignored ones are retried"
        raise FindingsError(Finding(words, f"webhook {number}"))
    if not row["body"]:
        raise FindingsError(Finding("nothing of it is kept, so there is nothing to read", f"webhook {number}"))
    await session.execute(sa.update(_webhooks).where(_webhooks.c.id == row["id"]).values({**_NEXT, "due_at": now}))
    work.kick(session, "webhooks")


@dataclass(frozen=True)
class Kind:
    """One kind of what nobody sees, for whoever lists, shows and retries: the commands and the API.

    `beside` is a status of what stands in a table of its own, and belongs into a list of all that went wrong. `retry`
    gets the session, the number, the time and the actor.
    """

    one: str
    list: Callable[[AsyncSession, Asked], Awaitable[list[dict[str, Any]]]]
    show: Callable[[AsyncSession, str], Awaitable[dict[str, Any]]]
    retry: Callable[[AsyncSession, str, datetime, str], Awaitable[None]]
    beside: str = ""


async def _again(session: AsyncSession, number: str, now: datetime, actor: str) -> None:
    await retry_event(session, number, now, actor=actor)


async def _read_again(session: AsyncSession, number: str, now: datetime, _actor: str) -> None:
    await retry_webhook(session, number, now)


KINDS: Mapping[str, Kind] = {
    "events": Kind("event", events, event, _again, beside=REJECTED),
    "webhooks": Kind("webhook", webhooks, webhook, _read_again),
}


async def _one(session: AsyncSession, rows: sa.Table, number: str, what: str) -> dict[str, Any]:
    digits = number.removeprefix("r")
    known = digits.isascii() and digits.isdigit() and len(digits) < 19
    found = await session.execute(sa.select(rows).where(rows.c.id == int(digits))) if known else None
    row = found.mappings().one_or_none() if found is not None else None
    if row is None:
        raise FindingsError(Finding("there is none with this id", f"{what} {number[:40]}"))
    return dict(row)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """With a body that came as text as what it says, if that can be read."""
    body = row["body"]
    if isinstance(body, str):
        with suppress(ValueError):
            body = json.loads(body)
    leased = ("lease_until", "lease_by")
    return {key: _without_secrets(value, key) for key, value in {**row, "body": body}.items() if key not in leased}


def _without_secrets(value: Any, name: str = "") -> Any:
    """Signatures and keys of the request are not for lists: who may read this may not be who may use them."""
    if name and any(word in name.lower().replace("-", "_") for word in _SECRET):
        return _HIDDEN
    if isinstance(value, Mapping):
        return {key: _without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    return value
