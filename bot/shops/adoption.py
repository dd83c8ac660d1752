"""Products that a file named by handle or SKU become the shop's own once the shop tells of them by id.

What is kept of them follows at once: prices, who waits for them, what is watched. Lines of orders and carts follow in
the night, all in one pass: there may be hundreds of thousands.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import due, stores
from bot.base.database import Database, table
from bot.events.apply import APPLYING
from bot.shops import lines
from bot.tables.catalogue import CatalogueWatch, PriceChange, SeenPrice, StockAlert
from bot.tables.shop import Cart, Order, Product

_rows = table(Product)
_LOOSE = ("", stores.IMPORT)
_FOLLOWERS: Sequence[tuple[sa.Table, tuple[str, ...]]] = (
    (table(PriceChange), ()),
    (table(StockAlert), ()),
    (table(SeenPrice), ("contact_id",)),
    (table(CatalogueWatch), ("kind",)),
)
"""What is kept of products, and what names a row of it beside the product, the variant and the store."""
_PATH = re.compile(r"/products/([^/?#\s]+)")
_CHUNK, _AT_ONCE = 2_000, 100
_Ids = Mapping[tuple[str, str], tuple[str, str]]
"""By store and name, the product and the variant that are meant."""


def handle_of(said: Mapping[str, Any]) -> str:
    """The handle that an event names, or that stands in the address of the product's page."""
    found = _PATH.search(lines.text(said.get("url")))
    return lines.text(said.get("handle")) or (found[1] if found else "")


@dataclass(frozen=True)
class _Told:
    store: str
    product_id: str
    name: str
    handle: str
    skus: Mapping[str, str]
    """The variants by SKU; of a product without variants its own."""
    titles: Mapping[str, str]
    """The variants by their name."""


async def adopt(
    session: AsyncSession, store: str, product_id: str, said: Mapping[str, Any], at: datetime
) -> None:  # fmt: skip
    """Rows of a file that mean the product of this event become its rows, whatever they were named by."""
    told = _read(store, product_id, said)
    if not store or not (told.handle or told.skus):
        return
    found = await _rows_of_files(session, told)
    for row in found:
        key = "" if len(told.skus) < 2 or row["product_id"] == row["handle"] else told.skus.get(row["sku"], "")
        await _adopt(session, told, row, key, at)


