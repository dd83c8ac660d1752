"""Where a task came from, for its card."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support.desk import Desk
from bot.tables.support import Ticket, TicketEvent

_LONGEST = 300
_EVENTS = table(TicketEvent)


async def about(session: AsyncSession, desk: Desk, ticket: Ticket) -> str:
    """The flow and the step that asked for it, and its words."""
    opened = sa.select(_EVENTS.c.data).where(_EVENTS.c.ticket_id == ticket.id, _EVENTS.c.name == "opened")
    data = await session.scalar(opened.order_by(_EVENTS.c.id).limit(1)) or {}
    text = str(data.get("text") or "")
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return desk.staff("staff.card.task", flow=data.get("flow") or "", step=data.get("step") or "", text=shown)
