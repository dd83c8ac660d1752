"""Products as the shop tells them; what a page says about one counts only until the shop itself has told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import insert, table
from bot.events import Happened
from bot.shops import lines
from bot.tables.shop import Product

_rows = table(Product)


async def apply(session: AsyncSession, happened: Happened, currency: str) -> bool | None:
    """`Product Updated` (with `variants`) and `Product Deleted`. False if it is older than what we hold."""
    said = happened.properties
    product_id = lines.text(said.get("product_id"))
    if not product_id:
        return None
    at = lines.moment(said.get("updated_at")) or happened.ts
    if happened.name == "Product Deleted":
        gone = sa.update(_rows).where(_rows.c.product_id == product_id)
        await session.execute(gone.values(published=False, updated_at=at))
        return None
    newest = await session.scalar(
        sa.select(sa.func.max(_rows.c.updated_at)).where(_rows.c.product_id == product_id, _rows.c.variant_id == "")
    )
    if newest is not None and at < newest:
        return False
    whole = _values(said, product_id, "", lines.currency(said, currency), at)
    variants = [one for one in said.get("variants") or [] if isinstance(one, Mapping)]
    kept = [lines.text(one.get("variant_id")) for one in variants]
    for values in (whole, *(_variant(whole, one) for one in variants)):
        put = insert(session, _rows).values(values)
        changed = {name: put.excluded[name] for name in values if name not in ("product_id", "variant_id")}
        await session.execute(put.on_conflict_do_update(index_elements=["product_id", "variant_id"], set_=changed))
    if "variants" in said:
        gone = sa.update(_rows).where(_rows.c.product_id == product_id, _rows.c.variant_id.not_in(["", *kept]))
        await session.execute(gone.values(published=False, updated_at=at))
    return None


def _values(said: Mapping[str, Any], product_id: str, variant_id: str, currency: str, at: datetime) -> dict[str, Any]:
    stock = said.get("stock")
    return {
        "product_id": product_id,
        "variant_id": variant_id,
        **{name: lines.text(said.get(name)) for name in ("sku", "name", "category", "brand", "url", "image_url")},
        "price": lines.amount(said.get("price"), currency),
        "currency": currency,
        "stock": int(stock) if isinstance(stock, int | float) and not isinstance(stock, bool) else None,
        "published": said.get("published") is not False,
        "updated_at": at,
    }


def _variant(whole: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    said = {**whole, "price": None, "stock": None, **{key: value for key, value in one.items() if value is not None}}
    return _values(said, whole["product_id"], lines.text(one.get("variant_id")), whole["currency"], whole["updated_at"])


async def learn(session: AsyncSession, happened: Happened, currency: str) -> None:
    """Products that we never heard of, from what a page tells; a known one is left as the shop told it."""
    said = happened.properties
    of = lines.currency(said, currency)
    listed = said.get("products")
    for one in listed if isinstance(listed, list) else [said]:
        if not isinstance(one, Mapping) or not lines.text(one.get("product_id")):
            continue
        ids = lines.text(one["product_id"]), lines.text(one.get("variant_id"))
        values = {**_values(one, ids[0], ids[1], of, happened.ts), "stock": None, "published": True}
        await session.execute(insert(session, _rows).values(values).on_conflict_do_nothing())


async def with_categories(session: AsyncSession, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines of an order with the shop's category of their products, if they lack it: Shopify's always do."""
    unknown = {line["product_id"] for line in items if line["product_id"] and not line["category"]}
    known: dict[str, str] = {}
    if unknown:
        asked = sa.select(_rows.c.product_id, _rows.c.category).where(
            _rows.c.product_id.in_(sorted(unknown)), _rows.c.category != ""
        )
        known = {row.product_id: row.category for row in await session.execute(asked)}
    return [{**line, "category": line["category"] or known.get(line["product_id"], "")} for line in items]
