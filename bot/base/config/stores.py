"""The section [[shops.stores]]: a name for a store, so that files and keys can say that their ids are of it."""

from typing import Annotated

from pydantic import Field

from bot.base import stores
from bot.base.config.types import HttpUrl, Section


class Store(Section):
    """What is one store: a shop of Shopify by its domain, a site of WooCommerce by its address, or only a name."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    shopify: Annotated[str, Field(pattern=r"^([A-Za-z0-9-]+\.)+[A-Za-z]+$|^$")] = ""
    woocommerce: HttpUrl | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        found = (
            stores.of_shopify(self.shopify) if self.shopify else "",
            stores.of_woocommerce(self.woocommerce) if self.woocommerce else "",
        )
        return tuple(one for one in found if one)

    @property
    def key(self) -> str:
        """What stands in rows. The shop system's own name goes first: it stands there already if it came before this
        section.
        """
        return next(iter(self.sources), self.name)


def apart(found: tuple[Store, ...]) -> tuple[Store, ...]:
    seen: set[str] = set()
    for one in found:
        if one.name in (stores.IMPORT, stores.BEFORE):
            raise ValueError(f"{one.name} is a name of our own; choose another")
        for word in (one.name, *one.sources):
            if word in seen:
                raise ValueError(f"{word} stands there twice; a store is declared once")
            seen.add(word)
    return found
