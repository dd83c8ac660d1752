"""The ways a contact is known: ids and addresses in one form, looked up, marked when a channel refuses them."""

import re
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import stores
from bot.base.database import table
from bot.contacts import claims
from bot.tables.people import ClaimedIdentity, Contact, Identity
from bot.tables.shop import Store

# Values that clients send when they know nobody (Segment Unify blocks the same): merging on them joins strangers.
_NOBODY = re.compile(r"[0\-]*|-1|null|none|nil|undefined|nan|anonymous|guest", re.I)
_EMAIL = re.compile(r"[^\s@<>(),;:\"\[\]\\]+@[^\s@<>(),;:\"\[\]\\.]+(?:\.[^\s@<>(),;:\"\[\]\\.]+)+")
_rows, _claims = table(Identity), table(ClaimedIdentity)


def normalise(kind: str, value: object) -> str | None:
    """The one form in which an identity is kept and compared, or None if it names nobody.

    Numbers become text. `email` is lower case, `phone` its digits with the country code, `telegram` a chat id.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float):
        if not value.is_integer():
            return None
        value = int(value)
    text = str(value).replace("\x00", "").strip()
    if _NOBODY.fullmatch(text) or len(text) > (500 if stores.store_of(text) else 255):
        return None
    if kind == "email":
        text = text.lower()
        return text if len(text) <= 254 and _EMAIL.fullmatch(text) else None
    if kind == "phone":
        digits = re.sub(r"\D", "", text).removeprefix("00")
        return digits if 7 <= len(digits) <= 15 else None
    if kind == "telegram":
        return str(int(text)) if re.fullmatch(r"\d{1,19}", text) else None
    return text


async def of_store(session: AsyncSession, kind: str, store: str, value: str) -> str:
    """The customer's id as it is kept. One that came before its store was named is of the only store that there is."""
    ours = stores.person(store, value)
    if ours == value:
        return value
    held = set(
        (
            await session.scalars(
                sa.select(_rows.c.value).where(_rows.c.kind == kind, _rows.c.value.in_((ours, value)))
            )
        ).all()
    )
    if held == {value} and await session.scalar(sa.select(sa.func.count()).select_from(Store)) == 1:
        nameless = sa.update(_rows).where(_rows.c.kind == kind, _rows.c.value == value)
        await session.execute(nameless.values(value=ours))
    return ours


async def find(session: AsyncSession, kind: str, value: object) -> Contact | None:
    """The contact known by this identity; `value` in any form."""
    known = normalise(kind, value)
    if known is None:
        return None
    found = select(Contact).join(Identity, col(Identity.contact_id) == col(Contact.id))
    return await session.scalar(found.where(col(Identity.kind) == kind, col(Identity.value) == known))


async def find_beside_claims(session: AsyncSession, kind: str, value: object) -> tuple[Contact | None, list[int]]:
    """Who is known by this identity, and the contacts of the browsers of which nobody but a page said so.

    They are other people until one proves it: for staff to look at side by side, and never to be told to one another.
    """
    known = normalise(kind, value)
    return await find(session, kind, value), [] if known is None else await claims.who_claims(session, kind, known)


async def current(session: AsyncSession, contact_id: int) -> Contact | None:
    """The contact of that id, or whoever it was merged into."""
    contact = await session.get(Contact, contact_id)
    while contact is not None and contact.merged_into is not None:
        contact = await session.get(Contact, contact.merged_into)
    return contact


async def identities(session: AsyncSession, contact_id: int) -> Sequence[Identity]:
    """Everything that the contact is known by, the newest first."""
    mine = select(Identity).where(col(Identity.contact_id) == contact_id)
    return (await session.scalars(mine.order_by(col(Identity.created_at).desc(), col(Identity.id).desc()))).all()


async def address(session: AsyncSession, contact_id: int, kind: str) -> Identity | ClaimedIdentity | None:
    """The newest address of that kind which still takes messages; of a browser the one that it claimed last."""
    known = await identities(session, contact_id)
    mine = next((one for one in known if one.kind == kind and one.unreachable_at is None), None)
    return mine or await claims.newest(session, contact_id, kind)


async def mark_unreachable(session: AsyncSession, kind: str, value: object, reason: str, now: datetime) -> None:
    """The channel refused this address for good; `reason` in one word (`blocked`, `no_mailbox`). Others stay."""
    changed = sa.update(_rows).where(_rows.c.kind == kind, _rows.c.value == normalise(kind, value))
    await session.execute(
        changed.where(_rows.c.unreachable_at.is_(None)).values(unreachable_at=now, unreachable_reason=reason)
    )
    theirs = sa.update(_claims).where(_claims.c.kind == kind, _claims.c.value == normalise(kind, value))
    await session.execute(theirs.where(_claims.c.unreachable_at.is_(None)).values(unreachable_at=now))


async def mark_reachable(session: AsyncSession, kind: str, value: object) -> None:
    """The address takes messages again: somebody wrote from it, or took back that they had blocked us."""
    changed = sa.update(_rows).where(_rows.c.kind == kind, _rows.c.value == normalise(kind, value))
    await session.execute(
        changed.where(_rows.c.unreachable_at.is_not(None)).values(unreachable_at=None, unreachable_reason=None)
    )
    theirs = sa.update(_claims).where(_claims.c.kind == kind, _claims.c.value == normalise(kind, value))
    await session.execute(theirs.where(_claims.c.unreachable_at.is_not(None)).values(unreachable_at=None))
