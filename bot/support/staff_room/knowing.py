"""Questions of staff about a customer: who is it, what did they order. In a topic, or by number anywhere."""

import re
from datetime import datetime

import babel.dates
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import money
from bot.base.database import table
from bot.shops import facts, unconfirmed
from bot.support import typed
from bot.support.desk import Desk
from bot.support.self_service import order_status
from bot.support.tickets import find, staff_card, story
from bot.tables.feedback import Rating
from bot.tables.people import Contact, Identity
from bot.tables.shop import Order
from bot.tables.support import Ticket

_ORDERS, _ITEMS = 5, 8


async def ticket_of(session: AsyncSession, said: typed.Typed) -> Ticket | None:
    """The ticket that the words name (`#1042`), else the topic's."""
    match = re.fullmatch(r"#?\s*(\d{1,9})", said.words.strip())
    return await find.by_number(session, int(match[1])) if match else said.ticket


async def _orders(session: AsyncSession, said: typed.Typed) -> str:
    desk = said.desk
    if said.words:
        found = await facts.orders_by_number(session, said.words)
        if not found:
            return desk.staff("staff.orders.unknown", number=said.words[:40])
        return "\n\n".join([await _whose(session, said, order, several=len(found) > 1) for order in found])
    if said.ticket is None:
        return desk.staff("staff.orders.how")
    orders = await facts.orders_of(session, said.ticket.contact_id, _ORDERS)
    heard = await unconfirmed.of_contact(session, said.ticket.contact_id, _ORDERS)
    if not orders and not heard:
        return desk.staff("staff.orders.none")
    told = [
        *(staff_card.unconfirmed_order(desk, order) for order in heard),
        *(_told(desk, order, said.now) for order in orders),
    ]
    return "\n\n".join([*told, *await _spent(session, said.ticket, desk)])


async def _whose(session: AsyncSession, said: typed.Typed, order: Order, *, several: bool) -> str:
    words = [_told(said.desk, order, said.now)]
    if several and order.store:
        words.append(order.store)
    owner = await session.get(Contact, order.contact_id) if order.contact_id else None
    if owner is not None and (said.ticket is None or owner.id != said.ticket.contact_id):
        words.append(said.desk.staff("staff.orders.of", who=staff_card.customer_name(said.desk, owner)))
    return "\n".join(words)


def _told(desk: Desk, order: Order, now: datetime) -> str:
    language = desk.staff_language
    day = babel.dates.format_date(order.ordered_at.astimezone(desk.timezone), "medium", locale=language)
    first = desk.staff("order.line", number=order.number or order.order_id, date=day)
    lines = [f"{first}: {desk.staff(f'order.{order_status.state(order)}')}"]
    if order.currency:
        amount = money.shown(order.total, order.currency, language)
        if order.refunded:
            back = money.shown(order.refunded, order.currency, language)
            amount = desk.staff("staff.orders.refunded", amount=amount, back=back)
        lines.append(amount)
    for item in order.items[:_ITEMS]:
        variant = f" ({item['variant']})" if item.get("variant") else ""
        lines.append(f"· {item.get('quantity') or 1} × {item.get('name') or item.get('sku') or '?'}{variant}")
    lines += staff_card.words_of(desk, order)
    if parcel := " ".join(part for part in (order.carrier, order.tracking_number) if part):
        lines.append(desk.staff("order.parcel", parcel=parcel))
    return "\n".join([*lines, *(url for url in (order.tracking_url, order.page_url) if url)])


async def _spent(session: AsyncSession, ticket: Ticket, desk: Desk) -> list[str]:
    return [
        desk.staff("staff.card.spent", amount=money.shown(amount, currency, desk.staff_language), many=count)
        for currency, amount, count in await facts.spent(session, ticket.contact_id)
        if currency
    ]


async def _whois(session: AsyncSession, said: typed.Typed) -> str:
    desk = said.desk
    ticket = await ticket_of(session, said)
    contact = await session.get(Contact, ticket.contact_id) if ticket else None
    if ticket is None or contact is None:
        return desk.staff("staff.whois.how")
    lines = [
        staff_card.customer_name(desk, contact),
        desk.staff(
            "staff.whois.about",
            spoken=contact.language or "–",
            country=contact.country or "–",
            zone=contact.timezone or "–",
            since=babel.dates.format_date(contact.created_at, "medium", locale=desk.staff_language),
        ),
    ]
    known = select(Identity).where(Identity.contact_id == contact.id, col(Identity.kind) != "anonymous_id")
    for identity in (await session.scalars(known.order_by(col(Identity.id)).limit(10))).all():
        mark = " ✓" if identity.proven else ""
        lines.append(f"· {identity.kind}: {identity.value}{mark}{' ⛔' if identity.unreachable_at else ''}")
    lines.append(await _past(session, desk, contact))
    lines += await _spent(session, ticket, desk)
    if contact.blocked_at:
        lines.append(desk.staff("staff.card.blocked"))
    return "\n".join(lines)


async def _history(session: AsyncSession, said: typed.Typed) -> str:
    ticket = await ticket_of(session, said)
    if ticket is None:
        return said.desk.staff("staff.history.how")
    return "\n".join(await story.lines(session, said.desk, ticket, said.now))


async def _past(session: AsyncSession, desk: Desk, contact: Contact) -> str:
    tickets, ratings = table(Ticket), table(Rating)
    open_ones = sa.func.count().filter(tickets.c.status != "resolved")
    mine = sa.select(sa.func.count(), open_ones).where(tickets.c.contact_id == contact.id, tickets.c.kind != "drill")
    count, still = (await session.execute(mine)).one()
    given = sa.select(sa.func.avg(ratings.c.score)).where(ratings.c.contact_id == contact.id)
    score = await session.scalar(given)
    rated = f"{float(score):.1f}" if score is not None else "–"
    return desk.staff("staff.whois.past", tickets=count, still=still, score=rated)


COMMANDS = (
    typed.Command("orders", _orders, "anywhere"),
    typed.Command("whois", _whois, "anywhere"),
    typed.Command("history", _history, "anywhere"),
)
