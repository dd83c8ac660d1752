"""The shops that the configuration opens an API of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.base import stores
from bot.base.config import Config
from bot.base.errors import Finding, FindingsError
from bot.inbound.shops import shopify, woocommerce
from bot.inbound.shops.connection import Sleep
from bot.inbound.shops.shop import Shop

SYSTEMS = ("shopify", "woocommerce")


def connected(config: Config) -> list[str]:
    """The systems whose API can be asked."""
    return [system for system in SYSTEMS if getattr(config.shops, system).connects]


def wanting(config: Config, system: str) -> list[Finding]:
    """What is not set of what connecting needs."""
    settings = config.shops
    lacking = shopify.missing(settings.shopify) if system == "shopify" else woocommerce.missing(settings.woocommerce)
    found = [Finding(words, config.source, key=key) for key, words in lacking]
    declared = [source for one in settings.stores for source in one.sources if source.startswith(f"{system}:")]
    mine = source_of(config, system)
    if declared and mine not in declared:
        words = f"{mine} is connected and not declared here, so its webhooks would be refused; declare it, too"
        found.append(Finding(words, config.source, key="shops.stores"))
    return found


def source_of(config: Config, system: str) -> str:
    if system == "shopify":
        return stores.of_shopify(config.shops.shopify.domain)
    return stores.of_woocommerce(config.shops.woocommerce.address or "")


@asynccontextmanager
async def opened(config: Config, system: str, sleep: Sleep = asyncio.sleep) -> AsyncIterator[Shop]:
    """Raises FindingsError if something is missing."""
    if found := wanting(config, system):
        raise FindingsError(*found)
    if system == "shopify":
        async with shopify.open_connection(config.shops.shopify, sleep=sleep) as connection:
            yield shopify.Shopify(config.shops.shopify, connection)
    else:
        async with woocommerce.open_connection(config.shops.woocommerce, sleep=sleep) as connection:
            yield woocommerce.WooCommerce(config.shops.woocommerce, connection)


async def make_sure(config: Config, shop: Shop) -> None:
    """What is pulled and what webhooks tell must be of one store. Raises FindingsError."""
    named = await shop.named()
    if named != shop.source:
        key = "shops.shopify.domain" if shop.system == "shopify" else "shops.woocommerce.address"
        words = f"the shop calls itself {named.partition(':')[2]}, and so do its webhooks; write that here"
        raise FindingsError(Finding(words, config.source, key=key))
