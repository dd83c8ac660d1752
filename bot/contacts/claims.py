"""What pages say about whose a browser is. It opens nothing, joins nobody, and hangs on the browser's own contact.

A claim says where to ask, and under whose consent: no more. It ends when the shop or the person says whose it is.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import insert, table
from bot.tables.people import ClaimedIdentity, Contact, Identity

BROWSER = ("anonymous_id", "claimed_user")
"""Kinds of identities that prove nothing of a person: a page made them up."""

CLAIMED = ("user_id", "email", "phone")
"""What a page may say that a browser is."""

_MOST = 5  # people of one browser in a week: with more of them it is a device that many share
_WEEK = timedelta(days=7)
_AGAIN = timedelta(minutes=1)  # finer would write with every click
_rows, _known, _contacts = table(ClaimedIdentity), table(Identity), table(Contact)
_other = _known.alias("proving")
claimant = _rows.c.contact_id
"""The browser of a claim, for those who ask about some of them."""

Known = tuple[str, str]


def nobody_proved(contact_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Inside of a query: nobody but a page ever said who this is."""
    return ~sa.exists().where(_other.c.contact_id == contact_id, _other.c.kind.not_in(BROWSER))


_UNPROVEN = nobody_proved(_rows.c.contact_id)
"""Claims from before there were ranks may hang on somebody who is known: there they say nothing."""


async def is_proven(session: AsyncSession, contact_id: int) -> bool:
    """Whether anybody but a page ever said who this is."""
    said = sa.select(_known.c.id).where(_known.c.contact_id == contact_id, _known.c.kind.not_in(BROWSER))
    return await session.scalar(said.limit(1)) is not None


async def was_proven(session: AsyncSession, contact_id: int) -> bool:
    """The same, or erased: of those nobody can tell any more, and what came once to an address comes no second time."""
    erased = sa.select(_contacts.c.id).where(_contacts.c.id == contact_id, _contacts.c.status == "erased")
    return await is_proven(session, contact_id) or await session.scalar(erased) is not None


async def claim(session: AsyncSession, contact_id: int, said: Collection[Known], at: datetime) -> set[Known]:
    """A page said that whoever sits at this browser is known by these. Only for a contact that is not proven.

    A browser that many people claim keeps no address: one of them would get what is another's. Returns what is new.
    """
    mine = sa.select(_rows.c.kind, _rows.c.value, _rows.c.at).where(_rows.c.contact_id == contact_id)
    held = {(kind, value): moment for kind, value, moment in await session.execute(mine)}
    new = [pair for pair in sorted(said) if pair not in held or held[pair] < at - _AGAIN]
    first = set(new) - held.keys()
    if not new:
        return first
    for kind, value in new:
        put = insert(session, _rows).values(contact_id=contact_id, kind=kind, value=value, at=at)
        keys = [_rows.c.contact_id, _rows.c.kind, _rows.c.value]
        await session.execute(put.on_conflict_do_update(index_elements=keys, set_={"at": put.excluded.at}))
        held[kind, value] = at
    await _part(session, contact_id, held, at)
    return first


async def _part(session: AsyncSession, contact_id: int, held: dict[Known, datetime], now: datetime) -> None:
    """Forget the oldest of too many, and every address of a device that many share."""
    mine = _rows.c.contact_id == contact_id
    shared = False
    for kind in {kind for kind, _ in held}:
        values = sorted((pair for pair in held if pair[0] == kind), key=lambda pair: (held[pair], pair), reverse=True)
        shared = shared or sum(held[pair] > now - _WEEK for pair in values) > _MOST
        gone = [value for _, value in values[_MOST + 1 :]]
        if gone:
            await session.execute(sa.delete(_rows).where(mine, _rows.c.kind == kind, _rows.c.value.in_(gone)))
    if shared:
        # The rows stay, so that it is still known to be shared tomorrow.
        await session.execute(sa.update(_rows).where(mine).values(shared=True))


async def newest(session: AsyncSession, contact_id: int, kind: str) -> ClaimedIdentity | None:
    """The address that was claimed last, if nobody but pages said whose the browser is."""
    said = sa.select(ClaimedIdentity).where(_usable(kind), _rows.c.contact_id == contact_id)
    return (await session.scalars(said.order_by(_rows.c.at.desc(), _rows.c.id.desc()).limit(1))).first()


async def addresses(session: AsyncSession, contact_ids: Sequence[int], kind: str) -> Sequence[Any]:
    """The same for many: rows with contact_id, kind, value and `unreachable_at`, the newest first."""
    columns = _rows.c.contact_id, _rows.c.kind, _rows.c.value, _rows.c.at.label("created_at"), _rows.c.unreachable_at
    said = sa.select(*columns).where(_usable(kind), _rows.c.contact_id.in_(contact_ids))
    return (await session.execute(said.order_by(_rows.c.at.desc(), _rows.c.id.desc()))).mappings().all()


def _usable(kind: str) -> sa.ColumnElement[bool]:
    return sa.and_(_rows.c.kind == kind, sa.not_(_rows.c.shared), _rows.c.unreachable_at.is_(None), _UNPROVEN)


