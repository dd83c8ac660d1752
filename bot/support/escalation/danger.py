"""Danger to life or health: people hear of it at once, whatever the hour, and the customer gets one careful sentence.

It passes whatever keeps words back: a block, spam, a flood, a dialogue with the bot. Only of unknown senders of mail,
whom anybody can invent, so many an hour get a ticket each (`newcomers.waiting`); the others stand in one alarm. Who
goes on about it within ten minutes is heard like anybody, so that nobody rings the house by repeating a word.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support import hours
from bot.support.desk import Desk
from bot.support.escalation import paging
from bot.support.self_service import ready
from bot.support.sla import clocks as sla
from bot.support.tickets import marking, pointing, statuses
from bot.tables.people import Contact
from bot.tables.support import PRIORITIES, Ticket, TicketEvent

_LATELY = timedelta(minutes=10)
_OF_BLOCKED = timedelta(days=1)
_MOST = 5
"""Alarms within ten minutes: from the next one on, the house is told once that there are more. Every ticket is open and
on top all the same; whoever invents senders must not ring everybody out of bed a hundred times."""
_NEWEST = 500  # events that are looked at for them
_EVENTS, _TICKETS = table(TicketEvent), table(Ticket)


async def rang_lately(session: AsyncSession, contact: Contact, now: datetime) -> bool:
    """Staff were alarmed about this customer, and need not be again: once a day of somebody whom they blocked."""
    return await was_told_lately(session, contact, now, _LATELY if contact.blocked_at is None else _OF_BLOCKED)


async def was_told_lately(session: AsyncSession, contact: Contact, now: datetime, within: timedelta = _LATELY) -> bool:
    """Staff were alarmed about this customer a few minutes ago."""
    since = now - within
    told = (
        sa.select(_EVENTS.c.id)
        .join(_TICKETS, _TICKETS.c.id == _EVENTS.c.ticket_id)
        .where(_TICKETS.c.contact_id == contact.id, _EVENTS.c.name == "danger", _EVENTS.c.at > since)
    )
    return await session.scalar(told.limit(1)) is not None


async def alarm(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket, language: str, key: str, now: datetime
) -> None:
    """Top priority, all who lead and the staff group told, and the sentence for the customer."""
    await warn_staff(session, desk, ticket, key, now)
    text = desk.say(language, "danger.said", number=ticket.number)
    await _answer(session, desk, contact, ticket.channel, text, language, key, now, ticket.id)


async def answer_who_waits(
    session: AsyncSession, desk: Desk, contact: Contact, channel: str, language: str, key: str, now: datetime
) -> None:
    """The sentence for somebody who has no ticket yet."""
    await _answer(session, desk, contact, channel, desk.say(language, "danger.waits"), language, key, now, None)


async def _answer(
    session: AsyncSession, desk: Desk, contact: Contact, channel: str, text: str, language: str, key: str,
    now: datetime, ticket_id: int | None,
) -> None:  # fmt: skip
    opens = hours.opens_at(desk.calendar, now)
    if opens > now:
        text += "\n" + desk.say(language, "ticket.closed_now", opens=desk.when(opens, now, language)[:-3])
    await ready.say(session, contact, channel, text, f"danger:{key}", now, ticket_id=ticket_id)


async def warn_staff(session: AsyncSession, desk: Desk, ticket: Ticket, key: str, now: datetime) -> None:
    """Everybody hears of the ticket, which is open and before all others from now on."""
    await marking.prioritise(session, desk, ticket, PRIORITIES[-1], "bot", now, why="danger")
    before = await _alarms(session, now)
    await sla.happened(session, desk, ticket, "bot", "danger", now)
    if ticket.status not in statuses.OURS:
        await statuses.to(session, desk, ticket, "open", "customer", now, why="danger")
    if before > _MOST:
        return
    name = "staff.danger" if before < _MOST else "staff.danger_many"
    text = desk.staff(name, ticket=await pointing.to(session, ticket))
    await paging.alarm(session, desk, ticket, text, f"danger:{ticket.id}:{key}", now)


async def _alarms(session: AsyncSession, now: datetime) -> int:
    """How many there were in the last ten minutes, of all customers."""
    newest = sa.select(_EVENTS.c.name, _EVENTS.c.at).order_by(_EVENTS.c.id.desc()).limit(_NEWEST).subquery()
    lately = sa.select(sa.func.count()).where(newest.c.name == "danger", newest.c.at > now - _LATELY)
    return await session.scalar(lately) or 0
