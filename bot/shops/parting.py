"""Once after an upgrade: rows of a release that knew no stores get theirs, and what was joined wrongly is parted.

Every row that was told by one store becomes its own. A row that several told, or that took in another order because its
number was that order's id, is rebuilt for each of them from their own events; flows hear nothing of it. What nobody can
tell stays as it is, and is listed.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import config, logs, stores
from bot.base.database import Database, insert, table
from bot.events import Happened, happened, names
from bot.events.people import SHOPS
from bot.shops import catalogue, inbox, lines, orders, standing, worth
from bot.shops.stores import KEYS
from bot.tables.catalogue import PriceChange
from bot.tables.events import Event, WebhookDelivery
from bot.tables.people import Identity
from bot.tables.settings import Setting
from bot.tables.shop import Cart, Order, Product, Store

log = logs.get(__name__)

SETTING = "stores_parted"
_CHUNK = 2_000
_LISTED = 200
_settings, _events, _deliveries = table(Setting), table(Event), table(WebhookDelivery)
_orders, _products, _carts, _identities = table(Order), table(Product), table(Cart), table(Identity)
_prices, _stores = table(PriceChange), table(Store)


@dataclass
class Told:
    """What each store told of: orders with their last number, products, carts, customers."""

    orders: dict[str, dict[str, str]] = field(default_factory=dict)
    products: dict[str, set[str]] = field(default_factory=dict)
    carts: dict[str, set[str]] = field(default_factory=dict)
    customers: dict[tuple[str, str], set[str]] = field(default_factory=dict)


async def once(database: Database, shop: config.Shop, shops: config.Shops, now: datetime) -> list[str]:
    """Do it if it was not done. Returns what could not be told, from now or from then."""
    async with database.transaction() as session:
        new = insert(session, _settings).values(name=SETTING, value={"left": []}, changed_at=now)
        if await session.scalar(new.on_conflict_do_nothing().returning(_settings.c.name)) is None:
            return await left(session)
        found = await _Parting(session, shop, shops, now).run()
        done = sa.update(_settings).where(_settings.c.name == SETTING)
        await session.execute(done.values(value={"left": found[:_LISTED], "more": max(0, len(found) - _LISTED)}))
        return found


async def left(session: AsyncSession) -> list[str]:
    """What could not be told when rows got their stores."""
    value: Mapping[str, Any] = (
        await session.scalar(sa.select(_settings.c.value).where(_settings.c.name == SETTING)) or {}
    )
    more = [f"and {value['more']} more"] if value.get("more") else []
    return [*value.get("left", ()), *more]


@dataclass
class _Parting:
    session: AsyncSession
    shop: config.Shop
    shops: config.Shops
    now: datetime
    left: list[str] = field(default_factory=list)
    told: Told = field(default_factory=Told)

    async def run(self) -> list[str]:
        of_system = await self._stores_of_systems()
        for system, found in of_system.items():
            await self._name_events(system, found)
        known = sorted({store for found in of_system.values() for store in found})
        self.only = known[0] if len(known) == 1 else ""
        async for event in self._shop_events("%"):
            self._note(event)
        await self._orders()
        await self._products()
        await self._carts()
        await self._rest()
        for system, found in of_system.items():
            await self._customers(system, found)
        for store in known:
            put = insert(self.session, _stores).values(name=store, heard_at=self.now)
            await self.session.execute(put.on_conflict_do_nothing())
        if self.left:
            log.warning("rows could not be given a store; `aftercart check` lists them", rows=len(self.left))
        return self.left

    # -- who told what -------------------------------------------------------------------------------------------------

    async def _stores_of_systems(self) -> dict[str, dict[str, set[str]]]:
        """By system, its stores and the ids of the events that their deliveries made."""
        found: dict[str, dict[str, set[str]]] = {}
        asked = sa.select(_deliveries.c.system, _deliveries.c.headers).distinct()
        if self.session.get_bind().dialect.name == "sqlite":
            asked = sa.select(_deliveries.c.system, _deliveries.c.headers)
        for system, headers in await self.session.execute(asked):
            found.setdefault(system, {}).setdefault(self._store(system, headers), set())
        for system, several in found.items():
            if len(several) > 1:
                await self._replay_deliveries(system, several)
        for system in SHOPS:
            there = sa.select(_events.c.id).where(_events.c.source == system).limit(1)
            if system not in found and await self.session.scalar(there) is not None:
                found[system] = {system: set()}  # the next webhook says which it is
        return found

    def _store(self, system: str, headers: Mapping[str, Any]) -> str:
        return self.shops.of_source(inbox.source_of(system, headers))

    async def _replay_deliveries(self, system: str, several: Mapping[str, set[str]]) -> None:
        last = 0
        columns = [_deliveries.c[name] for name in ("id", "topic", "headers", "body", "received_at")]
        while True:
            part = sa.select(*columns).where(_deliveries.c.system == system, _deliveries.c.id > last)
            rows = (await self.session.execute(part.order_by(_deliveries.c.id).limit(_CHUNK))).mappings().all()
            for row in rows:
                try:
                    made = inbox.events_of(system, row["topic"], row["body"], row["headers"], row["received_at"])
                except (ValueError, TypeError, AttributeError):
                    continue  # it made no event then either
                several[self._store(system, row["headers"])].update(event.message_id for event in made)
            if len(rows) < _CHUNK:
                return
            last = rows[-1]["id"]

    async def _name_events(self, system: str, found: Mapping[str, set[str]]) -> None:
        """The events of a system say of which of its stores they are, as new ones do."""
        mine = sa.update(_events).where(_events.c.source == system)
        if len(found) == 1:
            (store,) = found
            named = store + ":" + _events.c.message_id if store != system else _events.c.message_id
            await self.session.execute(mine.values(store=store, message_id=named))
            return
        for store, ids in found.items():
            others = set().union(*(theirs for other, theirs in found.items() if other != store))
            own = sorted(ids - others)
            for at in range(0, len(own), _CHUNK):
                these = mine.where(_events.c.message_id.in_(own[at : at + _CHUNK]))
                await self.session.execute(these.values(store=store, message_id=store + ":" + _events.c.message_id))

    async def _shop_events(self, name: str, *where: sa.ColumnElement[bool]) -> AsyncIterator[sa.RowMapping]:
        last = 0
        mine = sa.select(_events).where(_events.c.source.in_(SHOPS), _events.c.store != "", *where)
        mine = mine if name == "%" else mine.where(_events.c.name.like(name))
        while True:
            part = mine.where(_events.c.id > last).order_by(_events.c.id).limit(_CHUNK)
            rows = (await self.session.execute(part)).mappings().all()
            for row in rows:
                yield row
            if len(rows) < _CHUNK:
                return
            last = rows[-1]["id"]

    def _note(self, event: sa.RowMapping) -> None:
        said, store, name = event["body"].get("properties") or {}, event["store"], event["name"]
        if user := event["body"].get("userId"):
            self.told.customers.setdefault((event["source"], str(user)), set()).add(store)
        if name.startswith("Order ") and (order_id := names.text_id(said.get("order_id"))):
            mine = self.told.orders.setdefault(order_id, {})
            mine[store] = lines.text(said.get("order_number")) or mine.get(store, "")
        elif name in ("Product Updated", "Product Deleted"):
            self.told.products.setdefault(lines.text(said.get("product_id")), set()).add(store)
        elif name.startswith(("Cart ", "Checkout ")):
            for kind in ("checkout", "cart"):
                if cart_id := lines.text(said.get(f"{kind}_id")):
                    self.told.carts.setdefault(f"{kind}:{cart_id}", set()).add(store)

    # -- orders --------------------------------------------------------------------------------------------------------

    async def _orders(self) -> None:
        held = {row.order_id: row for row in await self.session.execute(
            sa.select(_orders.c.id, _orders.c.order_id, _orders.c.number))}  # fmt: skip
        strangers = {  # told by a shop, and without a row: another order's row took them in by its number
            (order_id, store, number)
            for order_id, tellers in self.told.orders.items()
            for store, number in tellers.items()
            if order_id not in held
        }
        numbers = {number for _, _, number in strangers} - {""}
        by_store: dict[str, list[int]] = {}
        for order_id, row in held.items():
            tellers = self.told.orders.get(order_id, {})
            if len(tellers) == 1 and not (row.number in numbers and row.number != next(iter(tellers.values()))):
                by_store.setdefault(next(iter(tellers)), []).append(row.id)
            elif tellers:
                await self._part(order_id, row.id, tellers)
            elif row.number in numbers and not self._is_of(row):
                self.left.append(f"order {order_id}: another order was written over it, and nothing tells how it was")
                by_store.setdefault(self._apart(), []).append(row.id)
            elif self.only or not self.told.orders:
                by_store.setdefault(self.only, []).append(row.id)
            else:
                self.left.append(f"order {order_id}: no event tells of which store it is")
                by_store.setdefault(self._apart(), []).append(row.id)
        await self._give(_orders, by_store)
        for order_id, store, _ in sorted(strangers):
            await self._part(order_id, None, {store: ""})

    def _is_of(self, row: Any) -> bool:
        return bool(row.number.removeprefix("#") == row.order_id)

    def _apart(self) -> str:
        return self.only or stores.BEFORE

    async def _part(self, order_id: str, row_id: int | None, tellers: Mapping[str, str]) -> None:
        """One order for each store that told of it, as its own events tell it; the row stays with the first."""
        told: dict[str, list[Happened]] = {store: [] for store in tellers}
        of_it = _events.c.body["properties"]["order_id"].as_string() == order_id
        async for event in self._shop_events("Order %", of_it):
            told.setdefault(event["store"], []).append(happened.of_row(event, event["contact_id"]))
        for store, mine in told.items():
            made = Order(
                order_id=order_id, store=store, ordered_at=mine[0].ts if mine else self.now, changed_at=standing.NEVER
            )
            for one in mine:
                orders.take_in(made, one, self.shop.currency)
            orders.count_as_told(made)
            worth.value(made, worth.rates(self.shop), self.shop.currency)
            if row_id is None:
                self.session.add(made)
            else:
                kept = (await self.session.scalars(select(Order).where(col(Order.id) == row_id))).one()
                for name in Order.model_fields:
                    if name != "id":
                        setattr(kept, name, getattr(made, name))
                row_id = None
            await self.session.flush()

    # -- the rest ------------------------------------------------------------------------------------------------------

    async def _products(self) -> None:
        by_store: dict[str, list[str]] = {}
        for product_id, tellers in self.told.products.items():
            if len(tellers) == 1:
                by_store.setdefault(next(iter(tellers)), []).append(product_id)
            else:
                await self._part_product(product_id, tellers)
        for store, ids in by_store.items():
            for at in range(0, len(ids), _CHUNK):
                these = _products.c.product_id.in_(ids[at : at + _CHUNK])
                await self.session.execute(sa.update(_products).where(these).values(store=store))
        await self.session.execute(sa.update(_products).where(_products.c.store == "").values(store=self.only))

    async def _part_product(self, product_id: str, tellers: set[str]) -> None:
        """Each store's own as it told it last. Earlier prices may be anybody's."""
        newest: dict[str, Happened] = {}
        of_it = _events.c.body["properties"]["product_id"].as_string() == product_id
        async for event in self._shop_events("Product %", of_it):
            if event["name"] == "Product Updated":
                newest[event["store"]] = happened.of_row(event, None)
        await self.session.execute(sa.delete(_products).where(_products.c.product_id == product_id))
        mine = sa.update(_prices).where(_prices.c.product_id == product_id)
        await self.session.execute(mine.values(store=stores.BEFORE))
        for one in newest.values():
            await catalogue.put(self.session, one, self.shop.currency)
        if missing := tellers - newest.keys():
            self.left.append(f"product {product_id}: nothing tells how it was in {', '.join(sorted(missing))}")

    async def _carts(self) -> None:
        by_store: dict[str, list[int]] = {}
        for row in await self.session.execute(sa.select(_carts.c.id, _carts.c.kind, _carts.c.cart_id)):
            tellers = self.told.carts.get(f"{row.kind}:{row.cart_id}", set())
            by_store.setdefault(next(iter(tellers)) if len(tellers) == 1 else self.only, []).append(row.id)
        await self._give(_carts, by_store)

    async def _rest(self) -> None:
        """What is kept of a product is of the store that alone has it."""
        for rows, _ in KEYS:
            if rows is _products or "product_id" not in rows.c:
                continue
            having = sa.select(sa.func.min(_products.c.store)).where(_products.c.product_id == rows.c.product_id)
            one = having.having(sa.func.count(sa.distinct(_products.c.store)) == 1).scalar_subquery()
            mine = sa.update(rows).where(rows.c.store == "")
            await self.session.execute(mine.values(store=sa.func.coalesce(one, self.only)))

    async def _customers(self, system: str, found: Mapping[str, set[str]]) -> None:
        mine = sa.select(_identities.c.id, _identities.c.contact_id, _identities.c.value).where(
            _identities.c.kind == system
        )
        for row in (await self.session.execute(mine)).all():
            tellers = self.told.customers.get((system, row.value), set()) if len(found) > 1 else set(found)
            store = next(iter(tellers)) if len(tellers) == 1 else stores.BEFORE
            if len(tellers) > 1:
                self.left.append(
                    f"customer {row.value} of {system} (contact {row.contact_id}): {', '.join(sorted(tellers))} each"
                    " told of one; they may be two people"
                )
            new = sa.update(_identities).where(_identities.c.id == row.id)
            await self.session.execute(new.values(value=stores.person(store, row.value)))

    async def _give(self, rows: sa.Table, by_store: Mapping[str, Sequence[int]]) -> None:
        for store, ids in by_store.items():
            for at in range(0, len(ids), _CHUNK):
                these = sa.update(rows).where(rows.c.id.in_(ids[at : at + _CHUNK]))
                await self.session.execute(these.values(store=store))
