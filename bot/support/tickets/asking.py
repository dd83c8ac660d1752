"""What a customer is asked when a ticket is resolved: how it was, or of a complaint first whether it is fixed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import quiet
from bot.base.database import insert, table
from bot.contacts import zones
from bot.support import post
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.tables.feedback import Confirmation, Rating
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

SCORES = range(1, 6)
_ROWS = table(Rating)
_CONFIRMATIONS = table(Confirmation)
_LINES = table(TicketMessage)
_AWAKE = timedelta(minutes=30)  # whoever wrote so lately is not asleep, whatever the clock of their zone says


async def ask(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    """Once each time that it is resolved."""
    if ticket.kind == "complaint":
        await is_it_fixed(session, desk, ticket, now)
    else:
        await how_was_it(session, desk, ticket, now)


async def how_was_it(
    session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime, *, by_hand: bool = False
) -> str | None:
    """Ask for stars. Returns why not: drill, task, spam, merged, blocked, lately, rated, unreachable; None when asked.

    `by_hand` asks again, at night, and however lately somebody was asked; never what nobody could answer.
    """
    contact = await session.get(Contact, ticket.contact_id)
    refused = never(ticket, contact)
    if refused or contact is None:
        return refused
    last = await _newest(session, ticket)
    same = last is not None and ticket.resolved_at is not None and last.asked_at >= ticket.resolved_at
    if same and last is not None and last.score is not None:
        return "rated"
    if not by_hand and await _enough(session, desk, ticket, last, now):
        return "lately"
    if last is not None and last.score is None and (same or by_hand):
        rating_id = last.id  # the same question once more
    elif (rating_id := await _write(session, ticket, (last.cycle if last else 0) + 1, now)) is None:
        return "rated"
    stars = [{"text": f"{score} ⭐", "data": f"1:rate:{rating_id}:{score}"} for score in SCORES]
    content = {
        "text": desk.say(ticket.language, "rating.ask", number=ticket.number), "buttons": [stars],
        "asks": {"rating": rating_id, "by_hand": by_hand},
    }  # fmt: skip
    key = f"rating:{rating_id}" + (f":{now.isoformat()}" if by_hand else "")
    at = now if by_hand else await _awake_at(session, desk, contact, key, now)
    return None if await _send(session, ticket, content, key, at, now) else "unreachable"


async def is_it_fixed(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    """Ask who complained whether it is fixed now: only they can say so."""
    contact = await session.get(Contact, ticket.contact_id)
    if (refused := never(ticket, contact)) or contact is None:
        if refused == "blocked":
            await sla.happened(session, desk, ticket, "bot", "unconfirmed", now)
        return
    earlier = sa.select(sa.func.count()).select_from(_CONFIRMATIONS).where(_CONFIRMATIONS.c.ticket_id == ticket.id)
    cycle = (await session.scalar(earlier) or 0) + 1
    row = insert(session, _CONFIRMATIONS).values(
        ticket_id=ticket.id, contact_id=ticket.contact_id, cycle=cycle, owner_id=ticket.assignee_id, asked_at=now,
        answer="",
    )  # fmt: skip
    asked = await session.scalar(row.on_conflict_do_nothing().returning(_CONFIRMATIONS.c.id))
    if asked is None:
        return
    await sla.happened(session, desk, ticket, "bot", "asked_fixed", now, cycle=cycle)
    buttons = [
        {"text": desk.say(ticket.language, f"complaint.{answer}"), "data": f"1:fixed:{asked}:{answer}"}
        for answer in ("yes", "no")
    ]
    text = desk.say(ticket.language, "complaint.is_it_fixed", number=ticket.number)
    content = {"text": text, "buttons": [buttons], "asks": {"fixed": asked}}
    key = f"fixed:{asked}"
    await _send(session, ticket, content, key, await _awake_at(session, desk, contact, key, now), now)


def never(ticket: Ticket, contact: Contact | None) -> str | None:
    """Why nobody is asked about this ticket, whatever happens."""
    if ticket.kind in ("drill", "task"):
        return ticket.kind
    if ticket.spam:
        return "spam"
    if ticket.merged_into is not None:
        return "merged"
    if contact is None or contact.blocked_at is not None or contact.status != "active":
        return "blocked"
    return None


async def _newest(session: AsyncSession, ticket: Ticket) -> Rating | None:
    mine = select(Rating).where(Rating.ticket_id == ticket.id).order_by(col(Rating.cycle).desc())
    return (await session.scalars(mine.limit(1))).first()


async def _enough(session: AsyncSession, desk: Desk, ticket: Ticket, last: Rating | None, now: datetime) -> bool:
    """They were asked about another ticket lately, or rated this one and nobody has answered anything since."""
    if last is not None and last.rated_at is not None:
        answered = sa.select(_LINES.c.id).where(
            _LINES.c.ticket_id == ticket.id, _LINES.c.author == "staff", _LINES.c.received_at > last.asked_at
        )
        if await session.scalar(answered.limit(1)) is None:
            return True
    lately = sa.select(_ROWS.c.id).where(
        _ROWS.c.contact_id == ticket.contact_id,
        _ROWS.c.ticket_id != ticket.id,
        _ROWS.c.withdrawn.is_(False),
        _ROWS.c.asked_at > now - desk.ground.config.support.ratings.ask_every,
    )
    return await session.scalar(lately.limit(1)) is not None


async def _write(session: AsyncSession, ticket: Ticket, cycle: int, now: datetime) -> int | None:
    row = insert(session, _ROWS).values(
        ticket_id=ticket.id, contact_id=ticket.contact_id, cycle=cycle, asked_at=now, comment="", withdrawn=False,
        staff_id=ticket.assignee_id, department=ticket.department,
    )  # fmt: skip
    written: int | None = await session.scalar(row.on_conflict_do_nothing().returning(_ROWS.c.id))
    return written


async def _awake_at(session: AsyncSession, desk: Desk, contact: Contact, key: str, now: datetime) -> datetime:
    """Now, or when the customer's night is over."""
    config = desk.ground.config
    if config.support.ratings.at_night:
        return now
    wrote = sa.select(_LINES.c.id).where(
        _LINES.c.contact_id == contact.id, _LINES.c.author == "customer", _LINES.c.received_at > now - _AWAKE
    )
    if await session.scalar(wrote.limit(1)) is not None:
        return now
    zone = zones.local(config, contact.model_dump()).zone
    return quiet.until(config.automations.quiet_hours, now, zone, key) or now


async def _send(
    session: AsyncSession, ticket: Ticket, content: Mapping[str, Any], key: str, at: datetime, now: datetime
) -> bool:
    queued = await post.to_customer(
        session, ticket.contact_id, ticket.channel, "rating", content, key, now, priority=60, due_at=at,
        lane="later" if at > now else "", ticket_id=ticket.id,
    )  # fmt: skip
    return queued is not None
