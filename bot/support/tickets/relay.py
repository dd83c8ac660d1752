"""Words on their way: the customer's into the topic, the staff's to the customer after the time to undo."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import work
from bot.base.database import table
from bot.outbound import staff_group
from bot.outbound.sender import Receipt
from bot.outbound.stage import Defer, Send, Skip
from bot.outbound.telegram_sizes import CAPTIONED, as_shown
from bot.support import by_mail, lines, post
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.support.tickets import albums, bursts, mailed, mirrors, quoting
from bot.tables.outbox import Message
from bot.tables.support import Ticket, TicketMessage

DELIVERED = "👌"
_OUTBOX = table(Message)
Row = Mapping[str, Any]


async def to_topic(session: AsyncSession, ticket: Ticket, line: TicketMessage, now: datetime, before: str = "") -> None:
    """The customer's words as they stand, media by copy. `before` is said ahead of them, with words in one message."""
    content = _content(line)
    if before and content.get("text") and not content.get("copy"):
        content["before"] = before
    elif before:
        await post.to_topic(session, ticket, "notice", {"text": before}, f"before:{line.id}", now, priority=10)
    await post.to_topic(session, ticket, "relay", content, relay_key(line), now, priority=10, said_id=line.id)


def _content(line: TicketMessage) -> dict[str, Any]:
    """As far as it is known before it leaves (see `leaving`)."""
    place = lines.place(line.provider_key)
    if line.attachment and place and line.channel == "telegram" and not line.attachment.get("words"):
        return {"copy": place, "text": line.text} if line.text else {"copy": place}
    return {"text": line.text}


async def leaving(session: AsyncSession, desk: Desk, row: Row, now: datetime) -> Send | Skip | Defer:
    """A line on its way, in its newest words: with the rest of its album, and what it answers."""
    line = await session.get(TicketMessage, row["said_id"], populate_existing=True) if row["said_id"] else None
    if line is None or row["payload"].get("told"):
        return Send(row["payload"])
    ours = row["channel"] != "staff_topic"
    if ours and line.author != "staff":
        return Skip("note")
    riders = await albums.together(session, row, line, now) if line.channel == "telegram" else []
    if isinstance(riders, Defer):
        return riders
    side = await mirrors.side_of(session, row)
    content = await _together(session, [line, *(one for _, one in riders)], side, ours)
    if content is None:
        riders = await bursts.together(session, row, line, now)
        content = await said_as(session, desk, line, side)
        if riders:
            content["text"] = bursts.text([line, *(one for _, one in riders)])
    if before := row["payload"].get("before"):
        content["text"] = f"{as_shown(before, content)}\n\n{content['text']}"
    kept = {key: value for key, value in row["payload"].items() if key not in ("text", "copy")}
    return Send({**kept, **content}, riders=[one for one, _ in riders])


async def _together(
    session: AsyncSession, said: list[TicketMessage], side: mirrors.Side | None, ours: bool
) -> dict[str, Any] | None:
    if len(said) == 1:
        return None
    replies = await quoting.added(session, said[0], side, {})
    content = albums.content(said, exactly=ours or bool(replies))
    return {**content, **replies} if content is not None else None


async def said_as(session: AsyncSession, desk: Desk, line: TicketMessage, side: mirrors.Side | None) -> dict[str, Any]:
    """How a line reads on that side, alone."""
    content = _content(line)
    if name := line.attachment.get("words"):
        about = line.attachment.get("name") or ""
        what = about if name == "dice" else desk.staff(f"staff.shown.{name}", what=about)
        content = {"text": f"{what}\n{line.text}".strip()}
    elif line.author == "customer" and line.channel == by_mail.CHANNEL and content.get("text") is not None:
        content = await mailed.shown(session, desk, line)
    elif line.author == "staff" and line.attachment.get("kind") in CAPTIONED:
        # The words as we have them: what stands at the original may have become a note since.
        content = {**content, "caption": line.text}
    return await quoting.added(session, line, side, content)


async def ahead(session: AsyncSession, line: TicketMessage) -> str:
    """What was said in the topic ahead of a line, in the same message."""
    payload = await session.scalar(sa.select(_OUTBOX.c.payload).where(_OUTBOX.c.key == relay_key(line)))
    return str((payload or {}).get("before") or "")


async def counted(session: AsyncSession, desk: Desk, row: Row, receipt: Receipt, now: datetime) -> None:
    """Of an album Telegram passes over what cannot be copied: say so, once for the album."""
    sources, shown = receipt.extra.get("sources"), receipt.extra.get("message_ids") or ()
    line = await session.get(TicketMessage, row["said_id"]) if row["said_id"] else None
    if not sources or len(sources) == len(shown) or line is None:
        return
    ticket = await session.get(Ticket, line.ticket_id) if line.ticket_id else None
    if ticket is not None and lines.place(line.provider_key).get("message_id") == sources[0]:
        text = desk.staff("staff.album.parts", shown=len(shown), sent=len(sources))
        await post.to_topic(session, ticket, "notice", {"text": text}, f"passed_over:{line.id}", now, priority=30)


async def still_waits(session: AsyncSession, key: str, now: datetime) -> bool:
    """Nobody has begun to send this row; whoever does will see what this transaction changes."""
    return await session.scalar(sa.select(_OUTBOX.c.id).where(_waits([key], now)).with_for_update()) is not None


