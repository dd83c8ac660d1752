"""The pinned card of a ticket: who it is, what they ordered, who has it and until when an answer is due."""

import html
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.shops import facts
from bot.support.desk import Desk
from bot.support.self_service import order_status
from bot.support.sla import clocks as sla
from bot.tables.chat import StaffMember
from bot.tables.people import Contact
from bot.tables.support import Ticket

_SIGNS = {"new": "🆕", "open": "⏳", "waiting_customer": "💬", "resolved": "✅"}


async def content(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> dict[str, Any]:
    """The card as a payload of the staff topic, from the rows as they are now."""
    contact = await session.get(Contact, ticket.contact_id)
    assert contact is not None
    name = customer_name(desk, contact)
    return {
        "card": True,
        "html": True,
        "title": f"{_SIGNS[ticket.status]} #{ticket.number} {name}"[:128],
        "text": "\n".join(html.escape(line, quote=False) for line in await _lines(session, desk, ticket, contact, now)),
        "buttons": _buttons(desk, ticket),
    }


def customer_name(desk: Desk, contact: Contact) -> str:
    return f"{contact.first_name} {contact.last_name}".strip() or desk.staff("staff.card.nameless")


async def _lines(session: AsyncSession, desk: Desk, ticket: Ticket, contact: Contact, now: datetime) -> list[str]:
    staff = await session.get(StaffMember, ticket.assignee_id) if ticket.assignee_id else None
    lines = [
        desk.staff("staff.card.title", number=ticket.number, who=customer_name(desk, contact)),
        desk.staff("staff.card.channel", channel=ticket.channel, spoken=ticket.language),
        desk.staff(f"staff.card.status.{ticket.status}"),
        desk.staff("staff.card.assignee", who=staff.name) if staff else desk.staff("staff.card.nobody"),
    ]
    timer = await sla.of_ticket(session, ticket.id) if ticket.id else None
    if timer is not None and timer.answered_at is None and timer.state in ("running", "breached"):
        lines.append(desk.staff("staff.card.due", due=desk.when(timer.target_at, now)))
    for order in await facts.orders_of(session, ticket.contact_id, 3):
        how = desk.staff(f"order.{order_status.state(order)}")
        lines.append(desk.staff("staff.card.order", number=order.number or order.order_id, state=how))
    return lines


def _buttons(desk: Desk, ticket: Ticket) -> list[list[dict[str, str]]]:
    if ticket.status == "resolved":
        return [[{"text": desk.staff("staff.button.reopen"), "data": f"1:reopen:{ticket.id}"}]]
    return [
        [
            {"text": desk.staff(f"staff.button.{verb}"), "data": f"1:{verb}:{ticket.id}"}
            for verb in ("take", "note", "close")
        ]
    ]
