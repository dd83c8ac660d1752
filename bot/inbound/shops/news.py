"""What the API tells and is news: put into the queue of webhooks, as if one had come."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import values, work
from bot.base.database import insert, table
from bot.inbound.shops.shop import Shop, Thing
from bot.shops import inbox
from bot.tables.events import WebhookDelivery

_rows = table(WebhookDelivery)


def body_of(thing: Thing) -> str:
    return values.write_json(dict(thing.payload))


def tells_something(shop: Shop, thing: Thing, now: datetime) -> bool:
    """Not a draft, nor an order of a test."""
    return bool(inbox.events_of(shop.system, thing.topic, body_of(thing), shop.headers, now))


async def put(session: AsyncSession, shop: Shop, things: Sequence[Thing], now: datetime) -> None:
    for thing in things:
        await session.execute(insert(session, _rows).values(_row(shop, thing, now)).on_conflict_do_nothing())
    if things:
        work.kick(session, "webhooks")


def _row(shop: Shop, thing: Thing, now: datetime) -> dict[str, Any]:
    body = body_of(thing)
    mark = sha256(body.encode()).hexdigest()[:32]
    return {
        "system": shop.system,
        "rank": "shop",
        "topic": thing.topic,
        "delivery_key": f"{shop.source}:{thing.topic}:pulled:{thing.id[:100]}:{mark}",
        "event_key": None,
        "headers": dict(shop.headers),
        "body": body,
        "received_at": now,
        "due_at": now,
        "status": "new",
        "attempts": 0,
    }
