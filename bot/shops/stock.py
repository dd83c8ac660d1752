"""How many of a variant can be had, where the shop tells it in three places: the product tells a quantity and whether
it sells on below zero, the inventory item whether anybody counts, and each location how many it has.

What nobody counts is always to be had, and its quantity is often 0: so a 0 is "sold out" only once it is known that
somebody counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import insert, table
from bot.events import Happened
from bot.shops import lines
from bot.tables.shop import InventoryItem

EVENTS = ("Inventory Item Updated", "Inventory Level Updated")
_rows = table(InventoryItem)
_KEY = ["item_id", "store"]


@dataclass(frozen=True)
class Counted:
    """The variants of a product event, each with its `stock`; those that name no inventory item are left as they are.

    `rows` are what the product tells, to be kept: it may be told before the inventory item is.
    """

    variants: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]] = ()


def item_ids(said: Mapping[str, Any]) -> list[str]:
    return [lines.text(one["inventory_item_id"]) for one in _variants(said) if one.get("inventory_item_id")]


def of_variants(happened: Happened, known: Mapping[str, Mapping[str, Any]], at: datetime) -> Counted:
    """`known` are the inventory items of the event that are held."""
    found, rows, store = [dict(one) for one in _variants(happened.properties)], list[dict[str, Any]](), happened.store
    named = {lines.text(one.get("inventory_item_id")): one for one in found if one.get("inventory_item_id")}
    product_id = lines.text(happened.properties.get("product_id"))
    for item_id, variant in named.items():
        held = known.get(item_id, {"tracked": None, "levels": {}})
        tracked = variant.get("tracked")
        values = {
            "item_id": item_id, "store": store, "product_id": product_id,
            "variant_id": lines.text(variant.get("variant_id")), "quantity": lines.pieces(variant.get("quantity")),
            "oversold": variant.get("oversold") is True, "told_at": at, "levels": _until(held["levels"], at),
            "tracked": tracked if isinstance(tracked, bool) else held["tracked"],
        }  # fmt: skip
        rows.append(values)
        variant["stock"] = _count(values)
    return Counted(found, rows)


async def keep(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        new = insert(session, _rows)
        changed = {name: new.excluded[name] for name in rows[0] if name not in _KEY}
        await session.execute(new.on_conflict_do_update(index_elements=_KEY, set_=changed), list(rows))


def _variants(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    told = said.get("variants")
    return [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []


async def take(session: AsyncSession, store: str, name: str, said: Mapping[str, Any], at: datetime) -> str:
    """An inventory item or level. Returns the id of the product whose stock may be another now; nothing if none is."""
    item_id = lines.text(said.get("inventory_item_id"))
    if not item_id:
        return ""
    fresh: dict[str, Any] = {
        "item_id": item_id, "store": store, "levels": {}, "product_id": "", "variant_id": "", "oversold": False,
    }  # fmt: skip
    await session.execute(insert(session, _rows).values(fresh).on_conflict_do_nothing())
    mine = _rows.c.item_id == item_id, _rows.c.store == store
    row = dict((await session.execute(sa.select(_rows).where(*mine))).mappings().one())
    values: dict[str, Any] = {}
    if name == "Inventory Item Updated" and isinstance(said.get("tracked"), bool):
        if row["tracked_at"] is None or at >= row["tracked_at"]:
            values = {"tracked": said["tracked"], "tracked_at": at}
    elif name == "Inventory Level Updated":
        values = {"levels": _with_level(row, said, at)}
    if not values:
        return ""
    await session.execute(sa.update(_rows).where(*mine).values(**values))
    return str(row["product_id"])


async def counts(session: AsyncSession, store: str, product_id: str) -> dict[str, int | None]:
    """By variant id, how many there are; None where nobody counts or it is not known that somebody does."""
    mine = sa.select(_rows).where(_rows.c.product_id == product_id, _rows.c.store == store)
    return {row["variant_id"]: _count(dict(row)) for row in (await session.execute(mine)).mappings()}


async def held(session: AsyncSession, store: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """These inventory items, as far as they are known."""
    if not ids:
        return {}
    mine = sa.select(_rows).where(_rows.c.item_id.in_(ids), _rows.c.store == store)
    return {row["item_id"]: dict(row) for row in (await session.execute(mine)).mappings()}


def _with_level(row: Mapping[str, Any], said: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    levels = dict(row["levels"])
    place, count = lines.text(said.get("location_id")), lines.pieces(said.get("available"))
    held = levels.get(place)
    if count is not None and (held is None or at.isoformat() >= held["at"]):
        before = held["count"] if held else None
        levels[place] = {"count": count, "at": at.isoformat(), "before": before}
    return levels


def _until(levels: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The quantity of a product event counts every location: what they told until then is in it."""
    return {
        place: {**one, "before": one["count"] if one["at"] <= at.isoformat() else one["before"]}
        for place, one in levels.items()
    }


def _count(row: Mapping[str, Any]) -> int | None:
    """The quantity that the product told, moved by what locations told since; without one, what they have together."""
    if row["oversold"] or row["tracked"] is False:
        return None
    levels: Mapping[str, Any] = row["levels"]
    known = [one for one in levels.values() if one["before"] is not None]
    if row["quantity"] is not None and len(known) == len(levels):
        count = row["quantity"] + sum(one["count"] - one["before"] for one in known)
    elif levels:
        count = sum(one["count"] for one in levels.values())
    else:
        count = row["quantity"]
    return None if count is None or (count <= 0 and row["tracked"] is not True) else count
