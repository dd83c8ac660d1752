"""Requests about personal data, as tasks with a day by which they must be done: asked for, found, ended."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import ids, work
from bot.base.database import insert, table
from bot.contacts.belonging import Person
from bot.contacts.identity import find
from bot.tables.people import Contact
from bot.tables.privacy import PrivacyTask

KIND = "privacy"
"""The loop that looks at them."""

BY_HAND = "operator"
"""Who asks in the name of somebody who wrote a letter."""

WITHIN = timedelta(days=30)
"""What Shopify and the GDPR (Art. 12) give."""

What = Literal["copy", "forget", "wipe"]

BROWSERS = "browsers"
"""The kind of a task that is ours: what claims to be somebody who was forgotten is still to be erased."""

_rows = table(PrivacyTask)
_OVER: dict[str, Any] = {"status": "done", "due_at": None, "lease_until": None, "lease_by": None}


def deadline(asked_at: datetime, zone: ZoneInfo) -> datetime:
    """The end of the last day, in the shop's zone."""
    day = (asked_at.astimezone(zone) + WITHIN).date()
    return datetime.combine(day, time(23, 59, 59), zone).astimezone(asked_at.tzinfo)


async def ask(
    session: AsyncSession,
    what: What,
    *,
    source: str,
    key: str,
    now: datetime,
    zone: ZoneInfo,
    known: Sequence[tuple[str, str]] = (),
    asked: Mapping[str, Any] | None = None,
    store: str = "",
) -> int | None:
    """Put a request down. None: it is there already."""
    contact = await whose(session, known)
    row = insert(session, _rows).values(
        kind=what, source=source, store=store, key=key, contact_id=contact.id if contact else None,
        known=[list(one) for one in known], asked=dict(asked or {}), status="open", asked_at=now,
        deadline=deadline(now, zone), told=[], due_at=now, attempts=0,
    )  # fmt: skip
    made: int | None = await session.scalar(row.on_conflict_do_nothing().returning(_rows.c.id))
    work.kick(session, KIND)
    return made


async def leave_browsers(
    session: AsyncSession, contact_id: int | None, said: Sequence[tuple[str, str]], by: str, now: datetime
) -> int:
    """Write down that the browsers which claim one of these are still to be erased, in the name of `by`."""
    task = insert(session, _rows).values(
        kind=BROWSERS, source=by, store="", key=f"{BROWSERS}:{ids.random_token(12)}", contact_id=contact_id,
        known=[list(one) for one in said], asked={"erased": 0}, status="open", asked_at=now, deadline=now + WITHIN,
        told=[], due_at=now, attempts=0,
    )  # fmt: skip
    made: int = (await session.execute(task.returning(_rows.c.id))).scalar_one()
    work.kick(session, KIND)
    return made


async def being_forgotten(session: AsyncSession) -> set[tuple[str, str]]:
    """What is known of those whose forgetting is under way: nobody can claim it before that is through."""
    asked = sa.select(_rows.c.known).where(_rows.c.due_at.is_not(None), _rows.c.kind == BROWSERS)
    return {(kind, value) for known in await session.scalars(asked) for kind, value in known}


async def whose(session: AsyncSession, known: Sequence[Sequence[str]]) -> Contact | None:
    """Whoever is known by one of these."""
    for kind, value in known:
        if (found := await find(session, kind, value)) is not None:
            return found
    return None


async def listed(session: AsyncSession, *, every: bool = False) -> Sequence[PrivacyTask]:
    """The open ones, whose day comes first; `every`: those that are done, too."""
    asked = select(PrivacyTask).order_by(col(PrivacyTask.deadline), col(PrivacyTask.id))
    return (await session.scalars(asked if every else asked.where(PrivacyTask.status == "open"))).all()


async def end_requests(session: AsyncSession, who: Person, now: datetime) -> None:
    """There is nothing left to copy, and copies that were written go."""
    mine = _rows.c.contact_id.in_(who.contacts)
    files = sa.select(_rows.c.file).where(mine, _rows.c.file != "")
    _delete((await session.scalars(files)).all())
    still = sa.update(_rows).where(mine, _rows.c.status == "open", _rows.c.kind != BROWSERS)
    await session.execute(still.values(done_at=now, outcome="erased", **_OVER))


def _delete(files: Sequence[str]) -> None:
    for file in files:
        Path(file).unlink(missing_ok=True)
