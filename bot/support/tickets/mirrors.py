"""Where a line stands in Telegram: its original, and the copies of it on the other side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import insert, table
from bot.outbound.sender import Receipt
from bot.outbound.telegram_sizes import CAPTIONED
from bot.support import lines
from bot.tables.chat import Topic
from bot.tables.support import Mirror, TicketMessage

_ROWS = table(Mirror)


@dataclass(frozen=True)
class Side:
    """One of the two sides of a ticket. `name` is topic or customer, `thread_id` the topic as it is now."""

    name: str
    chat_id: int
    thread_id: int | None = None


async def side_of(session: AsyncSession, row: Mapping[str, Any]) -> Side | None:
    """Where an outbox row goes. None: a topic that is not there yet."""
    if row["channel"] == "telegram":
        return Side("customer", int(row["payload"]["chat_id"]))
    if row["channel"] != "staff_topic":
        return Side("customer", 0)  # no message there can be pointed at
    topic = select(Topic).where(col(Topic.ticket_id) == row["ticket_id"], col(Topic.state).in_(("ready", "bare")))
    found = await session.scalar(topic)
    return Side("topic", found.chat_id, found.thread_id) if found else None


async def keep(session: AsyncSession, row: Mapping[str, Any], receipt: Receipt) -> None:
    """The line of this outbox row stands there now. Several messages of an album are one line each."""
    line = await session.get(TicketMessage, row["said_id"]) if row["said_id"] else None
    numbers = list(receipt.extra.get("message_ids") or ())
    if line is None or not numbers:
        return
    forms = [_form(line, row), *["text"] * len(numbers)]
    if sources := receipt.extra.get("sources"):
        mine = lines.place(line.provider_key).get("message_id")
        if len(sources) != len(numbers) or mine not in sources:
            return  # Telegram passed some over, and does not say which
        numbers = [numbers[sources.index(mine)]]
    values = [
        {
            "said_id": line.id,
            "side": "topic" if row["channel"] == "staff_topic" else "customer",
            "form": form,
            "chat_id": receipt.extra["chat_id"],
            "thread_id": receipt.extra.get("thread_id"),
            "message_id": number,
        }
        for number, form in zip(numbers, forms, strict=False)
    ]
    await session.execute(insert(session, _ROWS).on_conflict_do_nothing(), values)


def _form(line: TicketMessage, row: Mapping[str, Any]) -> str:
    if not row["payload"].get("copy"):
        return "text"
    return "caption" if line.attachment.get("kind") in CAPTIONED else "nothing"


async def line_at(session: AsyncSession, chat_id: int, message_id: int) -> TicketMessage | None:
    """What a message says: a line that was written there, or that was copied there (the last of several)."""
    if found := await by_key(session, f"telegram:{chat_id}:{message_id}"):
        return found
    copied = select(TicketMessage).join(Mirror, col(Mirror.said_id) == col(TicketMessage.id))
    there = copied.where(Mirror.chat_id == chat_id, Mirror.message_id == message_id)
    return (await session.scalars(there.order_by(col(TicketMessage.id).desc()).limit(1))).first()


async def by_key(session: AsyncSession, provider_key: str, *, hold: bool = False) -> TicketMessage | None:
    """The line of an original; `hold` it until the end of the transaction."""
    found = select(TicketMessage).where(col(TicketMessage.provider_key) == provider_key)
    if hold:
        found = found.with_for_update().execution_options(populate_existing=True)
    return await session.scalar(found)


async def copies(session: AsyncSession, line: TicketMessage, side: Side) -> list[Mirror]:
    """The copies of a line on that side, in order. Those of a topic that was deleted are void."""
    found = select(Mirror).where(Mirror.said_id == line.id, Mirror.side == side.name, Mirror.chat_id == side.chat_id)
    if side.thread_id is not None:
        found = found.where(Mirror.thread_id == side.thread_id)
    return list(await session.scalars(found.order_by(col(Mirror.message_id))))


async def sharing(session: AsyncSession, copy: Mirror) -> list[TicketMessage]:
    """The lines that stand in one message, in order: a burst of short ones may have been put together."""
    said = select(TicketMessage).join(Mirror, col(Mirror.said_id) == col(TicketMessage.id))
    there = said.where(Mirror.chat_id == copy.chat_id, Mirror.message_id == copy.message_id)
    return list(await session.scalars(there.order_by(col(TicketMessage.id))))


async def standing(session: AsyncSession, line: TicketMessage, side: Side) -> int | None:
    """The message of a line on that side, to point at: the original or the first copy."""
    place = lines.place(line.provider_key)
    if place and place["chat_id"] == side.chat_id:
        return place["message_id"]
    found = await copies(session, line, side)
    return found[0].message_id if found else None
