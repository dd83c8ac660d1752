"""Two tickets about one matter become one, and can be taken apart again.

No word, promise or answer is lost or made up: the lines move and keep their time, the history of the ticket that goes
stays where it is and is read from there, a promise that it missed stays missed.
"""

from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.support import post
from bot.support.desk import Desk
from bot.support.sla import clocks as sla
from bot.support.tickets import closing, links, moving, pointing, statuses
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket, TicketLink


@dataclass(frozen=True)
class Refusal:
    """Why two tickets cannot become one: the name of a text and its values."""

    name: str
    number: int = 0


def refused(desk: Desk, gone: Ticket, kept: Ticket, now: datetime) -> Refusal | None:
    if gone.id == kept.id:
        return Refusal("same")
    if gone.merged_into is not None or kept.merged_into is not None:
        return Refusal("joined")
    if "drill" in (gone.kind, kept.kind) and gone.kind != kept.kind:
        return Refusal("drill")
    for one in (gone, kept):
        old = desk.ground.config.support.reopen_window(one.channel)
        if one.resolved_at is not None and now - one.resolved_at > old:
            return Refusal("old", one.number)
    return None


async def hold(session: AsyncSession, one: int, other: int) -> tuple[Ticket, Ticket] | None:
    """Both tickets until the end of the transaction, always in one order: two merges at once never wait in a ring."""
    found = {}
    for ticket_id in sorted({one, other}):
        found[ticket_id] = await session.get(Ticket, ticket_id, with_for_update=True, populate_existing=True)
    first, second = found[one], found[other]
    return (first, second) if first is not None and second is not None else None


async def merge(
    session: AsyncSession, desk: Desk, gone: Ticket, kept: Ticket, staff: StaffMember, now: datetime
) -> None:
    """`gone` goes into `kept`. Both are held, and `refused` said nothing against it."""
    by = f"staff:{staff.id}"
    before = {"status": _state(gone), "kept_status": _state(kept)}
    lines = await moving.lines_of(session, gone)
    title = desk.staff("staff.merge.recap", gone=gone.number, who=staff.name)
    told = await moving.recap(session, desk, title, lines)
    moved = await moving.move(session, [line.id or 0 for line in lines], gone, kept)
    gone.merged_into, waited = kept.id, kept.waiting_since
    await session.flush()
    link = {**before, "lines": moved}
    await links.link(session, desk, gone, kept, "merged", by, now, link)
    await sla.happened(session, desk, gone, by, "merged", now, into=kept.id)
    await sla.happened(session, desk, kept, by, "merged_from", now, ticket=gone.id, lines=moved)
    await _join(session, desk, gone, kept, waited, by, now)
    await post.to_topic(
        session, kept, "notice", {"text": told}, f"merged:{gone.id}:{now.isoformat()}", now, priority=20
    )
    where, who = await pointing.to(session, kept), escape(staff.name, quote=False)
    content = {"text": desk.staff("staff.merge.gone", kept=where, who=who), "html": True}
    await post.to_topic(session, gone, "notice", content, f"gone:{gone.id}:{now.isoformat()}", now, priority=30)
    await closing.resolve(session, desk, gone, by, now, why="merged")
    await post.card(session, kept, "merged", now)
    await post.card(session, gone, "merged_into", now, topic="close")


def _state(ticket: Ticket) -> dict[str, Any]:
    """What a merge may change of a ticket."""
    return {
        "status": ticket.status,
        "until": _iso(ticket.snoozed_until),
        "keep": ticket.snooze_keeps,
        "resolved_at": _iso(ticket.resolved_at),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


async def _join(
    session: AsyncSession, desk: Desk, gone: Ticket, kept: Ticket, waited: datetime | None, by: str, now: datetime
) -> None:
    """What is to do in the one that goes is to do in the one that stays. There the customer waited since `waited`."""
    if kept.status == "resolved" and gone.status != "resolved":
        quiet = gone.status in ("waiting_customer", "waiting_supplier")
        await statuses.to(session, desk, kept, gone.status if quiet else "open", by, now, why="merged_from")
    elif kept.waiting_since not in (None, waited) and kept.status not in (*statuses.OURS, "resolved"):
        await statuses.to(session, desk, kept, "open", by, now, why="merged_from")


async def unmerge(session: AsyncSession, desk: Desk, gone: Ticket, staff: StaffMember, now: datetime) -> int | None:
    """Take it out again: its lines and its status come back. None when it is not merged, else how many lines.

    What was said since the merge stays where it was said; a status that was changed since stays too.
    """
    link = await _link(session, gone)
    both = await hold(session, gone.id or 0, link.other_id) if link else None
    if link is None or both is None or both[0].merged_into is None:
        return None
    gone, kept = both
    by, before = f"staff:{staff.id}", link.moved
    moved = await moving.move(session, before["lines"], kept, gone)
    gone.merged_into = None
    await session.delete(link)
    await session.flush()
    theirs: dict[str, Any] = {"from": gone.id}
    await sla.happened(session, desk, kept, by, "unmerged", now, **theirs)
    await sla.happened(session, desk, gone, by, "unmerged", now, out_of=kept.id)
    await _back(session, desk, gone, before["status"], by, now)
    if await statuses.since(session, kept) <= link.made_at:  # nothing but the merge changed it
        await _back(session, desk, kept, before["kept_status"], by, now)
    for one in (gone, kept):
        await post.card(session, one, "unmerged", now)
    return len(moved)


async def _link(session: AsyncSession, gone: Ticket) -> TicketLink | None:
    asked = select(TicketLink).where(TicketLink.ticket_id == gone.id, TicketLink.kind == "merged")
    return (await session.scalars(asked)).first()


async def _back(
    session: AsyncSession, desk: Desk, ticket: Ticket, before: dict[str, Any], by: str, now: datetime
) -> None:
    """The status that it had; a snooze that is over by now ends in the next look."""
    until = _time(before["until"])
    await statuses.to(
        session, desk, ticket, before["status"], by, now, until=until, keep=before["keep"], why="unmerged"
    )
    if ticket.status == "resolved":
        ticket.resolved_at = _time(before["resolved_at"])
    await session.flush()


async def merged_into(session: AsyncSession, kept: Ticket) -> list[Ticket]:
    """The tickets that were merged into it and are still in it."""
    theirs = select(Ticket).where(Ticket.merged_into == kept.id).order_by(col(Ticket.id))
    return list((await session.scalars(theirs)).all())
