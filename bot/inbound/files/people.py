"""The contacts of a batch of lines: found in a few queries, made in a few inserts, the unclear ones one by one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts
from bot.base import ids
from bot.base.config.topics import GENERAL
from bot.base.database import table
from bot.contacts import consent
from bot.contacts.consent import ANSWERS
from bot.inbound.files import consents
from bot.tables.people import Consent, Contact, Identity, Suppression

_SOURCE = "import"

Known = tuple[str, str]


@dataclass
class Person:
    """A line about somebody: identities in normal form, columns of Contact, and what they `said` about marketing.

    `heard`: that is what the ledger says now, too.
    """

    identities: list[Known]
    fields: dict[str, Any] = field(default_factory=dict)
    said: consents.Said = consents.NOTHING
    heard: bool = False
    contact_id: int | None = None
    refused: str = ""


async def settle(session: AsyncSession, secret: str, people: Sequence[Person], now: datetime) -> None:
    """Give every person its `contact_id`, or say why not in `refused`. Run again, it changes nothing."""
    await _refuse_erased(session, secret, people)
    owners = await _owners(session, [pair for person in people for pair in person.identities])
    fresh, clear, unclear = list[Person](), list[Person](), list[Person]()
    taken: set[Known] = set()
    for person in people:
        if person.refused:
            continue
        held_by = {owners.get(pair) for pair in person.identities}
        if held_by == {None} and not taken.intersection(person.identities):
            taken.update(person.identities)
            fresh.append(person)
        elif len(held_by) == 1 and None not in held_by:
            (person.contact_id,) = held_by
            clear.append(person)
        else:  # some of it is new, or twice in this batch, or joins two contacts
            unclear.append(person)
    await _make(session, fresh, now)
    await _fill(session, clear)
    for person in unclear:
        person.contact_id = (await contacts.find_or_create(session, person.identities, now, **person.fields)).id
    await _hear(session, secret, people, now)


async def _refuse_erased(session: AsyncSession, secret: str, people: Sequence[Person]) -> None:
    marks = {(kind, value): ids.hash_address(value, secret) for one in people for kind, value in one.identities}
    rows = table(Suppression)
    gone = sa.select(rows.c.channel, rows.c.address_hash).where(
        rows.c.address_hash.in_(sorted(set(marks.values()))), rows.c.reason == "erased"
    )
    erased = {(channel, mark) for channel, mark in await session.execute(gone)}
    for person in people:
        if any((kind, marks[kind, value]) in erased for kind, value in person.identities):
            person.refused = "this person was forgotten on request and stays forgotten"


async def _owners(session: AsyncSession, wanted: Sequence[Known]) -> dict[Known, int]:
    rows, by_kind = table(Identity), dict[str, list[str]]()
    for kind, value in wanted:
        by_kind.setdefault(kind, []).append(value)
    found: dict[Known, int] = {}
    for kind, given in by_kind.items():
        there = sa.select(rows.c.value, rows.c.contact_id).where(rows.c.kind == kind, rows.c.value.in_(given))
        found.update({(kind, value): contact_id for value, contact_id in await session.execute(there)})
    return found


async def _fill(session: AsyncSession, people: Sequence[Person]) -> None:
    """What the file knows fills only what is empty."""
    wanted = select(Contact).where(col(Contact.id).in_([person.contact_id for person in people]))
    known = {contact.id: contact for contact in await session.scalars(wanted)}
    for person in people:
        contact = known[person.contact_id]
        for name, value in person.fields.items():
            if value and not getattr(contact, name):
                setattr(contact, name, value)
    await session.flush()


async def _make(session: AsyncSession, people: Sequence[Person], now: datetime) -> None:
    if not people:
        return
    made = [_columns(person.fields, now) for person in people]
    new = sa.insert(table(Contact)).returning(table(Contact).c.id, sort_by_parameter_order=True)
    for person, contact_id in zip(people, await session.scalars(new, made), strict=True):
        person.contact_id = contact_id
    known = [
        {"contact_id": person.contact_id, "kind": kind, "value": value, "proven": False, "created_at": now}
        for person in people
        for kind, value in person.identities
    ]
    if known:
        await session.execute(sa.insert(table(Identity)), known)


def _columns(fields: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Every column of a new contact: one statement takes all rows only if each names the same."""
    empty = {
        "first_name": "", "last_name": "", "language": None, "timezone": None, "country": None, "birthday": None,
        "birthday_known_at": None, "created_at": now,
    }  # fmt: skip
    return {"status": "active", "traits": {}, **empty, **{name: value for name, value in fields.items() if value}}


