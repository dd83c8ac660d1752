"""Words of a colleague that nobody decided about: a reminder that the customer still waits for them."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.outbound import outbox
from bot.support.desk import Desk
from bot.tables.support import Ticket, TicketMessage

_AFTER = timedelta(seconds=60)


async def remind(
    session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, message_id: int, now: datetime
) -> None:
    """Say it once, a minute from now, in answer to the message, if it is then `still_unsent`."""
    text = desk.staff("staff.unsent")
    await outbox.queue(
        session,
        channel="staff_topic",
        purpose="notice",
        receiver=f"unsent:{line.id}",  # not the topic's: what is due in a minute would hold up all that is behind it
        payload={"ticket_id": ticket.id, "text": text, "reply_to": message_id, "unsent": line.id},
        key=f"unsent:{line.id}",
        now=now,
        due_at=now + _AFTER,
        priority=30,
        ticket_id=ticket.id,
    )


async def still_unsent(session: AsyncSession, line_id: int) -> bool:
    """The question about this line is open, and the customer's words are the last that one said to the other."""
    line = await session.get(TicketMessage, line_id, populate_existing=True)
    ticket = await session.get(Ticket, line.ticket_id, populate_existing=True) if line and line.ticket_id else None
    if line is None or line.asked_at is None or ticket is None or ticket.status == "resolved":
        return False
    said = select(TicketMessage.author).where(
        TicketMessage.ticket_id == ticket.id, col(TicketMessage.author).in_(("customer", "staff"))
    )
    newest = said.order_by(col(TicketMessage.at).desc(), col(TicketMessage.id).desc()).limit(1)
    return await session.scalar(newest) == "customer"
