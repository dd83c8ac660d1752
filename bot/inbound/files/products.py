"""A file of products and their variants, one per line."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import insert, table
from bot.base.ground import Ground
from bot.inbound.files import columns, values
from bot.inbound.files.batches import Cells, Refused
from bot.tables.shop import Product

KNOWN = columns.PRODUCTS
ONE_OF = ("product_id", "handle", "sku")
_rows = table(Product)
_HIDDEN = ("draft", "archived", "false", "0", "no", "private", "-1", "下架")


async def take(session: AsyncSession, ground: Ground, lines: Sequence[Cells], now: datetime) -> list[Refused]:
    """Write a batch of lines down; a product that is known gets what the file says and keeps the rest."""
    refused, read = list[Refused](), dict[tuple[str, str], dict[str, Any]]()
    for line in lines:
        try:
            row = _product(line, ground, now)
        except ValueError as error:
            refused.append(Refused(line, str(error)))
            continue
        read[row["product_id"], row["variant_id"]] = row
    if read:
        new = insert(session, _rows)
        kept = {name: new.excluded[name] for name in _given(lines[0]) | {"updated_at"}}
        await session.execute(
            new.on_conflict_do_update(index_elements=["product_id", "variant_id", "store"], set_=kept),
            list(read.values()),
        )
    return refused


def _given(line: Cells) -> set[str]:
    """The columns of the table that the file has something to say about."""
    same = {"sku", "name", "category", "brand", "url", "image_url", "price", "currency", "stock"}
    there = {name for name in same if name in line.places}
    return there | ({"published"} if "status" in line.places else set())


def _product(line: Cells, ground: Ground, now: datetime) -> dict[str, Any]:
    product_id = values.key(line["product_id"]) or line["handle"] or line["sku"]
    if not product_id:
        raise ValueError("no id, handle or SKU")
    variant_id = values.key(line["variant_id"])
    parent = line["parent"].removeprefix("id:")  # WooCommerce writes variations as lines of their own
    if parent and not variant_id:
        product_id, variant_id = parent, product_id
    currency = values.currency(line["currency"], (line["price"],), ground.config.shop.currency)
    return {
        "store": line.store,
        "product_id": product_id,
        "variant_id": variant_id,
        "sku": line["sku"],
        "name": line["name"],
        "category": line["category"].split(",")[0].split(">")[-1].strip(),
        "brand": line["brand"],
        "url": line["url"],
        "image_url": line["image_url"].split(",")[0].strip(),
        "price": values.amount(line["price"], currency),
        "currency": currency,
        "stock": values.number(line["stock"]),
        "published": line["status"].strip().lower() not in _HIDDEN,
        "updated_at": now,
    }
