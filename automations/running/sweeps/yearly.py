"""Days that come back every year: in each time zone, who has one near since the last look. Missed days are made up for.

That moment is written down last, so a crash in the middle only makes it look again: a key with the year in it lets
nobody enter twice.
"""

import calendar
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts
from automations.asking.facts import Person, Row
from automations.definition.flow import Flow, Trigger
from automations.running import starts
from automations.running.starts import Starter
from automations.running.sweeps.turn import Turn, enter
from bot.contacts import zones

_MAKE_UP = timedelta(days=3)
"""How far back missed days are looked at: no mail of a flow may be later than that anyway."""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Near:
    """Days around now, wide enough for every time zone; `marks` are their MM-DD, with the 29th of February where it is
    kept on one of them."""

    first: date
    last: date
    marks: Sequence[str]


@dataclass(frozen=True)
class Yearly:
    """One kind of such a day.

    `find` picks active contacts that may have one near, as rows with id, timezone, country and traits (and `known_at`,
    when we learned of the day). `day` is the first one of a person, as `1990-02-28` or `--02-28`. `kept` is what the
    enrolment keeps of it. `learned`: an identify may tell it, and then nobody waits for the sweep.
    """

    kind: str
    needs: frozenset[str]
    find: Callable[[AsyncSession, Near], Awaitable[Sequence[Row]]]
    day: Callable[[Person, ZoneInfo], str | None]
    kept: Callable[[str, date], Mapping[str, str]]
    least: Callable[[Trigger], int]
    learned: bool = False


async def sweep(turn: Turn, yearly: Yearly) -> int:
    """Enrol everybody whose day comes into the flow's window in a zone where a new day began since the last look."""
    config = turn.starter.ground.config
    async with turn.database.reading() as session:
        found = await yearly.find(session, _near(turn.flow.trigger, turn.last, turn.now))
    wanted = [row["id"] for row in found if _new_day(zones.local(config, row).zone, row, turn.last, turn.now)]

    def contexts(person: Person) -> Iterator[Mapping[str, Any]]:
        return _contexts(yearly, turn.flow.trigger, person, _zone(turn.starter, person), turn.last, turn.now)

    return await turn.enrol(wanted, yearly.needs, contexts)


async def one(
    session: AsyncSession, starter: Starter, flow: Flow, yearly: Yearly, contact_id: int, now: datetime
) -> int:
    """Such a day was learned or changed: enter at once if it lies in the window, without waiting for the sweep."""
    needed: Collection[str] = starts.needs(flow) | yearly.needs
    person = (await facts.load(session, [contact_id], needed, now)).get(contact_id)
    if person is None or person.contact["status"] != "active":
        return 0
    contexts = _contexts(yearly, flow.trigger, person, _zone(starter, person), now, now)
    return await enter(session, starter, flow, person, contexts, now)


def _zone(starter: Starter, person: Person) -> ZoneInfo:
    return zones.local(starter.ground.config, person.contact).zone


def _near(trigger: Trigger, last: datetime | None, now: datetime) -> Near:
    first = min(last or now, now) - trigger.belated - _DAY
    first = max(first, now - _MAKE_UP - trigger.belated)
    days = (now + trigger.lead + _DAY - first).days + 1
    every = [first.date() + timedelta(days=number) for number in range(days + 1)]
    return Near(every[0], every[-1], sorted({mark for day in every for mark in _marks(day, trigger)}))


def _marks(day: date, trigger: Trigger) -> Iterator[str]:
    yield f"{day:%m-%d}"
    if not calendar.isleap(day.year) and f"{day:%m-%d}" == ("02-28" if trigger.feb29 == "feb28" else "03-01"):
        yield "02-29"


def _new_day(zone: ZoneInfo, row: Row, last: datetime | None, now: datetime) -> bool:
    """A day began in that zone since the last sweep, or this one became known since (an import)."""
    if last is None or now.astimezone(zone).date() > last.astimezone(zone).date():
        return True
    known = row.get("known_at")
    return known is not None and known > last


def _contexts(
    yearly: Yearly, trigger: Trigger, person: Person, zone: ZoneInfo, last: datetime | None, now: datetime
) -> Iterator[Mapping[str, Any]]:
    first_one = yearly.day(person, zone)
    if not first_one:
        return
    today = now.astimezone(zone).date()
    missed = min(today, last.astimezone(zone).date() + _DAY) if last else today
    first = max(missed, today - _MAKE_UP) - trigger.belated
    for year in (today.year - 1, today.year, today.year + 1):
        day = occurrence(first_one, year, trigger.feb29, yearly.least(trigger))
        if day is None or not first <= day <= today + trigger.lead:
            continue
        # A wish that is late by our choice is not late: its time counts from today.
        late = trigger.belated and day < missed
        occurs = (today if late else day).isoformat()
        yield {"kind": yearly.kind, "year": year, "occurrence": occurs, **yearly.kept(first_one, day)}


def occurrence(first_one: str, year: int, feb29: str, least: int) -> date | None:
    """The day on which something of that day (`1990-02-28` or `--02-28`) is kept in that year.

    None within the first `least` years, and for a text that is no day.
    """
    try:
        began, month, day = (
            int(part) if part.strip("-") else 0 for part in first_one.replace("--", "0-", 1).split("-")
        )
    except ValueError:
        return None
    if began and year - began < max(least, 0):
        return None
    if (month, day) == (2, 29) and not calendar.isleap(year):
        return date(year, 2, 28) if feb29 == "feb28" else date(year, 3, 1)
    try:
        return date(year, month, day)
    except ValueError:
        return None
