"""Changes of what was said, on their way to the other side: looked at right before they leave, told when they fail.

Rows of the purpose `mirror`. Their key is `mirror:WHAT:LINE:…`; of several that wait the newest leaves. WHAT is
edit (the copy says something else now), told (staff are told of it), react, delete.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.outbound.stage import Outcome, Send, Skip
from bot.outbound.telegram_sizes import EXCHANGEABLE, TEXT, below_caption, parts
from bot.support import post
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.support.tickets import albums, mirrors, relay
from bot.support.tickets.mirrors import Side
from bot.tables.outbox import Message
from bot.tables.support import Mirror, Ticket, TicketMessage

PURPOSE = "mirror"
_OUTBOX = table(Message)
_AFTER_WORDS = 20  # behind the line itself, which is of more importance
Row = Mapping[str, Any]


async def queue(
    session: AsyncSession,
    ticket: Ticket,
    line: TicketMessage,
    what: str,
    mark: object,
    now: datetime,
    *,
    to: str,
    **more: Any,
) -> None:
    """Let a change of the line go `to` the topic or to the customer. `mark` tells one change from the next."""
    content, key = {"what": what, **more}, f"{PURPOSE}:{what}:{line.id}:{to}:{mark}"
    if to == "topic":
        await post.to_topic(session, ticket, PURPOSE, content, key, now, said_id=line.id)
    else:
        await post.to_customer(
            session, line.contact_id, line.channel, PURPOSE, content, key, now,
            priority=_AFTER_WORDS, ticket_id=ticket.id, said_id=line.id,
        )  # fmt: skip


async def look(session: AsyncSession, desk: Desk, row: Row, now: datetime) -> Send | Skip:
    """What the change is by now. Where nothing of the line stands there is nothing to change."""
    line = await session.get(TicketMessage, row["said_id"], populate_existing=True)
    side = await mirrors.side_of(session, row)
    if line is None or side is None:
        return Skip("gone")
    if await _outdated(session, row):
        return Skip("superseded")
    found = await _content(session, desk, row["payload"], line, side)
    if isinstance(found, Skip):
        return found
    place = {"ticket_id": row["ticket_id"], "in_chat": side.chat_id} if side.name == "topic" else {}
    return Send({**(place or {"chat_id": side.chat_id}), **found})


async def _outdated(session: AsyncSession, row: Row) -> bool:
    """A newer change of the same kind waits. What staff are told of is told each time."""
    kind, what, line_id, to = str(row["key"]).split(":")[:4]
    newer = sa.select(_OUTBOX.c.id).where(
        _OUTBOX.c.ticket_id == row["ticket_id"],
        _OUTBOX.c.key.startswith(f"{kind}:{what}:{line_id}:{to}:"),
        _OUTBOX.c.id > row["id"],
        _OUTBOX.c.due_at.is_not(None),
    )
    return what != "told" and await session.scalar(newer.limit(1)) is not None


async def _content(
    session: AsyncSession, desk: Desk, payload: Row, line: TicketMessage, side: Side
) -> dict[str, Any] | Skip:
    number = await mirrors.standing(session, line, side)
    match payload["what"]:
        case "told":
            return {"text": payload["text"], **({"reply_to": number} if number else {})}
        case "react" if number is not None:
            return await _sign(session, desk, payload, line, side, number)
        case "delete" if copied := await mirrors.copies(session, line, side):
            return {"delete": [copy.message_id for copy in copied]}
        case "edit":
            return await _edit(session, desk, payload, line, side)
    return Skip("nothing_there")


async def _sign(
    session: AsyncSession, desk: Desk, payload: Row, line: TicketMessage, side: Side, number: int
) -> dict[str, Any]:
    emoji = payload["emoji"]
    if side.name != "topic":
        return {"react": {"message_id": number, "emoji": emoji}}
    if not emoji and payload.get("other"):
        return {"text": desk.staff("staff.reacted", emoji=payload["other"]), "reply_to": number}
    emoji = emoji or (await relay.sign(session, line) if line.author == "staff" else "")
    told = {"otherwise": desk.staff("staff.reacted", emoji=emoji)} if payload["emoji"] else {}
    return {"react": {"message_id": number, "emoji": emoji, **told}}


async def _edit(
    session: AsyncSession, desk: Desk, payload: Row, line: TicketMessage, side: Side
) -> dict[str, Any] | Skip:
    copied = await mirrors.copies(session, line, side)
    media = {key: line.attachment.get(key) for key in ("kind", "file_id")} if payload.get("media") else None
    forms = [copy.form for copy in copied]
    if media and forms:
        forms[0] = "caption"
    texts = await _texts(session, desk, line, side, copied, forms)
    fits = bool(copied) and "nothing" not in forms and len(texts) <= len(copied)
    if not fits or (media and media["kind"] not in EXCHANGEABLE):
        return _in_words(desk, line) if side.name == "topic" else Skip("does_not_fit")
    edits: list[dict[str, Any]] = [
        {"message_id": copy.message_id, "text": text, "form": form}
        for copy, text, form in zip(copied, texts, forms, strict=False)
    ]
    if media:
        edits[0]["media"] = media
    return {"edits": edits, "delete": [copy.message_id for copy in copied[len(texts) :]]}


def _in_words(desk: Desk, line: TicketMessage) -> dict[str, Any]:
    return {"text": desk.staff("staff.edit.now", text=line.text or line.attachment.get("kind") or "")}


async def _texts(
    session: AsyncSession, desk: Desk, line: TicketMessage, side: Side, copied: list[Mirror], forms: list[str]
) -> list[str]:
    """What the copies say now, one text for each; more of them than there are copies: it does not fit."""
    if forms[:1] == ["caption"]:
        return pieces(line.text, caption=True) or [""]
    together = await mirrors.sharing(session, copied[0]) if len(copied) == 1 else [line]
    said = [await relay.said_as(session, desk, one, side) for one in together]
    text = "\n".join(str(one.get("text", "")) for one in said)
    before = await relay.ahead(session, together[0]) if side.name == "topic" else ""
    return parts(f"{before}\n\n{text}" if before else text, TEXT) or [""]


def pieces(text: str, *, caption: bool) -> list[str]:
    """A line as Telegram takes it: in how many messages, and what each says."""
    return below_caption(text) if caption and text else parts(text, TEXT)


async def settled(session: AsyncSession, desk: Desk, row: Row, outcome: Outcome) -> None:
    """A change that was not possible is told in the topic; what was taken back is written down."""
    line = await session.get(TicketMessage, row["said_id"], with_for_update=True, populate_existing=True)
    ticket = await session.get(Ticket, line.ticket_id) if line and line.ticket_id else None
    if line is None or ticket is None:
        return
    what, at_customer = row["payload"]["what"], row["channel"] != "staff_topic"
    refused = outcome.status == "failed" or outcome.reason == "does_not_fit"
    if what == "delete" and outcome.receipt is not None and line.deleted_at is None:
        line.deleted_at = outcome.receipt.accepted_at
        await sla.happened(session, desk, ticket, row["payload"]["by"], "deleted", outcome.at, said=line.id)
        if await albums.leads(session, line):
            await relay.show_deleted(session, desk, ticket, line, line.deleted_at, outcome.at)
    elif what in ("delete", "edit") and refused and at_customer:
        await _tell(session, ticket, line, row, desk.staff(f"staff.{what}.refused"), outcome.at)
    elif what == "edit" and refused:
        await _tell(session, ticket, line, row, _in_words(desk, line)["text"], outcome.at)
    elif what == "edit" and outcome.receipt is not None and row["payload"].get("media"):
        await _holds_a_file(session, line, "customer" if at_customer else "topic")


async def _tell(session: AsyncSession, ticket: Ticket, line: TicketMessage, row: Row, text: str, now: datetime) -> None:
    await queue(session, ticket, line, "told", f"{row['id']}:refused", now, to="topic", text=text)


async def _holds_a_file(session: AsyncSession, line: TicketMessage, side: str) -> None:
    first = sa.select(sa.func.min(table(Mirror).c.id)).where(
        table(Mirror).c.said_id == line.id, table(Mirror).c.side == side
    )
    changed = sa.update(table(Mirror)).where(table(Mirror).c.id == first.scalar_subquery())
    await session.execute(changed.values(form="caption"))
