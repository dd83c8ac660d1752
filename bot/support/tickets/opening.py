"""From a conversation to a ticket: find the open one, reopen a fresh one, else open one with its clock and card."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import insert, table
from bot.support import history, hours, lines, post
from bot.support.desk import Desk
from bot.support.self_service import ready
from bot.support.sla import clocks as sla
from bot.support.tickets import relay, staff_card
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

_TICKETS = table(Ticket)
_FIRST_NUMBER = 1001


async def open_of(session: AsyncSession, contact_id: int, channel: str) -> Ticket | None:
    """The ticket that the customer is in, held until the end of the transaction."""
    mine = select(Ticket).where(Ticket.contact_id == contact_id, Ticket.channel == channel, Ticket.status != "resolved")
    found = await session.scalars(mine.order_by(col(Ticket.id).desc()).limit(1).with_for_update())
    return found.first()


async def last_resolved(session: AsyncSession, contact_id: int, channel: str) -> Ticket | None:
    mine = select(Ticket).where(Ticket.contact_id == contact_id, Ticket.channel == channel, Ticket.status == "resolved")
    newest = mine.order_by(col(Ticket.resolved_at).desc(), col(Ticket.id).desc()).limit(1)
    return (await session.scalars(newest.with_for_update())).first()


def is_fresh(desk: Desk, ticket: Ticket | None, now: datetime) -> bool:
    """Resolved so short a time ago that a new word of the customer belongs to it."""
    if ticket is None or ticket.resolved_at is None:
        return False
    return now - ticket.resolved_at <= desk.ground.config.support.reopen_within


async def hand_over(
    session: AsyncSession,
    desk: Desk,
    contact: Contact,
    channel: str,
    language: str,
    line: TicketMessage | None,
    why: str,
    now: datetime,
) -> Ticket:
    """Give the customer to the staff. `line` is what they just said (None: they pressed the button).

    `why` is human, complaint, unsure, attachment or order; it stays in the history.
    """
    assert contact.id is not None
    last = await last_resolved(session, contact.id, channel)
    if last is not None and is_fresh(desk, last, now):
        await reopen(session, desk, last, "customer", now)
        await _say_earlier(session, desk, contact, last, line, now)
        await _acknowledge(session, desk, contact, last, "ticket.reopened", now)
        return last
    ticket = await _create(session, contact, channel, language, now)
    await history.write(session, ticket.id or 0, now, "customer", "opened", why=why, earlier=last.id if last else None)
    start = sla.counted_at(line.at, line.received_at) if line else now
    await sla.start(session, desk, ticket, sla.FIRST_RESPONSE, start)
    await post.card(session, ticket, "opened", now)
    if last is not None:
        text = desk.staff("staff.earlier_ticket", number=last.number)
        await post.to_topic(session, ticket, "notice", {"text": text}, f"earlier:{ticket.id}", now)
    await _say_earlier(session, desk, contact, ticket, line, now)
    await _acknowledge(session, desk, contact, ticket, "ticket.opened", now)
    return ticket


async def _create(session: AsyncSession, contact: Contact, channel: str, language: str, now: datetime) -> Ticket:
    """The next number is taken by whoever commits it first; the other looks again."""
    highest = sa.select(sa.func.coalesce(sa.func.max(_TICKETS.c.number), _FIRST_NUMBER - 1) + 1).scalar_subquery()
    row = insert(session, _TICKETS).values(
        number=highest,
        contact_id=contact.id,
        channel=channel,
        status="new",
        priority="normal",
        language=language,
        opened_at=now,
    )
    taken = None
    while taken is None:
        taken = await session.scalar(row.on_conflict_do_nothing().returning(_TICKETS.c.id))
    ticket = await session.get(Ticket, taken)
    assert ticket is not None
    return ticket


async def reopen(session: AsyncSession, desk: Desk, ticket: Ticket, actor: str, now: datetime) -> None:
    assert ticket.id is not None
    ticket.status, ticket.resolved_at = "open", None
    await history.write(session, ticket.id, now, actor, "reopened")
    await session.flush()
    await post.card(session, ticket, "reopened", now, topic="reopen")


async def _say_earlier(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket, line: TicketMessage | None, now: datetime
) -> None:
    """The talk with the bot as one recap, then the customer's new words as they stand."""
    loose = await lines.before_ticket(session, ticket.contact_id, ticket.channel, now)
    earlier = [one for one in loose if line is None or one.id != line.id]
    for one in loose:
        one.ticket_id = ticket.id
    await session.flush()
    if earlier:
        text = recap(desk, contact, earlier)
        await post.to_topic(
            session, ticket, "notice", {"text": text}, f"recap:{ticket.id}:{earlier[-1].id}", now, priority=10
        )
    if line is not None:
        await relay.to_topic(session, ticket, line, now)


def recap(desk: Desk, contact: Contact, said: Sequence[TicketMessage]) -> str:
    names = {"customer": staff_card.customer_name(desk, contact), "bot": desk.staff("staff.recap.bot")}
    rows = []
    for one in said:
        text = one.text if len(one.text) <= 300 else one.text[:299] + "…"
        rows.append(f"{names.get(one.author, one.author)}: {text}")
    return "\n".join([desk.staff("staff.recap"), *rows])


async def _acknowledge(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket, name: str, now: datetime
) -> None:
    """Tell the customer that people have it, and when they are back if nobody is there now."""
    text = desk.say(ticket.language, name, number=ticket.number)
    opens = hours.opens_at(desk.calendar, now)
    if opens > now:
        text += "\n" + desk.say(ticket.language, "ticket.closed_now", opens=desk.when(opens, now, ticket.language)[:-3])
    await ready.say(
        session, contact, ticket.channel, text, f"opened:{ticket.id}:{now.isoformat()}", now, ticket_id=ticket.id
    )
