"""A shop whose API is pulled in a test, and what the database then says of it."""

import random
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import make
import sqlalchemy as sa
from intake import Intake

from bot.base.database import Database
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.demo import shopify_goods
from bot.demo.shopify_api import ShopifyShop
from bot.demo.woocommerce_api import WooCommerceSite
from bot.inbound.shops import opening, woocommerce
from bot.inbound.shops.connection import Connection
from bot.inbound.shops.pulling import Pull
from bot.inbound.shops.shop import RESOURCES, Shop, Thing
from bot.shops import lines
from bot.tables.people import Consent, Contact, Identity
from bot.tables.shop import InventoryItem, Order, Product

_OURS = {"id", "created_at", "told", "contact_id", "email_hash", "last_seen_at", "traits_told"}


async def at_once(_seconds: float) -> None:
    """In place of waiting."""


def woo_section(site: WooCommerceSite) -> dict[str, Any]:
    return {
        "address": site.url, "consumer_key": site.key, "consumer_secret": site.secret, "allow_private": True,
        "secrets": ["a-secret-of-webhooks"],
    }  # fmt: skip


def woo_ground(texts: Texts, site: WooCommerceSite, **more: Any) -> Ground:
    return make.ground(texts, shops={"woocommerce": woo_section(site)}, **more)


def woo(ground: Ground) -> AbstractAsyncContextManager[Connection]:
    return woocommerce.open_connection(ground.config.shops.woocommerce, sleep=at_once)


async def pull_woo(database: Database, ground: Ground, **more: Any) -> Sequence[Mapping[str, Any]]:
    async with woo(ground) as connection:
        shop = woocommerce.WooCommerce(ground.config.shops.woocommerce, connection)
        return await Pull(database, ground, shop).run(**more)


def shopify_section(shop: ShopifyShop, **more: Any) -> dict[str, Any]:
    section = {
        "domain": shop.domain, "token": shop.token, "api_base": shop.url, "allow_private": True,
        "secrets": ["a-secret-of-webhooks"],
    }  # fmt: skip
    return {**section, **more}


def shopify_ground(texts: Texts, shop: ShopifyShop, **more: Any) -> Ground:
    return make.ground(texts, shops={"shopify": shopify_section(shop, **more)})


def opened(ground: Ground) -> AbstractAsyncContextManager[Shop]:
    """The shop that is connected, without any waiting."""
    (system,) = opening.connected(ground.config)
    return opening.opened(ground.config, system, at_once)


async def pull(database: Database, ground: Ground, **more: Any) -> Sequence[Mapping[str, Any]]:
    async with opened(ground) as shop:
        return await Pull(database, ground, shop).run(**more)


def webhooks_of(shop: ShopifyShop) -> list[Thing]:
    """What its webhooks told of all that it has."""
    told: list[tuple[str, Mapping[str, Any]]] = []
    for product in shop.things["products"]:
        told.append(("products/update", product))
        told += [("inventory_items/update", shopify_goods.inventory_item(one)) for one in product["variants"]]
    told += [("customers/update", one) for one in shop.things["customers"]]
    told += [("orders/updated", one) for one in shop.things["orders"]]
    return [Thing(str(one["id"]), topic, one, lines.moment(one["updated_at"])) for topic, one in told]


async def everything(shop: Shop) -> list[Thing]:
    """All that the API tells."""
    found: list[Thing] = []
    for resource in RESOURCES:
        page = await shop.page(resource, {})
        found += page.things
        while page.next is not None:
            page = await shop.page(resource, page.next)
            found += page.things
    return found


async def tell(intake: Intake, shop: Shop, things: Sequence[Thing], seed: int) -> None:
    """All of them as webhooks, in any order; goods first, for an order takes their category when it comes."""
    shuffled = list(things)
    random.Random(seed).shuffle(shuffled)
    shuffled.sort(key=lambda thing: not thing.topic.startswith("product"))
    for thing in shuffled:
        at = max(intake.now, thing.changed or intake.now)
        (name,) = shop.headers.values()
        await intake.deliver(shop.system, thing.topic, dict(thing.payload), name, at=at)


async def told(database: Database, only: Mapping[str, sa.ColumnElement[bool]] | None = None) -> dict[str, Any]:
    """What the database knows of a shop, without what is of the way on which it came; `only` some rows of a table."""
    async with database.reading() as session:
        rows = {
            model.__name__: [dict(row) for row in (await session.execute(_asked(model, only or {}))).mappings()]
            for model in (Product, InventoryItem, Order, Contact, Identity, Consent)
        }
    who: dict[int, tuple[str, ...]] = {}
    for row in sorted(rows["Identity"], key=lambda one: (one["kind"], one["value"])):
        who[row["contact_id"]] = (*who.get(row["contact_id"], ()), f"{row['kind']}:{row['value']}")
    found: dict[str, Any] = {}
    for name, some in rows.items():
        found[name] = sorted(
            (
                {"who": who.get(row.get("contact_id") or 0)}
                | ({"who": who.get(row["id"])} if name == "Contact" else {})
                | {key: _plain(value) for key, value in row.items() if key not in _OURS}
                for row in some
            ),
            key=repr,
        )
    return found


def _asked(model: Any, only: Mapping[str, sa.ColumnElement[bool]]) -> sa.Select[Any]:
    return sa.select(model.__table__).where(only.get(model.__name__, sa.true()))


def _plain(value: Any) -> Any:
    """`tie` is what decides between two words of one second: of it each way has its own digest."""
    return {key: one for key, one in value.items() if key != "tie"} if isinstance(value, dict) else value


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    """What two databases say otherwise, field by field."""
    found: list[Any] = []
    for name, rows in one.items():
        if len(rows) != len(other[name]):
            found.append((name, len(rows), len(other[name])))
        for mine, theirs in zip(rows, other[name], strict=False):
            found += [(name, key, mine[key], theirs[key]) for key in mine if mine[key] != theirs[key]]
    return found
