"""What staff write in a topic: to the customer, or a note that stays inside.

A note leaves in one way only: it was plain words, a colleague was asked "send or keep", and somebody answers "send"
while that question is open (`asked_at`). What was marked as a note, kept or called back is not asked about again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.support import lines, post, typed
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.support.tickets import albums, claiming, mirrors, relay, unsent
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket, TicketMessage

NOTE_MARK = "✍"  # a lock would say it better, but Telegram lets bots react with a fixed set only
_BUSY = timedelta(seconds=60)


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
    *,
    reply_to_id: int | None = None,
    quote: str = "",
) -> None:
    """Plain words in the topic: to the customer if this colleague has the ticket, else it is asked first.

    Until somebody says "send" it is kept as a note: the safe side.
    """
    await session.refresh(ticket, with_for_update=True)
    question = await doubt(session, desk, ticket, staff, now)
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
        reply_to_id=reply_to_id,
        quote=quote,
    )
    if line is None:
        return
    if question is None:
        await relay.to_customer(session, desk, ticket, line, now)
        return
    line.asked_at = now
    await session.flush()
    if len(await _asked_together(session, line)) > 1:
        return  # asked once for the whole album
    verbs = [{"text": desk.staff(f"staff.button.{verb}"), "data": f"1:{verb}:{line.id}"} for verb in ("send", "keep")]
    content = {"text": question, "buttons": [verbs], "reply_to": source["message_id"]}
    await post.to_topic(session, ticket, "notice", content, f"ask:{line.id}", now, priority=10, said_id=line.id)
    await unsent.remind(session, desk, ticket, line, source["message_id"], now)


async def doubt(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> str | None:
    """Why it should be asked before this goes to the customer: nobody has it, it is closed, somebody else answers.

    Whoever answered in the last minute counts, whether the ticket is theirs or not.
    """
    if ticket.status == "resolved":
        return desk.staff("staff.ask.resolved")
    if ticket.assignee_id is None:
        return desk.staff("staff.ask.unclaimed")
    recent = (
        select(StaffMember.name)
        .join(TicketMessage, col(TicketMessage.staff_id) == col(StaffMember.id))
        .where(
            TicketMessage.ticket_id == ticket.id,
            TicketMessage.author == "staff",
            TicketMessage.staff_id != staff.id,
            TicketMessage.received_at > now - _BUSY,
        )
    )
    other = await session.scalar(recent.order_by(col(TicketMessage.received_at).desc()).limit(1))
    return desk.staff("staff.ask.busy", who=other) if other is not None else None


async def note(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    staff: StaffMember,
    text: str,
    provider_key: str,
    source: Mapping[str, int],
    now: datetime,
    attachment: Mapping[str, Any] | None = None,
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
        attachment=attachment,
        staff_id=staff.id,
    )
    if line is not None:
        await sla.happened(session, desk, ticket, f"staff:{staff.id}", "noted", now, said=line.id)
        await _mark(session, ticket, line, now)


async def _mark(session: AsyncSession, ticket: Ticket, line: TicketMessage, now: datetime) -> None:
    place = lines.place(line.provider_key)
    if place:
        content = {"react": {"message_id": place["message_id"], "emoji": NOTE_MARK}}
        await post.to_topic(session, ticket, "notice", content, f"note:{line.id}", now)


async def _line_pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    """Send, keep or undo below the words of a colleague."""
    desk, now = press.desk, press.now
    line = await session.get(TicketMessage, press.id, with_for_update=True, populate_existing=True)
    ticket = await session.get(Ticket, line.ticket_id) if line and line.ticket_id else None
    if line is None or ticket is None:
        return desk.staff("pressed.gone")
    if press.verb == "undo":
        undone = await relay.undo(session, desk, ticket, line, press.by, now)
        if undone:
            await _replace(session, ticket, press, desk.staff("staff.undone"), f"undone:{line.id}")
        return desk.staff("staff.undone" if undone else "staff.too_late")
    if line.asked_at is None or line.author != "note":
        return desk.staff("staff.kept" if line.author == "note" else "staff.sent_already")
    album = await _asked_together(session, line)
    for one in album:
        one.asked_at = None
    if press.verb == "keep":
        await session.flush()
        for one in album:
            await sla.happened(session, desk, ticket, press.by, "noted", now, said=one.id)
        await _mark(session, ticket, line, now)
        await _replace(session, ticket, press, desk.staff("staff.kept"), f"kept:{line.id}")
        return None
    await session.refresh(ticket, with_for_update=True)
    if ticket.assignee_id is None:
        await claiming.claim(session, desk, ticket, press.staff, now)
    for one in album:  # the answer is given now: before, it was not meant for the customer
        one.author, one.staff_id, one.at = "staff", press.staff.id, now
    await session.flush()
    await _replace(session, ticket, press, desk.staff("staff.sent", who=press.staff.name), f"sent:{line.id}")
    for one in album:
        await relay.to_customer(session, desk, ticket, one, now)
    return None


async def _asked_together(session: AsyncSession, line: TicketMessage) -> list[TicketMessage]:
    """The files of an album that one question is about."""
    return [one for one in await albums.of(session, line) if one.asked_at is not None and one.author == "note"]


async def answer(
    session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, text: str, provider_key: str, now: datetime
) -> TicketMessage | None:
    """Words that a colleague looked at and chose to send (a macro, a suggestion). None: they were sent before."""
    await session.refresh(ticket, with_for_update=True)
    line = await lines.write(
        session,
        contact_id=ticket.contact_id,
        ticket_id=ticket.id,
        channel=ticket.channel,
        author="staff",
        text=text,
        provider_key=provider_key,
        at=now,
        received_at=now,
        staff_id=staff.id,
    )
    if line is None:
        return None
    if ticket.assignee_id is None:
        await claiming.claim(session, desk, ticket, staff, now)
    await relay.to_customer(session, desk, ticket, line, now)
    return line


async def _replace(session: AsyncSession, ticket: Ticket, press: typed.Pressed, text: str, key: str) -> None:
    """Words in place of a question that was answered; its buttons go."""
    content = {"edit": press.message_id, "text": text}
    await post.to_topic(session, ticket, "notice", content, key, press.now, priority=30)


async def _note_typed(session: AsyncSession, said: typed.Typed) -> str | None:
    if not said.words:
        return said.desk.staff("staff.note_how")
    source = {"chat_id": said.chat_id, "message_id": said.message_id}
    await note(session, said.desk, said.case, said.staff, said.words, said.provider_key, source, said.now)
    return None


async def _undo_typed(session: AsyncSession, said: typed.Typed) -> str:
    """`/undo` as a reply to one's words, else one's last words here: the way that needs no button."""
    desk, ticket = said.desk, said.case
    if said.reply_to is not None:
        chat_id, _, message_id = said.reply_to.removeprefix("telegram:").partition(":")
        line = await mirrors.line_at(session, int(chat_id), int(message_id))
    else:
        mine = select(TicketMessage).where(
            TicketMessage.ticket_id == ticket.id,
            TicketMessage.author == "staff",
            TicketMessage.staff_id == said.staff.id,
        )
        line = (await session.scalars(mine.order_by(col(TicketMessage.id).desc()).limit(1))).first()
    if line is None or line.ticket_id != ticket.id or line.author != "staff":
        return desk.staff("staff.nothing_to_undo")
    if not await relay.undo(session, desk, ticket, line, said.by, said.now):
        return desk.staff("staff.too_late")
    await relay.show_undone(session, desk, ticket, line, said.now)
    return desk.staff("staff.undone")


async def _note_how(session: AsyncSession, press: typed.Pressed) -> str | None:
    return press.desk.staff("staff.note_how")


COMMANDS = (typed.Command("note", _note_typed), typed.Command("undo", _undo_typed))
BUTTONS: typed.Buttons = {"send": _line_pressed, "keep": _line_pressed, "undo": _line_pressed, "note": _note_how}
