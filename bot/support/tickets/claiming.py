"""Who has a ticket: the first who takes it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import post, typed
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket


async def take(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> str:
    """The colleague has the ticket from now on, or is told who has it. Returns these words, also said in the topic."""
    await session.refresh(ticket, with_for_update=True)
    if ticket.assignee_id not in (None, staff.id):
        other = await session.get(StaffMember, ticket.assignee_id)
        words = desk.staff("staff.taken_by", who=other.name if other else "")
    else:
        fresh = ticket.assignee_id is None
        await claim(session, desk, ticket, staff, now)
        words = desk.staff("staff.taken", who=staff.name)
        if not fresh:
            return words
    key = f"taken:{ticket.id}:{staff.id}:{now.isoformat()}"
    await post.to_topic(session, ticket, "notice", {"text": words}, key, now)
    return words


async def claim(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> None:
    if ticket.assignee_id == staff.id:
        return
    by, old = f"staff:{staff.id}", ticket.status
    ticket.assignee_id = staff.id
    await sla.happened(session, desk, ticket, by, "taken", now)
    if old == "new":
        ticket.status = "open"
        await sla.happened(session, desk, ticket, by, "status_changed", now, old=old, new="open")
    await post.card(session, ticket, "taken", now)


async def _take(session: AsyncSession, said: typed.Typed) -> None:
    await take(session, said.desk, said.case, said.staff, said.now)


async def _take_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await session.get(Ticket, press.id)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    return await take(session, press.desk, ticket, press.staff, press.now)


COMMANDS = (typed.Command("take", _take),)
BUTTONS: typed.Buttons = {"take": _take_pressed}
