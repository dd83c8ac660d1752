"""Birthdays: who has one soon, and is old enough for mail about it."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking.facts import Person, Row
from automations.running.sweeps.yearly import Near, Yearly
from bot.base.database import table
from bot.tables.people import Contact

_contacts = table(Contact)


async def _find(session: AsyncSession, near: Near) -> Sequence[Row]:
    born = sa.func.substr(_contacts.c.birthday, sa.func.length(_contacts.c.birthday) - 4, 5)
    columns = [*(_contacts.c[name] for name in ("id", "timezone", "country", "traits")),
               _contacts.c.birthday_known_at.label("known_at")]  # fmt: skip
    active = sa.select(*columns).where(_contacts.c.status == "active", _contacts.c.birthday.is_not(None))
    rows = await session.execute(active.where(born.in_(near.marks)).order_by(_contacts.c.id))
    return [dict(row) for row in rows.mappings()]


def _day(person: Person, _zone: ZoneInfo) -> str | None:
    birthday: str | None = person.contact["birthday"]
    return birthday


def _kept(_born: str, day: date) -> dict[str, str]:
    return {"birthday": day.isoformat()}


BIRTHDAY = Yearly("birthday", frozenset(), _find, _day, _kept, least=lambda trigger: trigger.minimum_age, learned=True)
