"""All that came from a store that left us (Shopify's `shop/redact`): its customers are forgotten, its goods go."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

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


async def some(session: AsyncSession, desk: Desk, source: str, store: str, by: str, now: datetime) -> int:
    """So many of its customers, else rows of its goods and raw webhooks. Returns how many; 0: nothing is left.

    Who is a customer of another store too loses only what this one knew them by.
    """
    mine = select(Identity).where(Identity.kind == source, _of_store(_known.c.value, store))
    theirs = (await session.scalars(mine.order_by(col(Identity.id)).limit(_PEOPLE))).all()
    for one in theirs:
        if await _elsewhere(session, one):
            await session.delete(one)
            await session.flush()
        elif await session.get(Identity, one.id, populate_existing=True) is not None:
            await forgetting.forget(session, desk, one.contact_id, by, now)
    return len(theirs) or await _rows(session, source, store)


async def _elsewhere(session: AsyncSession, known: Identity) -> bool:
    """Whether another store knows them."""
    others = sa.select(_known.c.id).where(
        _known.c.contact_id == known.contact_id, _known.c.kind.in_(_SHOPS), _known.c.id != known.id
    )
    return await session.scalar(others.limit(1)) is not None


async def _rows(session: AsyncSession, source: str, store: str) -> int:
    done = 0
    for goods in (table(Product), table(PriceChange), table(Cart)):
        done += await _delete(session, goods, _of_column(goods, source, store))
    for raw in (table(Event), table(WebhookDelivery)):
        done += await _blank(session, raw, _told_by(raw, source, store))
    return done


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


def _of_store(value: sa.ColumnElement[str], store: str) -> sa.ColumnElement[bool]:
    """Ids that carry their store are of this one; others are of the only store that there is."""
    scoped = value.contains(":", autoescape=True)
    return sa.or_(~scoped, value.contains(store, autoescape=True)) if store else sa.true()


def _of_column(rows: sa.Table, source: str, store: str) -> sa.ColumnElement[bool]:
    if "store" not in rows.c:
        return sa.false()
    return rows.c.store == f"{source}:{store}"


def _told_by(rows: sa.Table, source: str, store: str) -> sa.ColumnElement[bool]:
    if "system" in rows.c:
        said = sa.cast(rows.c.headers, sa.Text).contains(store, autoescape=True) if store else sa.true()
        return sa.and_(rows.c.system == source, said)
    if "store" in rows.c:
        return rows.c.store == f"{source}:{store}"
    return rows.c.source == source
