"""Two contacts turn out to be one: everything of the one that goes is re-pointed to the one that stays."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from bot import tables
from bot.base.database import table
from bot.contacts import standing, wanted
from bot.tables.automations import Enrolment, FlowVersion, Refusal
from bot.tables.experiments import Exposure
from bot.tables.feedback import SurveyAnswer, Voice
from bot.tables.outbox import Message
from bot.tables.people import Contact, ContactTag

assert tables  # every table must be known before its contact_id can be re-pointed

_enrolments = table(Enrolment)
_versions = table(FlowVersion)
_messages = table(Message)
_voices = table(Voice)
_answers = table(SurveyAnswer)
_refusals = table(Refusal)
_tags = table(ContactTag)
_exposures = table(Exposure)


def _pointing_here() -> list[sa.Column[Any]]:
    contact_id = table(Contact).c.id
    return [
        column
        for one in SQLModel.metadata.sorted_tables
        for column in one.columns
        if any(key.column is contact_id for key in column.foreign_keys)
    ]


async def merge(session: AsyncSession, keep_id: int, gone_id: int, now: datetime) -> None:
    """`gone_id` becomes part of `keep_id`: its identities, carts, orders, tickets, consents, enrolments and mails.

    The same flow for the same reason on both sides goes on once, as the one entered first, and repeats no mail.
    """
    keep, gone = await session.get_one(Contact, keep_id), await session.get_one(Contact, gone_id)
    if keep is gone or gone.status == "merged":
        return
    await _join_enrolments(session, keep_id, gone_id, now)
    await _join_voices(session, keep_id, gone_id)
    await _join_answers(session, keep_id, gone_id)
    await wanted.join(session, keep_id, gone_id)
    await _join_tags(session, keep_id, gone_id)
    await _join_exposures(session, keep_id, gone_id)
    await standing.join(session, keep_id, gone_id)
    await session.execute(sa.delete(_refusals).where(_refusals.c.contact_id == gone_id))
    for column in _pointing_here():
        await session.execute(sa.update(column.table).where(column == gone_id).values({column.name: keep_id}))
    contacts = table(Contact)
    await session.execute(sa.update(contacts).where(contacts.c.merged_into == gone_id).values(merged_into=keep_id))
    for name in ("first_name", "last_name", "language", "timezone", "country"):
        setattr(keep, name, getattr(keep, name) or getattr(gone, name))
    if not keep.birthday and gone.birthday:
        keep.birthday, keep.birthday_known_at = gone.birthday, gone.birthday_known_at
    keep.traits = {**gone.traits, **keep.traits}
    keep.created_at = min(keep.created_at, gone.created_at)
    keep.last_seen_at = max(filter(None, (keep.last_seen_at, gone.last_seen_at)), default=None)
    gone.status, gone.merged_into = "merged", keep_id
    gone.first_name, gone.last_name, gone.birthday, gone.traits = "", "", None, {}
    await session.flush()


async def _join_enrolments(session: AsyncSession, keep_id: int, gone_id: int, now: datetime) -> None:
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


async def _join_tags(session: AsyncSession, keep_id: int, gone_id: int) -> None:
    both = sa.select(_tags.c.tag).where(_tags.c.contact_id == keep_id)
    await session.execute(sa.delete(_tags).where(_tags.c.contact_id == gone_id, _tags.c.tag.in_(both)))


async def _join_exposures(session: AsyncSession, keep_id: int, gone_id: int) -> None:
    """Of two exposures to one experiment the first one counts."""
    found = await session.execute(
        sa.select(_exposures.c.id, _exposures.c.experiment)
        .where(_exposures.c.contact_id.in_((keep_id, gone_id)))
        .order_by(_exposures.c.at, _exposures.c.id)
    )
    seen, later = set(), []
    for row in found:
        if row.experiment in seen:
            later.append(row.id)
        seen.add(row.experiment)
    await session.execute(sa.delete(_exposures).where(_exposures.c.id.in_(later)))


async def _join_voices(session: AsyncSession, keep_id: int, gone_id: int) -> None:
    """Who asked for the same improvement twice asked once; who was told of it is not told again."""
    mine = {row["improvement_id"]: dict(row) for row in await _voices_of(session, keep_id)}
    for row in await _voices_of(session, gone_id):
        known = mine.get(row["improvement_id"])
        if known is None:
            continue
        on_its_way = row["told"] in ("queued", "told", "unknown") and known["told"] in ("", "refused")
        second = known if on_its_way else row
        await session.execute(sa.delete(_voices).where(_voices.c.id == second["id"]))


async def _voices_of(session: AsyncSession, contact_id: int) -> Sequence[sa.RowMapping]:
    return (await session.execute(sa.select(_voices).where(_voices.c.contact_id == contact_id))).mappings().all()


async def _join_answers(session: AsyncSession, keep_id: int, gone_id: int) -> None:
    """Of two answers about the same thing the later one counts."""
    found = await session.execute(
        sa.select(_answers.c.id, _answers.c.survey, _answers.c.order_id)
        .where(_answers.c.contact_id.in_((keep_id, gone_id)))
        .order_by(_answers.c.changed_at.desc(), _answers.c.id.desc())
    )
    seen, earlier = set(), []
    for row in found:
        if (row.survey, row.order_id) in seen:
            earlier.append(row.id)
        seen.add((row.survey, row.order_id))
    await session.execute(sa.delete(_answers).where(_answers.c.id.in_(earlier)))


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
