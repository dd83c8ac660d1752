"""The clocks as rows: the histories that they are folded from, the calendars of then, and the rows that must change."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import work
from bot.base.database import insert, table
from bot.support import history, hours
from bot.support.desk import Desk
from bot.support.sla import looks, timeline
from bot.support.sla.values import Calendars, Clock, Event, Pause, Promise
from bot.tables.support import CalendarVersion, SlaTimer, Ticket

_TIMERS = table(SlaTimer)
_VERSIONS = table(CalendarVersion)
_KNOWN: dict[str, hours.Calendar] = {"": hours.ALWAYS}
"""Calendars by version: what a version means never changes."""

_PLAIN = (
    "policy", "target_seconds", "in_days", "always_open", "calendar", "calendar_version", "start_at", "target_at",
    "state", "reason", "cause", "answered_at", "agent_at", "auto_answered_at", "settled_at", "breached_at",
    "detected_at", "staff_id",
)  # fmt: skip


async def histories(session: AsyncSession, ticket_id: int) -> dict[int, list[Event]]:
    """The history of the ticket and of every one that it was merged with or split from."""
    found: dict[int, list[Event]] = {}
    wanted = [ticket_id]
    while wanted:
        one = wanted.pop()
        if one not in found:
            rows = await history.of(session, one)
            found[one] = [Event(*row) for row in rows]
            wanted += timeline.others(found[one])
    return found


async def calendars(session: AsyncSession, desk: Desk, events: Mapping[int, Iterable[Event]]) -> Calendars:
    """The calendars of every version that these promises name."""
    return await versions(
        session, desk, {event.data["version"] for one in events.values() for event in one if event.name == "promised"}
    )


async def versions(session: AsyncSession, desk: Desk, wanted: set[str]) -> Calendars:
    """Calendars by version, as they were; the empty version is the one that never closes."""
    for name in ("", *desk.calendars):
        _KNOWN.setdefault(desk.calendar_of(name).version, desk.calendar_of(name))
    if missing := wanted - _KNOWN.keys():
        kept = await session.execute(sa.select(_VERSIONS).where(_VERSIONS.c.version.in_(missing)))
        _KNOWN.update({row.version: hours.of_body(row.body) for row in kept})
    return {version: _KNOWN[version] for version in wanted}


async def keep_calendar(session: AsyncSession, desk: Desk, promise: Promise, now: datetime) -> None:
    """Remember the opening hours that it is measured by: later edits change nothing that was settled."""
    if promise.policy is None or promise.always_open:
        return
    calendar = desk.calendar_of(promise.calendar)
    row = insert(session, _VERSIONS).values(
        version=calendar.version, name=promise.calendar, body=calendar.body, made_at=now
    )
    await session.execute(row.on_conflict_do_nothing())


async def reconcile(
    session: AsyncSession, desk: Desk, ticket: Ticket, clocks: Iterable[Clock], calendars: Calendars
) -> int:
    """Make the rows of the ticket say what the clocks say; what is the same already is left alone. Returns how many
    were not the same."""
    known = sa.select(_TIMERS).where(_TIMERS.c.ticket_id == ticket.id)
    rows = {(row["metric"], row["cycle"]): row for row in (await session.execute(known)).mappings()}
    changed = 0
    for clock in clocks:
        row = rows.pop((clock.metric, clock.cycle), None)
        values = _values(clock)
        if row is not None and all(row[name] == value for name, value in values.items()):
            continue
        changed += 1
        values |= {"due_at": looks.due_at(desk, clock, calendars, row), "lease_until": None, "lease_by": None}
        if row is None:
            fixed = {"ticket_id": ticket.id, "channel": ticket.channel, "attempts": 0}
            key = {"metric": clock.metric, "cycle": clock.cycle}
            await session.execute(sa.insert(_TIMERS).values(**values, **fixed, **key))
        else:
            await session.execute(sa.update(_TIMERS).where(_TIMERS.c.id == row["id"]).values(**values, attempts=0))
    for gone in rows.values():  # a merge was taken back: what had only been theirs is theirs again
        await session.execute(sa.delete(_TIMERS).where(_TIMERS.c.id == gone["id"]))
        changed += 1
    if changed:
        work.kick(session, "timers")
    return changed


def read(row: Mapping[Any, Any]) -> Clock:
    """The clock that a row keeps."""
    kept: dict[str, Any] = {name: row[name] for name in _PLAIN}
    kept |= {"warned": tuple(row["warned"]), "climbed": tuple(row["climbed"])}
    return Clock(metric=row["metric"], cycle=row["cycle"], pauses=tuple(instants(row["pauses"])), **kept)


def seen(clock: Clock) -> dict[str, Any]:
    """The columns that change when somebody looks at a clock: what was warned of, noticed and done about it."""
    about = {"state": clock.state, "breached_at": clock.breached_at, "detected_at": clock.detected_at}
    return {**about, "warned": list(clock.warned), "climbed": list(clock.climbed)}


def _values(clock: Clock) -> dict[str, Any]:
    values = {name: getattr(clock, name) for name in _PLAIN}
    values["pauses"] = [[start.isoformat(), end.isoformat() if end else None] for start, end in clock.pauses]
    return values | {"warned": list(clock.warned), "climbed": list(clock.climbed)}


def instants(pauses: Iterable[Sequence[Any]]) -> list[Pause]:
    """The pauses of a row as instants; one that lasts has no end."""
    return [(datetime.fromisoformat(start), datetime.fromisoformat(end) if end else None) for start, end in pauses]
