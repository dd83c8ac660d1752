"""Orders that only a page told of, for shops that want to see them before their own word comes (`page_orders`).

They stand in a table of their own, so nothing that counts, sends or opens orders ever meets one. The shop's word about
the same id or number takes their place.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import stores
from bot.base.database import insert, table
from bot.events import Happened, names
from bot.shops import lines
from bot.tables.shop import Order, UnconfirmedOrder

KEPT = timedelta(days=30)
_MOST = 20
"""Of one browser: a page that tells of more is no shopper's."""
_ID = re.compile(r"#?[\w.:/-]{1,64}", re.ASCII)
_rows, _orders = table(UnconfirmedOrder), table(Order)


async def keep(session: AsyncSession, happened: Happened, currency: str, now: datetime) -> None:
    """Write down what a page tells of an order of its own browser, if nobody knows that id or number."""
    said = happened.properties
    order_id = names.text_id(said.get("order_id"))
    number = lines.text(said.get("order_number")) or order_id
    if happened.contact_id is None or happened.store == stores.UNCLEAR:
        return
    if not _ID.fullmatch(order_id) or not _ID.fullmatch(number) or await _is_known(session, {order_id, number}):
        return
    mine = sa.select(sa.func.count()).where(_rows.c.contact_id == happened.contact_id)
    if (await session.scalar(mine) or 0) >= _MOST:
        return
    currency = lines.currency(said, currency)
    items = lines.items(said, currency) or []
    total = lines.amount(said.get("total"), currency)
    if total is None:
        total = lines.value_of(items) or 0
    new = insert(session, _rows).values(
        store=happened.store, order_id=order_id, number=number, contact_id=happened.contact_id, currency=currency,
        total=max(0, total), items=items, ordered_at=happened.ts, told_at=now,
    )  # fmt: skip
    await session.execute(new.on_conflict_do_nothing())


async def replace(session: AsyncSession, store: str, told: Iterable[str]) -> None:
    """The shop itself tells of orders by these ids and numbers."""
    meant = _meant(told)
    if meant:
        of = _rows.c.store.in_({store, ""}) if store else sa.true()
        await session.execute(sa.delete(_rows).where(of, _named(_rows, meant)))


async def of_contact(
    session: AsyncSession, contact_id: int, limit: int, *, since: datetime | None = None
) -> Sequence[UnconfirmedOrder]:
    """The newest first; those that were told `since` then."""
    mine = select(UnconfirmedOrder).where(col(UnconfirmedOrder.contact_id) == contact_id)
    if since is not None:
        mine = mine.where(col(UnconfirmedOrder.told_at) > since)
    newest = mine.order_by(col(UnconfirmedOrder.ordered_at).desc(), col(UnconfirmedOrder.id).desc())
    return (await session.scalars(newest.limit(limit))).all()


async def forget(session: AsyncSession, now: datetime) -> None:
    """What the shop never confirmed was no order."""
    await session.execute(sa.delete(_rows).where(_rows.c.told_at < now - KEPT))


async def _is_known(session: AsyncSession, names_: set[str]) -> bool:
    meant = _meant(names_)
    for rows in (_orders, _rows):
        if await session.scalar(sa.select(rows.c.id).where(_named(rows, meant)).limit(1)) is not None:
            return True
    return False


def _meant(told: Iterable[str]) -> list[str]:
    plain = {one.removeprefix("#") for one in told} - {""}
    return sorted(plain | {f"#{one}" for one in plain})


def _named(rows: sa.Table, meant: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.or_(rows.c.order_id.in_(meant), rows.c.number.in_(meant))
