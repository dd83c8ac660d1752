"""What staff do with a ticket: answer, note, take, close, and the buttons of the card."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.support import history, lines, opening, post, ratings, ready, relay, sla, staff_card
from bot.support.desk import Desk
from bot.tables.chat import StaffMember, Topic
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

NOTE_MARK = "✍"  # a lock would say it better, but Telegram lets bots react with a fixed set only
_BUSY = timedelta(seconds=60)


async def by_topic(session: AsyncSession, chat_id: int, thread_id: int) -> Ticket | None:
    """The ticket of a forum topic."""
    found = select(Ticket).join(Topic, col(Topic.ticket_id) == col(Ticket.id))
    return (await session.scalars(found.where(Topic.chat_id == chat_id, Topic.thread_id == thread_id))).first()


async def staff_said(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    staff: StaffMember,
    text: str,
    attachment: Mapping[str, Any],
    provider_key: str,
    source: Mapping[str, int],
    at: datetime,
    now: datetime,
) -> None:
    """Plain words in the topic: to the customer if this colleague has the ticket, else it is asked first.

    Until somebody says "send" it is kept as a note: the safe side.
    """
    await session.refresh(ticket, with_for_update=True)
    question = await _doubt(session, desk, ticket, staff, now)
    line = await lines.write(
        session,
        contact_id=ticket.contact_id,
        ticket_id=ticket.id,
        channel=ticket.channel,
        author="note" if question else "staff",
        text=text,
        provider_key=provider_key,
        at=sla.counted_at(at, now),
        received_at=now,
        attachment=attachment,
        staff_id=staff.id,
    )
    if line is None:
        return
    if question is None:
        await relay.to_customer(session, desk, ticket, line, now)
        return
    verbs = [{"text": desk.staff(f"staff.button.{verb}"), "data": f"1:{verb}:{line.id}"} for verb in ("send", "keep")]
    content = {"text": question, "buttons": [verbs], "reply_to": source["message_id"]}
    await post.to_topic(session, ticket, "notice", content, f"ask:{line.id}", now, priority=10, said_id=line.id)


async def _doubt(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> str | None:
    """Why it should be asked before this goes to the customer: nobody has it, it is closed, somebody else answers."""
    if ticket.status == "resolved":
        return desk.staff("staff.ask.resolved")
    if ticket.assignee_id is None:
        return desk.staff("staff.ask.unclaimed")
    if ticket.assignee_id == staff.id:
        return None
    recent = select(TicketMessage.id).where(
        TicketMessage.ticket_id == ticket.id,
        TicketMessage.author == "staff",
        TicketMessage.staff_id == ticket.assignee_id,
        TicketMessage.received_at > now - _BUSY,
    )
    if await session.scalar(recent.limit(1)) is None:
        return None
    other = await session.get(StaffMember, ticket.assignee_id)
    return desk.staff("staff.ask.busy", who=other.name if other else "")


async def note(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    staff: StaffMember,
    text: str,
    provider_key: str,
    source: Mapping[str, int],
    now: datetime,
) -> None:
    """Words among staff; a reaction shows that they stayed inside."""
    line = await lines.write(
        session,
        contact_id=ticket.contact_id,
        ticket_id=ticket.id,
        channel=ticket.channel,
        author="note",
        text=text,
        provider_key=provider_key,
        at=now,
        received_at=now,
        staff_id=staff.id,
    )
    if line is not None:
        await _mark(session, ticket, line, now)


async def _mark(session: AsyncSession, ticket: Ticket, line: TicketMessage, now: datetime) -> None:
    place = lines.place(line.provider_key)
    if place:
        content = {"react": {"message_id": place["message_id"], "emoji": NOTE_MARK}}
        await post.to_topic(session, ticket, "notice", content, f"note:{line.id}", now)


async def take(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> str:
    """The colleague has the ticket from now on, or is told who has it. Returns these words, also said in the topic."""
    await session.refresh(ticket, with_for_update=True)
    if ticket.assignee_id not in (None, staff.id):
        other = await session.get(StaffMember, ticket.assignee_id)
        words = desk.staff("staff.taken_by", who=other.name if other else "")
    else:
        fresh = ticket.assignee_id is None
        await _claim(session, desk, ticket, staff, now)
        words = desk.staff("staff.taken", who=staff.name)
        if not fresh:
            return words
    key = f"taken:{ticket.id}:{staff.id}:{now.isoformat()}"
    await post.to_topic(session, ticket, "notice", {"text": words}, key, now)
    return words


async def _claim(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> None:
    assert ticket.id is not None
    if ticket.assignee_id == staff.id:
        return
    ticket.assignee_id = staff.id
    if ticket.status == "new":
        ticket.status = "open"
    await history.write(session, ticket.id, now, f"staff:{staff.id}", "taken")
    await staff_card.show(session, desk, ticket, "taken", now)


async def close(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> None:
    """Resolve: settle the clocks, close the topic, tell the customer and ask how it was. Twice does nothing."""
    await session.refresh(ticket, with_for_update=True)
    if ticket.status == "resolved" or ticket.id is None:
        return
    ticket.status, ticket.resolved_at = "resolved", now
    await history.write(session, ticket.id, now, f"staff:{staff.id}", "resolved")
    await sla.closed(session, ticket.id, now)
    await session.flush()
    await staff_card.show(session, desk, ticket, "resolved", now, topic="close")
    contact = await session.get(Contact, ticket.contact_id)
    if contact is not None:
        text = desk.say(ticket.language, "ticket.closed", number=ticket.number)
        key = f"closed:{ticket.id}:{now.isoformat()}"
        await ready.say(session, contact, ticket.channel, text, key, now, ticket_id=ticket.id)
        await ratings.ask(session, desk, ticket, now)


async def reopen(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> None:
    """Take a closed ticket up again. An open one stays as it is."""
    await session.refresh(ticket, with_for_update=True)
    if ticket.status == "resolved":
        await opening.reopen(session, desk, ticket, f"staff:{staff.id}", now)


async def staff_pressed(
    session: AsyncSession, desk: Desk, staff: StaffMember, data: str, now: datetime, message_id: int
) -> str | None:
    """A button in the staff group was pressed. Returns words to show in passing, or None."""
    version, _, rest = data.partition(":")
    verb, _, number = rest.partition(":")
    if version != "1" or not number.isdigit():
        return desk.staff("pressed.gone")
    if verb in ("send", "keep", "undo"):
        line = await session.get(TicketMessage, int(number))
        ticket = await session.get(Ticket, line.ticket_id) if line and line.ticket_id else None
        if line is None or ticket is None:
            return desk.staff("pressed.gone")
        return await _line_pressed(session, desk, ticket, line, staff, verb, message_id, now)
    ticket = await session.get(Ticket, int(number))
    if ticket is None:
        return desk.staff("pressed.gone")
    if verb == "take":
        return await take(session, desk, ticket, staff, now)
    if verb == "close":
        await close(session, desk, ticket, staff, now)
    elif verb == "reopen":
        await reopen(session, desk, ticket, staff, now)
    elif verb == "note":
        return desk.staff("staff.note_how")
    else:
        return desk.staff("pressed.gone")
    return None


async def _line_pressed(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    line: TicketMessage,
    staff: StaffMember,
    verb: str,
    message_id: int,
    now: datetime,
) -> str | None:
    if verb == "undo":
        undone = await relay.undo(session, desk, ticket, line, f"staff:{staff.id}", now)
        if undone:
            await _replace(session, ticket, message_id, desk.staff("staff.undone"), f"undone:{line.id}", now)
        return desk.staff("staff.undone" if undone else "staff.too_late")
    await session.refresh(line, with_for_update=True)
    if line.author != "note" or await _was_sent(session, line):
        return desk.staff("staff.sent_already")
    if verb == "keep":
        await _mark(session, ticket, line, now)
        await _replace(session, ticket, message_id, desk.staff("staff.kept"), f"kept:{line.id}", now)
        return None
    await session.refresh(ticket, with_for_update=True)
    if ticket.assignee_id is None:
        await _claim(session, desk, ticket, staff, now)
    # The answer is given now: before, it was not meant for the customer.
    line.author, line.staff_id, line.at = "staff", staff.id, now
    await session.flush()
    await _replace(session, ticket, message_id, desk.staff("staff.sent", who=staff.name), f"sent:{line.id}", now)
    await relay.to_customer(session, desk, ticket, line, now)
    return None


async def _was_sent(session: AsyncSession, line: TicketMessage) -> bool:
    rows = table(Message)
    known = sa.select(rows.c.id).where(rows.c.key == relay.answer_key(line))
    return await session.scalar(known) is not None


async def _replace(session: AsyncSession, ticket: Ticket, message_id: int, text: str, key: str, now: datetime) -> None:
    """Words in place of a question that was answered; its buttons go."""
    await post.to_topic(session, ticket, "notice", {"edit": message_id, "text": text}, key, now, priority=30)
