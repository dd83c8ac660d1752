"""Signs under what was said: shown on the other side, one of them, and none of them is an answer."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support.desk import Desk
from bot.support.tickets import changes, mirrors
from bot.tables.support import Ticket


async def customer_reacted(
    session: AsyncSession,
    chat_id: int,
    message_id: int,
    emojis: Sequence[str],
    others: bool,
    update_id: int,
    now: datetime,
) -> None:
    """Under the colleague's words in the topic. `emojis` are all they have there now; `others`: a sign of their own,
    which Telegram lets no bot show."""
    line = await mirrors.line_at(session, chat_id, message_id)
    ticket = await session.get(Ticket, line.ticket_id) if line and line.ticket_id else None
    if line is not None and ticket is not None and line.author in ("staff", "customer"):
        more = {"other": "✨"} if others and not emojis else {}
        sign = emojis[-1] if emojis else ""
        await changes.queue(session, ticket, line, "react", update_id, now, to="topic", emoji=sign, **more)


async def staff_reacted(
    session: AsyncSession,
    desk: Desk,
    chat_id: int,
    message_id: int,
    emojis: Sequence[str],
    update_id: int,
    now: datetime,
) -> None:
    """Under the customer's own words, if the shop wants that. Signs under notes and answers stay inside."""
    if not desk.ground.config.support.mirror_reactions:
        return
    line = await mirrors.line_at(session, chat_id, message_id)
    ticket = await session.get(Ticket, line.ticket_id) if line and line.ticket_id else None
    if line is not None and ticket is not None and line.author == "customer":
        sign = emojis[-1] if emojis else ""
        await changes.queue(session, ticket, line, "react", update_id, now, to="customer", emoji=sign)
