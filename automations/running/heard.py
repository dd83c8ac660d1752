"""Events that steps wait for: which one answers, and finding those that came before anybody waited."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking.matter import SKEW, named, same, same_thing
from automations.definition.step import WaitFor
from bot.base.database import table
from bot.tables.events import Event

HISTORY = timedelta(hours=24)
"""Older than this when it reaches us, an event is history: kept, but nothing begins or goes on because of it."""

_events = table(Event)


def answers(wanted: WaitFor, enrolment: Mapping[str, Any], since: datetime, event: Mapping[str, Any]) -> bool:
    """Is this event of the same person what the enrolment waits for since then?

    One from before counts too if it is about the same cart, checkout or order, and not older than the anchor. An
    event that began the enrolment, or ended an earlier wait of it, does not count again.
    """
    context, properties = enrolment["context"], event["properties"]
    if event["name"] not in wanted.events or event["id"] in known(enrolment) or event["late"] > HISTORY:
        return False
    key = wanted.match_on
    if key and properties.get(key) and context.get(key) and not same(properties, context, key):
        return False
    if event["ts"] >= since - SKEW:
        return True
    return bool(event["ts"] >= enrolment["anchor_ts"] - SKEW) and same_thing(context, properties)


def known(enrolment: Mapping[str, Any]) -> set[int]:
    """Ids of the events that this enrolment has taken already."""
    return {enrolment["anchor_event_id"], *(enrolment["context"].get("heard") or {}).values()}


def first(
    wanted: WaitFor, enrolment: Mapping[str, Any], since: datetime, events: Iterable[Mapping[str, Any]]
) -> int | None:
    return next((event["id"] for event in events if answers(wanted, enrolment, since, event)), None)


def taken(context: Mapping[str, Any], step_id: str, event_id: int) -> dict[str, Any]:
    """The context with the event written down for the step."""
    return {**context, "heard": {**(context.get("heard") or {}), step_id: event_id}}


async def find(
    session: AsyncSession, contact_ids: Collection[int], names: Collection[str], since: datetime
) -> dict[int, list[Mapping[str, Any]]]:
    """Events of these names by contact, in the order they came."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    if not contact_ids or not names:
        return found
    columns = [_events.c[name] for name in ("id", "contact_id", "name", "ts", "received_at", "store", "body")]
    mine = sa.select(*columns).where(
        _events.c.contact_id.in_(sorted(contact_ids)),
        _events.c.name.in_(sorted(names)),
        _events.c.ts >= since - SKEW,
        _events.c.status != "hint",
    )
    for row in (await session.execute(mine.order_by(_events.c.id))).mappings():
        found.setdefault(row["contact_id"], []).append(
            {
                **row,
                "properties": named(row["body"].get("properties") or {}, row["store"]),
                "late": row["received_at"] - row["ts"],
            }
        )
    return found
