"""A second matter in a ticket becomes a ticket of its own, with its words and a topic."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from bot.base.database import table
from bot.support import lines as said_lines
from bot.support import post, typed
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.support.tickets import links, moving, opening, statuses
from bot.tables.chat import StaffMember
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.support import Mirror, Ticket, TicketMessage

_OUTBOX = table(Message)


async def split(
    session: AsyncSession, desk: Desk, old: Ticket, moved: Sequence[TicketMessage], staff: StaffMember, now: datetime
) -> Ticket:
    """The lines `moved` of `old`, in the order of time, become a new ticket that the same colleague has."""
    by = f"staff:{staff.id}"
    was_waiting = old.waiting_since is not None
    contact = await session.get(Contact, old.contact_id)
    assert contact is not None
    new = await opening.create(session, contact, old.channel, old.language, moved[0].at)
    new.department, new.tier, new.priority = old.department, old.tier, old.priority
    new.assignee_id, new.status = old.assignee_id, "open" if old.assignee_id else "new"
    await session.flush()
    title = desk.staff("staff.split.recap", old=f"#{old.number}", who=staff.name)
    told = await moving.recap(session, desk, title, moved)
    ids = await moving.move(session, [line.id or 0 for line in moved], old, new)
    await links.link(session, desk, old, new, "split", by, now, {"lines": ids})
    await sla.happened(session, desk, new, by, "opened", now, at=moved[0].at, why="split", origin="staff")
    await sla.happened(session, desk, new, by, "split_from", now, ticket=old.id, lines=ids)
    if new.assignee_id is not None:
        await sla.happened(session, desk, new, by, "assigned", now, staff=new.assignee_id, why="split")
    await sla.happened(session, desk, old, by, "split", now, into=new.id, lines=ids)
    await _turns(session, desk, old, new, was_waiting, by, now)
    await post.card(session, new, "split_from", now)
    await post.to_topic(session, new, "notice", {"text": told}, f"split:{new.id}", now, priority=20)
    content = {"text": desk.staff("staff.split.done", new=f"#{new.number}", who=staff.name, many=len(ids))}
    await post.to_topic(session, old, "notice", content, f"split:{old.id}:{new.id}", now, priority=30)
    await post.card(session, old, "split", now)
    return new


async def _turns(
    session: AsyncSession, desk: Desk, old: Ticket, new: Ticket, was_waiting: bool, by: str, now: datetime
) -> None:
    """Whose turn it is in each of the two now."""
    if was_waiting and old.waiting_since is None and old.status in statuses.OURS and old.answered_at is not None:
        await statuses.to(session, desk, old, "waiting_customer", by, now, why="split")
    if new.waiting_since is None and old.answered_at is not None:
        await statuses.to(session, desk, new, "waiting_customer", by, now, why="split_from")


async def line_shown_as(session: AsyncSession, ticket: Ticket, provider_key: str) -> TicketMessage | None:
    """The line behind a message in the topic: written there by staff, or shown there by us."""
    own = select(TicketMessage).where(TicketMessage.provider_key == provider_key)
    line = (await session.scalars(own)).first()
    place = said_lines.place(provider_key)
    if line is None and place:
        mirror = select(Mirror.said_id).where(
            Mirror.chat_id == place["chat_id"], Mirror.message_id == place["message_id"]
        )
        said_id = await session.scalar(mirror) or await _sent_as(session, ticket, place["message_id"])
        line = await session.get(TicketMessage, said_id) if said_id else None
    return line if line is not None and line.ticket_id == ticket.id else None


async def _sent_as(session: AsyncSession, ticket: Ticket, message_id: int) -> int | None:
    sent = sa.select(_OUTBOX.c.said_id).where(
        _OUTBOX.c.ticket_id == ticket.id,
        _OUTBOX.c.channel == "staff_topic",
        _OUTBOX.c.purpose == "relay",
        _OUTBOX.c.provider_id == str(message_id),
    )
    return await session.scalar(sent.limit(1))


async def _split(session: AsyncSession, said: typed.Typed) -> str | None:
    desk, ticket = said.desk, said.case
    await statuses.hold(session, ticket)
    lines = await moving.lines_of(session, ticket)
    start = await _first(session, said, lines)
    if start is None or ticket.merged_into is not None:
        return desk.staff("staff.split.how")
    moved, kept = lines[start:], lines[:start]
    if not any(line.author == "customer" for line in kept):
        return desk.staff("staff.split.all")
    await split(session, desk, ticket, moved, said.staff, said.now)
    return None


async def _first(session: AsyncSession, said: typed.Typed, lines: Sequence[TicketMessage]) -> int | None:
    """Where the new matter begins: at the message that was answered, or so many of the customer's from the end."""
    if said.reply_to is not None and not said.words:
        line = await line_shown_as(session, said.case, said.reply_to)
        return next((place for place, one in enumerate(lines) if line is not None and one.id == line.id), None)
    theirs = [place for place, line in enumerate(lines) if line.author == "customer"]
    if not said.words.isdecimal() or not 1 <= int(said.words) <= len(theirs):
        return None
    return theirs[-int(said.words)]


COMMANDS = (typed.Command("split", _split),)
