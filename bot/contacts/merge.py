"""Two contacts turn out to be one: everything of the one that goes is re-pointed to the one that stays."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from bot import tables
from bot.base import personal
from bot.base.database import table
from bot.base.personal import Drop, One
from bot.contacts import claims, standing, wanted, wishes
from bot.tables.automations import Enrolment, FlowVersion
from bot.tables.outbox import Message
from bot.tables.people import Contact

assert tables  # every table must be known before the registry is read

_enrolments = table(Enrolment)
_versions = table(FlowVersion)
_messages = table(Message)


@cache
def pointing_here(model: type[SQLModel]) -> list[sa.Column[Any]]:
    """The columns of a table that refer to a contact."""
    contact_id = table(Contact).c.id
    return [column for column in table(model).columns if any(key.column is contact_id for key in column.foreign_keys)]


async def merge(session: AsyncSession, keep_id: int, gone_id: int, now: datetime) -> None:
    """`gone_id` becomes part of `keep_id`: its identities, carts, orders, tickets, consents, enrolments and mails.

    The same flow for the same reason on both sides goes on once, as the one entered first, and repeats no mail.
    """
    keep, gone = await session.get_one(Contact, keep_id), await session.get_one(Contact, gone_id)
    if keep is gone or gone.status == "merged":
        return
    for model, said in personal.registry().items():
        if isinstance(said.merge, str):
            await RULES[said.merge](session, keep_id, gone_id, now)
        elif isinstance(said.merge, Drop):
            await session.execute(sa.delete(table(model)).where(table(model).c.contact_id == gone_id))
        elif said.merge.alike:
            await _keep_one(session, table(model), said.merge, keep_id, gone_id)
        for column in pointing_here(model):
            await session.execute(sa.update(column.table).where(column == gone_id).values({column.name: keep_id}))
    await session.flush()


async def _join_profiles(session: AsyncSession, keep_id: int, gone_id: int, _now: datetime) -> None:
    """What the one who stays does not say of themselves, the other says."""
    keep, gone = await session.get_one(Contact, keep_id), await session.get_one(Contact, gone_id)
    contacts = table(Contact)
    await session.execute(sa.update(contacts).where(contacts.c.merged_into == gone_id).values(merged_into=keep_id))
    if keep.claimed and not gone.claimed:
        await claims.settle(session, keep)
    await claims.drop(session, keep_id)  # if both are browsers, the next event of one claims it again
    if not gone.claimed:
        _fill_up(keep, gone)
    keep.created_at = min(keep.created_at, gone.created_at)
    keep.last_seen_at = max(filter(None, (keep.last_seen_at, gone.last_seen_at)), default=None)
    gone.status, gone.merged_into = "merged", keep_id
    gone.first_name, gone.last_name, gone.birthday, gone.traits, gone.traits_told = "", "", None, {}, {}


def _fill_up(keep: Contact, gone: Contact) -> None:
    for name in ("first_name", "last_name", "language", "timezone", "country"):
        setattr(keep, name, getattr(keep, name) or getattr(gone, name))
    if not keep.birthday and gone.birthday:
        keep.birthday, keep.birthday_known_at = gone.birthday, gone.birthday_known_at
    keep.traits, keep.traits_told = {**gone.traits, **keep.traits}, {**gone.traits_told, **keep.traits_told}


async def _keep_one(session: AsyncSession, rows: sa.Table, how: One, keep_id: int, gone_id: int) -> None:
    """Delete those of the two contacts' rows that are alike to a better one."""
    key = list(rows.primary_key.columns)
    first: list[Any] = [rows.c[how.first]] if how.first else [rows.c[how.last].desc()] if how.last else []
    order = [*first, rows.c.contact_id == gone_id, *key]
    both = sa.select(*key, *(rows.c[name] for name in how.alike)).where(rows.c.contact_id.in_((keep_id, gone_id)))
    seen, worse = set(), []
    for row in (await session.execute(both.order_by(*order))).all():
        if (alike := tuple(row)[len(key) :]) in seen:
            worse.append(sa.and_(*(column == value for column, value in zip(key, row, strict=False))))
        seen.add(alike)
    for one in worse:
        await session.execute(sa.delete(rows).where(one))


async def join_enrolments(session: AsyncSession, keep_id: int, gone_id: int, now: datetime) -> None:
    """Keys that name the person (`browse:7:2026-03-04`) must name the one who stays, or it would start again."""
    theirs = sa.select(_enrolments, _versions.c.definition).join(_versions, _versions.c.id == _enrolments.c.version_id)
    theirs = theirs.where(_enrolments.c.contact_id == gone_id)
    for moved in [dict(row) for row in (await session.execute(theirs)).mappings()]:
        enrol = moved["definition"].get("enrol") or {}
        key = moved["dedupe_key"]
        for pattern in (enrol.get("key"), enrol.get("else"), enrol.get("otherwise")):
            key = _renamed(key, pattern or "", keep_id, gone_id)
        if key == moved["dedupe_key"]:
            continue
        same = sa.select(_enrolments).where(_enrolments.c.flow == moved["flow"], _enrolments.c.dedupe_key == key)
        mine = next((dict(row) for row in (await session.execute(same)).mappings()), None)
        if mine is None:
            await _change(session, moved["id"], dedupe_key=key)
            continue
        first, second = sorted((mine, moved), key=lambda row: (row["entered_at"], row["id"]))
        await _end(session, second, now)
        await _change(session, first["id"], dedupe_key=key)
        await _take_messages(session, first["id"], second["id"])


def _renamed(key: str, pattern: str, keep_id: int, gone_id: int) -> str:
    """The key with the other person in it, if `pattern` (`browse:{contact}:{local_date}`) says where they stand."""
    parts, places = key.split(":"), pattern.split(":")
    fits = len(parts) == len(places) and all(
        "{" in place or place == part for part, place in zip(parts, places, strict=True)
    )
    if not fits or "{contact}" not in places or parts[places.index("{contact}")] != str(gone_id):
        return key
    parts[places.index("{contact}")] = str(keep_id)
    return ":".join(parts)


async def _end(session: AsyncSession, row: Mapping[str, Any], now: datetime) -> None:
    values: dict[str, Any] = {"dedupe_key": f"{row['dedupe_key']}:merged:{row['id']}", "due_at": None}
    if row["status"] == "active":
        values |= {"status": "exited", "exit_reason": "merged", "ended_at": now}
    await _change(session, row["id"], **values)


async def _take_messages(session: AsyncSession, first: int, second: int) -> None:
    """What the second enrolment sent counts for the first, step by step, so that no step is sent twice."""
    done = set((await session.scalars(sa.select(_messages.c.step_id).where(_messages.c.enrolment_id == first))).all())
    took = sa.update(_messages).where(_messages.c.enrolment_id == second, _messages.c.step_id.not_in(done))
    await session.execute(took.values(enrolment_id=first))


async def _change(session: AsyncSession, enrolment_id: int, **values: Any) -> None:
    await session.execute(sa.update(_enrolments).where(_enrolments.c.id == enrolment_id).values(**values))


RULES: Mapping[str, Callable[[AsyncSession, int, int, datetime], Awaitable[None]]] = {
    "alerts": wanted.join_alerts,
    "enrolments": join_enrolments,
    "profile": _join_profiles,
    "stats": standing.join_stats,
    "voices": wishes.join_voices,
}
"""What tables name as their `merge`: what is to be done before every reference is changed."""
