"""Birthdays: once a day and time zone, who has one soon. Called every hour; missed days are made up for."""

import calendar
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts
from automations.asking.facts import Person
from automations.definition.flow import Flow, Trigger
from automations.running import starts
from automations.running.starts import Cause, Starter
from bot.base import clock, logs
from bot.base.database import Database, insert, table
from bot.contacts import zones
from bot.tables.people import Contact
from bot.tables.settings import Setting

log = logs.get(__name__)

KIND = "birthday"
_MAKE_UP = timedelta(days=3)
"""How far back missed days are looked at: no mail of a flow may be later than that anyway."""
_BATCH = 500
_contacts = table(Contact)
_settings = table(Setting)


@dataclass(frozen=True)
class Birthdays:
    """The hourly job. `flows` are all flows in use; those without a sweep are left alone."""

    database: Database
    starter: Starter
    flows: Iterable[Flow]

    async def run(self, now: datetime | None = None) -> int:
        """Returns how many people entered a flow."""
        moment = now or clock.now()
        return sum([await _sweep(self, flow, moment) for flow in self.flows if flow.enabled and flow.trigger.sweep])


async def _sweep(job: Birthdays, flow: Flow, now: datetime) -> int:
    """Enrol everybody whose birthday comes into the flow's window in a zone where a new day began since the last
    finished sweep. That moment is written down last, so a crash in the middle only makes it look again.
    """
    name = f"sweep.{flow.name}"
    async with job.database.reading() as session:
        value = await session.scalar(sa.select(_settings.c.value).where(_settings.c.name == name))
        last = clock.parse(value) if value else None
        wanted = [
            row["id"]
            for row in await _near(session, flow.trigger, last, now)
            if _new_day(zones.local(job.starter.ground.config, row).zone, row, last, now)
        ]
    entered = 0
    for start in range(0, len(wanted), _BATCH):
        async with job.database.transaction() as session:
            part = wanted[start : start + _BATCH]
            for person in (await facts.load(session, part, starts.needs(flow), now)).values():
                entered += await _enrol(session, job.starter, flow, person, last, now)
    async with job.database.transaction() as session:
        put = insert(session, _settings).values(name=name, value=now.isoformat(), changed_at=now)
        changed = {"value": put.excluded.value, "changed_at": now}
        await session.execute(put.on_conflict_do_update(index_elements=["name"], set_=changed))
    if entered:
        log.info("birthdays swept", flow=flow.name, entered=entered)
    return entered


async def one(session: AsyncSession, starter: Starter, flow: Flow, contact_id: int, now: datetime) -> int:
    """A birthday was learned or changed: enter at once if it lies in the window, without waiting for the sweep."""
    person = (await facts.load(session, [contact_id], starts.needs(flow), now)).get(contact_id)
    if person is None or person.contact["status"] != "active" or not person.contact["birthday"]:
        return 0
    return await _enrol(session, starter, flow, person, now, now)


async def _near(
    session: AsyncSession, trigger: Trigger, last: datetime | None, now: datetime
) -> Sequence[Mapping[str, Any]]:
    """Active contacts with a birthday around now, wherever they live."""
    first = min(last or now, now) - trigger.belated - timedelta(days=1)
    first = max(first, now - _MAKE_UP - trigger.belated)
    days = (now + trigger.lead + timedelta(days=1) - first).days + 1
    marks = {mark for number in range(days + 1) for mark in _marks(first.date() + timedelta(days=number), trigger)}
    born = sa.func.substr(_contacts.c.birthday, sa.func.length(_contacts.c.birthday) - 4, 5)
    columns = [_contacts.c.id, _contacts.c.timezone, _contacts.c.country, _contacts.c.traits,
               _contacts.c.birthday_known_at]  # fmt: skip
    near = sa.select(*columns).where(_contacts.c.status == "active", _contacts.c.birthday.is_not(None))
    rows = await session.execute(near.where(born.in_(sorted(marks))).order_by(_contacts.c.id))
    return [dict(row) for row in rows.mappings()]


def _marks(day: date, trigger: Trigger) -> Iterator[str]:
    """The birthdays, as MM-DD, that fall on that day."""
    yield f"{day:%m-%d}"
    if not calendar.isleap(day.year) and f"{day:%m-%d}" == ("02-28" if trigger.feb29 == "feb28" else "03-01"):
        yield "02-29"


def _new_day(zone: Any, row: Mapping[str, Any], last: datetime | None, now: datetime) -> bool:
    """A day began in that zone since the last sweep, or the birthday became known since (an import)."""
    if last is None or now.astimezone(zone).date() > last.astimezone(zone).date():
        return True
    known = row["birthday_known_at"]
    return known is not None and known > last


async def _enrol(
    session: AsyncSession, starter: Starter, flow: Flow, person: Person, last: datetime | None, now: datetime
) -> int:
    trigger = flow.trigger
    zone = zones.local(starter.ground.config, person.contact).zone
    today = now.astimezone(zone).date()
    missed = min(today, last.astimezone(zone).date() + timedelta(days=1)) if last else today
    first = max(missed, today - _MAKE_UP) - trigger.belated
    entered = 0
    for year in (today.year - 1, today.year, today.year + 1):
        day = occurrence(person.contact["birthday"], year, trigger)
        if day is None or not first <= day <= today + trigger.lead:
            continue
        # A wish that is late by our choice is not late: its time counts from today.
        late = trigger.belated and day < missed
        context = {"kind": KIND, "year": year, "occurrence": (today if late else day).isoformat(),
                   "birthday": day.isoformat()}  # fmt: skip
        entered += await starter.consider(session, flow, person, Cause(person.id, now, None, context), now)
    return entered


def occurrence(birthday: str, year: int, trigger: Trigger) -> date | None:
    """The day on which a birthday (`1990-02-28` or `--02-28`) is kept in that year.

    None for somebody not born yet, too young for mail, or a text that is no birthday.
    """
    try:
        born, month, day = (int(part) if part.strip("-") else 0 for part in birthday.replace("--", "0-", 1).split("-"))
    except ValueError:
        return None
    if born and year - born < max(trigger.minimum_age, 0):
        return None
    if (month, day) == (2, 29) and not calendar.isleap(year):
        return date(year, 2, 28) if trigger.feb29 == "feb28" else date(year, 3, 1)
    try:
        return date(year, month, day)
    except ValueError:
        return None
