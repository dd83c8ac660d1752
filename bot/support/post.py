"""How the desk writes: to the customer on the channel they use, to the topic of a ticket, to the staff group."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import ids, work
from bot.base.database import table
from bot.outbound import lanes, outbox, practice
from bot.support import by_mail
from bot.tables.chat import Topic
from bot.tables.outbox import Message
from bot.tables.support import Ticket

Buttons = Sequence[Sequence[Mapping[str, str]]]

_OUTBOX = table(Message)
_TOPICS = table(Topic)
_NAMES_MESSAGES = frozenset({"edit", "edits", "delete", "react", "reply_to"})

ADDRESS_KIND = {"telegram": "telegram", by_mail.CHANNEL: "email"}
"""The kind of identity that a channel writes to."""


async def to_customer(
    session: AsyncSession,
    contact_id: int,
    channel: str,
    purpose: str,
    content: Mapping[str, Any],
    key: str,
    now: datetime,
    *,
    priority: int = 20,
    due_at: datetime | None = None,
    lane: str = "",
    **references: Any,
) -> int | None:
    """Queue `content` (text, html, buttons, copy) for the customer. None: not reachable there, or queued before.

    Messages to one person leave in order; one that waits for hours takes a `lane` of its own, so that answers pass it.
    """
    found = await _place(session, contact_id, channel, references.get("ticket_id"))
    if found is None:
        return None
    where, place = found
    return await outbox.queue(
        session,
        channel=channel,
        purpose=purpose,
        receiver=f"{channel}:{where}" + (f"#{lane}" if lane else ""),
        payload={**place, **content},
        key=key,
        now=now,
        due_at=due_at,
        priority=priority,
        contact_id=contact_id,
        **references,
    )


async def _place(
    session: AsyncSession, contact_id: int, channel: str, ticket_id: int | None
) -> tuple[str, Mapping[str, Any]] | None:
    """Where the customer is reached, as the receiver and as the sender of the channel wants it."""
    if channel == by_mail.CHANNEL:
        letter = await by_mail.letter(session, contact_id, ticket_id)
        return (letter.to, letter.fields) if letter is not None else None
    kind = ADDRESS_KIND.get(channel)
    address = await contacts.address(session, contact_id, kind) if kind else None
    if address is None and channel != practice.CHANNEL:
        return None
    where = address.value if address else str(contact_id)
    return where, {"chat_id": int(where)}


async def to_topic(
    session: AsyncSession,
    ticket: Ticket,
    purpose: str,
    content: Mapping[str, Any],
    key: str,
    now: datetime,
    *,
    priority: int = lanes.NOTICES,
    **references: Any,
) -> int | None:
    """Queue `content` for the topic of the ticket; the sender makes the topic when there is none."""
    if _NAMES_MESSAGES.intersection(content) and "in_chat" not in content:
        # Numbers of messages mean something in their own group only, and the ticket may move before this leaves.
        asked = sa.select(_TOPICS.c.chat_id).where(_TOPICS.c.ticket_id == ticket.id)
        content = {**content, "in_chat": await session.scalar(asked)}
    return await outbox.queue(
        session,
        channel="staff_topic",
        purpose=purpose,
        receiver=f"ticket:{ticket.id}",
        payload={"ticket_id": ticket.id, **content},
        key=key,
        now=now,
        priority=priority,
        ticket_id=ticket.id,
        **references,
    )


async def card(
    session: AsyncSession,
    ticket: Ticket,
    why: str,
    now: datetime,
    *,
    topic: str | None = None,
    due_at: datetime | None = None,
) -> None:
    """Bring the pinned card up to date; what it shows is read when it leaves. `topic` closes or reopens the topic.

    One that waits already is enough. `due_at`: it need not be looked at before.
    """
    content = {"ticket_id": ticket.id, "card": True, **({"topic": topic} if topic else {})}
    waiting = sa.update(_OUTBOX).where(
        _OUTBOX.c.ticket_id == ticket.id,
        _OUTBOX.c.purpose == "card",
        _OUTBOX.c.due_at.is_not(None),
        sa.or_(_OUTBOX.c.lease_until.is_(None), _OUTBOX.c.lease_until <= now),
        _OUTBOX.c.status.in_(("planned", "deferred")),
    )
    soon = sa.case((_OUTBOX.c.due_at < (due_at or now), _OUTBOX.c.due_at), else_=due_at or now)
    values: dict[str, Any] = {"due_at": soon, **({"payload": content} if topic else {})}
    if (await session.execute(waiting.values(values).returning(_OUTBOX.c.id))).first() is not None:
        work.kick(session, "messages:staff_topic")
        return
    await to_topic(
        session, ticket, "card", content, ids.stable("card", ticket.id, why, now.isoformat()), now,
        priority=lanes.CARDS, due_at=due_at,
    )  # fmt: skip


async def to_staff(
    session: AsyncSession,
    chat_id: int | None,
    content: Mapping[str, Any],
    key: str,
    now: datetime,
    ticket_id: int | None = None,
) -> int | None:
    """Queue a notice for everybody in the staff group. None when the shop has no staff group."""
    if chat_id is None:
        return None
    return await outbox.queue(
        session,
        channel="staff_topic",
        purpose="notice",
        receiver=f"staff:{chat_id}",
        payload={"ticket_id": None, **content},
        key=key,
        now=now,
        priority=30,
        ticket_id=ticket_id,
    )
