"""What waits, as lists for a phone: the most urgent first, each with a way into its topic, as long as one message."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support.desk import Desk
from bot.support.routing import departments, transfer, turn
from bot.tables.chat import StaffMember, Topic
from bot.tables.people import Contact
from bot.tables.support import Ticket

LONGEST = 3800
"""Letters of a list with its links: below the 4096 of a message, with room for the line about the rest."""

_TICKETS, _TOPICS = table(Ticket), table(Topic)
_NAME = 24


@dataclass(frozen=True)
class Row:
    """A ticket in a list. `due` is when the next answer is due, if one is."""

    number: int
    status: str
    department: str
    due: datetime | None
    since: datetime
    customer: str
    assignee_id: int | None
    assignee: str
    link: str | None


async def waiting(session: AsyncSession) -> list[Row]:
    """Open tickets whose customer waits for us."""
    return await _rows(
        session,
        _TICKETS.c.status.in_(("new", "open")),
        sa.or_(_TICKETS.c.assignee_id.is_(None), _TICKETS.c.waiting_since.is_not(None)),
    )


async def of(session: AsyncSession, staff: StaffMember) -> list[Row]:
    """Everything that this colleague has in hand, snoozed ones too."""
    return await _rows(session, _TICKETS.c.status != "resolved", _TICKETS.c.assignee_id == staff.id)


async def _rows(session: AsyncSession, *where: sa.ColumnElement[bool]) -> list[Row]:
    due = turn.due_of(_TICKETS.c.id)
    people, contacts = table(StaffMember), table(Contact)
    since = sa.func.coalesce(_TICKETS.c.waiting_since, _TICKETS.c.opened_at, type_=_TICKETS.c.opened_at.type)
    asked = (
        sa.select(
            _TICKETS.c.number, _TICKETS.c.status, _TICKETS.c.department, _TICKETS.c.assignee_id,
            since.label("since"), due.label("due"), contacts.c.first_name, contacts.c.last_name, people.c.name,
            _TOPICS.c.chat_id, _TOPICS.c.thread_id, _TOPICS.c.state,
        )
        .join(contacts, contacts.c.id == _TICKETS.c.contact_id)
        .outerjoin(people, people.c.id == _TICKETS.c.assignee_id)
        .outerjoin(_TOPICS, _TOPICS.c.ticket_id == _TICKETS.c.id)
        .where(_TICKETS.c.kind != "drill", _TICKETS.c.spam.is_(False), *where)
        .order_by(due.is_(None), due, since, _TICKETS.c.id)
    )  # fmt: skip
    return [_row(row) for row in (await session.execute(asked)).all()]


def _row(row: sa.Row[tuple[object, ...]]) -> Row:
    stands = row.thread_id is not None and row.state in ("ready", "bare")
    return Row(
        row.number,
        row.status,
        row.department,
        row.due,
        row.since,
        f"{row.first_name} {row.last_name}".strip()[:_NAME],
        row.assignee_id,
        row.name or "",
        transfer.link(row.chat_id, row.thread_id) if stands else None,
    )


def line(desk: Desk, row: Row, now: datetime, *, who: bool = True) -> str:
    """`🔴 #1042 12:00:30 Ada → Anna` as HTML; a ticket that nothing is promised for has the time it waits since."""
    number = f"#{row.number}"
    shown = f'<a href="{row.link}">{number}</a>' if row.link else number
    late = "🔴 " if row.due is not None and row.due < now else ""
    at = desk.when(row.due, now) if row.due is not None else f"({desk.when(row.since, now)})"
    to = f" → {html.escape(row.assignee, quote=False)}" if who and row.assignee else ""
    return f"{late}{shown} {at} {html.escape(row.customer, quote=False)}{to}".rstrip()


async def queue(session: AsyncSession, desk: Desk, now: datetime, more: Iterable[str] = ()) -> str:
    """Per department: what nobody has, then whose answer is due. `more` are lines at the end, such as of delays."""
    rows = await waiting(session)
    known = departments.names(desk)
    order = [*known, *sorted({row.department for row in rows} - set(known))]
    parts: list[tuple[str, Sequence[Row]]] = []
    for name in order:
        of_it = [row for row in rows if row.department == name]
        title = f"<b>{html.escape(departments.title(desk, name), quote=False)}</b>\n" if len(order) > 1 else ""
        for heading, some in (
            ("unclaimed", [row for row in of_it if row.assignee_id is None]),
            ("waiting", [row for row in of_it if row.assignee_id is not None]),
        ):
            if some:
                parts.append((title + desk.staff(f"staff.list.{heading}", n=len(some)), some))
                title = ""
    text = fitted(desk, parts, now) if parts else desk.staff("staff.list.empty")
    return "\n\n".join([text, *more])


async def mine(session: AsyncSession, desk: Desk, staff: StaffMember, now: datetime) -> str:
    rows = await of(session, staff)
    if not rows:
        return desk.staff("staff.list.mine_none")
    return fitted(desk, [(desk.staff("staff.list.mine", n=len(rows)), rows)], now, who=False)


async def overdue(session: AsyncSession, desk: Desk, now: datetime) -> str:
    rows = [row for row in await waiting(session) if row.due is not None and row.due < now]
    if not rows:
        return desk.staff("staff.list.overdue_none")
    return fitted(desk, [(desk.staff("staff.list.overdue", n=len(rows)), rows)], now)


def fitted(desk: Desk, parts: Sequence[tuple[str, Sequence[Row]]], now: datetime, *, who: bool = True) -> str:
    """Headings with their rows, as much as one message holds; the rest of each as a number."""
    texts: list[str] = []
    room = LONGEST
    for index, (heading, rows) in enumerate(parts):
        share = room // (len(parts) - index)  # what a short part leaves over is for those after it
        lines, left = [heading], len(rows)
        used = len(heading) + 2
        for row in rows:
            shown = line(desk, row, now, who=who)
            if used + len(shown) + 24 > share:
                break
            lines.append(shown)
            used += len(shown) + 1
            left -= 1
        if left:
            lines.append(desk.staff("staff.list.more", n=left))
            used += 24
        texts.append("\n".join(lines))
        room -= used
    return "\n\n".join(texts)


async def open_of(session: AsyncSession, staff: StaffMember) -> int:
    return (await turn.having(session)).get(staff.id or 0, 0)
