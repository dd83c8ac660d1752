"""More messages than anybody reads one by one: kept in the ticket, counted in one notice, shown when staff ask.

The same notice counts what a blocked customer, or one whose ticket is spam, writes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.outbound.outbox import Defer, Outcome, Send, Skip
from bot.support import by_mail, post, typed
from bot.support.desk import Desk
from bot.support.self_service import ready
from bot.support.tickets import choices, relay
from bot.tables.mail import ReceivedMail
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

PURPOSE = "held"

_LINES = table(TicketMessage)
_MAILS = table(ReceivedMail)
_TICKETS = table(Ticket)
_OUTBOX = table(Message)
_LONGEST = 3500


async def too_much(session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage) -> bool:
    """More of their messages lie within the time before this one than one reads one by one.

    Mails that anybody may have written in their name hold back none that is shown to be theirs.
    """
    flood, at = desk.ground.config.support.flood, line.at
    recent = sa.select(sa.func.count()).where(
        _LINES.c.contact_id == contact.id,
        _LINES.c.author == "customer",
        _LINES.c.at > at - flood.within,
        _LINES.c.at <= at,
    )
    if await by_mail.is_proven(session, line):
        others = sa.exists().where(_MAILS.c.said_id == _LINES.c.id, _MAILS.c.proven_by == "")
        recent = recent.where(~others)
    return (await session.scalar(recent) or 0) > flood.messages


async def too_many_tickets(session: AsyncSession, desk: Desk, contact: Contact, now: datetime) -> bool:
    """They opened as many tickets as one customer may: what they say goes into the newest one."""
    flood = desk.ground.config.support.flood
    recent = sa.select(sa.func.count()).where(
        _TICKETS.c.contact_id == contact.id, _TICKETS.c.opened_at > now - flood.tickets_within
    )
    return (await session.scalar(recent) or 0) >= flood.tickets


async def hold(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket, line: TicketMessage, now: datetime
) -> None:
    """Keep it from the topic; the notice counts it. The customer is told once that they write faster than we read."""
    first = await keep(session, ticket, line, now)
    text = desk.say(ticket.language, "ticket.flood")
    await ready.say(session, contact, ticket.channel, text, f"flood:{ticket.id}:{first}", now, ticket_id=ticket.id)


async def keep(session: AsyncSession, ticket: Ticket, line: TicketMessage, now: datetime) -> int:
    """Keep a line from the topic and count it in the notice. Returns the first line that is kept with it."""
    line.held, line.ticket_id = True, ticket.id
    await session.flush()
    first: int = await session.scalar(sa.select(sa.func.min(_LINES.c.id)).where(*_held(ticket)))
    await _count(session, ticket, first, line, now)
    return first


def _held(ticket: Ticket) -> tuple[sa.ColumnElement[bool], ...]:
    return _LINES.c.ticket_id == ticket.id, _LINES.c.held


async def _count(session: AsyncSession, ticket: Ticket, first: int, line: TicketMessage, now: datetime) -> None:
    """One notice, later brought up to date; a waiting one counts when it leaves."""
    waiting = sa.select(_OUTBOX.c.id).where(
        _OUTBOX.c.ticket_id == ticket.id,
        _OUTBOX.c.purpose == PURPOSE,
        _OUTBOX.c.status.in_(("planned", "deferred")),
        _OUTBOX.c.due_at.is_not(None),
    )
    if line.id != first and await session.scalar(waiting.limit(1)) is not None:
        return
    key = _key(ticket, first) if line.id == first else f"{_key(ticket, first)}:{line.id}"
    await post.to_topic(session, ticket, PURPOSE, {"held": first}, key, now, priority=30)


def _key(ticket: Ticket, first: int) -> str:
    return f"held:{ticket.id}:{first}"


class Notices:
    """The stage of the notice: how many messages are held is counted when it leaves."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await self._look(session, row) for row in rows}

    async def _look(self, session: AsyncSession, row: Mapping[str, Any]) -> Send | Skip:
        ticket = await session.get(Ticket, row["ticket_id"], populate_existing=True)
        if ticket is None:
            return Skip("gone")
        many = await session.scalar(sa.select(sa.func.count()).where(*_held(ticket)))
        if not many:
            return Skip("shown")
        shown = sa.select(_OUTBOX.c.provider_id).where(_OUTBOX.c.key == _key(ticket, row["payload"]["held"]))
        number = await session.scalar(shown)
        content = await self._content(session, ticket, many)
        if number and str(number).isdigit():
            content["edit"] = int(number)
        return Send({"ticket_id": ticket.id, **content})

    async def _content(self, session: AsyncSession, ticket: Ticket, many: int) -> dict[str, Any]:
        contact = await session.get(Contact, ticket.contact_id, populate_existing=True)
        blocked = contact is not None and contact.blocked_at is not None
        why = "blocked" if blocked else "spam" if ticket.spam else "flood"
        verb = {"blocked": "unblock", "spam": "notspam", "flood": "block"}[why]
        buttons = [
            choices.button(self.desk, "held", "held", ticket.id),
            choices.button(self.desk, verb, verb, ticket.id),
        ]
        return {"text": self.desk.staff(f"staff.held.{why}", many=many), "buttons": [buttons]}

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
        """The next message that is held counts again."""


async def show(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> int:
    """Everything that is held into the topic, in order, in as few messages as hold it. Returns how many lines."""
    held = select(TicketMessage).where(*_held(ticket)).order_by(col(TicketMessage.at), col(TicketMessage.id))
    found = (await session.scalars(held.with_for_update())).all()
    for together in _posts(found):
        first = together[0]
        if first.attachment:
            await relay.to_topic(session, ticket, first, now)
            continue
        text = "\n".join(f"{desk.when(line.at, now)} {line.text}" for line in together)
        content = {"text": text, "told": True}
        key = relay.relay_key(first)
        await post.to_topic(session, ticket, "relay", content, key, now, priority=10, said_id=first.id)
    for line in found:
        line.held = False
    await session.flush()
    return len(found)


def _posts(found: Sequence[TicketMessage]) -> list[list[TicketMessage]]:
    """Lines that go out together: texts up to the length of a message, everything else by itself."""
    posts: list[list[TicketMessage]] = []
    size = 0
    for line in found:
        long = len(line.text) + 30
        joins = posts and not line.attachment and not posts[-1][-1].attachment and size + long <= _LONGEST
        if joins:
            posts[-1].append(line)
            size += long
        else:
            posts.append([line])
            size = long
    return posts


async def waiting(session: AsyncSession, ticket: Ticket) -> int:
    """How many lines of the ticket are held."""
    return await session.scalar(sa.select(sa.func.count()).where(*_held(ticket))) or 0


async def _show(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    many = await show(session, press.desk, ticket, press.now)
    if many:
        text = press.desk.staff("staff.held.shown", many=many, who=press.staff.name)
        await choices.done(session, ticket, press, text)
    return None


BUTTONS: typed.Buttons = {"held": _show}
