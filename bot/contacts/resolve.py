"""Find the contact behind a set of identities, or make one, by the identity rules of Segment Unify.

Priority user_id > shop id > telegram > email > anonymous_id. A contact has one user_id of a store, so two people with
different user_ids are never joined: the lower identifier is left out instead (it stays with whoever had it). An id of a
customer counts within its store: one person may be a customer of two shops.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import stores
from bot.base.database import insert, table
from bot.base.ranks import Rank
from bot.contacts import claims
from bot.contacts.identity import normalise
from bot.contacts.merge import merge
from bot.tables.people import Contact, DeviceUser, Identity
from bot.tables.shop import Order
from bot.tables.support import Ticket

_PRIORITY = ("user_id", "shopify", "woocommerce", "telegram", "email", "phone", "anonymous_id", "claimed_user")
_ONE_EACH = ("user_id", "shopify", "woocommerce")  # of each store; of the others 5, as Segment has it
_LIMIT = 5
_WEEK = timedelta(days=7)
_rows = table(Identity)
_devices = table(DeviceUser)

Known = tuple[str, str]
Held = dict[str, dict[str, datetime]]


@dataclass
class Together:
    """The person as far as put together: identities held, contacts joined (the first one stays), identities to add."""

    held: Held = field(default_factory=dict)
    contacts: list[int] = field(default_factory=list)
    new: list[Known] = field(default_factory=list)

    @property
    def is_news(self) -> bool:
        """Whether more is known now than before."""
        return bool(self.new) or len(self.contacts) > 1

    def fits(self, more: Mapping[str, Mapping[str, datetime]], now: datetime) -> bool:
        for kind, values in more.items():
            together = {**self.held.get(kind, {}), **values}
            if kind == "anonymous_id":  # browsers forget their cookies; only a burst is suspicious
                together = {value: at for value, at in together.items() if at > now - _WEEK}
            if set(values) - set(self.held.get(kind, {})) and _too_many(kind, together):
                return False
        return True

    def add(self, more: Mapping[str, Mapping[str, datetime]]) -> None:
        for kind, values in more.items():
            self.held.setdefault(kind, {}).update(values)


def _too_many(kind: str, values: Collection[str]) -> bool:
    if kind not in _ONE_EACH:
        return len(values) > _LIMIT
    return len({stores.store_of(value) for value in values}) < len(values)


async def find_or_create(
    session: AsyncSession,
    identities: Sequence[tuple[str, object]],
    now: datetime,
    *,
    proven: bool = False,
    rank: Rank = "person",
    **fields: Any,
) -> Contact:
    """The contact known by these `(kind, value)` pairs; contacts they prove to be one person are merged.

    `fields` are columns of Contact and fill only what is empty (`last_seen_at` always moves forward). `proven` marks
    the identities as shown to be theirs, and is what it takes to join anybody with somebody who talks to us by chat.
    `rank` is that of whoever names them; a page may name its browser and nobody else.
    """
    if rank == "page" and any(kind not in claims.BROWSER for kind, _ in identities):
        raise ValueError("what a page says about a person is a claim")
    wanted = await _usable(session, identities, now)
    for _attempt in range(3):
        person = await _put_together(session, wanted, now, proven)
        contact = await _settle(session, person, rank, now)
        if contact is not None:
            break
    else:
        raise RuntimeError("identities of a contact keep changing under us")
    if person.is_news and any(kind not in claims.BROWSER for kind, _ in wanted):
        await claims.settle(session, contact)
    if rank == "shop" and wanted:  # what a person said before is the shop's word now
        named = sa.update(_rows).where(_rows.c.contact_id == contact.id, _rows.c.rank == "person")
        await session.execute(named.where(sa.tuple_(_rows.c.kind, _rows.c.value).in_(wanted)).values(rank="shop"))
    if proven and wanted:
        mine = sa.update(_rows).where(_rows.c.contact_id == contact.id, _rows.c.proven.is_(False))
        await session.execute(mine.where(sa.tuple_(_rows.c.kind, _rows.c.value).in_(wanted)).values(proven=True))
    _fill(contact, fields)
    await session.flush()
    return contact


async def join(session: AsyncSession, keep_id: int, gone_id: int, now: datetime) -> bool:
    """Merge two contacts that were shown to be one person; False if their ids say that they are two."""
    person = Together()
    person.add(await _held(session, keep_id))
    if keep_id != gone_id:
        if not person.fits(await _held(session, gone_id), now):
            return False
        await merge(session, keep_id, gone_id, now)
    return True


async def _usable(session: AsyncSession, identities: Sequence[tuple[str, object]], now: datetime) -> list[Known]:
    """Normalised, without nobodies, highest priority first, and without the id of a device that many share."""
    normal = {(kind, known) for kind, value in identities if (known := normalise(kind, value)) is not None}
    wanted = by_priority(normal)
    users = [value for kind, value in wanted if kind == "user_id"]
    devices = [value for kind, value in wanted if kind == "anonymous_id"]
    if not devices:
        return wanted
    for device in devices:
        for user in users:
            seen = insert(session, _devices).values(anonymous_id=device, user_id=user, seen_at=now)
            keys = [_devices.c.anonymous_id, _devices.c.user_id]
            await session.execute(seen.on_conflict_do_update(index_elements=keys, set_={"seen_at": now}))
    lately = sa.select(_devices.c.anonymous_id).where(
        _devices.c.anonymous_id.in_(devices), _devices.c.seen_at > now - _WEEK
    )
    shared = lately.group_by(_devices.c.anonymous_id).having(sa.func.count() > 5)
    tablets = set((await session.scalars(shared)).all())
    return [pair for pair in wanted if pair[0] != "anonymous_id" or pair[1] not in tablets]


def by_priority(known: Collection[Known]) -> list[Known]:
    return sorted(known, key=lambda pair: (_PRIORITY.index(pair[0]) if pair[0] in _PRIORITY else 4, pair))


async def _put_together(session: AsyncSession, wanted: Sequence[Known], now: datetime, proven: bool) -> Together:
    owners = await _owners(session, wanted)
    person = Together()
    for kind, value in wanted:
        owner = owners.get((kind, value))
        if owner is None:
            if person.fits({kind: {value: now}}, now):
                person.add({kind: {value: now}})
                person.new.append((kind, value))
        elif owner not in person.contacts:
            theirs = await _held(session, owner)
            if kind == "phone" and (person.contacts or person.new):
                continue  # families share a telephone: it never joins two contacts
            if not person.fits(theirs, now):
                continue
            if person.contacts and not proven and await _would_expose(session, person, owner, theirs):
                continue
            person.add(theirs)
            person.contacts.append(owner)
    return person


async def _owners(session: AsyncSession, wanted: Sequence[Known]) -> dict[Known, int]:
    if not wanted:
        return {}
    # One equality per pair: both databases then use the unique index (a row-value IN does not on SQLite).
    pairs = sa.or_(*(sa.and_(_rows.c.kind == kind, _rows.c.value == value) for kind, value in wanted))
    found = await session.execute(sa.select(_rows.c.kind, _rows.c.value, _rows.c.contact_id).where(pairs))
    return {(kind, value): contact_id for kind, value, contact_id in found}


async def _held(session: AsyncSession, contact_id: int) -> Held:
    return (await held_by(session, [contact_id])).get(contact_id, {})


async def held_by(session: AsyncSession, contact_ids: Collection[int]) -> dict[int, Held]:
    """What each of these contacts is known by: by kind and value, since when."""
    held: dict[int, Held] = {}
    columns = _rows.c.contact_id, _rows.c.kind, _rows.c.value, _rows.c.created_at
    theirs = sa.select(*columns).where(_rows.c.contact_id.in_(sorted(contact_ids)))
    for contact_id, kind, value, at in await session.execute(theirs):
        held.setdefault(contact_id, {}).setdefault(kind, {})[value] = at
    return held


async def _would_expose(
    session: AsyncSession, person: Together, owner: int, theirs: Mapping[str, Mapping[str, datetime]]
) -> bool:
    """Whether joining on a mere claim would show orders or tickets to somebody who chats with us.

    A write key stands in every shop page, so anybody can claim any address; a chat then answers "where is my order".
    """
    chats_here, chats_there = "telegram" in person.held, "telegram" in theirs
    if not chats_here and not chats_there:
        return False
    hidden = [owner] if chats_here else person.contacts
    if chats_here and chats_there:
        return True
    for model in (Order, Ticket):
        rows = table(model)
        if await session.scalar(sa.select(rows.c.id).where(rows.c.contact_id.in_(hidden)).limit(1)) is not None:
            return True
    return False


async def _settle(session: AsyncSession, person: Together, rank: Rank, now: datetime) -> Contact | None:
    """Write the person down. None if another process was quicker with one of the identities: look again."""
    if person.contacts:
        contact = await session.get_one(Contact, person.contacts[0])
        for gone in person.contacts[1:]:
            await merge(session, person.contacts[0], gone, now)
    else:
        contact = Contact(created_at=now)
        session.add(contact)
        await session.flush()
    added = False
    for kind, value in person.new:
        row = {"contact_id": contact.id, "kind": kind, "value": value, "created_at": now, "proven": False}
        row["rank"] = rank
        ours = insert(session, _rows).values(row).on_conflict_do_nothing().returning(_rows.c.id)
        if await session.scalar(ours) is None:
            if not person.contacts and not added:
                await session.delete(contact)
                await session.flush()
            return None
        added = True
    return contact


def _fill(contact: Contact, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if name == "last_seen_at":
            if value is not None and (contact.last_seen_at is None or contact.last_seen_at < value):
                contact.last_seen_at = value
        elif value and not getattr(contact, name):
            setattr(contact, name, value)
