"""The people of a batch: found in a few queries, made in a few inserts, by the rules of `contacts.resolve`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import stores
from bot.base.database import table
from bot.contacts import claims, forget, joined_customers, profile, resolve
from bot.contacts.resolve import Held, Known
from bot.events import Happened, people
from bot.shops.history.columns import written
from bot.tables.people import Contact, Identity

_rows, _contacts = table(Identity), table(Contact)


class Answer(Enum):
    NOBODY = "nobody is named"
    ERASED = "it is of before they were forgotten"
    UNCLEAR = "to be looked at alone"


@dataclass(eq=False)
class Somebody:
    """A contact, perhaps not written yet, and what they are known by."""

    contact: Contact
    held: Held


@dataclass(frozen=True)
class _Owned:
    contact_id: int
    rank: str


@dataclass
class People:
    now: datetime
    by_name: dict[Known, Somebody]
    ranks: Mapping[Known, str]
    erased: Mapping[Known, datetime]
    fresh: list[Somebody] = field(default_factory=list)
    added: list[tuple[Somebody, Known]] = field(default_factory=list)
    settled: list[Somebody] = field(default_factory=list)
    raised: list[Known] = field(default_factory=list)
    newest: list[tuple[Somebody, object]] = field(default_factory=list)

    @classmethod
    async def of(
        cls, session: AsyncSession, secret: str, rows: Sequence[Mapping[str, Any]], more: Sequence[Known], now: datetime
    ) -> "People":
        """`more` are addresses that they name beside those of whom they are about."""
        named = {*more} | {pair for row in rows for pair in (*people.names_of(row), *_names(row))}
        shops = {(joined_customers.kind_after(kind), value) for kind, value in named if kind in people.SHOPS}
        owned = await _owned(session, named | shops)
        ids = sorted({one.contact_id for one in owned.values()})
        held = await resolve.held_by(session, ids) if ids else {}
        wanted = select(Contact).where(col(Contact.id).in_(ids))
        known = {one.id: Somebody(one, held[one.id or 0]) for one in await session.scalars(wanted)} if ids else {}
        return cls(
            now,
            {pair: known[one.contact_id] for pair, one in owned.items()},
            {pair: one.rank for pair, one in owned.items()},
            await forget.erased_at(session, secret, named),
        )

    def is_clear(self, row: Mapping[str, Any]) -> bool:
        """Of somebody's traits: none that says yes or no to marketing."""
        traits = row["body"].get("traits") or {}
        return not any(name in traits for name in people.CONSENT_TRAITS)

    def whose(self, row: Mapping[str, Any]) -> Somebody | Answer:
        known, plain = _names(row), people.names_of(row)
        if not known:
            return Answer.NOBODY
        if row["source"] not in people.SHOPS or any(kind == "anonymous_id" for kind, _ in known):
            return Answer.UNCLEAR
        for pair in plain:  # an id of before its store was named; one that the shop joined into another
            if pair not in known and pair in self.by_name:
                return Answer.UNCLEAR
        if any((joined_customers.kind_after(kind), value) in self.by_name for kind, value in known):
            return Answer.UNCLEAR
        owners = {self.by_name.get(pair) for pair in known}
        (one, *others) = owners
        if one is not None and not others:
            return one
        if any(pair in self.erased and self.erased[pair] >= row["ts"] for pair in (*known, *plain)):
            return Answer.ERASED
        return self._put_together(known)

    def _put_together(self, known: Collection[Known]) -> Somebody | Answer:
        """As `resolve` does, as long as nobody is joined with anybody."""
        so_far, one, new = resolve.Together(), None, list[Known]()
        for kind, value in resolve.by_priority(known):
            owner = self.by_name.get((kind, value))
            if owner is None:
                if so_far.fits({kind: {value: self.now}}, self.now):
                    so_far.add({kind: {value: self.now}})
                    new.append((kind, value))
            elif owner is not one:
                if kind == "phone" and (one is not None or new):
                    continue
                if not so_far.fits(owner.held, self.now):
                    continue
                if one is not None or owner.contact.claimed:
                    return Answer.UNCLEAR
                so_far.add(owner.held)
                one = owner
        if one is None:
            one = Somebody(Contact(created_at=self.now), so_far.held)
            self.fresh.append(one)
        elif new:
            one.held = so_far.held
            self.settled.append(one)
        for pair in new:
            self.by_name[pair] = one
            self.added.append((one, pair))
        self.raised += [pair for pair in known if self.by_name.get(pair) is one and self.ranks.get(pair) == "person"]
        return one

    def hear(self, whose: Somebody, said: Happened, zone: tzinfo | None) -> None:
        if not said.traits and not said.context:
            return
        traits = profile.newest(whose.contact, said.traits, people.said_at(said), richer=True)
        profile.take_in(whose.contact, traits, said.context, self.now, zone)
        email = traits.get("email")
        if email and len(whose.held.get("email", ())) > 1:
            self.newest.append((whose, email))

    async def write(self, session: AsyncSession) -> None:
        if self.fresh:
            made = sa.insert(_contacts).returning(_contacts.c.id, sort_by_parameter_order=True)
            ids = await session.scalars(made, [written(one.contact) for one in self.fresh])
            for one, contact_id in zip(self.fresh, ids, strict=True):
                one.contact.id = contact_id
        await session.flush()
        if self.added:
            rows = [
                {"contact_id": whose.contact.id, "kind": kind, "value": value, "rank": "shop", "proven": False,
                 "created_at": self.now}
                for whose, (kind, value) in self.added
            ]  # fmt: skip
            await session.execute(sa.insert(_rows), rows)
        for whose in self.settled:
            await claims.drop(session, whose.contact.id or 0)
        if self.raised:
            same = sa.or_(*(sa.and_(_rows.c.kind == kind, _rows.c.value == value) for kind, value in self.raised))
            await session.execute(sa.update(_rows).where(same, _rows.c.rank == "person").values(rank="shop"))
        for whose, email in self.newest:
            await profile.make_newest(session, whose.contact, email, self.now)


def _names(row: Mapping[str, Any]) -> list[Known]:
    """As they are kept: the id of a customer is one of their store."""
    user = people.user_kind(row["source"])
    known = [
        (kind, stores.person(row["store"], value) if kind == user else value) for kind, value in people.names_of(row)
    ]
    return [*known, *people.phone_of(row)] if known else []


async def _owned(session: AsyncSession, wanted: Collection[Known]) -> dict[Known, _Owned]:
    by_kind, found = dict[str, list[str]](), dict[Known, _Owned]()
    for kind, value in sorted(wanted):
        by_kind.setdefault(kind, []).append(value)
    for kind, given in by_kind.items():
        there = sa.select(_rows.c.value, _rows.c.contact_id, _rows.c.rank).where(
            _rows.c.kind == kind, _rows.c.value.in_(given)
        )
        found |= {(kind, value): _Owned(owner, rank) for value, owner, rank in await session.execute(there)}
    return found
