"""The end of a ticket, and taking it up again."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import typed
from bot.support.desk import Desk
from bot.support.self_service import ready
from bot.support.tickets import asking, choices, statuses
from bot.tables.chat import StaffMember
from bot.tables.people import Contact
from bot.tables.support import Ticket

SILENT = ("no message", "silent", "-", "不通知", "无消息")
"""What staff write behind /close when the customer is to hear nothing."""


async def resolve(
    session: AsyncSession, desk: Desk, ticket: Ticket, actor: str, now: datetime, *, why: str = "", words: str = ""
) -> bool:
    """Resolve: settle the clocks, close the topic. Twice does nothing (False).

    `words` names the text that tells the customer, who is then asked how it was; without it they hear nothing.
    """
    if not await statuses.to(session, desk, ticket, "resolved", actor, now, why=why):
        return False
    if words and ticket.kind not in ("drill", "task"):
        await _tell(session, desk, ticket, words, now)
        await asking.ask(session, desk, ticket, now)
    return True


async def _tell(session: AsyncSession, desk: Desk, ticket: Ticket, name: str, now: datetime) -> None:
    contact = await session.get(Contact, ticket.contact_id)
    if contact is not None:
        text = desk.say(ticket.language, name, number=ticket.number)
        key = f"closed:{ticket.id}:{now.isoformat()}"
        await ready.say(session, contact, ticket.channel, text, key, now, ticket_id=ticket.id)


async def close(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> None:
    """A colleague closes it: the customer is told and asked how it was. Twice does nothing."""
    await resolve(session, desk, ticket, f"staff:{staff.id}", now, words="ticket.closed")


async def reopen(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> None:
    """Take a closed ticket up again. An open one stays as it is."""
    if ticket.status == "resolved":
        await statuses.to(session, desk, ticket, "open", f"staff:{staff.id}", now)


async def _close_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    if press.extra == "silent":
        await resolve(session, press.desk, ticket, press.by, press.now, why="silent")
    else:
        await close(session, press.desk, ticket, press.staff, press.now)
    return None


async def _reopen(session: AsyncSession, said: typed.Typed) -> None:
    await reopen(session, said.desk, said.case, said.staff, said.now)


async def _reopen_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    await reopen(session, press.desk, ticket, press.staff, press.now)
    return None


COMMANDS = (typed.Command("reopen", _reopen),)
BUTTONS: typed.Buttons = {"close": _close_pressed, "reopen": _reopen_pressed}