async def meant(session: AsyncSession, store: str, said: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Of these products the ids of those that rows of a file, or of before stores had names, may mean."""
    told = [_read(store, lines.text(one.get("product_id")), one) for one in said]
    of_files = _rows.c.variant_id == "", _rows.c.rank != "page"
    ids = sorted({one.product_id for one in told})
    loose = sa.select(_rows.c.product_id).where(
        _rows.c.product_id.in_(ids), _rows.c.variant_id == "", _rows.c.store.in_((*_LOOSE, stores.BEFORE))
    )
    names = sorted({one.handle for one in told} - {""})
    handles = sa.select(_rows.c.handle).where(
        _rows.c.handle.in_(names), _rows.c.product_id == _rows.c.handle, _rows.c.store.in_((store, *_LOOSE)), *of_files
    )
    skus, other = sorted({sku for one in told for sku in one.skus}), _rows.alias()
    in_a_file = sa.or_(_rows.c.product_id == _rows.c.handle, _rows.c.product_id == _rows.c.sku)
    by_sku = (
        sa.select(other.c.sku)
        .join(_rows, _rows.c.product_id == other.c.product_id)
        .where(other.c.sku.in_(skus), other.c.store.in_((store, *_LOOSE)), in_a_file, *of_files)
    )
    found = [set((await session.scalars(asked)).all()) for asked in (loose, handles, by_sku)]
    return frozenset(
        one.product_id
        for one in told
        if one.product_id in found[0] or one.handle in found[1] or found[2].intersection(one.skus)
    )


def _read(store: str, product_id: str, said: Mapping[str, Any]) -> _Told:
    listed = said.get("variants")
    variants = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    skus: dict[str, str] = {}
    for one in variants or [{"sku": said.get("sku")}]:
        sku = lines.text(one.get("sku"))
        if sku:  # of two with one SKU nobody can say which is meant
            skus[sku] = "" if sku in skus else lines.text(one.get("variant_id"))
    name = lines.text(said.get("name"))
    titles = {lines.text(one.get("name")): lines.text(one.get("variant_id")) for one in variants}
    return _Told(store, product_id, name, handle_of(said), skus, titles)


async def _rows_of_files(session: AsyncSession, told: _Told) -> list[dict[str, Any]]:
    """Whole products under a handle or SKU instead of an id: by handle one, by SKU one, or one for each variant."""
    by_handle = sa.and_(_rows.c.handle == told.handle, _rows.c.handle != "", _rows.c.product_id == told.handle)
    asked = sa.select(_rows).where(
        _rows.c.store.in_((told.store, *_LOOSE)), _rows.c.variant_id == "", _rows.c.product_id != told.product_id,
        _rows.c.rank != "page",
    )  # fmt: skip
    for row in (await session.execute(asked.where(by_handle))).mappings():
        if row["store"] == told.store or await _is_alike(session, dict(row), told):
            return [dict(row)]
    skus = sorted(told.skus)
    other = _rows.alias()
    having = sa.select(other.c.product_id).where(other.c.sku.in_(skus), other.c.store.in_((told.store, *_LOOSE)))
    in_a_file = sa.or_(_rows.c.product_id == _rows.c.handle, _rows.c.product_id == _rows.c.sku)
    found = [dict(row) for row in (
        await session.execute(asked.where(_rows.c.product_id.in_(having), in_a_file))).mappings()]  # fmt: skip
    grouped = [row for row in found if row["product_id"] == row["handle"]]
    return grouped if len(grouped) == 1 else [] if grouped else [row for row in found if row["sku"] in told.skus]


async def _is_alike(session: AsyncSession, row: Mapping[str, Any], told: _Told) -> bool:
    """Of a file that nobody said the store of: the handle alone may be that of another shop."""
    if row["name"] and row["name"] == told.name:
        return True
    one = sa.select(_rows.c.id).where(
        _rows.c.product_id == row["product_id"], _rows.c.store == row["store"], _rows.c.sku.in_(sorted(told.skus))
    )
    return await session.scalar(one.limit(1)) is not None


async def _adopt(session: AsyncSession, told: _Told, row: Mapping[str, Any], variant_id: str, at: datetime) -> None:
    """`variant_id` is what the row itself is of the told product: nothing for the whole of it."""
    mine = sa.select(_rows).where(_rows.c.product_id == row["product_id"], _rows.c.store == row["store"])
    for one in [dict(found) for found in (await session.execute(mine)).mappings()]:
        named = one["variant_id"]
        new = variant_id if not named else _variant(told, one) or named
        await _move(session, _rows, (), told, one["store"], (one["product_id"], named), new)
        became = sa.update(_rows).where(
            _rows.c.store == told.store, _rows.c.product_id == told.product_id, _rows.c.variant_id == new
        )
        if not named:
            await _remember_name(session, told, new, one["product_id"])
        # The shop's own word counts over a file's, also one of before it was read.
        await session.execute(became.where(_rows.c.id == one["id"]).values(updated_at=min(one["updated_at"], at)))
        for rows, key in _FOLLOWERS:
            for store in {one["store"], told.store}:
                await _move(session, rows, key, told, store, (one["product_id"], named), new)
    for rows, key in _FOLLOWERS:  # of variants that the file did not name
        left = sa.select(rows.c.variant_id).where(
            rows.c.product_id == row["product_id"], rows.c.store.in_((row["store"], told.store))
        )
        for named in set((await session.scalars(left)).all()):
            for store in {row["store"], told.store}:
                await _move(session, rows, key, told, store, (row["product_id"], named), named)


async def _remember_name(session: AsyncSession, told: _Told, variant_id: str, name: str) -> None:
    """Beside those that it had before: several rows of files may be one product, each with a name of its own."""
    mine = sa.and_(_rows.c.store == told.store, _rows.c.product_id == told.product_id, _rows.c.variant_id == variant_id)
    known = await session.scalar(sa.select(_rows.c.named_before).where(mine))
    names = "\n".join(dict.fromkeys([*(known or "").split("\n"), name])).strip("\n")
    await session.execute(sa.update(_rows).where(mine).values(named_before=names))


def _variant(told: _Told, row: Mapping[str, Any]) -> str:
    by_name = told.titles.get(row["name"]) or told.titles.get(f"{told.name} - {row['variant_id']}")
    return told.skus.get(row["sku"], "") or by_name or ""


async def _move(
    session: AsyncSession, rows: sa.Table, key: Iterable[str], told: _Told, store: str, old: tuple[str, str], new: str
) -> None:  # fmt: skip
    """Rows of `old` become rows of the variant `new` of the told product; one that stands there already is kept."""
    mine = sa.and_(rows.c.store == store, rows.c.product_id == old[0], rows.c.variant_id == old[1])
    moved = sa.update(rows).where(mine)
    if rows is _rows or key:
        other = rows.alias()
        there = sa.and_(
            other.c.store == told.store, other.c.product_id == told.product_id, other.c.variant_id == new,
            *(other.c[name] == rows.c[name] for name in key),
        )  # fmt: skip
        moved = moved.where(~sa.exists().where(there))
        await session.execute(moved.values(store=told.store, product_id=told.product_id, variant_id=new))
        await session.execute(sa.delete(rows).where(mine))
    else:
        await session.execute(moved.values(store=told.store, product_id=told.product_id, variant_id=new))


async def name_lines(database: Database) -> int:
    """Lines of orders and carts name by id what they named as a file did. Returns how many orders and carts changed."""
    async with database.reading() as session:
        columns = (_rows.c.id, _rows.c.store, _rows.c.named_before, _rows.c.product_id, _rows.c.variant_id)
        found = (await session.execute(sa.select(*columns).where(_rows.c.named_before != ""))).all()
    if not found:
        return 0
    ids = {
        (row.store, name): (row.product_id, row.variant_id)
        for row in sorted(found, key=lambda row: not row.variant_id)  # of a name for both the whole is meant
        for name in row.named_before.split("\n")
    }
    changed = 0
    for rows in (table(Order), table(Cart)):
        changed += await _name_lines_of(database, rows, ids)
    async with database.transaction() as session:
        for row in found:
            done = sa.update(_rows).where(_rows.c.id == row.id, _rows.c.named_before == row.named_before)
            await session.execute(done.values(named_before=""))
    return changed


async def _name_lines_of(database: Database, rows: sa.Table, ids: _Ids) -> int:
    """Looked for beside everybody else; only what is named otherwise is held, a few at a time."""
    last, changed, of = 0, 0, sorted({store for store, _ in ids})
    while True:
        part = sa.select(rows.c.id, rows.c.store, rows.c["items"]).where(rows.c.id > last, rows.c.store.in_(of))
        async with database.reading() as session:
            found = (await session.execute(part.order_by(rows.c.id).limit(_CHUNK))).all()
        meant = [row_id for row_id, store, told in found if _named(ids, store, told) != told]
        for at in range(0, len(meant), _AT_ONCE):
            changed += await _rename(database, rows, ids, meant[at : at + _AT_ONCE])
        if len(found) < _CHUNK:
            return changed
        last = found[-1].id


async def _rename(
    database: Database, rows: sa.Table, ids: _Ids, meant: Sequence[int]
) -> int:  # fmt: skip
    """Read again in the turn of those who write orders: a refund that comes just now must not be undone."""
    changed = 0
    async with database.transaction() as session:
        await due.take_turns(session, APPLYING)
        now = sa.select(rows.c.id, rows.c.store, rows.c["items"]).where(rows.c.id.in_(meant))
        for row_id, store, told in (await session.execute(now)).all():
            named = _named(ids, store, told)
            if named != told:
                await session.execute(sa.update(rows).where(rows.c.id == row_id).values(items=named))
                changed += 1
    return changed


def _named(
    ids: _Ids, store: str, items: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:  # fmt: skip
    found = list[Mapping[str, Any]]()
    for line in items:
        product_id, variant_id = ids.get((store, line["product_id"]), ("", ""))
        named = {"product_id": product_id, "variant_id": line["variant_id"] or variant_id} if product_id else {}
        found.append({**line, **named})
    return found
