"""The end of a ticket, and taking it up again."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import history, post, typed
from bot.support.desk import Desk
from bot.support.self_service import ready
from bot.support.sla import clocks as sla
from bot.support.tickets import asking, opening
from bot.tables.chat import StaffMember
from bot.tables.people import Contact
from bot.tables.support import Ticket


async def close(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> None:
    """Resolve: settle the clocks, close the topic, tell the customer and ask how it was. Twice does nothing."""
    await session.refresh(ticket, with_for_update=True)
    if ticket.status == "resolved" or ticket.id is None:
        return
    ticket.status, ticket.resolved_at = "resolved", now
    await history.write(session, ticket.id, now, f"staff:{staff.id}", "resolved")
    await sla.closed(session, ticket.id, now)
    await session.flush()
    await post.card(session, ticket, "resolved", now, topic="close")
    contact = await session.get(Contact, ticket.contact_id)
    if contact is not None:
        text = desk.say(ticket.language, "ticket.closed", number=ticket.number)
        key = f"closed:{ticket.id}:{now.isoformat()}"
        await ready.say(session, contact, ticket.channel, text, key, now, ticket_id=ticket.id)
        await asking.ask(session, desk, ticket, now)


async def reopen(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> None:
    """Take a closed ticket up again. An open one stays as it is."""
    await session.refresh(ticket, with_for_update=True)
    if ticket.status == "resolved":
        await opening.reopen(session, desk, ticket, f"staff:{staff.id}", now)


async def _close(session: AsyncSession, said: typed.Typed) -> None:
    await close(session, said.desk, said.case, said.staff, said.now)


async def _close_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await session.get(Ticket, press.id)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    await close(session, press.desk, ticket, press.staff, press.now)
    return None


async def _reopen_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await session.get(Ticket, press.id)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    await reopen(session, press.desk, ticket, press.staff, press.now)
    return None


async def _reopen(session: AsyncSession, said: typed.Typed) -> None:
    await reopen(session, said.desk, said.case, said.staff, said.now)


COMMANDS = (typed.Command("close", _close), typed.Command("reopen", _reopen))
BUTTONS: typed.Buttons = {"close": _close_pressed, "reopen": _reopen_pressed}
