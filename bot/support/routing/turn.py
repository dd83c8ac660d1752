"""Whose turn it is: tickets of a round go to whoever is here, has room, and was not given one the longest.

Two processes never give twice: whoever gives holds the one lock of all rounds. Its place is fixed, or two of them
would wait for each other: a ticket first, then the lock, then colleagues; tickets that are looked for while the lock is
held are skipped when somebody else is at them.
"""

import html
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.config import Department
from bot.base.database import insert, table
from bot.support import hours, post
from bot.support.desk import Desk
from bot.support.routing import departments, people, presence
from bot.support.sla import clocks as sla
from bot.tables.chat import StaffMember
from bot.tables.settings import Setting
from bot.tables.support import SlaTimer, Ticket

_TICKETS = table(Ticket)
_TIMERS = table(SlaTimer)
_LOCK = "round"
_AT_ONCE = 200
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_A_MOMENT = timedelta(seconds=1)
BUSY = ("new", "open", "waiting_customer", "waiting_supplier")
"""Tickets of these statuses fill a colleague's hands; a snoozed one does when it wakes."""


def whose(
    people: Sequence[StaffMember], having: Mapping[int, int], cap: int, language: str, now: datetime
) -> StaffMember | None:
    """Of these members of the department the one whose turn it is: here, below the cap, longest without being given
    one. Whoever is known to speak the language goes first, whoever is known not to goes last.

    `having` are the open tickets of each by id. Ties fall by id. None when nobody is free.
    """
    free = [one for one in people if presence.is_here(one, now) and having.get(one.id or 0, 0) < cap]
    order = {one.id: (-_speaks(one, language), one.last_given_at or _NEVER, one.id) for one in free}
    return min(free, key=lambda one: order[one.id], default=None)


def _speaks(staff: StaffMember, language: str) -> int:
    """1 yes, 0 nobody knows, -1 no: what Telegram is set to, compared by its first part."""
    if not staff.language:
        return 0
    return 1 if staff.language.lower().replace("-", "_").split("_")[0] == language.lower().split("_")[0] else -1


async def lock(session: AsyncSession, now: datetime) -> None:
    """Hold all rounds until the end of the transaction."""
    rows = table(Setting)
    row = insert(session, rows).values(name=_LOCK, value=None, changed_at=now)
    await session.execute(row.on_conflict_do_nothing())
    await session.execute(sa.select(rows.c.name).where(rows.c.name == _LOCK).with_for_update())


def round_of(desk: Desk, ticket: Ticket) -> Department | None:
    """The department whose round gives this ticket to somebody; None where tickets are taken."""
    found = departments.named(desk, ticket.department)
    given = found is not None and found.give == "round_robin" and ticket.kind != "drill" and not ticket.spam
    return found if given else None


async def having(session: AsyncSession) -> dict[int, int]:
    """How many tickets everybody has in hand, by the colleague's id."""
    count = (
        sa.select(_TICKETS.c.assignee_id, sa.func.count())
        .where(_TICKETS.c.status.in_(BUSY), _TICKETS.c.kind != "drill", _TICKETS.c.assignee_id.is_not(None))
        .group_by(_TICKETS.c.assignee_id)
    )
    return {row[0]: row[1] for row in await session.execute(count)}


async def offer(
    session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime, *, but: Collection[int] = (), why: str = "round"
) -> StaffMember | None:
    """Give the ticket to whose turn it is, never to one of `but`. The caller holds the ticket.

    None where its department gives nothing, while the desk is closed, and when nobody is free; when everybody who is
    here has as many as they may, the topic says so once.
    """
    department = round_of(desk, ticket)
    if department is None or not _is_open(desk, department, now):
        return None
    await lock(session, now)
    return await _give(session, desk, department, ticket, now, but, why)


def opens_at(desk: Desk, department: Department, now: datetime) -> datetime:
    """When the department gives again: nobody is given a ticket at night. Now, while it is open."""
    return hours.opens_at(desk.calendar_of(department.calendar), now)