def last_claimed(contact_id: sa.ColumnElement[int], kind: str) -> sa.ScalarSelect[str]:
    """What `newest` gives, inside of a query about contacts: where to ask, and under whose consent."""
    said = sa.select(_rows.c.value).where(_usable(kind), _rows.c.contact_id == contact_id)
    return said.order_by(_rows.c.at.desc(), _rows.c.id.desc()).limit(1).correlate_except(_rows).scalar_subquery()


async def claimants(
    session: AsyncSession, contact_id: int, *among: sa.ColumnElement[bool], most: int | None = None
) -> list[int]:
    """The browsers that claim to be this person's. Good for saying less to them, never for telling them anything.

    Anybody can invent any number of them. `most` takes those that claimed it last, `among` those for which it holds
    (of `claimant`).
    """
    same = sa.and_(_known.c.kind == _rows.c.kind, _known.c.value == _rows.c.value)
    theirs = sa.select(claimant).join(_known, same).where(_known.c.contact_id == contact_id)
    newest = theirs.where(claimant != contact_id, _UNPROVEN, *among).group_by(claimant)
    return sorted((await session.scalars(newest.order_by(sa.func.max(_rows.c.at).desc(), claimant).limit(most))).all())


async def claimed(session: AsyncSession, contact_ids: Collection[int], *among: sa.ColumnElement[bool]) -> set[int]:
    """Those of these contacts that some browser claims to be, for which `among` holds."""
    same = sa.and_(_known.c.kind == _rows.c.kind, _known.c.value == _rows.c.value)
    theirs = sa.select(_known.c.contact_id).join(_rows, same).where(_known.c.contact_id.in_(sorted(contact_ids)))
    found = theirs.where(claimant != _known.c.contact_id, _UNPROVEN, *among).distinct()
    return set((await session.scalars(found)).all()) if contact_ids else set()


async def owners(session: AsyncSession, contact_ids: Collection[int]) -> list[tuple[int, int]]:
    """Pairs of (contact of a browser, contact whose address it claims), to withhold what that one needs not.

    Only by the address that a mail would go to: whoever claims another one as well learns nothing of its owner.
    """
    claimed: dict[int, str] = {}
    for row in await addresses(session, sorted(contact_ids), "email"):
        claimed.setdefault(row["contact_id"], row["value"])
    owned = sa.select(_known.c.value, _known.c.contact_id).where(
        _known.c.kind == "email", _known.c.value.in_(sorted(set(claimed.values())))
    )
    owner = {row.value: row.contact_id for row in await session.execute(owned)} if claimed else {}
    return [(browser, owner[value]) for browser, value in claimed.items() if owner.get(value, browser) != browser]


async def settle(session: AsyncSession, contact: Contact) -> None:
    """Somebody better than a page says now who this is: what pages claimed and told of them goes."""
    assert contact.id is not None
    await drop(session, contact.id)
    if contact.claimed:
        contact.first_name = contact.last_name = ""
        contact.language = contact.timezone = contact.country = contact.birthday = contact.birthday_known_at = None
        contact.traits, contact.traits_told, contact.claimed = {}, {}, False
    await session.flush()


async def drop(session: AsyncSession, contact_id: int) -> None:
    await session.execute(sa.delete(_rows).where(_rows.c.contact_id == contact_id))


async def who_claims(session: AsyncSession, kind: str, value: str, most: int | None = None) -> list[int]:
    """The contacts of the browsers that claim it, who came first if not all."""
    theirs = sa.select(_rows.c.contact_id).where(_rows.c.kind == kind, _rows.c.value == value, _UNPROVEN)
    if most is not None:
        theirs = theirs.order_by(_rows.c.id).limit(most)
    return sorted((await session.scalars(theirs)).all())


async def some_claimants(session: AsyncSession, said: Collection[Known], most: int) -> list[int]:
    """At most so many browsers that claim one of these."""
    found: set[int] = set()
    for kind, value in said:
        if len(found) < most:
            found |= set(await who_claims(session, kind, value, most - len(found)))
    return sorted(found)


async def count_claimants(session: AsyncSession, said: Collection[Known]) -> int:
    """How many browsers claim one of these."""
    browsers = sa.select(sa.func.count(sa.distinct(claimant))).where(_one_of(said), _UNPROVEN)
    return await session.scalar(browsers) or 0


async def drop_claims(session: AsyncSession, said: Collection[Known], most: int) -> int:
    """What else claims one of these goes, and its contacts stay: at most so many rows. Returns how many."""
    picked = (await session.scalars(sa.select(_rows.c.id).where(_one_of(said)).limit(most))).all()
    await session.execute(sa.delete(_rows).where(_rows.c.id.in_(picked)))
    return len(picked)


def _one_of(said: Collection[Known]) -> sa.ColumnElement[bool]:
    return sa.or_(sa.false(), *(sa.and_(_rows.c.kind == kind, _rows.c.value == value) for kind, value in said))
