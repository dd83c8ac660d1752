"""A macro for one case: its values, whether it fits, and how often each is used."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import insert, table
from bot.shops import facts
from bot.support import macros
from bot.support.answers import mentions
from bot.support.desk import Desk
from bot.support.self_service import order_status, ready
from bot.tables.chat import StaffMember
from bot.tables.people import Contact
from bot.tables.shop import Order
from bot.tables.staff_room import MacroUse
from bot.tables.support import Ticket, TicketMessage

_MOST = 6
_OF_ORDER = ("order", "parcel")
_USES = table(MacroUse)


async def values(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember | None) -> Mapping[str, Any]:
    """What the texts may use (`macros.FIELDS`); what is empty for this case is left out."""
    contact = await session.get(Contact, ticket.contact_id)
    assert contact is not None
    order = await _order(session, ticket)
    shop = desk.ground.config.shop
    found: dict[str, dict[str, Any]] = {
        "shopper": {
            "first_name": contact.first_name,
            "last_name": contact.last_name,
            "name": f"{contact.first_name} {contact.last_name}".strip(),
            "country": contact.country,
        },
        "order": _order_values(order) if order else {},
        "parcel": _parcel_values(order) if order else {},
        "agent": {"name": staff.name if staff else ""},
        "ticket": {"number": ticket.number},
        "shop": {"name": shop.name, "url": shop.url},
    }
    known = {name: {key: value for key, value in fields.items() if value} for name, fields in found.items()}
    of_order = {name: ready.Facts(known[name], order) for name in _OF_ORDER} if order else {}
    return {**known, **of_order, "language": ticket.language, "timezone": contact.timezone or shop.timezone}


def orders_told(values: Mapping[str, Any]) -> list[Order]:
    """The order that a text filled with these values told of, if it did."""
    return ready.told_of(one for one in values.values() if isinstance(one, ready.Facts))


def _parcel_values(order: Order) -> dict[str, Any]:
    return {"carrier": order.carrier, "number": order.tracking_number, "url": order.tracking_url}


def _order_values(order: Order) -> dict[str, Any]:
    return {
        "number": order.number or order.order_id,
        "state": order_status.state(order),
        "total": order.total,
        "refunded": order.refunded,
        "currency": order.currency,
        "ordered_at": order.ordered_at,
        "shipped_at": order.shipped_at,
        "delivered_at": order.delivered_at,
        "items": [str(item.get("name", "")) for item in order.items if item.get("name")],
    }


async def _order(session: AsyncSession, ticket: Ticket) -> Order | None:
    """The order that the customer named last in this ticket, else their newest."""
    orders = await facts.orders_of(session, ticket.contact_id)
    said = select(TicketMessage.text).where(TicketMessage.ticket_id == ticket.id, TicketMessage.author == "customer")
    for text in await session.scalars(said.order_by(col(TicketMessage.id).desc()).limit(20)):
        named = set(mentions.numbers(text))
        for order in orders:
            if mentions.plain_number(order.number or order.order_id) in named:
                return order
    return orders[0] if orders else None


async def used(session: AsyncSession) -> dict[str, int]:
    rows = await session.execute(sa.select(_USES.c.name, _USES.c.used))
    return {row[0]: row[1] for row in rows}


async def count(session: AsyncSession, name: str, now: datetime) -> None:
    """One more use."""
    more = insert(session, _USES).values(name=name, used=1, last_used_at=now)
    again = {"used": _USES.c.used + 1, "last_used_at": now}
    await session.execute(more.on_conflict_do_update(index_elements=[_USES.c.name], set_=again))


async def fitting(session: AsyncSession, desk: Desk, ticket: Ticket, most: int = _MOST) -> list[macros.Macro]:
    """The macros that this case has every value for, the most used first."""
    counts = await used(session)
    staff = await session.get(StaffMember, ticket.assignee_id) if ticket.assignee_id else None
    given = {**await values(session, desk, ticket, staff)}
    given["agent"] = given["agent"] or {"name": "-"}  # whoever sends it has a name
    fit = [one for one in desk.macros.values() if macros.fill(one, ticket.language, given).missing is None]
    return sorted(fit, key=lambda macro: (-counts.get(macro.name, 0), macro.name))[:most]
