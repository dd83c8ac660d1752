"""The orders of a batch: read at once, brought up to date in memory, written at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import stores
from bot.base.database import table
from bot.events import Happened, names, people
from bot.shops import carts, catalogue, lines, orders, standing, unconfirmed, worth
from bot.shops.history.columns import written
from bot.tables.shop import Order

_rows = table(Order)


def is_of_order(row: Mapping[str, Any]) -> bool:
    return bool(row["kind"] == "track" and row["name"].startswith("Order ") and row["name"] != "Order Edited")


@dataclass
class Orders:
    store: str
    currency: str
    rates: worth.Rates
    by_id: dict[str, Order]
    loose: frozenset[str]
    """Numbers under which some file, or a time without stores, knew an order."""
    categories: Mapping[str, str]
    open: dict[str, Order] = field(default_factory=dict)
    """Those that were not cancelled at some time."""
    fresh: list[Order] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    @classmethod
    async def of(
        cls, session: AsyncSession, store: str, rows: Sequence[Mapping[str, Any]], currency: str, rates: worth.Rates
    ) -> "Orders":
        said = [row["body"].get("properties") or {} for row in rows if is_of_order(row)]
        ids = {names.text_id(one.get("order_id")) for one in said} - {""}
        numbers = {lines.text(one.get("order_number")).removeprefix("#") for one in said} - {""}
        by_id = await _held(session, store, ids)
        items = [line for one in said for line in lines.items(one, currency) or ()]
        items += [line for order in by_id.values() for line in order.items]
        unknown = {line["product_id"] for line in items if line["product_id"] and not line["category"]}
        return cls(
            store, currency, rates, by_id, await _loose(session, store, numbers),
            await catalogue.categories(session, store, unknown),
        )  # fmt: skip

    def is_clear(self, row: Mapping[str, Any]) -> bool:
        """It has a row of its own or none that could be meant, and says whose it is unless nobody has it."""
        said = row["body"].get("properties") or {}
        order_id, number = names.text_id(said.get("order_id")), lines.text(said.get("order_number"))
        found = self.by_id.get(order_id)
        if not people.names_of(row) and (
            (found is not None and found.contact_id is not None) or said.get("checkout_id") or said.get("cart_id")
        ):
            return False
        if found is None:
            return number.removeprefix("#") not in self.loose
        return f"#{order_id}" not in self.by_id and not orders.is_another(found, number)

    def take(self, happened: Happened) -> None:
        said = happened.properties
        order_id, number = names.text_id(said.get("order_id")), lines.text(said.get("order_number"))
        if not order_id:
            return
        self.told |= {order_id, number}
        order = self.by_id.get(order_id)
        if order is None:
            order = self.by_id[order_id] = orders.new_row(order_id, happened)
            self.fresh.append(order)
        order.number = number or order.number
        heard = orders.take_event(order, happened, self.currency)
        order.items = catalogue.categorised(order.items, self.categories)
        orders.settle(order, happened, heard, self.rates, self.currency)
        orders.count_history(order)
        if order.status != "cancelled":
            self.open[order_id] = order

    async def write(self, session: AsyncSession) -> None:
        if self.fresh:
            await session.execute(sa.insert(_rows), [written(order) for order in self.fresh])
        await session.flush()
        await unconfirmed.replace(session, self.store, self.told)
        await carts.ordered_by_many(session, self.open.values())
        await session.flush()


async def _held(session: AsyncSession, store: str, ids: set[str]) -> dict[str, Order]:
    if not ids:
        return {}
    alike = sorted(ids | {f"#{one}" for one in ids})
    mine = select(Order).where(col(Order.order_id).in_(alike), col(Order.store) == store)
    return {order.order_id: order for order in (await session.scalars(mine)).all()}


async def _loose(session: AsyncSession, store: str, numbers: set[str]) -> frozenset[str]:
    if not numbers:
        return frozenset()
    alike = sorted(numbers | {f"#{one}" for one in numbers})
    others = sa.select(col(Order.number), col(Order.store), col(Order.facts)).where(col(Order.number).in_(alike))
    return frozenset(
        number.removeprefix("#")
        for number, of, facts in await session.execute(others)
        if stores.loose(of) or (of == store and not standing.is_of_the_shop(facts))
    )
