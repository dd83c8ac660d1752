"""kill -9 at random moments of the first pull of a shop: run again, it goes on, and all is there once."""

import asyncio
import os
import random
from pathlib import Path

import pytest
from intake import Intake
from program import begin, toml

from bot.base.database import Database
from bot.demo.shopify_api import ShopifyShop
from bot.demo.woocommerce_api import WooCommerceSite
from bot.tables.people import Contact
from bot.tables.shop import Order, Product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
KILLS = 3
SEED = int(os.environ.get("AFTERCART_KILL_SEED", "20260304"))


async def _run(folder: Path, *words: str, kill: float | None = None, site: WooCommerceSite | ShopifyShop) -> int | None:
    """Until it ends, or killed so many seconds after it asked the shop for the first time."""
    asked = len(site.asked)
    process = begin([*words, "--config", "config.toml"], folder, dict(os.environ), folder / "out.txt")
    while process.is_alive() and (kill is None or len(site.asked) == asked):
        await asyncio.sleep(0.01)
    if kill is not None:
        await asyncio.sleep(kill)
        process.kill()
    await asyncio.to_thread(process.join)
    return process.exitcode


@pytest.mark.parametrize("system", ["woocommerce", "shopify"])
async def test_a_pull_that_is_killed_again_and_again_is_whole_in_the_end(
    empty_url: str, tmp_path: Path, system: str
) -> None:
    choose = random.Random(SEED)
    woo, shopify = (
        WooCommerceSite(products=5, customers=15, orders=105),
        ShopifyShop(products=5, customers=15, orders=48),
    )
    async with woo, shopify:
        site = woo if system == "woocommerce" else shopify
        key = {"address": woo.url, "consumer_key": woo.key, "consumer_secret": woo.secret}
        if site is shopify:
            key = {"domain": shopify.domain, "token": shopify.token, "api_base": shopify.url}
        section = {**key, "allow_private": True, "secrets": ["a-secret-of-webhooks"]}
        config = {"database": {"url": empty_url}, "shops": {system: section}}
        (tmp_path / "config.toml").write_text(toml(config), "utf-8")
        assert await _run(tmp_path, "migrate", site=site) == 0
        words = ("shop", "connect", system, "--no-webhooks")
        for _ in range(KILLS):
            assert await _run(tmp_path, *words, kill=choose.uniform(0, 1.5), site=site) in (0, -9)
        said = (tmp_path / "out.txt").read_text("utf-8")
        assert await _run(tmp_path, *words, site=site) == 0, said
    database = Database(empty_url)
    intake = Intake(database)
    for model, count in ((Order, len(site.things["orders"])), (Contact, 15)):
        assert len(await intake.rows(model)) == count
    assert len({one.product_id for one in await intake.rows(Product)}) == 5
    await database.close()