def _is_open(desk: Desk, department: Department, now: datetime) -> bool:
    return opens_at(desk, department, now) - now < _A_MOMENT


def rounds(desk: Desk) -> list[Department]:
    return [one for one in desk.ground.config.support.departments if one.give == "round_robin"]


async def _give(
    session: AsyncSession,
    desk: Desk,
    department: Department,
    ticket: Ticket,
    now: datetime,
    but: Collection[int],
    why: str,
) -> StaffMember | None:
    theirs = [one for one in await people.who(session, desk, department.name) if one.id not in but]
    chosen = whose(theirs, await having(session), department.cap, ticket.language, now)
    if chosen is not None:
        chosen.last_given_at = now
        await assign(session, desk, ticket, chosen, "bot", why, now)
    elif any(presence.is_here(one, now) for one in theirs):
        content = {"text": desk.staff("staff.round.full", cap=department.cap)}
        await post.to_topic(session, ticket, "notice", content, f"full:{ticket.id}", now, priority=30)
    return chosen


async def assign(
    session: AsyncSession, desk: Desk, ticket: Ticket, staff: StaffMember, actor: str, why: str, now: datetime
) -> None:
    """The ticket is theirs from now on, and a mention in its topic tells them. The caller holds the ticket."""
    old, ticket.assignee_id = ticket.status, staff.id
    if old == "new":
        ticket.status = "open"
    await session.flush()
    await sla.happened(session, desk, ticket, actor, "assigned", now, staff=staff.id, why=why)
    if old == "new":
        await sla.happened(session, desk, ticket, actor, "status_changed", now, old=old, new="open")
    await post.card(session, ticket, "assigned", now)
    content = {"html": True, "text": desk.staff("staff.round.given", who=mention(staff))}
    await post.to_topic(session, ticket, "notice", content, f"given:{ticket.id}:{now.isoformat()}", now, priority=20)


def mention(staff: StaffMember) -> str:
    """Their name as a link that Telegram tells them of, for a text with `html`."""
    return f'<a href="tg://user?id={staff.telegram_id}">{html.escape(staff.name, quote=False)}</a>'


async def serve(session: AsyncSession, desk: Desk, now: datetime, department: str | None = None) -> int:
    """Give what waits unclaimed in the rounds (of one department), what is due first at first. Returns how many."""
    now_open = [one for one in rounds(desk) if department in (None, one.name) and _is_open(desk, one, now)]
    if not now_open:
        return 0
    await lock(session, now)
    given = 0
    for one in now_open:
        for ticket in await _waiting(session, one.name):
            if await _give(session, desk, one, ticket, now, (), "queue") is None:
                break
            given += 1
    return given


async def _waiting(session: AsyncSession, department: str) -> Sequence[Ticket]:
    nobodys = (
        select(Ticket)
        .where(
            Ticket.department == department,
            col(Ticket.status).in_(("new", "open")),
            col(Ticket.assignee_id).is_(None),
            col(Ticket.spam).is_(False),
            Ticket.kind != "drill",
        )
        .order_by(due_of(_TICKETS.c.id).is_(None), due_of(_TICKETS.c.id), _TICKETS.c.opened_at, _TICKETS.c.id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True, of=_TICKETS)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(nobodys)).all()


def due_of(ticket_id: sa.ColumnElement[int]) -> sa.ScalarSelect[datetime]:
    """When the next answer to the customer is due, for a query of tickets; NULL when none is."""
    running = sa.select(sa.func.min(_TIMERS.c.target_at, type_=_TIMERS.c.target_at.type)).where(
        _TIMERS.c.ticket_id == ticket_id,
        _TIMERS.c.metric.in_(("first_response", "next_response")),
        _TIMERS.c.state.in_(("running", "breached")),
        _TIMERS.c.answered_at.is_(None),
    )
    return running.correlate(_TICKETS).scalar_subquery()
