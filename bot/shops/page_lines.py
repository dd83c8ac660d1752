"""Lines of a cart with the rank of whoever told them; what a page says of a price gives way to the catalogue's."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.base.ranks import Rank
from bot.tables.shop import Product

_products = table(Product)


async def with_rank(
    session: AsyncSession, store: str, items: Sequence[Mapping[str, Any]], rank: Rank, currency: str
) -> list[dict[str, Any]]:
    """`rank` in each line. `listed`: the price is the catalogue's of this moment, so a mail may compare with it."""
    plain = [{**line, "rank": rank, "listed": rank != "page"} for line in items]
    if rank != "page" or not plain:
        return plain
    ids = sorted({line["product_id"] for line in plain if line["product_id"]})
    columns = [_products.c[name] for name in ("product_id", "variant_id", "price", "currency")]
    there = sa.select(*columns).where(
        _products.c.product_id.in_(ids), _products.c.store == store, _products.c.rank != "page"
    )
    rows = await session.execute(there)
    known = {(row.product_id, row.variant_id): row for row in rows}
    for line in plain:
        row = known.get((line["product_id"], line["variant_id"])) or known.get((line["product_id"], ""))
        if row is not None and row.price is not None and row.currency in ("", currency):
            line |= {"price": row.price, "listed": True}
    return plain
