"""Which store an event is about, if its source did not say: the only one, or the only one that has what it names."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import logs, stores
from bot.base.config import Shops
from bot.base.database import insert, table
from bot.events import Happened, names
from bot.shops import lines
from bot.tables.catalogue import CatalogueWatch, PriceChange, SeenPrice, StockAlert
from bot.tables.feedback import SurveyAnswer
from bot.tables.people import Identity
from bot.tables.shop import Cart, InventoryItem, Order, Product, Store, UnconfirmedOrder

log = logs.get(__name__)

_known = table(Identity)
_stores, _orders, _products, _carts = table(Store), table(Order), table(Product), table(Cart)
_LOOKED_AT = 50  # lines of one event
KEYS: Sequence[tuple[sa.Table, tuple[str, ...]]] = (
    (_orders, ("order_id",)),
    (table(UnconfirmedOrder), ("order_id",)),
    (table(InventoryItem), ("item_id",)),
    (_products, ("product_id", "variant_id")),
    (_carts, ("kind", "cart_id", "page_of")),
    (table(PriceChange), ()),
    (table(SeenPrice), ("contact_id", "product_id", "variant_id")),
    (table(StockAlert), ()),
    (table(CatalogueWatch), ("kind", "product_id", "variant_id")),
    (table(SurveyAnswer), ("survey", "contact_id", "order_id")),
)
"""Every table whose rows are of a store, and what names a row within it."""

_TWO = sa.select(_stores.c.name).order_by(_stores.c.name).limit(2)


async def know(session: AsyncSession, store: str, now: datetime) -> None:
    """A store was heard of. The first one takes over what came before it without a name: it was its own."""
    new = insert(session, _stores).values(name=store, heard_at=now).on_conflict_do_nothing()
    if await session.scalar(new.returning(_stores.c.name)) is None:
        return
    if await only(session) == store:
        await move(session, "", store)
    system = store.partition(":")[0]
    if system != store and [one for one in await every(session) if one.startswith(f"{system}:")] == [store]:
        await _name(session, system, store)


async def declare(session: AsyncSession, shops: Shops, now: datetime) -> None:
    """Stores that the configuration names are known. What was of a name alone goes to the shop that it names now."""
    for one in shops.stores:
        new = insert(session, _stores).values(name=one.key, heard_at=now).on_conflict_do_nothing()
        await session.execute(new)
        if one.key != one.name and one.name in await every(session):
            await _name(session, one.name, one.key)
    if alone := await only(session):
        await move(session, "", alone)


async def _name(session: AsyncSession, old: str, new: str) -> None:
    """A store whose name was not known is this one: its rows, its customers."""
    await move(session, old, new)
    await session.execute(sa.delete(_stores).where(_stores.c.name == old))
    before = stores.person(old, "")
    other = _known.alias()
    ours = sa.literal(stores.person(new, "")) + sa.func.substr(_known.c.value, len(before) + 1)
    taken = sa.exists().where(other.c.kind == _known.c.kind, other.c.value == ours)
    named = sa.update(_known).where(sa.func.substr(_known.c.value, 1, len(before)) == before, ~taken)
    await session.execute(named.values(value=ours))


async def only(session: AsyncSession) -> str:
    """The one store that is known; nothing if there are several, or none."""
    found = (await session.scalars(_TWO)).all()
    return found[0] if len(found) == 1 else ""


async def every(session: AsyncSession) -> Sequence[str]:
    return (await session.scalars(sa.select(_stores.c.name).order_by(_stores.c.name))).all()


async def move(session: AsyncSession, old: str, new: str) -> None:
    """Rows of one store become another's. One of which that other has its own already stays where it is."""
    for rows, key in KEYS:
        moved = sa.update(rows).where(rows.c.store == old)
        if key:
            other = rows.alias()
            same = sa.and_(other.c.store == new, *(other.c[name] == rows.c[name] for name in key))
            moved = moved.where(~sa.exists().where(same))
        await session.execute(moved.values(store=new))


async def settle(session: AsyncSession, happened: Happened) -> tuple[str, str]:
    """The store of an event that names none, and a word where it could be of several: nothing is guessed."""
    if happened.store or happened.kind != "track":
        return happened.store, ""
    if alone := await only(session):
        return alone, ""
    return await _by_what_it_names(session, happened)


async def _by_what_it_names(session: AsyncSession, happened: Happened) -> tuple[str, str]:
    said, name = happened.properties, happened.name
    if name.startswith("Order "):
        order_id = names.text_id(said.get("order_id"))
        found = await _stores_of(session, _orders, order_id=order_id)
        if len(found) > 1:
            log.warning("an order is named that several stores have", event_id=happened.id, stores=sorted(found))
            return stores.UNCLEAR, f"several stores have an order {order_id[:100]}: {', '.join(sorted(found))}"
        several = len((await session.scalars(_TWO)).all()) > 1
        return next(iter(found), stores.of_key(happened.source) if several else ""), ""
    for kind in ("checkout", "cart"):
        if cart_id := lines.text(said.get(f"{kind}_id")):
            found = await _stores_of(session, _carts, kind=kind, cart_id=cart_id, page_of=0)
            if len(found - {""}) == 1:
                return next(iter(found - {""})), ""
    return await _by_products(session, said), ""


async def _by_products(session: AsyncSession, said: Mapping[str, object]) -> str:
    """The only store that has all of these products, as far as any has them."""
    listed = said.get("products")
    things = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else [said]
    wanted = {lines.text(one.get("product_id")) for one in things[:_LOOKED_AT]} - {""}
    if not wanted:
        variants = {lines.text(one.get("variant_id")) for one in things[:_LOOKED_AT]} - {""}
        asked = sa.select(_products.c.store, _products.c.variant_id).where(_products.c.variant_id.in_(sorted(variants)))
    else:
        asked = sa.select(_products.c.store, _products.c.product_id).where(_products.c.product_id.in_(sorted(wanted)))
    having: dict[str, set[str]] = {}
    told = asked.where(_products.c.rank != "page")
    for store, thing in await session.execute(told.distinct()):
        if store:
            having.setdefault(thing, set()).add(store)
    common = set.intersection(*having.values()) if having else set()
    return next(iter(common)) if len(common) == 1 else ""


async def _stores_of(session: AsyncSession, rows: sa.Table, **key: str | int) -> set[str]:
    found = sa.select(rows.c.store).where(*(rows.c[name] == value for name, value in key.items()))
    return set((await session.scalars(found)).all())
