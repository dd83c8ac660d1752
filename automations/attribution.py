"""Which mail brought an order: the last click of a person before it, credited once, smaller with every refund."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base.database import insert, table
from bot.base.ground import Ground
from bot.events import Happened
from bot.tables.automations import Click, Credit
from bot.tables.outbox import Message
from bot.tables.people import Identity
from bot.tables.shop import Order

_orders = table(Order)
_credits = table(Credit)
_clicks = table(Click)
_messages = table(Message)
_known = table(Identity)


async def follow(session: AsyncSession, ground: Ground, happened: Happened, now: datetime) -> None:
    """Bring the credit of the order that this event is about up to date.

    Only a paid order is credited; refunds, cancellation and a changed total change the credit.
    """
    order_id = str(happened.properties.get("order_id") or "")
    same = _orders.c.order_id == order_id, _orders.c.store == happened.store
    found = (await session.execute(sa.select(_orders).where(*same))).mappings().first()
    if not order_id or found is None:
        return
    order = dict(found)
    worth = net(order)
    credited = await session.scalar(sa.select(_credits.c.id).where(_credits.c.order_ref == order["id"]))
    if credited is not None:
        await session.execute(sa.update(_credits).where(_credits.c.id == credited).values(amount=worth))
    elif order["paid_at"] is not None and order["contact_id"] is not None and order["status"] != "cancelled":
        await _credit(session, order, worth, ground.config.automations.attribution_window, now)


def net(order: Mapping[str, Any]) -> int:
    """What the shop keeps of it, without shipping and tax."""
    return 0 if order["status"] == "cancelled" else max(0, int(order["revenue"]) - int(order["refunded_net"]))


async def _credit(
    session: AsyncSession, order: Mapping[str, Any], worth: int, window: timedelta, now: datetime
) -> None:
    """The last touch gets all of it; the others are kept, so that another model can be worked out later."""
    since, until = order["ordered_at"] - window, order["ordered_at"]
    touches = await _touches(session, order["contact_id"], since, until)
    shadow = not touches
    if shadow:
        touches = await _withheld(session, order["contact_id"], since, until)
    if not touches:
        return
    last = touches[-1]
    await session.execute(
        insert(session, _credits)
        .values(
            order_ref=order["id"], message_id=last["message_id"], flow=last["flow"], amount=worth,
            currency=order["currency"], touches=touches, shadow=shadow, credited_at=now,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip


async def _touches(session: AsyncSession, contact_id: int, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Clicks of a human in the window, which starts at the click; the oldest first.

    A mail to their own address counts also if it left for a browser that only claims the address: whoever clicked there
    reads that mailbox. What such a browser had sent elsewhere is somebody else's.
    """
    theirs = sa.select(_known.c.value).where(_known.c.contact_id == contact_id, _known.c.kind == "email")
    claimed = sa.and_(
        _messages.c.channel == "email", _messages.c.receiver.in_(theirs), _messages.c.handed_at.is_not(None),
        _messages.c.contact_id != contact_id, _clicks.c.contact_id == _messages.c.contact_id,
        contacts.nobody_proved(_messages.c.contact_id),
    )  # fmt: skip
    found: list[sa.RowMapping] = []
    for whose in (_clicks.c.contact_id == contact_id, claimed):  # apart, so that each goes by its index
        clicked = (
            sa.select(_clicks.c.id, _clicks.c.message_id, _messages.c.flow, _clicks.c.at)
            .join(_messages, _messages.c.id == _clicks.c.message_id)
            .where(whose, _clicks.c.label == "human", _messages.c.purpose == "marketing")
            .where(_clicks.c.at >= since, _clicks.c.at <= until)
        )
        found += (await session.execute(clicked)).mappings()
    return [_touch(row, "click") for row in sorted(found, key=lambda row: (row["at"], row["id"]))]


async def _withheld(session: AsyncSession, contact_id: int, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Mails that a hold-out did not get: orders after them are what would have come without any mail."""
    kept_back = (
        sa.select(_messages.c.id.label("message_id"), _messages.c.flow, _messages.c.settled_at.label("at"))
        .where(_messages.c.contact_id == contact_id, _messages.c.status == "withheld")
        .where(_messages.c.settled_at >= since, _messages.c.settled_at <= until)
        .order_by(_messages.c.settled_at, _messages.c.id)
    )
    return [_touch(row, "withheld") for row in (await session.execute(kept_back)).mappings()]


def _touch(row: sa.RowMapping, kind: str) -> dict[str, Any]:
    return {"message_id": row["message_id"], "flow": row["flow"], "at": row["at"].isoformat(), "kind": kind}
