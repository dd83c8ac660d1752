"""The shop of the demo, visited by a person: what its pages tell becomes a cart, and the cart a mail."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import shop_world
import sqlalchemy as sa
from chromium import Chromium, Page
from shop_pages import KEY, Shop
from shop_world import ShopWorld

from bot.base import clock
from bot.base.database import table
from bot.base.texts import Texts
from bot.demo import sample_shop
from bot.demo.sample_shop import Tells
from bot.tables.catalogue import SeenPrice
from bot.tables.shop import Cart


@pytest.fixture
async def site(shop: Shop) -> AsyncIterator[str]:
    async with sample_shop.web_site(Tells(shop.door, KEY)) as url:
        yield url


async def _shows(page: Page, name: str) -> None:
    """Keeps a picture where somebody wants to look at it: `PICTURES=folder pytest …`."""
    if folder := os.environ.get("PICTURES"):
        for width, height in ((1200, 800), (400, 800)):
            (Path(folder) / f"{name}-{width}.png").write_bytes(await page.picture(width, height))


async def test_looking_and_buying_is_told(shop: Shop, site: str, browser: Chromium) -> None:
    page = await browser.page()
    await page.opens(f"{site}/")
    await _shows(page, "shelf")
    await page.opens(f"{site}/products/1004")
    await page.until("window.aftercart && window.aftercart.track")
    await _shows(page, "product")
    await page.runs("document.forms[0].elements.quantity.value = 2")
    await page.runs("document.querySelector('button').click()")
    heard = await shop.hears_of("Product Viewed", "Product Added", "Cart Updated")
    await _shows(page, "cart")
    viewed, added, cart = (
        heard[name].body["properties"] for name in ("Product Viewed", "Product Added", "Cart Updated")
    )
    assert (viewed["product_id"], viewed["sku"], viewed["price"]) == ("1004", "JO-SCARF-RED", 39.5)
    assert (added["product_id"], added["quantity"]) == ("1004", 2)
    assert (cart["cart_id"], [line["product_id"] for line in cart["products"]]) == ("the-basket", ["1004"])
    assert page.complaints == []


async def test_a_cart_left_in_the_browser_becomes_a_mail(
    shop: Shop, site: str, browser: Chromium, texts: Texts
) -> None:
    world = await shop_world.opened(
        shop.database, texts, shop_world.only("abandoned_cart"), shop={"url": site, "currency": "EUR"}
    )
    world.now = clock.now()
    await world.person("ada@example.org")
    page = await browser.page()
    await page.opens(f"{site}/products/1002")
    await page.until("window.aftercart && window.aftercart.track")
    await page.runs("window.aftercart.identify({email: 'ada@example.org'})")
    await page.runs("document.querySelector('button').click()")
    await shop.hears_of("identify", "Product Added", "Cart Updated")
    await _applied(world)
    (cart,) = await _rows(world, Cart)
    assert [(line["product_id"], line["quantity"], line["price"]) for line in cart["items"]] == [("1002", 1, 8900)]
    assert [row["price"] for row in await _rows(world, SeenPrice)] == [8900]
    await world.passes(timedelta(days=1))
    assert world.templates() == ["abandoned_cart", "abandoned_cart_2"]


async def _applied(world: ShopWorld) -> None:
    world.now = max(world.now, clock.now())
    while await world.applier.apply_due():
        pass


async def _rows(world: ShopWorld, model: type) -> list[dict[str, object]]:
    async with world.database.reading() as session:
        return [dict(row) for row in (await session.execute(sa.select(table(model)))).mappings()]
