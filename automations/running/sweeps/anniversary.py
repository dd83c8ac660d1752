"""Anniversaries of the first order that was paid, and of signing up as the shop told it (the trait `createdAt`)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking.facts import Person, Row
from automations.asking.questions import standing
from automations.running.sweeps.yearly import Near, Yearly
from bot.base import clock
from bot.base.database import table
from bot.tables.audiences import CustomerStats
from bot.tables.people import Contact

_MOST_YEARS = 40
_DAY = timedelta(days=1)
_contacts, _stats = table(Contact), table(CustomerStats)
_COLUMNS = tuple(_contacts.c[name] for name in ("id", "timezone", "country", "traits"))


def _kept(since: str, day: date) -> dict[str, str]:
    return {"day": day.isoformat(), "since": since}


# -- of the first order ------------------------------------------------------------------------------------------------


async def _buyers(session: AsyncSession, near: Near) -> Sequence[Row]:
    first = _stats.c.first_at
    then = sa.or_(*(sa.and_(first >= start, first < end) for start, end in _years_before(near)))
    found = sa.select(*_COLUMNS).join(_stats, _stats.c.contact_id == _contacts.c.id)
    rows = await session.execute(found.where(_contacts.c.status == "active", then).order_by(_contacts.c.id))
    return [dict(row) for row in rows.mappings()]


def _years_before(near: Near) -> Iterator[tuple[datetime, datetime]]:
    """The same days of earlier years, a day more on either side: an order has a zone, and February its 29th."""
    for years in range(1, _MOST_YEARS + 1):
        yield _midnight(_years_ago(near.first, years) - _DAY), _midnight(_years_ago(near.last, years) + 2 * _DAY)


def _years_ago(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year - years, day=28)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _first_order(person: Person, zone: ZoneInfo) -> str | None:
    first: datetime | None = standing.of(person).stats["first_at"]
    return first.astimezone(zone).date().isoformat() if first else None


FIRST_ORDER = Yearly("first_order", frozenset({"standing"}), _buyers, _first_order, _kept, least=lambda _trigger: 1)


# -- of signing up -----------------------------------------------------------------------------------------------------


async def _signed_up(session: AsyncSession, near: Near) -> Sequence[Row]:
    """When we first saw somebody is no day to celebrate (an import would be one for all): the shop has to tell."""
    told = sa.func.substr(_contacts.c.traits["createdAt"].as_string(), 6, 5)
    days = sorted({*near.marks, *(f"{day:%m-%d}" for day in (near.first - _DAY, near.last + _DAY))})
    rows = await session.execute(
        sa.select(*_COLUMNS).where(_contacts.c.status == "active", told.in_(days)).order_by(_contacts.c.id)
    )
    return [dict(row) for row in rows.mappings()]


def _sign_up(person: Person, zone: ZoneInfo) -> str | None:
    told: Any = person.contact["traits"].get("createdAt")
    try:
        if isinstance(told, str) and len(told) == len("2024-02-29"):
            return date.fromisoformat(told).isoformat()
        return clock.parse(told).astimezone(zone).date().isoformat() if isinstance(told, str) else None
    except ValueError:
        return None


SIGN_UP = Yearly("sign_up", frozenset(), _signed_up, _sign_up, _kept, least=lambda _trigger: 1, learned=True)
