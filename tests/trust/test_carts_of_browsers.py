"""Ids of carts can be guessed: what a browser tells of one blocks, changes and shows nothing of what others tell."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import trust_world
from trust_world import ADA, EVE, TrustWorld, track

from bot.base import clock
from bot.base.database import Database
from bot.base.texts import Texts
from bot.tables.automations import Enrolment
from bot.tables.people import Identity
from bot.tables.shop import Cart

LAMP = {"product_id": "lamp", "name": "Lamp", "price": 19.9, "quantity": 1}
ONE = {"product_id": "mug", "quantity": 1, "price": 18}
CHECKOUT = {"checkout_id": "900", "currency": "EUR"}
STARTED = "Checkout Started"


@pytest.fixture
async def world(database: Database, texts: Texts) -> AsyncIterator[TrustWorld]:
    async with await trust_world.opened(database, texts) as made:
        await made.history()
        yield made


async def _contact(world: TrustWorld, value: str) -> int:
    (found,) = await world.rows(Identity, value=value)
    return int(found.contact_id)


async def _lines(world: TrustWorld, who: str) -> list[list[tuple[str, int]]]:
    mine = await world.rows(Cart, cart_id="900", contact_id=await _contact(world, who))
    return [[(line["product_id"], line["quantity"]) for line in row.items] for row in mine]


def _is(browser: str, email: str) -> dict[str, Any]:
    return {"type": "identify", "anonymousId": browser, "traits": {"email": email}}


def _tells(name: str, browser: str, *products: Mapping[str, Any]) -> dict[str, Any]:
    kind = "checkout_id" if name == STARTED else "cart_id"
    return track(name, anonymousId=browser, **{kind: "900"}, currency="EUR", products=list(products))


def _cart(*lines: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": "900", "token": "900", "line_items": list(lines), "updated_at": clock.now().isoformat()}


@pytest.mark.parametrize("name", [STARTED, "Cart Updated"])
async def test_who_guesses_an_id_first_blocks_and_reads_nobody(world: TrustWorld, name: str) -> None:
    await world.page(_is("eve", EVE), _tells(name, "eve", LAMP))
    await world.page(_is("hers", "hers@example.org"), _tells(name, "hers", ONE))
    await world.page(_tells(name, "eve"), _tells(name, "eve", LAMP, {**LAMP, "product_id": "desk"}))
    assert await _lines(world, "hers") == [[("mug", 1)]]
    assert await _lines(world, "eve") == [[("lamp", 1), ("desk", 1)]]
    entered = [row.contact_id for row in await world.rows(Enrolment, status="active")]
    assert entered.count(await _contact(world, "hers")) == 1


async def test_the_shops_word_is_one_row_and_takes_what_the_right_browser_told(world: TrustWorld) -> None:
    await world.page(_tells(STARTED, "eve", LAMP))
    await world.person("u-ada", ADA, _tells(STARTED, "hers", ONE))
    assert await _lines(world, "u-ada") == [[("mug", 1)]]
    await world.server(track("Checkout Step Completed", userId="u-ada", **CHECKOUT))
    (cart,) = await world.rows(Cart, cart_id="900")
    assert (cart.rank, [line["product_id"] for line in cart.items]) == ("shop", ["mug"])
    assert await _lines(world, "u-ada") == [[("mug", 1)]]
    await world.page(_tells(STARTED, "eve", LAMP))
    assert await _lines(world, "eve") == []


async def test_a_word_of_the_shop_that_names_nobody_goes_to_no_browser_and_ends_it_for_all(world: TrustWorld) -> None:
    await world.page(_tells("Cart Updated", "eve", LAMP))
    await world.webhook("carts/update", _cart({"product_id": "mug", "quantity": 7, "price": "18.00"}))
    await world.page(_tells("Cart Updated", "hers", ONE))
    assert await _lines(world, "eve") == [[("lamp", 1)]] and await _lines(world, "hers") == [[("mug", 1)]]
    (shops,) = await world.rows(Cart, cart_id="900", rank="shop")
    assert (shops.contact_id, shops.items[0]["quantity"]) == (None, 7)
    await world.webhook("carts/update", _cart())
    assert await _lines(world, "eve") == [[]] and await _lines(world, "hers") == [[]]


async def test_an_order_ends_the_cart_of_whoever_told_of_it(world: TrustWorld) -> None:
    await world.page(_tells(STARTED, "hers", ONE))
    await world.server(track("Order Completed", userId="u-ada", order_id="1002", **CHECKOUT, products=[LAMP]))
    (cart,) = await world.rows(Cart, cart_id="900")
    assert cart.ordered_at is not None
