"""A file of products and their variants, one per line."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import answers, clock
from bot.base.database import insert, table
from bot.base.ground import Ground
from bot.inbound.files import aliases, values
from bot.inbound.files.batches import Cells, Refused
from bot.tables.shop import Product

KNOWN = aliases.PRODUCTS
ONE_OF = ("product_id", "handle", "sku")
_rows = table(Product)
_HIDDEN = (
    "draft", "archived", "false", "0", "no", "private", "-1", "unlisted", "nein", "entwurf", "privat", "non",
    "brouillon", "borrador", "concept", "非公开", "草稿", "下架", "已下架", "否", "非公開", "下書き",
)  # fmt: skip
_SOLD_OUT = (
    "outofstock", "out of stock", "ausverkauft", "rupture de stock", "agotado", "缺货", "無庫存", "在庫なし",
)  # fmt: skip
_KEPT = ("sku", "name", "category", "brand", "url", "image_url", "price", "currency", "stock")
_OURS = ("options", "picture", "stray")
_KINDS = ("simple", "variable", "variation", "grouped", "external")
"""What WooCommerce calls the type of a product is no category."""
_OF_WHOLE = ("name", "category", "brand", "image_url", "url")
"""What the line of a variant leaves to the line of its product."""

_Key = tuple[str, str]
_T = TypeVar("_T")


def noticing(places: Collection[str], about: dict[str, str]) -> Callable[[Cells], None] | None:
    """WooCommerce's variations name their product by its SKU, which may stand anywhere else in the file."""
    if not {"parent", "sku", "product_id"} <= set(places):
        return None

    def notice(line: Cells) -> None:
        if line["sku"] and line["product_id"] and not line["parent"]:
            about[f"sku:{line['sku']}"] = line["product_id"]

    return notice


def key(line: Cells) -> str:
    """The lines of one product of Shopify; the runner keeps them in one batch."""
    return line["handle"] if line.has("handle") and not line["product_id"] else str(line.line.number)


async def take(session: AsyncSession, ground: Ground, lines: Sequence[Cells], now: datetime) -> list[Refused]:
    """Write a batch of lines down; a product that is known gets what the file says and keeps the rest."""
    refused, read = list[Refused](), dict[_Key, dict[str, Any]]()
    wanted = {line[name].removeprefix("id:") for line in lines for name in ("sku", "parent")}
    known = await _by_sku(session, lines[0].store, wanted)
    named = await _by_handle(session, lines[0].store, {line["handle"] for line in lines if not line["product_id"]})
    known |= {line["sku"]: (values.key(line["product_id"]), "") for line in lines
              if line["sku"] and line["product_id"] and not line["parent"]}  # fmt: skip
    titled: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        try:
            row = _product(line, ground, now, known, named)
        except ValueError as error:
            refused.append(Refused(line, str(error)))
            continue
        if row is None:  # a further picture
            continue
        if line.has("option1") and line.has("handle"):
            titled.setdefault(row["product_id"], []).append(row)
        read[row["product_id"], row["variant_id"]] = row
    for product_id, rows in titled.items():
        for row in rows:
            read.pop((row["product_id"], row["variant_id"]), None)
        read |= {(row["product_id"], row["variant_id"]): row for row in _with_variants(product_id, rows)}
    for row in read.values():
        if row["variant_id"] and (whole := read.get((row["product_id"], ""))):
            row |= {name: whole[name] for name in _OF_WHOLE if not row[name]}
    if read:
        new = insert(session, _rows)
        kept: dict[str, Any] = {name: new.excluded[name] for name in _given(lines[0]) | {"updated_at"}}
        kept |= {"handle": sa.case((new.excluded.handle == "", _rows.c.handle), else_=new.excluded.handle)}
        await session.execute(
            new.on_conflict_do_update(index_elements=["product_id", "variant_id", "store"], set_=kept),
            [{name: value for name, value in row.items() if name not in _OURS} for row in read.values()],
        )
        if lines[0].has("parent"):
            await _complete(session, lines[0].store, {product_id for product_id, _ in read})
    return refused


