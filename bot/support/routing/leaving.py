"""Somebody goes away: what their customers wait for goes to the next, or back to everybody; the rest stays."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.support import post
from bot.support.desk import Desk
from bot.support.routing import presence, rounds, turn
from bot.support.sla import clocks as sla
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket


async def away(session: AsyncSession, desk: Desk, staff: StaffMember, until: datetime | None, now: datetime) -> int:
    """They are away. Returns how many of their tickets went to others or to nobody."""
    passed_on = await _waited_for(session, staff) if desk.ground.config.support.reassign_when_away else []
    await turn.lock(session, now)
    await presence.change(session, staff, False, until, now)
    for ticket in passed_on:
        await _pass_on(session, desk, ticket, staff, now)
    return len(passed_on)


async def back(session: AsyncSession, desk: Desk, staff: StaffMember, now: datetime) -> None:
    """They are here again, and the rounds may go on."""
    await turn.lock(session, now)
    await presence.change(session, staff, True, None, now)
    rounds.kick(session, desk)


async def heard(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    """The customer wrote: if nobody has the ticket, or somebody who is away, they would wait in vain.

    The caller holds the ticket.
    """
    if ticket.kind == "drill" or ticket.status == "resolved":
        return
    if ticket.assignee_id is None:
        await turn.offer(session, desk, ticket, now)
    elif desk.ground.config.support.reassign_when_away:
        staff = await session.get(StaffMember, ticket.assignee_id, populate_existing=True)
        if staff is not None and not presence.is_here(staff, now):
            await _pass_on(session, desk, ticket, staff, now)


async def _waited_for(session: AsyncSession, staff: StaffMember) -> Sequence[Ticket]:
    due = turn.due_of(table(Ticket).c.id)
    theirs = (
        select(Ticket)
        .where(
            Ticket.assignee_id == staff.id,
            col(Ticket.status).in_(("new", "open")),
            col(Ticket.waiting_since).is_not(None),
            Ticket.kind != "drill",
        )
        .order_by(due.is_(None), due, col(Ticket.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(theirs)).all()


async def _pass_on(session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, now: datetime) -> None:
    if await turn.offer(session, desk, ticket, now, but=(staff.id or 0,), why="away") is not None:
        return
    await drop(session, desk, ticket, "bot", "away", now)
    content = {"text": desk.staff("staff.round.left", who=staff.name)}
    await post.to_topic(session, ticket, "notice", content, f"left:{ticket.id}:{now.isoformat()}", now, priority=20)


async def drop(session: AsyncSession, desk: Desk, ticket: Ticket, actor: str, why: str, now: datetime) -> None:
    """Nobody has the ticket from now on. The caller holds the ticket."""
    if ticket.assignee_id is None:
        return
    ticket.assignee_id = None
    await session.flush()
    await sla.happened(session, desk, ticket, actor, "dropped", now, why=why)
    await post.card(session, ticket, f"dropped:{why}", now)
    rounds.kick(session, desk)
