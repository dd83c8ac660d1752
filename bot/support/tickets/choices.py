"""A question to staff with buttons in the topic, and the words that take its place."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.base.database import table
from bot.support import post, typed
from bot.support.desk import Desk
from bot.tables.chat import Topic
from bot.tables.support import Ticket

_TOPICS = table(Topic)
_A_ROW = 3


def button(desk: Desk, name: str, verb: str, ticket_id: int | None, extra: str = "") -> dict[str, str]:
    """A button of the words `staff.button.NAME`."""
    data = f"1:{verb}:{ticket_id}" + (f":{extra}" if extra else "")
    return {"text": desk.staff(f"staff.button.{name}"), "data": data}


async def ask(
    session: AsyncSession, ticket: Ticket, text: str, buttons: Sequence[dict[str, str]], about: str, now: datetime
) -> None:
    """Post the question; `about` tells two questions of one moment apart."""
    rows = [list(buttons[start : start + _A_ROW]) for start in range(0, len(buttons), _A_ROW)]
    key = ids.stable("choice", ticket.id, about, now.isoformat())
    await post.to_topic(session, ticket, "notice", {"text": text, "buttons": rows}, key, now, priority=30)


async def done(session: AsyncSession, ticket: Ticket, press: typed.Pressed, text: str) -> None:
    """Words in place of the question that was pressed; its buttons go. A press on the pinned card leaves the card."""
    if await _is_card(session, press):
        return
    key = ids.stable("chosen", press.message_id, press.chat_id, press.now.isoformat())
    content = {"edit": press.message_id, "text": text}
    await post.to_topic(session, ticket, "notice", content, key, press.now, priority=30)


async def _is_card(session: AsyncSession, press: typed.Pressed) -> bool:
    pinned = sa.select(_TOPICS.c.id).where(
        _TOPICS.c.chat_id == press.chat_id, _TOPICS.c.card_message_id == press.message_id
    )
    return await session.scalar(pinned) is not None


async def stands_in(session: AsyncSession, press: typed.Pressed, ticket: Ticket) -> bool:
    """The message of the press is in the group that has the topic of the ticket."""
    there = sa.select(_TOPICS.c.id).where(_TOPICS.c.chat_id == press.chat_id, _TOPICS.c.ticket_id == ticket.id)
    return await session.scalar(there) is not None


async def ticket_of(session: AsyncSession, press: typed.Pressed) -> Ticket | None:
    """The ticket whose button was pressed, held until the end of the transaction."""
    return await session.get(Ticket, press.id, with_for_update=True, populate_existing=True)
