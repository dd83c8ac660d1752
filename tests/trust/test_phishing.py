"""With the key of a page, and somebody's address: what the reader of the mail finds of the attacker."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import page_door
import pytest
import shop_world
from page_door import Stranger, identify, track
from shop_world import DAY, ShopWorld

from bot.base.database import Database
from bot.base.texts import Texts

VICTIM = "ada@example.org"
LOCKED = "Your account is locked, visit evil.example"
EVIL = {"name": LOCKED, "url": "https://evil.example/login", "image_url": "https://evil.example/x.png", "price": 777.77}
CONFIG: dict[str, Any] = {
    "shop": {"name": "Juniper & Oak", "url": "https://shop.example"},
    "web": {"public_url": "https://bot.example"},
    "mail": {"smtp_url": "smtp://127.0.0.1:25?tls=none", "from": "Juniper <help@shop.example>"},
    "automations": {"quiet_hours": "off"},
}


@pytest.fixture
async def attacker(database: Database, texts: Texts) -> AsyncIterator[Stranger]:
    """The victim reads the shop's mail; the shop sells a lamp for 19.90."""
    shop = await shop_world.opened(database, texts, **CONFIG)
    async with page_door.stranger(shop) as made:
        await shop.person(VICTIM, first_name="", last_name="")
        lamp = {"product_id": "lamp", "name": "Brass lamp", "price": 19.9, "currency": "EUR", "category": "Lamps"}
        there = {"url": "https://shop.example/lamp", "image_url": "https://cdn.example/lamp.png"}
        await shop.happens("Product Updated", source="shopify", **lamp, **there)
        yield made


def _read(shop: ShopWorld) -> str:
    """Every mail that left."""
    assert all(message.payload["to"] == VICTIM for message in shop.mails.sent)
    return "\n\n".join(page_door.raw(shop, message) for message in shop.mails.sent)


async def test_a_cart_of_known_goods_shows_the_catalogues_words_price_and_link(attacker: Stranger) -> None:
    await attacker.sends(
        identify("b1", email=VICTIM, firstName=LOCKED, lastName=LOCKED, name=LOCKED),
        track("b1", "Product Added", product_id="lamp", cart_id="k1", quantity=1, currency="EUR", **EVIL),
    )
    await attacker.shop.passes(2 * DAY)
    mails = _read(attacker.shop)
    assert "Brass lamp" in mails and "€19.90" in mails and "https://cdn.example/lamp.png" in mails
    assert "u=https%3A%2F%2Fshop.example%2Flamp" in mails
    for word in ("evil", "locked", "777.77"):
        assert word not in mails


async def test_a_checkout_of_unknown_goods_with_the_attackers_words_brings_no_mail(attacker: Stranger) -> None:
    await attacker.sends(
        identify("b1", email=VICTIM, first_name="https://evil.example"),
        track("b1", "Checkout Started", checkout_id="k1", currency="EUR", checkout_url="https://evil.example/pay",
              products=[{"product_id": "x", "quantity": 1, **EVIL}, {"sku": "y", "quantity": 1, **EVIL}]),
        track("b1", "Product Viewed", product_id="x", **EVIL),
        track("b1", "Product Viewed", product_id="x", **EVIL),
    )  # fmt: skip
    await attacker.shop.passes(2 * DAY)
    assert attacker.shop.mails.sent == []


async def test_a_title_with_the_shops_link_is_shown_without_a_word_above_the_mail(attacker: Stranger) -> None:
    """The rest that the shop allows: plain words beside a link of its own, never in the subject."""
    mine = {"url": "https://shop.example/x", "image_url": "https://evil.example/x.png", "price": 5, "quantity": 1}
    goods = [{"product_id": "x", "name": "Walnut shelf", **mine}, {"product_id": "y", "name": LOCKED, **mine}]
    pay = {"checkout_id": "k1", "currency": "EUR", "checkout_url": "https://evil.example/pay"}
    await attacker.sends(
        identify("b1", email=VICTIM, firstName="Mallory"), track("b1", "Checkout Started", products=goods, **pay)
    )
    await attacker.shop.passes(2 * DAY)
    mails = _read(attacker.shop)
    assert "Walnut shelf" in mails
    for word in ("evil", "locked"):
        assert word not in mails
    for message in attacker.shop.mails.sent:
        heads = page_door.raw(attacker.shop, message).partition("MIME-Version")[0]
        assert "Walnut" not in heads and "Mallory" not in heads


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("https://shop.example/checkouts/c/abc123", False),
        ("https://shop.example/cart?session=abc", False),
        ("https://shop.example/cart#abc", False),
        ("https://shop.example/de/warenkorb", True),
    ],
)
async def test_nobody_is_led_into_a_checkout_of_the_attacker(attacker: Stranger, told: str, kept: bool) -> None:
    lamp = {"product_id": "lamp", "quantity": 1}
    pay = {"checkout_id": "k1", "currency": "EUR", "checkout_url": told, "products": [lamp]}
    await attacker.sends(identify("b1", email=VICTIM), track("b1", "Checkout Started", **pay))
    await attacker.shop.passes(2 * DAY)
    mails = _read(attacker.shop)
    assert "Brass lamp" in mails and ("abc" not in mails)
    assert (quote(told, safe="") in mails) is kept


async def test_what_was_looked_at_is_told_in_the_catalogues_words(attacker: Stranger) -> None:
    looks = [track("b1", "Product Viewed", product_id="lamp", **EVIL) for _ in range(3)]
    await attacker.sends(identify("b1", email=VICTIM, firstName=LOCKED), *looks)
    await attacker.shop.passes(3 * DAY)
    mails = _read(attacker.shop)
    assert "Brass lamp" in mails
    for word in ("evil", "locked", "777.77"):
        assert word not in mails


async def test_a_price_that_only_a_page_told_makes_nothing_cheaper(attacker: Stranger) -> None:
    added = {"product_id": "lamp", "cart_id": "k1", "quantity": 1, "currency": "EUR", "price": 99}
    await attacker.sends(identify("b1", email=VICTIM), track("b1", "Product Added", **added))
    await attacker.shop.passes(2 * DAY)
    mails = _read(attacker.shop)
    assert "€19.90" in mails and "99.00" not in mails and "<s " not in mails


async def test_without_the_address_of_the_shop_no_page_gets_a_word_in(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, automations={"quiet_hours": "off"})
    async with page_door.stranger(shop) as attacker:
        await shop.person(VICTIM)
        line = {"product_id": "x", "name": "Walnut shelf", "url": "https://shop.example/x", "quantity": 1}
        await attacker.sends(
            identify("b1", email=VICTIM), track("b1", "Checkout Started", checkout_id="k1", products=[line])
        )
        await shop.passes(2 * DAY)
        assert shop.mails.sent == []
