"""What a colleague wrote in a topic: a note, a command or an answer. Decides what may leave and what never does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.support import typed
from bot.support.desk import Desk
from bot.support.staff_room import registry
from bot.support.tickets import answering, relay
from bot.tables.chat import StaffMember
from bot.tables.support import Mirror, Ticket, TicketMessage

_NOTE = re.compile(r"//|/note(?:@\w+)?(?=\s|$)", re.IGNORECASE)
_SAME_ALBUM = timedelta(minutes=2)


@dataclass(frozen=True)
class Wrote:
    """A message in a topic as the door unpacked it. `reply_to` is the provider key of what it replies to."""

    text: str
    provider_key: str
    source: Mapping[str, int]
    at: datetime
    attachment: Mapping[str, Any] = field(default_factory=dict)
    reply_to: str | None = None


async def wrote(
    session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, said: Wrote, now: datetime
) -> str | None:
    """Returns words to answer with in the topic, or None.

    Whatever begins with a slash stays inside: `//` is a note, anything else a command, known or not.
    """
    text = _plain(said.text)
    if (marked := _NOTE.match(text)) and (text[marked.end() :].strip() or said.attachment):
        await _note(session, desk, ticket, staff, said, text[marked.end() :].strip(), now)
        return None
    if await _to_a_note(session, said) or await _album_of_a_note(session, ticket, said, now):
        await _note(session, desk, ticket, staff, said, text, now)
        return None
    if text.startswith("/"):
        return await command(session, desk, ticket, staff, said, now)
    await answering.staff_said(
        session, desk, ticket, staff, said.text, said.attachment, said.provider_key, said.source, said.at, now
    )
    return None


async def command(
    session: AsyncSession, desk: Desk, ticket: Ticket | None, staff: StaffMember, said: Wrote, now: datetime
) -> str | None:
    """`/name words`, in a topic or (without ticket) in General. Returns words to answer with."""
    word, *rest = _plain(said.text).split(maxsplit=1)
    name = word.partition("@")[0].removeprefix("/").lower()
    place = said.source["chat_id"], said.source["message_id"]
    asked = typed.Typed(desk, staff, "".join(rest), *place, said.provider_key, now, ticket, said.reply_to)
    return await registry.run(session, name, asked)


def _plain(text: str) -> str:
    """Without space around; a Chinese keyboard's slash is a slash."""
    text = text.strip()
    slashes = len(text) - len(text.lstrip("/／"))
    return "/" * slashes + text[slashes:]


async def _note(
    session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, said: Wrote, text: str, now: datetime
) -> None:
    await answering.note(session, desk, ticket, staff, text, said.provider_key, said.source, now, said.attachment)
    for line in await _siblings(session, ticket, said, now):
        if line.author == "staff":  # its picture came first, before anybody could know that it is a note
            await relay.undo(session, desk, ticket, line, f"staff:{staff.id}", now)
        line.asked_at = None
    await session.flush()


async def _to_a_note(session: AsyncSession, said: Wrote) -> bool:
    """An answer to a note stays among staff."""
    if said.reply_to is None:
        return False
    asked = select(TicketMessage.author).where(col(TicketMessage.provider_key) == said.reply_to)
    author = await session.scalar(asked)
    if author is None and said.reply_to.startswith("telegram:"):
        chat, message = said.reply_to.split(":")[1:3]
        shown = select(TicketMessage.author).join(Mirror, col(Mirror.said_id) == col(TicketMessage.id))
        author = await session.scalar(shown.where(Mirror.chat_id == int(chat), Mirror.message_id == int(message)))
    return author == "note"


async def _album_of_a_note(session: AsyncSession, ticket: Ticket, said: Wrote, now: datetime) -> bool:
    """Pictures of one album come one by one, and only one of them carries the words."""
    return any(line.author == "note" and line.asked_at is None for line in await _siblings(session, ticket, said, now))


async def _siblings(session: AsyncSession, ticket: Ticket, said: Wrote, now: datetime) -> list[TicketMessage]:
    album = said.attachment.get("album")
    if not album:
        return []
    lately = select(TicketMessage).where(
        TicketMessage.ticket_id == ticket.id,
        col(TicketMessage.author).in_(("staff", "note")),
        TicketMessage.received_at > now - _SAME_ALBUM,
        TicketMessage.provider_key != said.provider_key,
    )
    return [line for line in await session.scalars(lately) if line.attachment.get("album") == album]
