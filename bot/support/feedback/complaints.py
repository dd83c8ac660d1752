"""Complaints: somebody owns each until the customer says that it is fixed; a "no" brings it back, more urgent."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.support import post, typed
from bot.support.desk import Desk
from bot.support.escalation import paging
from bot.support.self_service import ready
from bot.support.sla import clocks as sla
from bot.support.tickets import asking, choices, marking, pointing, statuses
from bot.tables.chat import StaffMember
from bot.tables.feedback import Confirmation
from bot.tables.people import Contact
from bot.tables.support import PRIORITIES, Ticket, TicketEvent

OFF = ("off", "no", "取消", "不是")
"""What staff write behind /complaint when it is none."""

_ROWS = table(Confirmation)
_EVENTS = table(TicketEvent)
_BATCH = 100


async def mark(
    session: AsyncSession, desk: Desk, ticket: Ticket, by: str, now: datetime, department: str = ""
) -> str | None:
    """The ticket is a complaint from now on, with an owner of its own. Returns words for staff if it cannot be."""
    await session.refresh(ticket, with_for_update=True)
    if ticket.kind == "drill" or ticket.spam or ticket.merged_into is not None:
        return desk.staff("staff.complaint.never")
    fresh = ticket.kind != "complaint"
    if fresh:
        await _kind(session, desk, ticket, "complaint", by, now)
    if department and department != ticket.department:
        old, ticket.department = ticket.department, department
        await session.flush()
        await sla.happened(session, desk, ticket, by, "department_changed", now, old=old, new=department)
    owner = await owner_of(session, desk, ticket)
    if owner is not None and owner.id != ticket.assignee_id:
        ticket.assignee_id = owner.id
        await session.flush()
        await sla.happened(session, desk, ticket, by, "assigned", now, staff=owner.id, why="complaint")
    if ticket.status == "resolved" and fresh:
        await statuses.to(session, desk, ticket, "open", by, now, why="complaint")
    await post.card(session, ticket, "complaint", now)
    await _call(session, desk, ticket, "staff.complaint.marked", f"complaint:{ticket.id}:{now.isoformat()}", now)
    return None


async def unmark(session: AsyncSession, desk: Desk, ticket: Ticket, by: str, now: datetime) -> str:
    """It was no complaint after all."""
    await session.refresh(ticket, with_for_update=True)
    if ticket.kind == "complaint":
        await _kind(session, desk, ticket, "question", by, now)
        await post.card(session, ticket, "question", now)
    return desk.staff("staff.complaint.none", number=ticket.number)


async def _kind(session: AsyncSession, desk: Desk, ticket: Ticket, kind: str, by: str, now: datetime) -> None:
    old, ticket.kind = ticket.kind, kind
    await session.flush()
    await sla.happened(session, desk, ticket, by, "kind_changed", now, old=old, new=kind)


async def owner_of(session: AsyncSession, desk: Desk, ticket: Ticket) -> StaffMember | None:
    """Who owns complaints: the configured colleague, else the first lead of the department whom we have met."""
    config = desk.ground.config.support
    if config.complaints.owner:
        name = config.complaints.owner.removeprefix("@").lower()
        named = sa.or_(sa.func.lower(StaffMember.username) == name, sa.func.lower(StaffMember.name) == name)
        return (await session.scalars(select(StaffMember).where(named).order_by(col(StaffMember.id)).limit(1))).first()
    department = next((one for one in config.departments if one.name == ticket.department), None)
    for lead in department.leads if department else ():
        found = (await session.scalars(select(StaffMember).where(StaffMember.telegram_id == lead))).first()
        if found is not None:
            return found
    return None


async def answered(
    session: AsyncSession, desk: Desk, contact: Contact, asked_id: int, said: str, now: datetime
) -> str | None:
    """The customer pressed yes or no; they may change their mind. Returns the words for the passing note."""
    asked = await session.get(Confirmation, asked_id)
    if asked is None or asked.contact_id != contact.id:
        return desk.say(desk.language(contact), "pressed.gone")
    ticket = await session.get_one(Ticket, asked.ticket_id, with_for_update=True, populate_existing=True)
    await session.refresh(asked, with_for_update=True)
    if ticket.spam:
        return desk.say(desk.language(contact), "pressed.gone")
    words = desk.say(ticket.language, f"complaint.{said}.noted")
    if asked.answer == said:
        return words
    asked.answer, asked.answered_at = said, now
    await session.flush()
    if said == "yes":
        await _fixed(session, desk, ticket, asked, now)
    else:
        await _not_fixed(session, desk, contact, ticket, asked, now)
    return words


async def _fixed(session: AsyncSession, desk: Desk, ticket: Ticket, asked: Confirmation, now: datetime) -> None:
    await sla.happened(session, desk, ticket, "customer", "fixed", now, cycle=asked.cycle)
    await post.card(session, ticket, "fixed", now)
    words = desk.staff("staff.complaint.fixed")
    await post.to_topic(session, ticket, "notice", {"text": words}, f"fixed:{asked.id}:yes", now, priority=60)
    if ticket.status == "resolved":
        await asking.how_was_it(session, desk, ticket, now)


async def _not_fixed(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket, asked: Confirmation, now: datetime
) -> None:
    """Back to the owner, one step more urgent; once for each question, however often they change their mind."""
    before = await _said_no(session, asked)
    await sla.happened(session, desk, ticket, "customer", "not_fixed", now, cycle=asked.cycle)
    while ticket.merged_into is not None:
        ticket = await session.get_one(Ticket, ticket.merged_into, with_for_update=True)
    if not before:
        higher = PRIORITIES[min(PRIORITIES.index(ticket.priority) + 1, len(PRIORITIES) - 1)]
        await marking.prioritise(session, desk, ticket, higher, "customer", now, why="not_fixed")
    await statuses.to(session, desk, ticket, "open", "customer", now, why="not_fixed")
    if before:
        return
    if ticket.assignee_id is None and (owner := await owner_of(session, desk, ticket)) is not None:
        ticket.assignee_id = owner.id
        await session.flush()
        await sla.happened(session, desk, ticket, "bot", "assigned", now, staff=owner.id, why="complaint")
    key = f"fixed:{asked.id}:no:{now.isoformat()}"
    await _call(session, desk, ticket, "staff.complaint.not_fixed", key, now)
    words = desk.say(ticket.language, "complaint.sorry", number=ticket.number)
    await ready.say(session, contact, ticket.channel, words, key, now, ticket_id=ticket.id)


async def _said_no(session: AsyncSession, asked: Confirmation) -> bool:
    """They said so before to this very question."""
    said = sa.select(_EVENTS.c.id).where(
        _EVENTS.c.ticket_id == asked.ticket_id, _EVENTS.c.name == "not_fixed", _EVENTS.c.at >= asked.asked_at
    )
    return await session.scalar(said.limit(1)) is not None


async def _call(session: AsyncSession, desk: Desk, ticket: Ticket, name: str, key: str, now: datetime) -> None:
    """Ring for whoever has it; where nobody does, all who lead are told."""
    who = await pointing.at_assignee(session, ticket)
    text = desk.staff(name, number=ticket.number)
    if not who:
        await paging.alarm(session, desk, ticket, text, f"{key}:leads", now)
    content = {"text": f"{who} {text}" if who else text, "html": True}
    await post.to_topic(session, ticket, "notice", content, key, now, priority=30)


async def end_unconfirmed(session: AsyncSession, desk: Desk, now: datetime) -> bool:
    """Complaints whose customer did not answer in time end as unconfirmed, which counts as neither kept nor missed.

    True when it was a whole batch: there may be more.
    """
    until = now - desk.ground.config.support.complaints.confirm_within
    waiting = sa.select(_ROWS.c.id, _ROWS.c.ticket_id).where(_ROWS.c.answer == "", _ROWS.c.asked_at <= until)
    rows = (await session.execute(waiting.order_by(_ROWS.c.asked_at).limit(_BATCH))).all()
    for asked_id, ticket_id in rows:
        ticket = await session.get_one(Ticket, ticket_id, with_for_update=True, populate_existing=True)
        asked = await session.get_one(Confirmation, asked_id, with_for_update=True, populate_existing=True)
        if asked.answer:
            continue  # just now
        over = ticket.status == "resolved" and ticket.merged_into is None
        asked.answer, asked.answered_at = "unconfirmed" if over else "reopened", now
        await session.flush()
        if over:
            await sla.happened(session, desk, ticket, "clock", "unconfirmed", now, cycle=asked.cycle)
            await post.card(session, ticket, "unconfirmed", now)
    return len(rows) == _BATCH


async def _complaint(session: AsyncSession, said: typed.Typed) -> str | None:
    word = said.words.strip().lower()
    if word in OFF:
        return await unmark(session, said.desk, said.case, said.by, said.now)
    names = [one.name for one in said.desk.ground.config.support.departments]
    if word and word not in names:
        return said.desk.staff("staff.complaint.departments", names=", ".join(names) or "-")
    return await mark(session, said.desk, said.case, said.by, said.now, word)


async def _complaint_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    if ticket.kind == "complaint":
        return press.desk.staff("staff.complaint.already")
    return await mark(session, press.desk, ticket, press.by, press.now)


COMMANDS = (typed.Command("complaint", _complaint),)
BUTTONS: typed.Buttons = {"complaint": _complaint_pressed}
