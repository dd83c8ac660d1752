"""Forget a person: what names them goes, what was counted stays, and the hash remembers not to write to them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from bot.base import ids, personal
from bot.base.database import scrub, table
from bot.base.personal import Delete, Personal
from bot.contacts import belonging, claims, consent, elsewhere, endings, mentions, requests
from bot.contacts.belonging import Person
from bot.contacts.elsewhere import Shown
from bot.contacts.identity import normalise
from bot.tables.people import Contact, Suppression
from bot.tables.privacy import PrivacyTask
from bot.tables.shop import Cart

_AT_ONCE = 20
"""So many browsers are most likely their own devices, and go with them; strangers can invent any number of them."""
_BROWSERS = 250  # in one transaction, of more than that
_ROWS = 1000  # raw copies that one transaction looks at
_ASKED = 500  # hashes in one statement
_OVER: dict[str, Any] = {"status": "erased", "due_at": None, "lease_until": None, "lease_by": None}


@dataclass(frozen=True)
class Browsers:
    """How many claim to be somebody who is forgotten: erased with them, or left to the `task`, which ends by itself."""

    erased: int = 0
    left: int = 0
    task: int | None = None

    def __add__(self, other: "Browsers") -> "Browsers":
        return Browsers(self.erased + other.erased, self.left + other.left, self.task or other.task)


@dataclass(frozen=True)
class Forgotten:
    """`shown`: where words of theirs still stand in Telegram, among those of others."""

    shown: Shown
    browsers: Browsers


async def erase(session: AsyncSession, secret: str, contact_id: int, now: datetime, by: str = "clock") -> Forgotten:
    """Erase the contact and whoever was merged into it (GDPR Art. 17). Its rows stay, without a word that names it.

    Browsers that say they are theirs are erased with them, or by `erase_some` if they are many; what else those claim
    is somebody else's and stays. Open enrolments end as `erased`, mail not handed over yet is dropped (a worker that
    holds it finds it gone). Hashes of its ids stay as suppressions, so that neither a late event nor an import brings
    the person back.
    """
    who = await belonging.people(session, [contact_id], secret)
    shown = await _erase(session, secret, who, now)
    await _forget_raw_copies(session, who)
    browsers = await _erase_browsers(session, secret, contact_id, who.known, by, now)
    scrub(session)
    return Forgotten(shown, browsers)


async def erase_claimed(
    session: AsyncSession, secret: str, kind: str, value: str, now: datetime, by: str = "clock"
) -> Browsers:
    """Erase the browsers that say they are of this address, which nobody else told us of."""
    await consent.suppress(session, secret, kind, value, "erased", now)
    await _forget_raw_copies(session, Person((), (), (), [(kind, value)], [ids.hash_address(value, secret)]))
    browsers = await _erase_browsers(session, secret, None, [(kind, value)], by, now)
    scrub(session)
    return browsers


async def _erase_browsers(
    session: AsyncSession, secret: str, contact_id: int | None, known: Sequence[tuple[str, str]], by: str, now: datetime
) -> Browsers:
    """A few at once; of many only that they are left is written down, unless it is already."""
    named = {one for one in known if one[0] in claims.CLAIMED}
    said = sorted(named - await requests.being_forgotten(session))
    few = await claims.some_claimants(session, said, _AT_ONCE + 1)
    if len(few) <= _AT_ONCE:
        if few:
            who = await belonging.people(session, few, secret)
            await _erase(session, secret, who, now)
            await _forget_raw_copies(session, who)
        if await claims.drop_claims(session, said, _BROWSERS) < _BROWSERS:
            return Browsers(erased=len(few))
    left = await claims.count_claimants(session, said)
    task = await requests.leave_browsers(session, contact_id, said, by, now)
    return Browsers(0 if left else len(few), left, task)


async def erase_some(session: AsyncSession, secret: str, task: PrivacyTask, now: datetime) -> bool:
    """One step of what was left to a task: some browsers, after the last of them some raw copies. True: that was all.

    Each step is a transaction of its own, of bounded size; what it did is written down in the task with it.
    """
    said = [(kind, value) for kind, value in task.known]
    if browsers := await claims.some_claimants(session, said, _BROWSERS):
        who = await belonging.people(session, browsers, secret)
        await _erase(session, secret, who, now)
        await _forget_raw_copies(session, who, made_up=False)
        task.asked = {"erased": task.asked["erased"] + len(browsers)}
        return False
    if await claims.drop_claims(session, said, _BROWSERS) == _BROWSERS or not await _search_some(session, secret, task):
        return False
    task.known, task.asked = [], {"erased": task.asked["erased"]}
    scrub(session)
    return True


async def _search_some(session: AsyncSession, secret: str, task: PrivacyTask) -> bool:
    """The next rows of the tables with raw copies, one table after the other. True: there are no more."""
    raw = {str(table(model).name): (model, said) for model, said in personal.registry().items() if said.raw}
    names = sorted(raw)
    name, after = task.asked.get("table", names[0]), task.asked.get("after", 0)

    async def erased(made_up: Collection[str]) -> tuple[Collection[str], Collection[str]]:
        kept = {one for said in made_up if (one := normalise("anonymous_id", said)) is not None}
        return await _erased_browsers(session, secret, kept, task.asked_at), await _erased_carts(session, kept)

    who = Person((), (), (), [(kind, value) for kind, value in task.known])
    found, last = await mentions.find_some(session, *raw[name], who, erased, after, _ROWS)
    await _forget_found(session, *raw[name], found)
    if last is None:
        following = names[names.index(name) + 1 :]
        if not following:
            return True
        name, last = following[0], 0
    task.asked = {**task.asked, "table": name, "after": last}
    return False


async def _erased_browsers(
    session: AsyncSession, secret: str, made_up: Collection[str], since: datetime
) -> Collection[str]:
    rows, hashed = table(Suppression), {ids.hash_address(one, secret): one.lower() for one in made_up}
    found: set[str] = set()
    for part in _parts(sorted(hashed)):
        gone = sa.select(rows.c.address_hash).where(
            rows.c.channel.in_(claims.BROWSER), rows.c.address_hash.in_(part), rows.c.topic == "",
            rows.c.reason == "erased", rows.c.created_at >= since,
        )  # fmt: skip
        found |= {hashed[one] for one in await session.scalars(gone)}
    return found


async def _erased_carts(session: AsyncSession, made_up: Collection[str]) -> Collection[str]:
    """Carts that pages told of and whose browser was erased."""
    carts, people, found = table(Cart), table(Contact), set[str]()
    for part in _parts(sorted(made_up)):
        gone = sa.select(carts.c.cart_id).join(people, people.c.id == carts.c.contact_id).where(
            carts.c.kind.in_(("cart", "checkout")), carts.c.cart_id.in_(part), carts.c.rank == "page",
            people.c.status == "erased",
        )  # fmt: skip
        found |= {one.lower() for one in await session.scalars(gone)}
    return found


def _parts(every: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(every), _ASKED):
        yield every[start : start + _ASKED]


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


async def _forget_raw_copies(session: AsyncSession, who: Person, *, made_up: bool = True) -> None:
    for model, said in personal.registry().items():
        if said.raw:
            found = await mentions.find(session, model, said, who, made_up=made_up)
            await _forget_found(session, model, said, found)


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
    return any(at >= since for at in (await erased_at(session, secret, identities)).values())


async def erased_at(
    session: AsyncSession, secret: str, identities: Collection[tuple[str, str]]
) -> dict[tuple[str, str], datetime]:
    """Those of these `(kind, normalised value)` that belonged to somebody who was forgotten, and when."""
    rows = table(Suppression)
    hashes = {pair: ids.hash_address(pair[1], secret) for pair in identities}
    gone = sa.select(rows.c.channel, rows.c.address_hash, rows.c.created_at).where(
        rows.c.address_hash.in_(sorted(set(hashes.values()))), rows.c.topic == "", rows.c.reason == "erased"
    )
    found = {(channel, hashed): at for channel, hashed, at in await session.execute(gone)} if hashes else {}
    return {pair: found[pair[0], hashed] for pair, hashed in hashes.items() if (pair[0], hashed) in found}


async def _empty(session: AsyncSession, model: type[SQLModel], said: Personal, mine: sa.ColumnElement[bool]) -> None:
    rows = sa.and_(mine, *_spared(table(model), said))
    if isinstance(said.forget, Delete):
        await session.execute(sa.delete(table(model)).where(rows))
    elif said.forget.values:
        await session.execute(sa.update(table(model)).where(rows).values(**said.forget.values))


async def _forget_found(
    session: AsyncSession, model: type[SQLModel], said: Personal, found: Sequence[mentions.Found]
) -> None:
    """Raw copies. One that is still to be worked off is ended, unless it is doubtful that it tells of them."""
    rows = table(model)
    every, certain = [one.id for one in found], [one.id for one in found if one.certain]
    if not found:
        return
    if "due_at" in rows.c:
        waiting = rows.c.id.in_(certain), rows.c.due_at.is_not(None), *_spared(rows, said)
        await session.execute(sa.update(rows).where(*waiting).values(**_OVER))
        await _empty(session, model, said, sa.and_(rows.c.id.in_(every), rows.c.due_at.is_(None)))
    else:
        await _empty(session, model, said, rows.c.id.in_(every))


def _spared(rows: sa.Table, said: Personal) -> list[sa.ColumnElement[bool]]:
    return [rows.c[name] != value for name, value in said.spare.items()]
