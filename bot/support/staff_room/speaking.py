"""What a colleague wrote in a topic: a note, a command or an answer. Decides what may leave and what never does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.support import lines, typed
from bot.support.desk import Desk
from bot.support.staff_room import registry
from bot.support.tickets import answering, marks, mirrors, relay
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket, TicketMessage

_SAME_ALBUM = timedelta(minutes=2)
_UNREAD = ("rich_message",)
"""Words that come in no form we read: they might be marked as a note."""


@dataclass(frozen=True)
class Wrote:
    """A message in a topic as the door unpacked it. `reply_to` is the provider key of what it replies to."""

    text: str
    provider_key: str
    source: Mapping[str, int]
    at: datetime
    attachment: Mapping[str, Any] = field(default_factory=dict)
    reply_to: str | None = None
    quote: str = ""


async def wrote(
    session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, said: Wrote, now: datetime
) -> str | None:
    """Returns words to answer with in the topic, or None.

    Whatever begins with a slash stays inside: `//` is a note, anything else a command, known or not.
    """
    text, inside = marks.plain(said.text), marks.noted(said.text)
    if inside or (inside is not None and said.attachment):
        await _note(session, desk, ticket, staff, said, inside, now)
        return None
    if await _to_a_note(session, said) or await _album_of_a_note(session, ticket, said, now):
        await _note(session, desk, ticket, staff, said, text, now)
        return None
    if text.startswith("/"):
        return await command(session, desk, ticket, staff, said, now)
    if said.attachment.get("words") not in (None, "dice") or said.attachment.get("kind") in _UNREAD:
        return desk.staff("staff.cannot_go")
    answered = await _answered(session, ticket, said)
    await answering.staff_said(
        session,
        desk,
        ticket,
        staff,
        said.text,
        said.attachment,
        said.provider_key,
        said.source,
        said.at,
        now,
        reply_to_id=answered.id if answered else None,
        quote=said.quote if answered else "",
    )
    return None


async def _answered(session: AsyncSession, ticket: Ticket, said: Wrote) -> TicketMessage | None:
    """The words that these answer, if the customer knows them: a merged ticket has those of somebody else, too."""
    place = lines.place(said.reply_to or "")
    line = await mirrors.line_at(session, place["chat_id"], place["message_id"]) if place else None
    known = line is not None and line.author in ("customer", "staff") and line.contact_id == ticket.contact_id
    return line if known else None


async def command(
    session: AsyncSession, desk: Desk, ticket: Ticket | None, staff: StaffMember, said: Wrote, now: datetime
) -> str | None:
    """`/name words`, in a topic or (without ticket) in General. Returns words to answer with."""
    word, *rest = marks.plain(said.text).split(maxsplit=1)
    name = word.partition("@")[0].removeprefix("/").lower()
    place = said.source["chat_id"], said.source["message_id"]
    asked = typed.Typed(desk, staff, "".join(rest), *place, said.provider_key, now, ticket, said.reply_to)
    return await registry.run(session, name, asked)


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
    chat_id, _, message_id = said.reply_to.removeprefix("telegram:").partition(":")
    asked = await mirrors.line_at(session, int(chat_id), int(message_id))
    return asked is not None and asked.author == "note"


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
