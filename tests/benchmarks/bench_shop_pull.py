"""The first pull of a large shop: 50,000 products, 100,000 customers, 300,000 orders, times SHOP_PULL (default 0.002).

The stand-in answers without limits; a real shop's answers take longer than all that is measured here. The peer asks for
the same pages and writes nothing.
"""

import os
import tempfile
from functools import partial
from pathlib import Path

import psutil
from figures import Figure, measured
from sqlmodel import SQLModel

from bot.base import paths
from bot.base.config import Config
from bot.base.database import Database
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.demo import woocommerce_goods
from bot.demo.woocommerce_api import WooCommerceSite
from bot.inbound.shops import opening
from bot.inbound.shops.pulling import Pull
from bot.inbound.shops.shop import RESOURCES

SCALE = float(os.environ.get("SHOP_PULL", "0.002"))
PRODUCTS, CUSTOMERS, ORDERS = (max(1, round(count * SCALE)) for count in (50_000, 100_000, 300_000))


async def run() -> list[Figure]:
    async with WooCommerceSite(products=PRODUCTS, customers=CUSTOMERS, orders=ORDERS) as site:
        site.things["orders"].make = partial(woocommerce_goods.order, people=CUSTOMERS)
        section = {
            "address": site.url, "consumer_key": site.key, "consumer_secret": site.secret, "allow_private": True,
            "secrets": ["a-secret-of-webhooks"],
        }  # fmt: skip
        config = Config.model_validate({"shops": {"woocommerce": section}})
        with tempfile.TemporaryDirectory() as folder:
            database = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
            async with database.engine.begin() as connection:
                await connection.run_sync(SQLModel.metadata.create_all)
            ground = Ground(config, Texts([paths.templates()]), "secret")
            before = psutil.Process().memory_info().rss
            async with measured() as ours, opening.opened(config, "woocommerce") as shop:
                await Pull(database, ground, shop).run()
            grown = psutil.Process().memory_info().rss - before
            await database.close()
        async with measured() as peer, opening.opened(config, "woocommerce") as shop:
            for resource in RESOURCES:
                page = await shop.page(resource, {})
                while page.next is not None:
                    page = await shop.page(resource, page.next)
    things = PRODUCTS + CUSTOMERS + ORDERS
    return [
        Figure(f"things/s pulled, of {things:,} (peer: asked for only)", f"{things / ours.wall:,.0f}",
               f"{things / peer.wall:,.0f}", f"{peer.wall / ours.wall:.2f}"),
        Figure("things per second of processor", f"{things / ours.cpu:,.0f}"),
        Figure("memory that it grew by, MB (the stand-in's included)", f"{grown / 1e6:,.0f}"),
    ]  # fmt: skip
