"""`/del`: an answer is taken back from the customer, as long as Telegram allows it."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.support import typed
from bot.support.desk import Desk
from bot.support.tickets import albums, changes, mirrors, relay
from bot.tables.outbox import Message
from bot.tables.support import Ticket, TicketMessage

_ALLOWED_FOR = timedelta(hours=48)  # deleteMessage of the Bot API


async def take_back(
    session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, by: str, now: datetime
) -> str | None:
    """Call it back, or delete the customer's copy, with the whole album. Returns words when that is the end of it."""
    if line.author != "staff":
        return desk.staff(f"staff.del.{'note' if line.author == 'note' else 'not_ours'}")
    if line.deleted_at is not None:
        return desk.staff("staff.del.done", at=desk.when(line.deleted_at, now))
    if await relay.undo(session, desk, ticket, line, by, now):
        await relay.show_undone(session, desk, ticket, line, now)
        return desk.staff("staff.undone")
    if ticket.channel != "telegram":
        return desk.staff("staff.del.channel", channel=ticket.channel)
    if line.accepted_at is not None and now - line.accepted_at >= _ALLOWED_FOR:
        return desk.staff("staff.delete.refused")
    for one in await albums.of(session, line):
        if one.author == "staff":
            await changes.queue(session, ticket, one, "delete", now.isoformat(), now, to="customer", by=by)
    return None


async def _typed(session: AsyncSession, said: typed.Typed) -> str | None:
    line = await _named(session, said)
    if line is None:
        return said.desk.staff("staff.del.how")
    return await take_back(session, said.desk, said.case, line, said.by, said.now)


async def _named(session: AsyncSession, said: typed.Typed) -> TicketMessage | None:
    """The line that the command answers: at the words themselves, or at our message about them."""
    channel, _, place = (said.reply_to or "").partition(":")
    if channel != "telegram":
        return None
    chat_id, _, number = place.partition(":")
    line = await mirrors.line_at(session, int(chat_id), int(number))
    if line is None:
        about = select(TicketMessage).join(Message, col(Message.said_id) == col(TicketMessage.id))
        shown = about.where(Message.ticket_id == said.case.id, Message.channel == "staff_topic")
        line = (await session.scalars(shown.where(Message.provider_id == number).limit(1))).first()
    return line if line is not None and line.ticket_id == said.case.id else None


async def _pressed(session: AsyncSession, press: typed.Pressed) -> str | None:
    line = await session.get(TicketMessage, press.id, with_for_update=True, populate_existing=True)
    ticket = await session.get(Ticket, line.ticket_id) if line and line.ticket_id else None
    if line is None or ticket is None:
        return press.desk.staff("pressed.gone")
    return await take_back(session, press.desk, ticket, line, press.by, press.now)


COMMANDS = (typed.Command("del", _typed),)
BUTTONS: typed.Buttons = {"del": _pressed}
