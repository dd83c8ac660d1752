"""Who has a ticket: the first who takes it, or whoever it is given to."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.support import post, routing, typed
from bot.support.desk import Desk
from bot.support.routing import people, presence
from bot.support.sla import clocks as sla
from bot.support.tickets import choices
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket


async def take(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> str:
    """The colleague has the ticket from now on. Returns words that say so, or who has it; the topic is told, too.

    On somebody else's ticket the topic offers to take it over.
    """
    await session.refresh(ticket, with_for_update=True)
    if ticket.assignee_id not in (None, staff.id):
        other = await session.get(StaffMember, ticket.assignee_id)
        words = desk.staff("staff.taken_by", who=other.name if other else "")
        over = choices.button(desk, "takeover", "takeover", ticket.id, str(ticket.assignee_id))
        await choices.ask(session, ticket, words, [over], f"takeover:{staff.id}", now)
        return words
    words = desk.staff("staff.taken", who=staff.name)
    if ticket.assignee_id is None:
        await claim(session, desk, ticket, staff, now)
        await _say(session, ticket, words, f"taken:{staff.id}", now)
    return words


async def claim(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> None:
    """The ticket is theirs from now on, whoever had it. The caller holds the ticket."""
    if ticket.assignee_id == staff.id:
        return
    by, old = f"staff:{staff.id}", ticket.status
    ticket.assignee_id = staff.id
    await sla.happened(session, desk, ticket, by, "taken", now)
    if old == "new":
        ticket.status = "open"
        await sla.happened(session, desk, ticket, by, "status_changed", now, old=old, new="open")
    await post.card(session, ticket, f"taken:{staff.id}", now)


async def drop(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> str | None:
    """Nobody has it from now on; a round gives it to somebody else who is free."""
    await session.refresh(ticket, with_for_update=True)
    if ticket.assignee_id is None:
        return desk.staff("staff.drop.nobody")
    had = ticket.assignee_id
    await routing.drop(session, desk, ticket, f"staff:{staff.id}", "by_hand", now)
    if ticket.status in ("new", "open") and await routing.offer(session, desk, ticket, now, but=(had,)) is not None:
        return None
    await _say(session, ticket, desk.staff("staff.drop.done", who=staff.name), "dropped", now)
    return None


async def give(
    session: AsyncSession, desk: Desk, ticket: Ticket, to: StaffMember, by: StaffMember, now: datetime
) -> str | None:
    """A colleague gives it to another, or takes it. Returns words about what speaks against it, or None."""
    if to.id == by.id:
        await take(session, desk, ticket, by, now)
        return None
    await session.refresh(ticket, with_for_update=True)
    if ticket.assignee_id == to.id:
        return desk.staff("staff.taken_by", who=to.name)
    await routing.assign(session, desk, ticket, to, f"staff:{by.id}", "by_hand", now)
    return None if presence.is_here(to, now) else desk.staff("staff.assign.away", who=to.name)


async def _say(session: AsyncSession, ticket: Ticket, text: str, about: str, now: datetime) -> None:
    key = ids.stable("claim", ticket.id, about, now.isoformat())
    await post.to_topic(session, ticket, "notice", {"text": text, "spare": True}, key, now)  # the card shows it, too


async def _take(session: AsyncSession, said: typed.Typed) -> None:
    await take(session, said.desk, said.case, said.staff, said.now)  # what it says stands in the topic


async def _drop(session: AsyncSession, said: typed.Typed) -> str | None:
    return await drop(session, said.desk, said.case, said.staff, said.now)


async def _assign(session: AsyncSession, said: typed.Typed) -> str | None:
    """`/assign @name`, a name, or nothing: then it asks who."""
    everybody = await people.who(session, said.desk, said.case.department)
    asked = said.words.strip()
    found = people.find(everybody, asked) if asked else []
    if len(found) == 1:
        return await give(session, said.desk, said.case, found[0], said.staff, said.now)
    if asked and not found:
        found = people.find(await presence.everybody(session), asked)
    if asked and not found:
        return said.desk.staff("staff.assign.nobody", name=asked[:40])
    await _which(session, said.desk, said.case, found or everybody, said.now)
    return None


async def _which(
    session: AsyncSession, desk: Desk, ticket: Ticket, people_: Sequence[StaffMember], now: datetime
) -> None:
    here = sorted(people_, key=lambda one: (not presence.is_here(one, now), one.name))[:12]
    signs = {True: "", False: "💤 "}
    buttons = [
        {"text": signs[presence.is_here(one, now)] + one.name[:30], "data": f"1:assign:{ticket.id}:{one.id}"}
        for one in here
    ]
    await choices.ask(session, ticket, desk.staff("staff.assign.which"), buttons, "assign", now)


async def _take_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    return await take(session, press.desk, ticket, press.staff, press.now)


async def _take_over(session: AsyncSession, press: typed.Pressed) -> str | None:
    """The button names whom the ticket is taken from: it does nothing when somebody else has it by now."""
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    if ticket.assignee_id == press.staff.id:
        return press.desk.staff("staff.taken", who=press.staff.name)
    if str(ticket.assignee_id) != press.extra and ticket.assignee_id is not None:
        other = await session.get(StaffMember, ticket.assignee_id)
        return press.desk.staff("staff.taken_by", who=other.name if other else "")
    await claim(session, press.desk, ticket, press.staff, press.now)
    await choices.done(session, ticket, press, press.desk.staff("staff.taken", who=press.staff.name))
    return None


async def _drop_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    return await drop(session, press.desk, ticket, press.staff, press.now)


async def _assign_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    if not press.extra:
        await _which(session, press.desk, ticket, await people.who(session, press.desk, ticket.department), press.now)
        return None
    to = await session.get(StaffMember, int(press.extra)) if press.extra.isdecimal() else None
    if to is None:
        return press.desk.staff("pressed.gone")
    words = await give(session, press.desk, ticket, to, press.staff, press.now)
    await choices.done(session, ticket, press, press.desk.staff("staff.assign.done", who=to.name))
    return words


COMMANDS = (typed.Command("take", _take), typed.Command("drop", _drop), typed.Command("assign", _assign))
BUTTONS: typed.Buttons = {
    "take": _take_pressed, "takeover": _take_over, "drop": _drop_pressed, "assign": _assign_pressed,
}  # fmt: skip