async def _hear(session: AsyncSession, secret: str, people: Sequence[Person], now: datetime) -> None:
    """Yes and no of a file, each at its own time: whichever was said later holds, and one without a date is no news.

    A yes without a date is believed where the ledger says nothing yet. A mere no without one takes back only what a
    file said: it may be that nobody ever asked. A no that somebody said takes back every yes that is not later.
    """
    spoken = [
        (ids.hash_address(value, secret), value, person)
        for person in people
        if not person.refused and person.said.meaning != "nothing"
        for kind, value in person.identities
        if kind == "email"
    ]
    last = await _last_words(session, {mark for mark, _, _ in spoken})
    rows: list[dict[str, Any]] = []
    stops = []
    for mark, value, person in spoken:
        words = last.setdefault(mark, {})
        action = "granted" if person.said.meaning == "yes" else "withdrawn"
        topics = (
            [GENERAL, *(topic for topic in words if topic != GENERAL)] if person.said.meaning in _FIRM else [GENERAL]
        )
        for topic in topics:
            at = _when(person, words.get(topic), now)
            if at is None:
                continue
            word = _Word(action, at, f"{_SOURCE} dated" if person.said.at else _SOURCE, person.contact_id)
            words[topic] = word
            rows.append({
                "contact_id": word.contact_id, "address_hash": mark, "channel": "email", "topic": topic,
                "action": action, "source": word.source, "at": at,
            })  # fmt: skip
        person.heard = words[GENERAL].action == action if GENERAL in words else person.said.meaning == "no"
        if person.said.meaning in ("hard_bounce", "complaint"):
            stops.append(consent.stop(secret, "email", value, person.said.meaning, now, topic=consent.EVERY_TOPIC))
    if rows:
        await session.execute(sa.insert(table(Consent)), rows)
    await consent.suppress_many(session, stops)


_FIRM = ("left", "hard_bounce", "complaint")


@dataclass(frozen=True)
class _Word:
    action: str
    at: datetime
    source: str
    contact_id: int | None


def _when(person: Person, last: _Word | None, now: datetime) -> datetime | None:
    """The time under which the word is written down, or None: it says nothing new, or what is known is later."""
    said, at = person.said, min(person.said.at, now) if person.said.at else None
    if said.meaning == "yes":
        if last is None:
            return at or now
        return at if at is not None and last.action == "withdrawn" and last.at < at else None
    if last is None:
        return (at or now) if at is not None or said.meaning in _FIRM else None
    if last.action == "withdrawn":
        return None
    of_a_file = last.source == _SOURCE  # at a time that the file did not know
    if at is not None:
        return max(at, last.at) if of_a_file or last.at <= at else None
    return max(now, last.at) if last.source.startswith(_SOURCE) or said.meaning in _FIRM else None


async def _last_words(session: AsyncSession, marks: Collection[str]) -> dict[str, dict[str, _Word]]:
    rows = table(Consent)
    said = sa.select(rows.c.address_hash, rows.c.topic, rows.c.action, rows.c.at, rows.c.source, rows.c.contact_id)
    said = said.where(rows.c.channel == "email", rows.c.address_hash.in_(sorted(marks)), rows.c.action.in_(ANSWERS))
    last: dict[str, dict[str, _Word]] = {}
    for mark, topic, action, at, source, contact_id in await session.execute(said.order_by(rows.c.at, rows.c.id)):
        last.setdefault(mark, {})[topic] = _Word(action, at, source, contact_id)
    return last
