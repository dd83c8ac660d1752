"""Words on their way: the customer's into the topic, the staff's to the customer after the time to undo."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import work
from bot.base.database import table
from bot.outbound import staff_group
from bot.support import lines, post
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.tables.outbox import Message
from bot.tables.support import Ticket, TicketMessage

_OUTBOX = table(Message)


async def to_topic(session: AsyncSession, ticket: Ticket, line: TicketMessage, now: datetime) -> None:
    """The customer's words as they stand, media by copy."""
    await post.to_topic(session, ticket, "relay", _content(line), f"relay:{line.id}", now, priority=10, said_id=line.id)


def _content(line: TicketMessage) -> dict[str, Any]:
    place = lines.place(line.provider_key)
    if line.attachment and place:
        return {"copy": place, "text": line.text} if line.text else {"copy": place}
    return {"text": line.text}


async def to_customer(session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, now: datetime) -> None:
    """Queue the answer; until `support.undo` has passed it can be called back."""
    undo = desk.ground.config.support.undo
    queued = await post.to_customer(
        session,
        ticket.contact_id,
        ticket.channel,
        "answer",
        _content(line),
        answer_key(line),
        now,
        priority=10,
        due_at=now + undo,
        ticket_id=ticket.id,
        said_id=line.id,
    )
    if queued is None:
        data = {"said": line.id, "why": "blocked", "agent_at": line.at.isoformat()}
        await sla.happened(session, desk, ticket, "bot", "not_delivered", now, **data)
        await not_delivered(session, desk, ticket, line, "blocked", now)
    elif undo:
        button = {"text": desk.staff("staff.button.undo"), "data": f"1:undo:{line.id}"}
        text = desk.staff("staff.undo", seconds=round(undo.total_seconds()))
        content = {"text": text, "buttons": [[button]], **_reply(line), "said_id": line.id}
        await post.to_topic(session, ticket, "notice", content, f"undo:{line.id}", now, priority=10, said_id=line.id)


def answer_key(line: TicketMessage) -> str:
    return f"answer:{line.id}"


def _reply(line: TicketMessage) -> dict[str, int]:
    place = lines.place(line.provider_key)
    return {"reply_to": place["message_id"]} if place else {}


async def undo(session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, by: str, now: datetime) -> bool:
    """Call an answer back that has not left yet; it stays in the ticket as a note."""
    waiting = sa.and_(
        _OUTBOX.c.key == answer_key(line),
        _OUTBOX.c.due_at.is_not(None),
        _OUTBOX.c.status.in_(("planned", "deferred")),
        sa.or_(_OUTBOX.c.lease_until.is_(None), _OUTBOX.c.lease_until <= now),
    )
    stopped = (
        sa.update(_OUTBOX).where(waiting).values(status="skipped", skip_reason="undone", due_at=None, settled_at=now)
    )
    if await session.scalar(stopped.returning(_OUTBOX.c.id)) is None:
        return False
    line.author = "note"
    await sla.happened(session, desk, ticket, by, "undone", now, said=line.id)
    work.kick(session, f"messages:{ticket.channel}")  # what waited behind it may leave
    return True


async def acknowledge(session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, now: datetime) -> None:
    """Show staff that the customer has it: in place of the undo button, else by a reaction (no message of its own)."""
    shown = sa.select(_OUTBOX.c.provider_id).where(_OUTBOX.c.key == f"undo:{line.id}")
    number = await session.scalar(shown)
    place = lines.place(line.provider_key)
    if number and number.isdigit():
        content: dict[str, Any] = {"edit": int(number), "text": desk.staff("staff.delivered", at=desk.when(now, now))}
    elif place:
        content = {"react": {"message_id": place["message_id"], "emoji": "👌"}}
    else:
        return
    await post.to_topic(session, ticket, "notice", content, f"delivered:{line.id}", now)


async def not_delivered(
    session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, reason: str, now: datetime
) -> None:
    known = ("blocked", "deactivated", "bad_address", "too_large", "gave_up")
    why = desk.staff(f"staff.failed.{reason if reason in known else 'rejected'}")
    content = {"text": desk.staff("staff.not_delivered", why=why), **_reply(line)}
    await post.to_topic(session, ticket, "notice", content, f"failed:{line.id}", now, priority=30)


async def to_group(
    session: AsyncSession, desk: Desk, ticket: Ticket, content: dict[str, Any], key: str, now: datetime
) -> None:
    """A notice for everybody in the staff group, outside the topics."""
    assert ticket.id is not None
    chat_id = await staff_group.current(session, desk.ground.config.telegram.staff_chat_id)
    await post.to_staff(session, chat_id, content, key, now, ticket.id)
