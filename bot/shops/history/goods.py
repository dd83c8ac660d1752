"""The products of a batch: read at once, compared in memory, written at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.events import Happened
from bot.shops import adoption, catalogue, lines, prices, stock
from bot.tables.catalogue import PriceChange
from bot.tables.shop import Product

_rows, _prices = table(Product), table(PriceChange)
_ByVariant = Mapping[str, Mapping[str, Any]]


def is_of_product(row: Mapping[str, Any]) -> bool:
    return bool(row["kind"] == "track" and row["name"] == "Product Updated")


@dataclass
class Goods:
    currency: str
    held: Mapping[str, _ByVariant]
    known: Mapping[str, _ByVariant]
    items: Mapping[str, Mapping[str, Any]]
    unclear: frozenset[str]
    """Products that may be those of a file."""
    taken: set[str] = field(default_factory=set)
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    prices: list[Mapping[str, Any]] = field(default_factory=list)
    counted: list[Mapping[str, Any]] = field(default_factory=list)
    gone: list[tuple[int, datetime]] = field(default_factory=list)

    @classmethod
    async def of(cls, session: AsyncSession, store: str, rows: Sequence[Mapping[str, Any]], currency: str) -> "Goods":
        said = [row["body"].get("properties") or {} for row in rows if is_of_product(row)]
        if not said:
            return cls(currency, {}, {}, {}, frozenset())
        ids = {lines.text(one.get("product_id")) for one in said}
        return cls(
            currency,
            await catalogue.rows_held(session, store, ids),
            await prices.told_of_many(session, store, ids),
            await stock.held(session, store, [one for each in said for one in stock.item_ids(each)]),
            await adoption.meant(session, store, said),
        )

    def is_clear(self, row: Mapping[str, Any]) -> bool:
        """Once a batch: two words on one product are looked at one after the other."""
        product_id = lines.text((row["body"].get("properties") or {}).get("product_id"))
        return product_id not in self.unclear and product_id not in self.taken

    def take(self, happened: Happened) -> None:
        said, product_id = happened.properties, lines.text(happened.properties.get("product_id"))
        if not product_id:
            return
        self.taken.add(product_id)
        at = lines.told_at(said, happened.ts, happened.received_at)
        held, known = self.held.get(product_id, {}), self.known.get(product_id, {})
        if catalogue.is_stale(said, at, held, known, self.currency):
            return
        counted = stock.of_variants(happened, self.items, at)
        stated = catalogue.rows_of(happened, counted, at, self.currency)
        self.counted += counted.rows
        self.rows += stated.values()
        changed = (prices.change(known.get(variant_id), values) for variant_id, values in stated.items())
        self.prices += [one for one in changed if one is not None]
        if isinstance(said.get("variants"), list):
            self.gone += [(row["id"], at) for variant_id, row in held.items() if variant_id not in stated]

    async def write(self, session: AsyncSession) -> None:
        await stock.keep(session, self.counted)
        await catalogue.keep(session, self.rows)
        if self.prices:
            await session.execute(sa.insert(_prices), self.prices)
        for row_id, at in self.gone:
            await session.execute(sa.update(_rows).where(_rows.c.id == row_id).values(published=False, updated_at=at))
