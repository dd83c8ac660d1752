"""Somebody changed what they wrote: earlier wordings are kept, and the other side reads the new one.

A change is not a new question: it starts no clock and reopens nothing. Words among staff never leave by a change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.outbound.telegram_sizes import CAPTIONED, EXCHANGEABLE
from bot.support import lines, post
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.support.tickets import changes, marks, mirrors, relay
from bot.tables.chat import StaffMember
from bot.tables.support import MessageRevision, Ticket, TicketMessage

_SHOWN = 150


@dataclass(frozen=True)
class Edited:
    """A message as it is now. `at` is the provider's time of the change, to the second; `update_id` orders the rest."""

    provider_key: str
    text: str
    at: datetime
    update_id: int
    attachment: Mapping[str, Any] = field(default_factory=dict)


async def customer_edited(session: AsyncSession, desk: Desk, edited: Edited, now: datetime) -> TicketMessage | None:
    """The copy in the topic changes; staff who had answered already are told what it said before.

    Returns the line if its words are other ones now.
    """
    line = await mirrors.by_key(session, edited.provider_key, hold=True)
    if line is None or line.author != "customer" or not await _is_news(session, line, edited, edited.text):
        return None
    before, media = line.text, _other_file(line, edited)
    number = await _revise(session, line, edited, edited.text)
    ticket = await _held(session, line)
    if ticket is not None:  # else it was said to the bot before there was a ticket
        await _show(session, desk, ticket, line, before, number, now, media=media)
    return line if before != line.text else None


async def _show(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    line: TicketMessage,
    before: str,
    number: int,
    now: datetime,
    *,
    media: bool,
) -> None:
    await sla.happened(session, desk, ticket, "customer", "edited", now, said=line.id, revision=number)
    if line.held or await relay.still_waits(session, relay.relay_key(line), now):
        return  # it arrives in its new words
    await changes.queue(session, ticket, line, "edit", number, now, to="topic", media=media)
    if ticket.status == "resolved" or await _answered_since(session, line):
        text = desk.staff("staff.edit.told", **_difference(before, line.text))
        await changes.queue(session, ticket, line, "told", number, now, to="topic", text=text)


async def staff_edited(
    session: AsyncSession, desk: Desk, staff: StaffMember, edited: Edited, now: datetime
) -> str | None:
    """The customer's copy changes too. Returns words for the topic when it does not."""
    line = await mirrors.by_key(session, edited.provider_key, hold=True)
    ticket = await _held(session, line) if line else None
    if line is None or ticket is None:
        return desk.staff("staff.edit.unread") if edited.text.startswith("/") else None
    if line.author == "note":
        return await _note_edited(session, desk, ticket, line, edited, f"staff:{staff.id}", now)
    if line.author != "staff" or not await _is_news(session, line, edited, edited.text):
        return None
    if marks.plain(edited.text).startswith("/"):
        return await _to_stay_inside(session, desk, ticket, line, staff, edited, now)
    waits = await relay.still_waits(session, relay.answer_key(line), now)
    if not waits and (refusal := _refused(desk, ticket, line, edited)):
        return refusal
    media = _other_file(line, edited)
    number = await _revise(session, line, edited, edited.text)
    await sla.happened(session, desk, ticket, f"staff:{staff.id}", "edited", now, said=line.id, revision=number)
    if not waits:
        await changes.queue(session, ticket, line, "edit", number, now, to="customer", media=media)
    return None


def _refused(desk: Desk, ticket: Ticket, line: TicketMessage, edited: Edited) -> str | None:
    """Why the customer keeps the earlier words."""
    old, new = line.attachment.get("kind"), edited.attachment.get("kind")
    if ticket.channel != "telegram":
        return desk.staff("staff.edit.channel", channel=ticket.channel)
    if line.deleted_at is not None:
        return desk.staff("staff.edit.deleted")
    if old != new or (_other_file(line, edited) and new not in EXCHANGEABLE):
        return desk.staff("staff.edit.kind")
    caption = old in CAPTIONED
    if len(changes.pieces(edited.text, caption=caption)) > max(1, len(changes.pieces(line.text, caption=caption))):
        return desk.staff("staff.edit.too_long")
    return None


