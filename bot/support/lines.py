"""What was said, line by line: written once under the name of the original, so that a replay adds nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import insert, table
from bot.tables.support import TicketMessage

_ROWS = table(TicketMessage)
_EARLIER = timedelta(hours=24)  # how far back the conversation with the bot belongs to a new ticket
_MOST = 20


async def write(
    session: AsyncSession,
    *,
    contact_id: int,
    ticket_id: int | None,
    channel: str,
    author: str,
    text: str,
    provider_key: str,
    at: datetime,
    received_at: datetime,
    attachment: Mapping[str, Any] | None = None,
    staff_id: int | None = None,
    reply_to_id: int | None = None,
    quote: str = "",
) -> TicketMessage | None:
    """The new line, or None when it is known already."""
    added = insert(session, _ROWS).values(
        contact_id=contact_id,
        ticket_id=ticket_id,
        channel=channel,
        author=author,
        text=text,
        attachment=dict(attachment or {}),
        provider_key=provider_key,
        at=at,
        received_at=received_at,
        staff_id=staff_id,
        reply_to_id=reply_to_id,
        quote=quote,
    )
    line_id = await session.scalar(added.on_conflict_do_nothing().returning(_ROWS.c.id))
    return await session.get(TicketMessage, line_id) if line_id is not None else None


async def before_ticket(session: AsyncSession, contact_id: int, channel: str, now: datetime) -> list[TicketMessage]:
    """The conversation with the bot that belongs to no ticket yet, oldest first."""
    loose = select(TicketMessage).where(
        TicketMessage.contact_id == contact_id,
        TicketMessage.channel == channel,
        col(TicketMessage.ticket_id).is_(None),
        col(TicketMessage.held).is_(False),
        TicketMessage.received_at > now - _EARLIER,
    )
    newest = await session.scalars(loose.order_by(col(TicketMessage.id).desc()).limit(_MOST))
    return list(reversed(newest.all()))


async def last_of(session: AsyncSession, contact_id: int, author: str) -> TicketMessage | None:
    mine = select(TicketMessage).where(TicketMessage.contact_id == contact_id, TicketMessage.author == author)
    return (await session.scalars(mine.order_by(col(TicketMessage.id).desc()).limit(1))).first()


async def accepted(session: AsyncSession, line_id: int, at: datetime) -> None:
    """The channel took this line to the customer at `at`."""
    await session.execute(sa.update(_ROWS).where(_ROWS.c.id == line_id).values(accepted_at=at))


def place(provider_key: str) -> dict[str, int]:
    """Where the original can be copied from: `{chat_id, message_id}`, or empty when it is no Telegram message."""
    channel, _, rest = provider_key.partition(":")
    parts = rest.split(":")
    if channel != "telegram" or len(parts) != 2:
        return {}
    return {"chat_id": int(parts[0]), "message_id": int(parts[1])}
