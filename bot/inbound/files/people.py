"""The contacts of a batch of lines: found in a few queries, made in a few inserts, the unclear ones one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts
from bot.base import ids
from bot.base.database import table
from bot.contacts.consent import ANSWERS
from bot.tables.people import Consent, Contact, Identity, Suppression

_SOURCE = "import"

Known = tuple[str, str]


@dataclass
class Person:
    """A line about somebody: identities in normal form, columns of Contact, and what they allow (`consent_at`)."""

    identities: list[Known]
    fields: dict[str, Any] = field(default_factory=dict)
    consent_at: datetime | None = None
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
    await _allow(session, secret, [person for person in people if person.consent_at], now)


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


async def _allow(session: AsyncSession, secret: str, people: Sequence[Person], now: datetime) -> None:
    """Consent from a file is believed once: whatever the ledger says already about the address stands over it."""
    wanted = {
        ids.hash_address(value, secret): (person, value)
        for person in people
        if not person.refused
        for kind, value in person.identities
        if kind == "email"
    }
    rows = table(Consent)
    there = sa.select(rows.c.address_hash).where(
        rows.c.channel == "email", rows.c.address_hash.in_(sorted(wanted)), rows.c.action.in_(ANSWERS)
    )
    for mark in set(await session.scalars(there)):
        wanted.pop(mark, None)
    granted = [
        {
            "contact_id": person.contact_id, "address_hash": mark, "channel": "email", "topic": "marketing",
            "action": "granted", "source": _SOURCE, "at": min(person.consent_at or now, now),
        }
        for mark, (person, _) in wanted.items()
    ]  # fmt: skip
    if granted:
        await session.execute(sa.insert(rows), granted)