async def _to_stay_inside(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    line: TicketMessage,
    staff: StaffMember,
    edited: Edited,
    now: datetime,
) -> str | None:
    """An answer that begins with a slash now: called back if there is time, else the customer keeps what they have."""
    by = f"staff:{staff.id}"
    inside = marks.noted(edited.text)
    words = marks.plain(edited.text) if inside is None else inside
    if await relay.undo(session, desk, ticket, line, by, now):
        await _revise(session, line, edited, words)
        await relay.show_undone(session, desk, ticket, line, now)
        return desk.staff("staff.undone")
    said = await lines.write(
        session,
        contact_id=line.contact_id,
        ticket_id=line.ticket_id,
        channel=line.channel,
        author="note",
        text=words,
        provider_key=f"{line.provider_key}:note:{edited.update_id}",
        at=now,
        received_at=now,
        staff_id=staff.id,
    )
    if said is None:
        return None
    await sla.happened(session, desk, ticket, by, "noted", now, said=said.id)
    button = {"text": desk.staff("staff.button.del"), "data": f"1:del:{line.id}"}
    content = {"text": desk.staff("staff.edit.inside"), "buttons": [[button]], **relay.beside(line)}
    await post.to_topic(session, ticket, "notice", content, f"inside:{said.id}", now, priority=30)
    return None


async def _note_edited(
    session: AsyncSession, desk: Desk, ticket: Ticket, line: TicketMessage, edited: Edited, by: str, now: datetime
) -> str | None:
    """It stays inside, whatever it says now. A question whether to send it is off when it was marked as a note."""
    inside = marks.noted(edited.text)
    slashed = marks.plain(edited.text).startswith("/")
    if not await _is_news(session, line, edited, edited.text if inside is None else inside):
        return None
    number = await _revise(session, line, edited, edited.text if inside is None else inside)
    await sla.happened(session, desk, ticket, by, "edited", now, said=line.id, revision=number)
    if line.asked_at is not None:
        if slashed:
            line.asked_at = None
            await session.flush()
            return desk.staff("staff.kept")
        return None
    return None if slashed else desk.staff("staff.edit.still_note")


async def _is_news(session: AsyncSession, line: TicketMessage, edited: Edited, text: str) -> bool:
    """Not what it says already, and not older than the newest change that we know (a replay)."""
    if line.edited_at is not None:
        newest = sa.select(sa.func.max(MessageRevision.update_id)).where(col(MessageRevision.said_id) == line.id)
        if (edited.at, edited.update_id) <= (line.edited_at, await session.scalar(newest) or 0):
            return False
    return line.text != text or _other_file(line, edited)


def _other_file(line: TicketMessage, edited: Edited) -> bool:
    old, new = line.attachment, edited.attachment
    if old.get("kind") != new.get("kind"):
        return True
    return bool(old.get("unique") and new.get("unique")) and old["unique"] != new["unique"]


async def _revise(session: AsyncSession, line: TicketMessage, edited: Edited, text: str) -> int:
    """Keep the earlier wording; returns its number, counted from 1."""
    assert line.id is not None
    known = sa.select(sa.func.count()).where(col(MessageRevision.said_id) == line.id)
    number = (await session.scalar(known) or 0) + 1
    session.add(
        MessageRevision(
            said_id=line.id,
            number=number,
            text=line.text,
            attachment=line.attachment,
            update_id=edited.update_id,
            at=edited.at,
        )
    )
    line.text, line.edited_at = text, edited.at
    if _other_file(line, edited):
        line.attachment = dict(edited.attachment)
    await session.flush()
    return number


async def _held(session: AsyncSession, line: TicketMessage) -> Ticket | None:
    if line.ticket_id is None:
        return None
    return await session.get(Ticket, line.ticket_id, with_for_update=True, populate_existing=True)


async def _answered_since(session: AsyncSession, line: TicketMessage) -> bool:
    """A person answered after this was said, so they answered the earlier words."""
    later = select(TicketMessage.id).where(
        TicketMessage.ticket_id == line.ticket_id, TicketMessage.author == "staff", col(TicketMessage.id) > line.id
    )
    return await session.scalar(later.limit(1)) is not None


def _difference(old: str, new: str) -> dict[str, str]:
    """Both wordings, short: of long ones the part that differs."""
    start = 0
    if max(len(old), len(new)) > _SHOWN:
        while start < min(len(old), len(new)) and old[start] == new[start]:
            start += 1
        start = max(0, old.rfind(" ", 0, start) + 1)
    return {"old": _cut(old, start), "new": _cut(new, start)}


def _cut(text: str, start: int) -> str:
    shown = ("…" if start else "") + text[start : start + _SHOWN]
    return (shown + "…" if len(text) > start + _SHOWN else shown) or "—"
