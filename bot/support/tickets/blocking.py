"""People and tickets that staff want to hear no more of: what they write is kept and counted, and rings nobody."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.support import by_mail, typed
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.support.tickets import choices, closing, floods, staff_card, statuses
from bot.tables.people import Contact
from bot.tables.staff_room import AuditEntry
from bot.tables.support import Ticket, TicketEvent, TicketMessage

_EVENTS = table(TicketEvent)


async def keeps_out(
    session: AsyncSession, desk: Desk, contact: Contact, ticket: Ticket | None, line: TicketMessage, now: datetime
) -> bool:
    """Keep what a blocked customer, or one whose newest ticket is spam, said; it starts nothing. False: not so."""
    if ticket is not None and contact.blocked_at is None:
        return False
    newest = ticket or await _newest(session, contact, line.channel)
    if contact.blocked_at is None and not _still_spam(desk, newest, line.at):
        return False
    if contact.blocked_at is None and newest is not None and await _is_of_another(session, newest, line):
        return False
    line.held = True
    if newest is not None:
        await floods.keep(session, newest, line, now)
    return True


async def _is_of_another(session: AsyncSession, ticket: Ticket, line: TicketMessage) -> bool:
    """What is spam may be forged in their name: a mail that is shown to be theirs has nothing to do with it."""
    return await by_mail.is_proven(session, line) and not await by_mail.has_proven(session, ticket.id)


async def _newest(session: AsyncSession, contact: Contact, channel: str) -> Ticket | None:
    theirs = select(Ticket).where(Ticket.contact_id == contact.id, Ticket.channel == channel)
    return (await session.scalars(theirs.order_by(col(Ticket.id).desc()).limit(1).with_for_update())).first()


def _still_spam(desk: Desk, ticket: Ticket | None, at: datetime) -> bool:
    """For as long as new words would belong to the ticket that is spam."""
    if ticket is None or not ticket.spam or ticket.resolved_at is None:
        return False
    return at - ticket.resolved_at <= desk.ground.config.support.reopen_window(ticket.channel)


async def block(session: AsyncSession, desk: Desk, contact: Contact, by: str, now: datetime) -> bool:
    """Their open tickets close without a word. False when they are blocked already."""
    if contact.blocked_at is not None:
        return False
    contact.blocked_at = now
    await session.flush()
    _audit(session, "blocked", f"contact:{contact.id}", by, now)
    theirs = select(Ticket).where(Ticket.contact_id == contact.id, Ticket.status != "resolved")
    for ticket in (await session.scalars(theirs.order_by(col(Ticket.id)).with_for_update())).all():
        await sla.happened(session, desk, ticket, by, "blocked", now, status=ticket.status)
        await closing.resolve(session, desk, ticket, by, now, why="blocked")
    return True


async def unblock(session: AsyncSession, desk: Desk, contact: Contact, by: str, now: datetime) -> bool:
    """The tickets that the block closed are as they were, with their clocks. False when they are not blocked."""
    if contact.blocked_at is None:
        return False
    blocked_at, contact.blocked_at = contact.blocked_at, None
    await session.flush()
    _audit(session, "unblocked", f"contact:{contact.id}", by, now)
    closed = sa.select(_EVENTS.c.ticket_id).where(_EVENTS.c.name == "blocked", _EVENTS.c.at >= blocked_at)
    theirs = select(Ticket).where(Ticket.contact_id == contact.id, col(Ticket.id).in_(closed))
    for ticket in (await session.scalars(theirs.order_by(col(Ticket.id)).with_for_update())).all():
        await _as_before(session, desk, ticket, "blocked", "unblocked", by, now)
    await _hear(session, desk, contact, now)
    return True


async def spam(session: AsyncSession, desk: Desk, ticket: Ticket, by: str, now: datetime) -> bool:
    """It counts nowhere and closes without a word. False when it is marked already."""
    await statuses.hold(session, ticket)
    if ticket.spam:
        return False
    was = ticket.status
    ticket.spam = True
    await session.flush()
    _audit(session, "spam", f"ticket:{ticket.id}", by, now)
    await sla.happened(session, desk, ticket, by, "spam", now, status=was)
    await closing.resolve(session, desk, ticket, by, now, why="spam")
    return True


async def not_spam(session: AsyncSession, desk: Desk, ticket: Ticket, by: str, now: datetime) -> bool:
    """As it was before, with its clocks and what came in since. False when it is not marked."""
    await statuses.hold(session, ticket)
    if not ticket.spam:
        return False
    ticket.spam = False
    await session.flush()
    _audit(session, "unspam", f"ticket:{ticket.id}", by, now)
    await _as_before(session, desk, ticket, "spam", "unspam", by, now)
    contact = await session.get(Contact, ticket.contact_id)
    if contact is not None and contact.blocked_at is None:
        await _hear(session, desk, contact, now)
    return True


async def _as_before(
    session: AsyncSession, desk: Desk, ticket: Ticket, marked: str, undone: str, by: str, now: datetime
) -> None:
    """Give it the status that it had when it was marked; a snooze that was on is over."""
    said = sa.select(_EVENTS.c.data).where(_EVENTS.c.ticket_id == ticket.id, _EVENTS.c.name == marked)
    data = await session.scalar(said.order_by(_EVENTS.c.id.desc()).limit(1)) or {}
    status = data.get("status") or "open"
    if ticket.status == "resolved" and status != "resolved":
        await statuses.to(session, desk, ticket, "open" if status == "snoozed" else status, by, now, why=undone)
    await sla.happened(session, desk, ticket, by, undone, now)


async def _hear(session: AsyncSession, desk: Desk, contact: Contact, now: datetime) -> None:
    """What was kept goes into the topics now, and counts as said when it was."""
    kept = select(TicketMessage).where(
        TicketMessage.contact_id == contact.id, TicketMessage.author == "customer", TicketMessage.held
    )
    found = (await session.scalars(kept.order_by(col(TicketMessage.at), col(TicketMessage.id)))).all()
    for line in found:
        line.held = line.held and line.ticket_id is not None  # the talk before a ticket is told when there is one
    for ticket_id in sorted({line.ticket_id for line in found if line.ticket_id is not None}):
        ticket = await session.get(Ticket, ticket_id, with_for_update=True)
        if ticket is None or ticket.spam:
            continue
        await floods.show(session, desk, ticket, now)
        mine = [line for line in found if line.ticket_id == ticket_id]
        await _say(session, desk, ticket, mine, now)


async def _say(session: AsyncSession, desk: Desk, ticket: Ticket, found: list[TicketMessage], now: datetime) -> None:
    known = sa.select(_EVENTS.c.data).where(_EVENTS.c.ticket_id == ticket.id, _EVENTS.c.name == "said")
    heard = {data.get("said") for data in (await session.scalars(known)).all()}
    new = [line for line in found if line.id not in heard]
    if not new:
        return
    for line in new:
        await sla.happened(session, desk, ticket, "customer", "said", now, at=line.at, said=line.id)
    if ticket.status not in statuses.OURS:
        await statuses.to(session, desk, ticket, "open", "customer", now, why="said")


def _audit(session: AsyncSession, action: str, subject: str, by: str, now: datetime) -> None:
    session.add(AuditEntry(at=now, actor=by, action=action, subject=subject))


async def _contact(session: AsyncSession, ticket: Ticket) -> Contact:
    contact = await session.get(Contact, ticket.contact_id, with_for_update={"key_share": True}, populate_existing=True)
    assert contact is not None
    return contact


async def _ask(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> str | None:
    contact = await _contact(session, ticket)
    who = staff_card.customer_name(desk, contact)
    if contact.blocked_at is not None:
        return desk.staff("staff.block.already", who=who)
    answers = (("block", "yes"), ("no", "no"))
    verbs = [choices.button(desk, name, "block", ticket.id, extra) for name, extra in answers]
    text = desk.staff("staff.block.ask", who=who)
    if ticket.channel == by_mail.CHANNEL and not await by_mail.has_proven(session, ticket.id):
        text += "\n" + desk.staff("staff.block.unproven")
    await choices.ask(session, ticket, text, verbs, "block", now)
    return None


async def _block(session: AsyncSession, said: typed.Typed) -> str | None:
    return await _ask(session, said.desk, said.case, said.now)


async def _block_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    desk, ticket = press.desk, await session.get(Ticket, press.id)
    if ticket is None:
        return desk.staff("pressed.gone")
    if press.extra == "no":
        await choices.done(session, ticket, press, desk.staff("staff.merge.left"))
        return None
    if press.extra != "yes":
        return await _ask(session, desk, ticket, press.now)
    contact = await _contact(session, ticket)
    who = staff_card.customer_name(desk, contact)
    done = await block(session, desk, contact, press.by, press.now)
    words = desk.staff("staff.block.done" if done else "staff.block.already", who=who, by=press.staff.name)
    await choices.done(session, ticket, press, words)
    return words


async def _unblocked(session: AsyncSession, desk: Desk, ticket: Ticket, by: str, name: str, now: datetime) -> str:
    contact = await _contact(session, ticket)
    done = await unblock(session, desk, contact, by, now)
    words = "staff.unblock.done" if done else "staff.block.left"
    return desk.staff(words, who=staff_card.customer_name(desk, contact), by=name)


async def _unblock(session: AsyncSession, said: typed.Typed) -> str:
    return await _unblocked(session, said.desk, said.case, said.by, said.staff.name, said.now)


async def _unblock_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await session.get(Ticket, press.id)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    words = await _unblocked(session, press.desk, ticket, press.by, press.staff.name, press.now)
    await choices.done(session, ticket, press, words)
    return words


async def _marked(
    session: AsyncSession, desk: Desk, ticket: Ticket, verb: str, by: str, name: str, now: datetime
) -> str:
    """`verb` is spam or notspam. Returns words for staff."""
    done = await (spam if verb == "spam" else not_spam)(session, desk, ticket, by, now)
    return desk.staff(f"staff.{verb}.{'done' if done else 'already'}", number=ticket.number, by=name)


async def _spam(session: AsyncSession, said: typed.Typed) -> str:
    return await _marked(session, said.desk, said.case, "spam", said.by, said.staff.name, said.now)


async def _not_spam(session: AsyncSession, said: typed.Typed) -> str:
    return await _marked(session, said.desk, said.case, "notspam", said.by, said.staff.name, said.now)


async def _spam_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    ticket = await choices.ticket_of(session, press)
    if ticket is None:
        return press.desk.staff("pressed.gone")
    words = await _marked(session, press.desk, ticket, press.verb, press.by, press.staff.name, press.now)
    await choices.done(session, ticket, press, words)
    return words


COMMANDS = (
    typed.Command("block", _block),
    typed.Command("unblock", _unblock),
    typed.Command("spam", _spam),
    typed.Command("notspam", _not_spam),
)
BUTTONS: typed.Buttons = {
    "block": _block_pressed,
    "unblock": _unblock_pressed,
    "spam": _spam_pressed,
    "notspam": _spam_pressed,
}
