"""The pinned card of a ticket: who it is, what they ordered, who has it and until when what is due."""

from collections.abc import Iterator
from datetime import datetime
from html import escape
from typing import Any

import babel.dates
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import money
from bot.base.database import table
from bot.shops import facts, unconfirmed
from bot.support.by_mail import CHANNEL
from bot.support.desk import Desk
from bot.support.routing import departments
from bot.support.self_service import order_status
from bot.support.tickets import keyboard, mailed, pointing, task_card
from bot.tables.chat import StaffMember
from bot.tables.people import Contact
from bot.tables.shop import Order, UnconfirmedOrder
from bot.tables.support import SlaTimer, Ticket, TicketLink, TicketMessage

SIGNS = {
    "new": "🆕", "open": "⏳", "waiting_customer": "💬", "waiting_supplier": "🏭", "snoozed": "💤", "resolved": "✅",
}  # fmt: skip
STATES = {
    "new": "new", "open": "waiting_us", "waiting_customer": "waiting_customer", "waiting_supplier": "waiting_customer",
    "snoozed": "waiting_customer", "resolved": "solved",
}  # fmt: skip
_NAME = 60
_NOTE = 200
_OTHERS = 3
_SAID = table(TicketMessage)


async def content(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> dict[str, Any]:
    """The card as a payload of the staff topic, from the rows as they are now."""
    contact = await session.get(Contact, ticket.contact_id)
    assert contact is not None
    return {
        "card": True,
        "html": True,
        **await head(session, desk, ticket, now),
        "text": "\n".join(await _lines(session, desk, ticket, contact, now)),
        "buttons": keyboard.main(desk, ticket),
    }


async def head(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> dict[str, str]:
    """Name and icon of the topic: its `title`, the `state` that the icon shows, the `sign` where there are no icons."""
    contact = await session.get(Contact, ticket.contact_id)
    assert contact is not None
    department = f" · {departments.title(desk, ticket.department)}" if ticket.department else ""
    name = f"#{ticket.number} {customer_name(desk, contact)[:_NAME]}{department}"
    state = "overdue" if await _is_overdue(session, ticket, now) else STATES[ticket.status]
    return {"title": name[:120], "sign": SIGNS[ticket.status], "state": state}


async def _is_overdue(session: AsyncSession, ticket: Ticket, now: datetime) -> bool:
    """An answer was due and is still owed."""
    if ticket.status not in ("new", "open"):
        return False
    owed = select(SlaTimer.id).where(
        SlaTimer.ticket_id == ticket.id,
        col(SlaTimer.metric).in_(("first_response", "next_response")),
        col(SlaTimer.answered_at).is_(None),
        sa.or_(
            col(SlaTimer.state) == "breached",
            sa.and_(col(SlaTimer.state) == "running", col(SlaTimer.target_at) < now),
        ),
    )
    return await session.scalar(owed.limit(1)) is not None


def customer_name(desk: Desk, contact: Contact) -> str:
    return f"{contact.first_name} {contact.last_name}".strip() or desk.staff("staff.card.nameless")


def _say(desk: Desk, name: str, /, **values: Any) -> str:
    """Words of the desk as HTML: whatever a shopper may have written is escaped."""
    return escape(desk.staff(name, **values), quote=False)


async def _lines(session: AsyncSession, desk: Desk, ticket: Ticket, contact: Contact, now: datetime) -> list[str]:
    staff = await session.get(StaffMember, ticket.assignee_id) if ticket.assignee_id else None
    who = customer_name(desk, contact)[:_NAME]
    lines = [f"<b>{_say(desk, 'staff.card.title', number=ticket.number, who=who)}</b>"]
    lines.append(" · ".join(_state(desk, ticket, now)))
    has_it = _say(desk, "staff.card.assignee", who=staff.name) if staff else _say(desk, "staff.card.nobody")
    where = [escape(departments.title(desk, ticket.department), quote=False)] if ticket.department else []
    lines.append(" · ".join([has_it, *where]))
    lines += [line async for line in _promises(session, desk, ticket, now)]
    lines.append(await _customer(session, desk, ticket, contact))
    if ticket.channel == CHANNEL and (about := await mailed.about(session, desk, ticket)):
        lines.append(escape(about, quote=False))
    if ticket.kind == "task":
        lines.append(escape(await task_card.about(session, desk, ticket), quote=False))
    if ticket.tags:
        lines.append(_say(desk, "staff.card.tags", tags=", ".join(ticket.tags)[:200]))
    orders = await facts.orders_of(session, ticket.contact_id, 3)
    lines += [_order(desk, order) for order in orders]
    for heard in await unconfirmed.of_contact(session, ticket.contact_id, 1):
        if all(order.ordered_at < heard.ordered_at for order in orders):
            lines.append(escape(unconfirmed_order(desk, heard), quote=False))
    lines += await _others(session, desk, ticket)
    lines += await _waiting(session, desk, ticket)
    return lines


def _state(desk: Desk, ticket: Ticket, now: datetime) -> Iterator[str]:
    if ticket.status == "snoozed" and ticket.snoozed_until:
        yield _say(desk, "staff.card.snoozed_until", until=desk.when(ticket.snoozed_until, now))
    else:
        yield _say(desk, f"staff.card.status.{ticket.status}")
    if ticket.priority != "normal":
        yield _say(desk, f"staff.card.priority.{ticket.priority}")
    if ticket.kind != "question":
        yield _say(desk, f"staff.card.kind.{ticket.kind}")
    if ticket.spam:
        yield _say(desk, "staff.card.spam")


async def _customer(session: AsyncSession, desk: Desk, ticket: Ticket, contact: Contact) -> str:
    parts = [_say(desk, "staff.card.channel", channel=ticket.channel, spoken=ticket.language)]
    if ticket.tier:
        parts.append(_say(desk, "staff.card.tier", tier=ticket.tier))
    for currency, amount, orders in await facts.spent(session, ticket.contact_id):
        worth = money.shown(amount, currency, desk.staff_language) if currency else str(amount)
        parts.append(_say(desk, "staff.card.spent", amount=worth, many=orders))
    if tags := _shop_tags(contact):
        parts.append(_say(desk, "staff.order.tags", tags=tags))
    if contact.blocked_at:
        parts.append(_say(desk, "staff.card.blocked"))
    return " · ".join(parts)


def unconfirmed_order(desk: Desk, order: UnconfirmedOrder) -> str:
    day = babel.dates.format_date(order.ordered_at.astimezone(desk.timezone), "medium", locale=desk.staff_language)
    return desk.staff("staff.orders.unconfirmed", number=order.number, date=day)


def _order(desk: Desk, order: Order) -> str:
    """An order with its parcel, and what stands on it for people; its page and the tracking page are links."""
    how = desk.staff(f"order.{order_status.state(order)}")
    line = _say(desk, "staff.card.order", number=order.number or order.order_id, state=how)
    if order.page_url.startswith(("https://", "http://")):
        line = f'<a href="{escape(order.page_url)}">{line}</a>'
    parcel = " ".join(part for part in (order.carrier, order.tracking_number) if part) or "🔗"
    if order.tracking_url.startswith(("https://", "http://")):
        line = f'{line} · <a href="{escape(order.tracking_url)}">{escape(parcel, quote=False)}</a>'
    elif order.tracking_number:
        line = f"{line} · {escape(parcel, quote=False)}"
    return "\n".join([line, *(escape(one, quote=False) for one in words_of(desk, order))])


def _shop_tags(contact: Contact) -> str:
    """The tags that the shop system has on the customer."""
    tags = contact.traits.get("shop_tags")
    return ", ".join(str(one) for one in tags)[:_NOTE] if isinstance(tags, list) else ""


def words_of(desk: Desk, order: Order) -> list[str]:
    """What stands on it for people: the customer's note, the shop's tags, the codes that they used."""
    words = [desk.staff("staff.order.note", note=" ".join(order.note.split())[:_NOTE])] if order.note else []
    if order.tags:
        words.append(desk.staff("staff.order.tags", tags=", ".join(order.tags)[:_NOTE]))
    return [*words, *([desk.staff("staff.order.codes", codes=", ".join(order.codes)[:_NOTE])] if order.codes else [])]


async def _promises(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> Any:
    """Each running clock by the moment when it is due (never as a countdown), or as paused."""
    open_ones = select(SlaTimer).where(
        SlaTimer.ticket_id == ticket.id,
        sa.or_(
            col(SlaTimer.state).in_(("running", "paused")),
            sa.and_(col(SlaTimer.state) == "breached", col(SlaTimer.answered_at).is_(None)),
        ),
    )
    for timer in await session.scalars(open_ones.order_by(col(SlaTimer.target_at), col(SlaTimer.id))):
        since = timer.pauses[-1][0] if timer.pauses and timer.pauses[-1][1] is None else None
        if timer.state == "paused" or (since is not None and timer.state == "running"):
            at = datetime.fromisoformat(since) if since else now
            yield _say(desk, f"staff.card.paused.{timer.metric}", since=desk.when(at, now))
        elif ticket.status != "resolved":
            late = timer.state == "breached" or now > timer.target_at
            name = f"staff.card.{'overdue' if late else 'due'}.{timer.metric}"
            yield _say(desk, name, due=desk.when(timer.target_at, now))


async def _others(session: AsyncSession, desk: Desk, ticket: Ticket) -> list[str]:
    """Other tickets: of the same customer, tied to this one, and complaints that are still open."""
    mine = select(Ticket).where(Ticket.contact_id == ticket.contact_id, Ticket.id != ticket.id, Ticket.kind != "drill")
    recent = list(await session.scalars(mine.order_by(col(Ticket.id).desc()).limit(20)))
    complaints = [one for one in recent if one.kind == "complaint" and one.status != "resolved"]
    tied = sa.select(col(TicketLink.ticket_id), col(TicketLink.other_id)).where(
        sa.or_(TicketLink.ticket_id == ticket.id, TicketLink.other_id == ticket.id)  # type: ignore[arg-type]
    )
    ids = {one for pair in await session.execute(tied.limit(20)) for one in pair} - {ticket.id}
    linked = [one for one in [await session.get(Ticket, number) for number in sorted(ids)] if one is not None]
    earlier = [one for one in recent if one.id not in ids and one not in complaints][:_OTHERS]
    lines = []
    for name, tickets in (("complaints", complaints), ("linked", linked[: 2 * _OTHERS]), ("earlier", earlier)):
        if tickets:
            shown = [f"{SIGNS[one.status]} {await pointing.to(session, one)}" for one in tickets]
            lines.append(f"{_say(desk, f'staff.card.{name}')} {' · '.join(shown)}")
    return lines


async def _waiting(session: AsyncSession, desk: Desk, ticket: Ticket) -> list[str]:
    """What waits for a decision of staff: words of the customer held back, words of colleagues not sent yet."""
    counts = sa.select(
        sa.func.count().filter(_SAID.c.held.is_(True)), sa.func.count().filter(_SAID.c.asked_at.is_not(None))
    ).where(_SAID.c.ticket_id == ticket.id)
    held, asked = (await session.execute(counts)).one()
    lines = [_say(desk, "staff.card.held", many=held)] if held else []
    return [*lines, _say(desk, "staff.card.asked", many=asked)] if asked else lines
