"""What the bot may tell a shopper of orders, and the trace that it leaves each time."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.contacts import audit
from bot.shops import disclosure
from bot.support import by_mail
from bot.support.self_service.chats import Chat
from bot.tables.shop import Order

_MOST = 20


async def orders(session: AsyncSession, chat: Chat, limit: int = _MOST) -> Sequence[Order]:
    """The orders that may be told there, the newest first.

    By mail only in answer to a mail that answers one of ours: what stands in From is written by whoever likes.
    """
    if chat.channel != by_mail.CHANNEL:
        return await disclosure.shown(session, chat.contact_id, chat.channel, chat.place, limit)
    mail = await by_mail.origin(session, chat.contact_id, None)
    if mail is None or mail.rank != "person" or not mail.sender:
        return ()
    return await disclosure.named(session, mail.sender, limit)


async def write_down_by_staff(
    session: AsyncSession, by: str, contact_id: int, channel: str, told: Sequence[Order], now: datetime
) -> None:
    """One row for each order that a colleague told of with words that the room filled in."""
    for order in told:
        await audit.write(
            session, by, "order_shown", f"contact:{order.contact_id or contact_id}", now,
            order=order.id, by="staff", channel=channel, seen_by=contact_id,
        )  # fmt: skip


async def write_down(session: AsyncSession, chat: Chat, told: Sequence[Order], now: datetime) -> None:
    """One row for each order: whose, seen by whom, where, by which proof."""
    if not told:
        return
    codes = await disclosure.proven(session, chat.channel, chat.place)
    for order in told:
        by = "mail" if chat.channel == by_mail.CHANNEL else "chat"
        if order.email in codes:
            by = f"code:{codes[order.email]}"
        whose = order.contact_id or chat.contact_id
        await audit.write(
            session, "customer", "order_shown", f"contact:{whose}", now,
            order=order.id, by=by, channel=chat.channel, seen_by=chat.contact_id,
        )  # fmt: skip
