"""Tickets that belong together, and where the rest of a merged one is."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import insert, table
from bot.support import post, typed
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.support.tickets import find
from bot.tables.support import Ticket, TicketLink

_LINKS = table(TicketLink)


@dataclass(frozen=True)
class Linked:
    """Another ticket as seen from one: `kind` is related, earlier, later, split, split_from, merged or merged_from."""

    kind: str
    ticket: Ticket


_SEEN_FROM_THE_OTHER = {"earlier": "later", "split": "split_from", "merged": "merged_from"}


async def of(session: AsyncSession, ticket: Ticket) -> list[Linked]:
    """Every ticket that it is linked with, oldest link first."""
    both = select(TicketLink).where(
        sa.or_(col(TicketLink.ticket_id) == ticket.id, col(TicketLink.other_id) == ticket.id)
    )
    found = []
    for one in (await session.scalars(both.order_by(col(TicketLink.id)))).all():
        mine = one.ticket_id == ticket.id
        other = await session.get(Ticket, one.other_id if mine else one.ticket_id)
        if other is not None:
            found.append(Linked(one.kind if mine else _SEEN_FROM_THE_OTHER.get(one.kind, one.kind), other))
    return found


async def link(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    other: Ticket,
    kind: str,
    by: str,
    now: datetime,
    moved: dict[str, Any] | None = None,
) -> bool:
    """False when they are linked so already. A history entry on both; merges and splits write their own."""
    row = insert(session, _LINKS).values(
        ticket_id=ticket.id, other_id=other.id, kind=kind, moved=moved or {}, made_by=by, made_at=now
    )
    if await session.scalar(row.on_conflict_do_nothing().returning(_LINKS.c.id)) is None:
        return False
    if kind in ("related", "earlier"):
        theirs = _SEEN_FROM_THE_OTHER.get(kind, kind)
        await sla.happened(session, desk, ticket, by, "linked", now, ticket=other.id, kind=kind)
        await sla.happened(session, desk, other, by, "linked", now, ticket=ticket.id, kind=theirs)
    return True


async def unlink(session: AsyncSession, desk: Desk, ticket: Ticket, other: Ticket, by: str, now: datetime) -> bool:
    """Take back what /link did. Merges and splits stay."""
    between = sa.or_(
        sa.and_(_LINKS.c.ticket_id == ticket.id, _LINKS.c.other_id == other.id),
        sa.and_(_LINKS.c.ticket_id == other.id, _LINKS.c.other_id == ticket.id),
    )
    gone = sa.delete(_LINKS).where(between, _LINKS.c.kind.in_(("related", "earlier")))
    if not (await session.execute(gone)).rowcount:  # type: ignore[attr-defined]
        return False
    for one, another in ((ticket, other), (other, ticket)):
        await sla.happened(session, desk, one, by, "unlinked", now, ticket=another.id)
        await post.card(session, one, "unlinked", now)
    return True


async def merged_of(session: AsyncSession, contact_id: int, channel: str) -> Ticket | None:
    """The newest ticket of theirs that was merged into another."""
    mine = select(Ticket).where(
        Ticket.contact_id == contact_id, Ticket.channel == channel, col(Ticket.merged_into).is_not(None)
    )
    return (await session.scalars(mine.order_by(col(Ticket.id).desc()).limit(1))).first()


async def end_of(session: AsyncSession, ticket: Ticket | None, *, lock: bool = False) -> Ticket | None:
    """The ticket that has the rest of a merged one, however often it was merged on. `lock`: held from then on."""
    while ticket is not None and ticket.merged_into is not None:
        ticket = await session.get(Ticket, ticket.merged_into)
    if ticket is not None and lock:
        await session.refresh(ticket, with_for_update=True)
    return ticket


def number(words: str) -> int | None:
    """The number of a ticket that staff name as `#1042` or `1042`."""
    match = re.fullmatch(r"#?\s*(\d{1,9})", words.strip())
    return int(match[1]) if match else None


async def named(session: AsyncSession, words: str) -> Ticket | None:
    """The ticket that staff name by its number."""
    asked = number(words)
    return await find.by_number(session, asked) if asked is not None else None


async def _link(session: AsyncSession, said: typed.Typed) -> str:
    desk, ticket = said.desk, said.case
    other = await named(session, said.words)
    if other is None or other.id == ticket.id:
        return desk.staff("staff.link.how")
    if await link(session, desk, ticket, other, "related", said.by, said.now):
        for one in (ticket, other):
            await post.card(session, one, "linked", said.now)
    return desk.staff("staff.link.done", number=other.number)


async def _unlink(session: AsyncSession, said: typed.Typed) -> str:
    other = await named(session, said.words)
    if other is None:
        return said.desk.staff("staff.link.how")
    gone = await unlink(session, said.desk, said.case, other, said.by, said.now)
    return said.desk.staff("staff.link.undone" if gone else "staff.link.none", number=other.number)


COMMANDS = (typed.Command("link", _link), typed.Command("unlink", _unlink))
