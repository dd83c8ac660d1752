"""All that came from a store that left us (Shopify's `shop/redact`): its customers are forgotten, its goods go."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import stores
from bot.base.database import table
from bot.support.desk import Desk
from bot.support.privacy import forgetting
from bot.tables.catalogue import PriceChange
from bot.tables.events import Event, WebhookDelivery
from bot.tables.people import Identity
from bot.tables.shop import Cart, Product

_PEOPLE = 20
_ROWS = 500
_SHOPS = ("shopify", "woocommerce")
_known = table(Identity)


async def some(session: AsyncSession, desk: Desk, store: str, by: str, now: datetime) -> int:
    """So many of its customers, else rows of its goods and raw webhooks. Returns how many; 0: nothing is left.

    Who is a customer of another store too loses only what this one knew them by.
    """
    mine = select(Identity).where(_known.c.kind.in_(_SHOPS), _of_store(store))
    theirs = (await session.scalars(mine.order_by(col(Identity.id)).limit(_PEOPLE))).all()
    for one in theirs:
        if await _elsewhere(session, one, store):
            await session.delete(one)
            await session.flush()
        elif await session.get(Identity, one.id, populate_existing=True) is not None:
            await forgetting.forget(session, desk, one.contact_id, by, now)
    return len(theirs) or await _rows(session, store)


async def _elsewhere(session: AsyncSession, known: Identity, store: str) -> bool:
    """Whether another store knows them."""
    others = sa.select(_known.c.id).where(
        _known.c.contact_id == known.contact_id, _known.c.kind.in_(_SHOPS), ~_of_store(store)
    )
    return await session.scalar(others.limit(1)) is not None


async def _rows(session: AsyncSession, store: str) -> int:
    done = 0
    for goods in (table(Product), table(PriceChange), table(Cart)):
        done += await _delete(session, goods, goods.c.store == store)
    events, raw = table(Event), table(WebhookDelivery)
    done += await _blank(session, events, events.c.store == store)
    system, _, place = store.partition(":")
    said = sa.cast(raw.c.headers, sa.Text).contains(place, autoescape=True)
    return done + await _blank(session, raw, sa.and_(raw.c.system == system, said))


async def _delete(session: AsyncSession, rows: sa.Table, where: sa.ColumnElement[bool]) -> int:
    picked = (await session.scalars(sa.select(rows.c.id).where(where).limit(_ROWS))).all()
    await session.execute(sa.delete(rows).where(rows.c.id.in_(picked)))
    return len(picked)


async def _blank(session: AsyncSession, rows: sa.Table, where: sa.ColumnElement[bool]) -> int:
    empty: Any = {} if isinstance(rows.c.body.type, sa.JSON) else ""
    full = sa.cast(rows.c.body, sa.Text) != ("{}" if empty == {} else "")
    asked = sa.select(rows.c.id).where(where, rows.c.due_at.is_(None), full).limit(_ROWS)
    picked = (await session.scalars(asked)).all()
    await session.execute(sa.update(rows).where(rows.c.id.in_(picked)).values(body=empty, error=None))
    return len(picked)


def _of_store(store: str) -> sa.ColumnElement[bool]:
    return _known.c.value.startswith(stores.person(store, ""), autoescape=True)
