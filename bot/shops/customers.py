"""Customers that a shop joins or deletes, and the tags that it sticks to them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts, events
from bot.base import stores
from bot.base.database import table
from bot.contacts import joined_customers, profile
from bot.events import Happened, NewEvent, people
from bot.events.people import SHOPS
from bot.shops import lines
from bot.tables.people import Contact, Identity

EVENTS = ("Customer Merged", "Customer Deleted", "Customer Tags Changed")
_MOST_TAGS = 250
_rows = table(Identity)


async def apply(session: AsyncSession, happened: Happened, now: datetime) -> bool | None:
    """False if it tells nothing of somebody whom we know."""
    if happened.source not in SHOPS:
        return None
    if happened.name == "Customer Merged":
        return await _merge(session, happened, now)
    if happened.name == "Customer Deleted":
        return await _delete(session, happened, now)
    return await _tag(session, happened)


async def _merge(session: AsyncSession, happened: Happened, now: datetime) -> bool | None:
    """Two customers of the shop are one: theirs is what the id that goes had, and what still comes under that id."""
    old = lines.text(happened.properties.get("joined_id"))
    if happened.contact_id is None or not old:
        return False
    gone = await _release(session, happened, old)
    if gone is not None and gone.id is not None and gone.id != happened.contact_id:
        await contacts.join(session, happened.contact_id, gone.id, now)  # not if both signed in as different users
    value = stores.person(happened.store, old)
    await joined_customers.remember(session, happened.source, value, happened.contact_id, now)
    return None


async def _delete(session: AsyncSession, happened: Happened, now: datetime) -> bool | None:
    """The shop knows them no more: its id names nobody, and the yes that it had is gone with them. What they told us
    themselves stays; that they want to be forgotten comes as a request of its own.
    """
    contact = await _release(session, happened, lines.text(happened.properties.get("customer_id")))
    if contact is None or contact.id is None:
        return False
    known = await contacts.identities(session, contact.id)
    begins = stores.person(happened.store, "")
    if any(one.kind == happened.source and one.value.startswith(begins) for one in known):
        return None  # the shop has them under another id
    for one in known:
        if one.kind == "email":
            said = {"email": one.value, "source": "shop", "topic": "marketing", "basis": "off"}
            key = f"{happened.store}:customer deleted:{happened.id}:{one.value}"
            body = {"email": one.value, "properties": said}
            await events.record(
                session,
                NewEvent(happened.source, key, "track", "Unsubscribed", happened.ts, now, body, contact.id,
                         rank=happened.rank, store=happened.store),
            )  # fmt: skip
    return None


async def _release(session: AsyncSession, happened: Happened, customer_id: str) -> Contact | None:
    """Whoever had this id of the shop; they have it no more."""
    value = stores.person(happened.store, customer_id)
    contact = await contacts.find(session, happened.source, value) if customer_id else None
    if contact is not None:
        mine = sa.delete(_rows).where(_rows.c.kind == happened.source, _rows.c.value == value)
        await session.execute(mine)
    return contact


async def _tag(session: AsyncSession, happened: Happened) -> bool | None:
    if happened.contact_id is None:
        return False
    contact = await session.get_one(Contact, happened.contact_id)
    held = lines.words(contact.traits.get("shop_tags"))
    added, removed = (lines.words(happened.properties.get(name)) for name in ("added", "removed"))
    new = [one for one in dict.fromkeys([*held, *added]) if one not in removed][:_MOST_TAGS]
    if new == held:
        return False
    profile.newest(contact, {"shop_tags": new}, people.said_at(happened))
    contact.traits = _with_tags(contact.traits, new)
    return None


def _with_tags(traits: Mapping[str, Any], tags: list[str]) -> dict[str, Any]:
    return {
        **{name: value for name, value in traits.items() if name != "shop_tags"},
        **({"shop_tags": tags} if tags else {}),
    }
