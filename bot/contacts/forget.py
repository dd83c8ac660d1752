"""Forget a person: what names them goes, what was counted stays, and the hash remembers not to write to them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from bot.base import ids, personal
from bot.base.database import scrub, table
from bot.base.personal import Delete, Personal
from bot.contacts import belonging, claims, consent, elsewhere, endings, mentions
from bot.contacts.belonging import Person
from bot.contacts.elsewhere import Shown
from bot.tables.people import Contact, Suppression

_BROWSERS = 500  # in one statement
_OVER: dict[str, Any] = {"status": "erased", "due_at": None, "lease_until": None, "lease_by": None}


async def erase(session: AsyncSession, secret: str, contact_id: int, now: datetime) -> Shown:
    """Erase the contact and whoever was merged into it (GDPR Art. 17). Its rows stay, without a word that names it.

    Browsers that say they are theirs are erased with them; what else those claim is somebody else's and stays. Open
    enrolments end as `erased`, mail not handed over yet is dropped (a worker that holds it finds it gone). Hashes
    of its ids stay as suppressions, so that neither a late event nor an import brings the person back. Returns where
    words of theirs still stand in Telegram, among those of others.
    """
    browsers = await claims.claimants(session, contact_id)  # asked before what they claim is gone
    who = await belonging.people(session, [contact_id], secret)
    where = await _erase(session, secret, who, now)
    await _forget_raw_copies(session, who)
    await _erase_browsers(session, secret, browsers, now)
    scrub(session)
    return where


async def erase_claimed(session: AsyncSession, secret: str, kind: str, value: str, now: datetime) -> int:
    """Erase the browsers that say they are of this address, which nobody else told us of. Returns how many."""
    browsers = await claims.who_claims(session, kind, value)
    await _erase_browsers(session, secret, browsers, now)
    await consent.suppress(session, secret, kind, value, "erased", now)
    await _forget_raw_copies(session, Person((), (), (), [(kind, value)], [ids.hash_address(value, secret)]))
    scrub(session)
    return len(browsers)


async def _erase_browsers(session: AsyncSession, secret: str, browsers: Sequence[int], now: datetime) -> None:
    """Strangers can invent any number of them: many at a time, and raw copies are searched once for all."""
    every: list[Person] = []
    for start in range(0, len(browsers), _BROWSERS):
        every.append(await belonging.people(session, browsers[start : start + _BROWSERS], secret))
        await _erase(session, secret, every[-1], now)
    if every:
        await _forget_raw_copies(session, _as_one(every))


async def _erase(session: AsyncSession, secret: str, who: Person, now: datetime) -> Shown:
    """All but raw copies, which may tell of them without a word of whose they are."""
    await consent.suppress_many(session, [consent.stop(secret, *one, "erased", now) for one in _addresses(who)])
    tables = personal.registry()
    for said in tables.values():
        if said.rule:
            await endings.RULES[said.rule](session, who, now)
    where = await elsewhere.shown(session, who)
    await elsewhere.forget(session, who, where, now)
    for model, said in tables.items():
        await _empty(session, model, said, belonging.theirs(model, said.whose, who))
    await _refresh(session, who)
    return where


async def _forget_raw_copies(session: AsyncSession, who: Person) -> None:
    for model, said in personal.registry().items():
        if said.raw:
            await _forget_raw(session, model, said, who)


def _as_one(every: Sequence[Person]) -> Person:
    """Of many, what raw copies are searched for."""
    return Person(
        (), (), (), [known for one in every for known in one.known],
        orders=frozenset().union(*(one.orders for one in every)),
        carts=frozenset().union(*(one.carts for one in every)),
        page_carts=frozenset().union(*(one.page_carts for one in every)),
        stores=frozenset().union(*(one.stores for one in every)),
    )  # fmt: skip


def _addresses(who: Person) -> Iterator[tuple[str, str]]:
    for kind, value in who.known:
        for channel in (kind, "sms", "whatsapp") if kind == "phone" else (kind,):
            yield channel, value


async def _refresh(session: AsyncSession, who: Person) -> None:
    """Whoever holds one of these contacts sees what became of it."""
    erased = set(who.contacts)
    for held in [one for one in session.sync_session.identity_map.values() if isinstance(one, Contact)]:
        if held.id in erased:
            await session.refresh(held)


async def was_erased(
    session: AsyncSession, secret: str, identities: Sequence[tuple[str, str]], since: datetime
) -> bool:
    """Whether one of these `(kind, normalised value)` belonged to somebody who was forgotten at or after `since`."""
    rows = table(Suppression)
    hashes = [ids.hash_address(value, secret) for _, value in identities]
    gone = sa.select(rows.c.channel, rows.c.address_hash).where(
        rows.c.address_hash.in_(hashes), rows.c.topic == "", rows.c.reason == "erased", rows.c.created_at >= since
    )
    found = {(channel, hashed) for channel, hashed in await session.execute(gone)}
    return any((kind, hashed) in found for (kind, _), hashed in zip(identities, hashes, strict=True))


async def _empty(session: AsyncSession, model: type[SQLModel], said: Personal, mine: sa.ColumnElement[bool]) -> None:
    rows = sa.and_(mine, *(table(model).c[name] != value for name, value in said.spare.items()))
    if isinstance(said.forget, Delete):
        await session.execute(sa.delete(table(model)).where(rows))
    elif said.forget.values:
        await session.execute(sa.update(table(model)).where(rows).values(**said.forget.values))


async def _forget_raw(session: AsyncSession, model: type[SQLModel], said: Personal, who: Person) -> None:
    """Raw copies. One that is still to be worked off is ended, unless it is doubtful that it tells of them."""
    rows = table(model)
    found = await mentions.find(session, model, said, who)
    every, certain = [one.id for one in found], [one.id for one in found if one.certain]
    if "due_at" in rows.c:
        await session.execute(sa.update(rows).where(rows.c.id.in_(certain), rows.c.due_at.is_not(None)).values(**_OVER))
        await _empty(session, model, said, sa.and_(rows.c.id.in_(every), rows.c.due_at.is_(None)))
    else:
        await _empty(session, model, said, rows.c.id.in_(every))