async def _complete(session: AsyncSession, store: str, product_ids: Collection[str]) -> None:
    """Variants take what they lack from their product, which may have come in another batch."""
    whole = _rows.alias()
    for name in _OF_WHOLE:
        theirs = sa.select(whole.c[name]).where(
            whole.c.product_id == _rows.c.product_id, whole.c.variant_id == "", whole.c.store == store
        )
        lacking = sa.update(_rows).where(
            _rows.c.store == store, _rows.c.product_id.in_(sorted(product_ids)), _rows.c.variant_id != "",
            _rows.c[name] == "",
        )  # fmt: skip
        filled = sa.func.coalesce(theirs.scalar_subquery(), "")
        await session.execute(lacking.values({name: filled}))


async def _by_sku(session: AsyncSession, store: str, skus: set[str]) -> dict[str, _Key]:
    """The ids under which the shop itself told of an article: its own files name it by handle or SKU only."""
    asked = sa.select(_rows.c.sku, _rows.c.product_id, _rows.c.variant_id).where(
        _rows.c.store == store, _rows.c.sku.in_(sorted(skus - {""}))
    )
    found: dict[str, set[_Key]] = {}
    for sku, product_id, variant_id in await session.execute(asked):
        found.setdefault(sku, set()).add((product_id, variant_id))
    for keys in found.values():  # of a product with one variant both rows carry the SKU
        keys -= {(product_id, "") for product_id, variant_id in tuple(keys) if variant_id}
    return {sku: next(iter(keys)) for sku, keys in found.items() if len(keys) == 1}


async def _by_handle(session: AsyncSession, store: str, handles: set[str]) -> dict[str, tuple[str, dict[str, str]]]:
    """The ids of products that the shop told of itself, and their variants by what their names add to the product's."""
    there = sa.and_(_rows.c.store == store, _rows.c.handle.in_(sorted(handles - {""})), _rows.c.variant_id == "")
    asked = sa.select(_rows.c.handle, _rows.c.product_id, _rows.c.name).where(
        there, _rows.c.product_id != _rows.c.handle
    )
    newest = asked.order_by(
        _rows.c.published, _rows.c.updated_at
    )  # the last stays: one that is gone gave its handle up
    found = {row.handle: row for row in await session.execute(newest)}
    names = {row.product_id: row.name for row in found.values()}
    variants: dict[str, dict[str, str]] = {product_id: {} for product_id in names}
    of_them = sa.select(_rows.c.product_id, _rows.c.variant_id, _rows.c.name).where(
        _rows.c.store == store, _rows.c.product_id.in_(sorted(names)), _rows.c.variant_id != ""
    )
    for product_id, variant_id, name in await session.execute(of_them) if names else ():
        variants[product_id][name.removeprefix(f"{names[product_id]} - ")] = variant_id
    return {handle: (row.product_id, variants[row.product_id]) for handle, row in found.items()}


