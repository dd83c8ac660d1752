"""How was it: asked once each time a ticket is resolved."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import insert, table
from bot.support import post
from bot.support.desk import Desk
from bot.tables.feedback import Rating
from bot.tables.support import Ticket

SCORES = range(1, 6)
_ROWS = table(Rating)


async def ask(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    """One question per time that the ticket is resolved."""
    earlier = sa.select(sa.func.count()).select_from(_ROWS).where(_ROWS.c.ticket_id == ticket.id)
    cycle = (await session.scalar(earlier) or 0) + 1
    row = insert(session, _ROWS).values(
        ticket_id=ticket.id, contact_id=ticket.contact_id, cycle=cycle, asked_at=now, comment=""
    )
    rating_id = await session.scalar(row.on_conflict_do_nothing().returning(_ROWS.c.id))
    if rating_id is None:
        return
    stars = [{"text": f"{score} ⭐", "data": f"1:rate:{rating_id}:{score}"} for score in SCORES]
    content = {"text": desk.say(ticket.language, "rating.ask", number=ticket.number), "buttons": [stars]}
    await post.to_customer(
        session, ticket.contact_id, ticket.channel, "rating", content, f"rating:{rating_id}", now,
        priority=60, ticket_id=ticket.id,
    )  # fmt: skip