def _waits(keys: Sequence[str], now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        _OUTBOX.c.key.in_(keys),
        _OUTBOX.c.due_at.is_not(None),
        _OUTBOX.c.status.in_(("planned", "deferred")),
        sa.or_(_OUTBOX.c.lease_until.is_(None), _OUTBOX.c.lease_until <= now),
    )


async def to_customer(session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, now: datetime) -> None:
    """Queue the answer; until `support.undo` has passed it can be called back."""
    undo = desk.ground.config.support.undo
    if line.attachment and ticket.channel != "telegram":
        text = desk.staff("staff.no_files", channel=ticket.channel)
        await post.to_topic(session, ticket, "notice", {"text": text, **beside(line)}, f"no_files:{line.id}", now)
        if not line.text:
            return
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
        data: dict[str, Any] = {"said": line.id, "why": "blocked", "agent_at": line.at.isoformat()}
        await sla.happened(session, desk, ticket, "bot", "not_delivered", now, **data)
        await not_delivered(session, desk, ticket, line, "blocked", now)
    elif undo and await albums.leads(session, line):
        button = {"text": desk.staff("staff.button.undo"), "data": f"1:undo:{line.id}"}
        text = desk.staff("staff.undo", seconds=round(undo.total_seconds()))
        content = {"text": text, "buttons": [[button]], **beside(line), "said_id": line.id, "spare": True}
        await post.to_topic(session, ticket, "notice", content, f"undo:{line.id}", now, priority=10, said_id=line.id)


def relay_key(line: TicketMessage) -> str:
    return f"relay:{line.id}"


def answer_key(line: TicketMessage) -> str:
    return f"answer:{line.id}"


def beside(line: TicketMessage) -> dict[str, int]:
    """In answer to a colleague's words, in the topic where they stand."""
    place = lines.place(line.provider_key)
    return {"reply_to": place["message_id"], "in_chat": place["chat_id"]} if place else {}


async def undo(session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, by: str, now: datetime) -> bool:
    """Call an answer back that has not left yet, with its whole album; it stays in the ticket as a note."""
    said = {answer_key(one): one for one in await albums.of(session, line) if one.author == "staff"}
    stopped = sa.update(_OUTBOX).where(_waits(list(said), now))
    ended = stopped.values(status="skipped", skip_reason="undone", due_at=None, settled_at=now)
    keys = (await session.scalars(ended.returning(_OUTBOX.c.key))).all()
    for key in sorted(keys):
        said[key].author = "note"
        await sla.happened(session, desk, ticket, by, "undone", now, said=said[key].id)
    if keys:
        work.kick(session, f"messages:{ticket.channel}")  # what waited behind it may leave
    return bool(keys)


async def show_undone(session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, now: datetime) -> None:
    """The message with the button to call back says that it was; the button goes."""
    if number := await _undo_shown(session, line):
        content = {"edit": number, "text": desk.staff("staff.undone")}
        await post.to_topic(session, ticket, "notice", content, f"undone:{line.id}", now, priority=30)


async def _undo_shown(session: AsyncSession, line: TicketMessage) -> int | None:
    """The message that has, or had, the button to call this line back."""
    number = await session.scalar(sa.select(_OUTBOX.c.provider_id).where(_OUTBOX.c.key == f"undo:{line.id}"))
    return int(number) if number and number.isdigit() else None


async def acknowledge(session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, now: datetime) -> None:
    """Show staff that the customer has it: in place of the undo button, else by a reaction (no message of its own)."""
    place = lines.place(line.provider_key)
    if number := await _undo_shown(session, line):
        button = {"text": desk.staff("staff.button.del"), "data": f"1:del:{line.id}"}
        text = desk.staff("staff.delivered", at=desk.when(now, now))
        content: dict[str, Any] = {"edit": number, "text": text, "buttons": [[button]]}
        content |= {"spare": True, "instead": {"delete": [number]}}
    elif place:
        content = {"react": {"message_id": place["message_id"], "emoji": DELIVERED}, "in_chat": place["chat_id"]}
    else:
        return
    await post.to_topic(session, ticket, "notice", content, f"delivered:{line.id}", now)


async def sign(session: AsyncSession, line: TicketMessage) -> str:
    """The reaction of ours on a colleague's words when the customer has none there."""
    return DELIVERED if line.accepted_at is not None and await _undo_shown(session, line) is None else ""


async def show_deleted(
    session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, at: datetime, now: datetime
) -> None:
    text = desk.staff("staff.del.done", at=desk.when(at, now))
    number = await _undo_shown(session, line)
    content = {"edit": number, "text": text} if number else {"text": text, **beside(line)}
    await post.to_topic(session, ticket, "notice", content, f"deleted:{line.id}", now, priority=30)


async def not_delivered(
    session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, reason: str, now: datetime
) -> None:
    known = ("blocked", "deactivated", "bad_address", "too_large", "gave_up")
    why = desk.staff(f"staff.failed.{reason if reason in known else 'rejected'}")
    content = {"text": desk.staff("staff.not_delivered", why=why), **beside(line)}
    await post.to_topic(session, ticket, "notice", content, f"failed:{line.id}", now, priority=30)


async def to_group(
    session: AsyncSession, desk: Desk, ticket: Ticket, content: dict[str, Any], key: str, now: datetime
) -> None:
    """A notice for everybody in the staff group, outside the topics."""
    assert ticket.id is not None
    chat_id = await staff_group.pick(session, desk.ground.config, ticket.id)
    await post.to_staff(session, chat_id, content, key, now, ticket.id)