def _with_variants(product_id: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Shopify's lines of a product: the first names it, each is a variant of it; the only one is the product."""
    first = next((row for row in rows if row["name"]), rows[0])
    counted = [row["stock"] for row in rows]
    whole = {
        **first, "variant_id": "", "image_url": first["picture"] or first["image_url"],
        "sku": first["sku"] if len(rows) == 1 else "",
        "stock": None if None in counted else sum(counted),
    }  # fmt: skip
    whole["handle"] = next((row["handle"] for row in rows if row["handle"]), "")
    made = [whole]
    for row in rows:
        options = row["options"]
        if (len(rows) > 1 or (row["variant_id"] and options)) and not row["stray"]:
            own = {name: row[name] or first[name] for name in _OF_WHOLE}
            own["name"] = f"{first['name']} - {options}" if options and first["name"] else first["name"]
            made.append({**row, **own, "published": first["published"],
                         "handle": "", "variant_id": row["variant_id"] or row["sku"] or options})  # fmt: skip
    return made


def _given(line: Cells) -> set[str]:
    """The columns of the table that the file has something to say about."""
    there = {name for name in _KEPT if line.has(name)}
    there |= {"price"} if line.has("sale_price") else set()
    there |= {"stock"} if line.has("in_stock") else set()
    there |= {"image_url"} if line.has("variant_image") else set()
    return there | ({"published"} if line.has("status") or line.has("on_show") else set())


def _product(
    line: Cells, ground: Ground, now: datetime, known: Mapping[str, _Key],
    named: Mapping[str, tuple[str, Mapping[str, str]]],
) -> dict[str, Any] | None:  # fmt: skip
    product_id = values.key(line["product_id"]) or line["handle"] or line["sku"]
    if not product_id:
        raise ValueError("no id, handle or SKU")
    values.key(line["sku"])
    variant_id = values.key(line["variant_id"])
    parent = line["parent"]
    options = " / ".join(one for name in ("option1", "option2", "option3") if (one := line[name]))
    options = "" if options == "Default Title" else options
    stray = False
    if parent and not variant_id:  # WooCommerce writes variations as lines of their own
        in_file = line.about.get(f"sku:{parent}", "")
        whose = (
            parent.removeprefix("id:") if parent.startswith("id:") else in_file or known.get(parent, (parent, ""))[0]
        )
        product_id, variant_id = whose, product_id
    elif not line["product_id"] and line["handle"] in named:
        product_id, variants = named[line["handle"]]
        of_sku = known.get(line["sku"], ("", ""))
        variant_id = variant_id or (of_sku[1] if of_sku[0] == product_id else "") or variants.get(options, "")
        stray = bool(variants) and not variant_id and bool(options)
        if stray:
            line.told["variant: the shop itself tells of none like it, so it is left out"] = options
    elif not line["product_id"] and line["sku"] in known:
        product_id, variant_id = known[line["sku"]]
    prices = (line["sale_price"], line["price"])
    if (
        line.has("handle")
        and line.has("option1")
        and not (line["name"] or line["sku"] or line["option1"] or any(prices))
    ):
        return None
    currency = values.currency(line["currency"], prices, ground.config.shop.currency)
    category = line["category"].split(",")[0].split(">")[-1].strip()
    picture = line["image_url"].split(",")[0].strip()
    return {
        "store": line.store,
        "product_id": product_id,
        "variant_id": variant_id,
        "options": options,
        "stray": stray,
        "handle": "" if variant_id else line["handle"],
        "sku": line["sku"],
        "name": line["name"],
        "category": "" if category.lower() in _KINDS else category,
        "brand": line["brand"],
        "url": line["url"],
        "picture": picture,
        "image_url": line["variant_image"] or picture,
        "price": _price(line, currency, ground, now),
        "currency": currency,
        "stock": _stock(line),
        "published": all(line[name].strip().lower() not in _HIDDEN for name in ("status", "on_show")),
        "updated_at": now,
    }


def _price(line: Cells, currency: str, ground: Ground, now: datetime) -> int | None:
    """The sale's while it lasts."""
    zone = clock.zone(ground.config.shop.timezone)
    assert zone is not None
    regular, sale = (values.amount(line[name], currency) for name in ("price", "sale_price"))
    begins, ends = (
        _read(line, name, partial(values.moment, zone=zone, order=line.day_order(name)))
        for name in ("sale_from", "sale_until")
    )
    on_sale = sale is not None and (begins is None or begins <= now) and (ends is None or now < ends)
    return sale if on_sale else regular


def _read(line: Cells, name: str, read: Callable[[str], _T | None]) -> _T | None:
    """A value that cannot be read is left out."""
    try:
        return read(line[name])
    except ValueError as error:
        line.told[f"{name}: {str(error).removeprefix(repr(line[name])).strip()}"] = line[name]
        return None


def _stock(line: Cells) -> int | None:
    """None where the shop does not count, or sells what it does not have."""
    counted = _read(line, "stock", values.number)
    if line.has("tracker") and not line["tracker"]:
        return None
    if line["policy"].lower() in ("continue", "true", "yes"):
        return None
    there = line["in_stock"].lower()
    if answers.read(there) is False or there in _SOLD_OUT:
        return 0
    return None if there in ("backorder", "onbackorder") else counted
