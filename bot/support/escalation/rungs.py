"""What a step of the ladder does: call somebody, raise the priority, give the ticket to somebody else.

Whoever is called is mentioned, so that Telegram rings for them. Where nobody is found the next is called, and the words
say so: the assignee, the department, its leads, everybody.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.config import LadderStep
from bot.support import routing
from bot.support.desk import Desk
from bot.support.escalation import paging
from bot.support.escalation.case import Case
from bot.support.routing import departments, people, presence
from bot.support.tickets import marking, pointing
from bot.tables.chat import StaffMember
from bot.tables.support import PRIORITIES, Ticket

CHANGES = ("raise_priority", "reassign")
"""Actions that change the ticket; the others only call people."""

MOST = 5
"""Telegram rings for no more people than that in one message."""


@dataclass(frozen=True)
class Rung:
    """`words` are lines of HTML for the topic; `outcome` is what the history keeps: who was found, or what changed."""

    outcome: str
    words: tuple[str, ...] = ()
    spare: bool = False


async def climb(session: AsyncSession, desk: Desk, case: Case, step: LadderStep, now: datetime) -> Rung:
    """The caller holds the ticket and writes down what was done."""
    match step.action:
        case "ping_assignee":
            return await _assignee(session, desk, case, step, now)
        case "ping_department":
            return await _department(session, desk, case, step, now)
        case "raise_priority":
            return await _raise(session, desk, case.ticket, now)
        case "reassign":
            return await _reassign(session, desk, case, step, now)
        case "page_lead":
            return await _lead(session, desk, case, step, now)


async def _assignee(session: AsyncSession, desk: Desk, case: Case, step: LadderStep, now: datetime) -> Rung:
    had = case.ticket.assignee_id
    staff = next((one for one in await _everybody(session) if one.id == had), None) if had is not None else None
    if staff is not None and presence.is_here(staff, now):
        return Rung("assignee", (desk.staff("staff.ladder.assignee", who=pointing.at(staff)),))
    why = desk.staff("staff.ladder.away", who=_escaped(staff.name)) if staff else desk.staff("staff.ladder.unclaimed")
    return await _department(session, desk, case, step, now, why)


async def _department(
    session: AsyncSession,
    desk: Desk,
    case: Case,
    step: LadderStep,
    now: datetime,
    why: str = "",
    but: Sequence[int | None] = (),
) -> Rung:
    ticket = case.ticket
    theirs = await _who(session, desk, ticket.department)
    here = [one for one in theirs if presence.is_here(one, now) and one.id not in but]
    so_far = (why,) if why else ()
    if here:
        return Rung("department", (*so_far, desk.staff("staff.ladder.department", who=_mentions(desk, ticket, here))))
    name = _escaped(departments.title(desk, ticket.department))
    nobody = desk.staff("staff.ladder.nobody_here", department=name)
    paged = await _lead(session, desk, case, step, now)
    return Rung(paged.outcome, (*so_far, nobody, *paged.words))


def _mentions(desk: Desk, ticket: Ticket, here: Sequence[StaffMember]) -> str:
    """Whoever has the ticket first, then those who were seen last."""
    order = sorted(here, key=lambda one: one.last_seen_at or one.first_seen_at, reverse=True)
    called = sorted(order, key=lambda one: one.id != ticket.assignee_id)[:MOST]
    more = desk.staff("staff.ladder.more", n=len(here) - MOST) if len(here) > MOST else ""
    return ", ".join(pointing.at(one) for one in called) + (f" {more}" if more else "")


async def _raise(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> Rung:
    index = PRIORITIES.index(ticket.priority) + 1
    if index == len(PRIORITIES):
        return Rung("highest_already")
    await marking.prioritise(session, desk, ticket, PRIORITIES[index], "clock", now, why="escalated")
    priority = desk.staff(f"staff.priority.{ticket.priority}")
    return Rung(ticket.priority, (desk.staff("staff.ladder.raised", priority=priority),), spare=True)


async def _reassign(session: AsyncSession, desk: Desk, case: Case, step: LadderStep, now: datetime) -> Rung:
    """To whose turn it is, who is told in the topic; else nobody has it any more and the others are called."""
    ticket, had = case.ticket, case.ticket.assignee_id
    if await routing.offer(session, desk, ticket, now, but=() if had is None else (had,), why="escalated") is not None:
        return Rung("given")
    if had is None:
        return await _department(session, desk, case, step, now, desk.staff("staff.ladder.unclaimed"))
    await routing.drop(session, desk, ticket, "clock", "escalated", now)
    staff = await session.get(StaffMember, had)
    why = desk.staff("staff.ladder.dropped", who=_escaped(staff.name if staff else "–"))
    called = await _department(session, desk, case, step, now, why, but=(had,))
    return Rung("dropped", called.words)


async def _lead(session: AsyncSession, desk: Desk, case: Case, step: LadderStep, now: datetime) -> Rung:
    told = await paging.page(session, desk, case, step.name, now)
    if told.directly:
        return Rung("lead", (desk.staff("staff.ladder.paged", who=_escaped(", ".join(told.directly))),))
    return Rung("group", (desk.staff("staff.ladder.paged_group"),) if told.group else ())


async def _who(session: AsyncSession, desk: Desk, department: str) -> list[StaffMember]:
    """Everybody of the department; asked once for all that is looked at in one transaction."""
    known: dict[str, list[StaffMember]] = session.info.setdefault("who", {})
    if department not in known:
        known[department] = await people.who(session, desk, department)
    return known[department]


async def _everybody(session: AsyncSession) -> list[StaffMember]:
    if "everybody" not in session.info:
        session.info["everybody"] = await presence.everybody(session)
    found: list[StaffMember] = session.info["everybody"]
    return found


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
