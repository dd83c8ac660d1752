"""Every clock of a span of time as the reports count it: how it ended, whose it was, how long people waited."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock
from bot.base.database import table
from bot.support import hours
from bot.support.desk import Desk
from bot.support.sla import rows
from bot.support.sla.values import FIRST, Calendars
from bot.tables.chat import StaffMember
from bot.tables.support import SlaTimer, Ticket, TicketEvent

_TIMERS, _TICKETS, _EVENTS = table(SlaTimer), table(Ticket), table(TicketEvent)
_MOVES = ("taken", "assigned", "dropped", "priority_changed", "department_changed", "opened")

Ended = Literal["met", "breached", "overdue", "running", "left_out"]
_Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Measured:
    """One clock. `agent` answered, or had the ticket when it was due; priority and department are those of then.

    Seconds: `waited` of opening time without pauses, `wall` by the clock on the wall, both until a person answered (or
    it was solved); `any_answer` from the customer's first words until anybody answered, the bot too.
    """

    metric: str
    channel: str
    department: str
    priority: str
    policy: str
    calendar: str
    agent: str
    start_at: datetime
    ended: Ended
    reason: str = ""
    cause: str = ""
    waited: float | None = None
    wall: float | None = None
    any_answer: float | None = None


def ended(row: _Row, now: datetime) -> Ended:
    """As the rules count it: what ran out and is still open is overdue, whether or not anybody saw it yet."""
    if row["state"] == "cancelled":
        return "left_out"
    if row["state"] == "met":
        return "met"
    missed = row["state"] == "breached" or (row["state"] == "running" and row["target_at"] < now)
    if not missed:
        return "running"
    return "breached" if row["answered_at"] is not None or row["settled_at"] is not None else "overdue"


def counted() -> sa.Select[Any]:
    """The rows of clocks that count at all: those of drills never do."""
    columns = (_TICKETS.c.department, _TICKETS.c.priority)
    return sa.select(_TIMERS, *columns).join(_TICKETS, _TICKETS.c.id == _TIMERS.c.ticket_id).where(
        _TICKETS.c.kind != "drill"
    )  # fmt: skip


async def of(session: AsyncSession, desk: Desk, since: datetime, until: datetime, now: datetime) -> list[Measured]:
    """The clocks that started in `since` <= start < `until`, by start."""
    mine = sa.and_(_TIMERS.c.start_at >= since, _TIMERS.c.start_at < until)
    asked = counted().where(mine).order_by(_TIMERS.c.start_at, _TIMERS.c.id)
    found = (await session.execute(asked)).mappings().all()
    calendars = await rows.versions(session, desk, {row["calendar_version"] for row in found if not row["always_open"]})
    events: dict[int, list[_Row]] = defaultdict(list)
    theirs = sa.select(_EVENTS).where(
        _EVENTS.c.ticket_id.in_(sa.select(_TIMERS.c.ticket_id).where(mine)), _EVENTS.c.name.in_(_MOVES)
    )
    for event in (await session.execute(theirs.order_by(_EVENTS.c.at, _EVENTS.c.id))).mappings():
        events[event["ticket_id"]].append(event)
    people = table(StaffMember)
    names = {row[0]: row[1] for row in await session.execute(sa.select(people.c.id, people.c.name))}
    return [_measured(row, events[row["ticket_id"]], calendars, names, now) for row in found]


def _measured(
    row: _Row, events: Sequence[_Row], calendars: Calendars, names: Mapping[int, str], now: datetime
) -> Measured:
    at = min(row["answered_at"] or row["target_at"], row["target_at"])
    agent = row["staff_id"] or (None if row["answered_at"] else _had(events, row["target_at"]))
    answered: datetime | None = row["answered_at"] if row["state"] != "cancelled" else None
    return Measured(
        metric=row["metric"],
        channel=row["channel"],
        department=_then(events, "department_changed", at, row["department"]),
        priority=_then(events, "priority_changed", at, row["priority"]),
        policy=row["policy"],
        calendar="always open" if row["always_open"] else row["calendar"] or "shop hours",
        agent=names.get(agent or 0, "") or "nobody",
        start_at=row["start_at"],
        ended=ended(row, now),
        reason=row["reason"] or "" if row["state"] == "cancelled" else "",
        cause=row["cause"] or "",
        waited=waited(row, answered, calendars) if answered else None,
        wall=(answered - row["start_at"]).total_seconds() if answered else None,
        any_answer=_any_answer(row, events) if row["metric"] == FIRST else None,
    )


def waited(row: _Row, until: datetime, calendars: Calendars) -> float:
    """Seconds of its own opening hours from its start, without the pauses."""
    calendar = hours.ALWAYS if row["always_open"] else calendars[row["calendar_version"]]
    pauses = [(start, end or until) for start, end in rows.instants(row["pauses"])]
    return hours.elapsed(calendar, row["start_at"], until, pauses).total_seconds()


def _then(events: Sequence[_Row], name: str, at: datetime, today: str) -> str:
    """A column of the ticket as it was: what the first later change replaced."""
    return next((str(one["data"]["old"]) for one in events if one["name"] == name and one["at"] > at), today)


def _had(events: Sequence[_Row], at: datetime) -> int | None:
    """Who had the ticket then."""
    who: int | None = None
    for event in events:
        if event["at"] > at:
            break
        if event["name"] == "taken":
            who = int(event["actor"].removeprefix("staff:"))
        elif event["name"] == "assigned":
            who = int(event["data"]["staff"])
        elif event["name"] == "dropped":
            who = None
    return who


def _any_answer(row: _Row, events: Sequence[_Row]) -> float | None:
    opened: _Row = next((one["data"] for one in events if one["name"] == "opened"), {})
    first = clock.parse(opened["first"]) if opened.get("first") else row["start_at"]
    bot = clock.parse(opened["bot_answered"]) if opened.get("bot_answered") else None
    answers = [at for at in (bot, row["auto_answered_at"], row["answered_at"]) if at is not None]
    start = min(first, row["start_at"])
    return max(0.0, (min(answers) - start).total_seconds()) if answers else None
