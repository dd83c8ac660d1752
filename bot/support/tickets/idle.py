"""Tickets that wait for a customer who says nothing more: reminded once if the shop wants it, then closed."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.support.desk import Desk
from bot.support.self_service import ready
from bot.support.sla import clocks as sla
from bot.support.tickets import closing, statuses
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketEvent, TicketMessage

_EVENTS = table(TicketEvent)
_LINES = table(TicketMessage)


async def look(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    """What its silence calls for now: nothing yet, the reminder, or the end."""
    config = desk.ground.config.support
    quiet_since = await _quiet_since(session, ticket)
    if config.close_idle is None:
        statuses.wake_at(session, ticket, None)
    elif now >= quiet_since + config.close_idle:
        await closing.resolve(session, desk, ticket, "clock", now, why="idle", words="ticket.closed_idle")
    elif config.remind_idle is None or ticket.kind == "task" or await _reminded(session, ticket, quiet_since):
        statuses.wake_at(session, ticket, quiet_since + config.close_idle)
    elif now >= quiet_since + config.remind_idle:
        statuses.wake_at(session, ticket, quiet_since + config.close_idle)
        await _remind(session, desk, ticket, quiet_since + config.close_idle, now)
    else:
        statuses.wake_at(session, ticket, quiet_since + config.remind_idle)


async def adopt(session: AsyncSession, desk: Desk, now: datetime) -> None:
    """Look at tickets that waited while closing was off."""
    if desk.ground.config.support.close_idle is None:
        return
    rows = table(Ticket)
    unwatched = sa.update(rows).where(rows.c.status == "waiting_customer", rows.c.due_at.is_(None))
    await session.execute(unwatched.values(due_at=now))


async def _quiet_since(session: AsyncSession, ticket: Ticket) -> datetime:
    """The last time that one of the two said something, or that the ticket began to wait."""
    said = sa.select(sa.func.max(sa.func.coalesce(_LINES.c.accepted_at, _LINES.c.at))).where(
        _LINES.c.ticket_id == ticket.id, _LINES.c.author.in_(("customer", "staff"))
    )
    last: datetime | None = await session.scalar(said)
    since = await statuses.since(session, ticket)
    return max(last, since) if last else since


async def _reminded(session: AsyncSession, ticket: Ticket, quiet_since: datetime) -> bool:
    asked = sa.select(_EVENTS.c.id).where(
        _EVENTS.c.ticket_id == ticket.id, _EVENTS.c.name == "reminded", _EVENTS.c.at >= quiet_since
    )
    return await session.scalar(asked.limit(1)) is not None


async def _remind(session: AsyncSession, desk: Desk, ticket: Ticket, closes_at: datetime, now: datetime) -> None:
    contact = (await session.scalars(select(Contact).where(col(Contact.id) == ticket.contact_id))).first()
    if contact is None:
        return
    await sla.happened(session, desk, ticket, "clock", "reminded", now)
    closes = desk.when(closes_at, now, ticket.language)[:-3]
    text = desk.say(ticket.language, "ticket.reminded", number=ticket.number, closes=closes)
    key = f"reminded:{ticket.id}:{now.isoformat()}"
    await ready.say(session, contact, ticket.channel, text, key, now, ticket_id=ticket.id)
