"""A browser that names its cart now and then has one cart, not one with an id and one without."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from conftest import NOON
from intake import Intake

from bot.base.database import Database
from bot.tables.shop import Cart

LAMP, DESK, CHAIR = "lamp", "desk", "chair"


async def _add(intake: Intake, thing: str, minute: int, browser: str = "b1", **more: Any) -> None:
    said = {"product_id": thing, "name": thing, "price": 10, "currency": "EUR", "quantity": 1, **more}
    at = NOON + timedelta(minutes=minute)
    await intake.tell("Product Added", said, rank="page", anonymousId=browser, ts=at)


def _things(cart: Cart) -> list[str]:
    return sorted(line["product_id"] for line in cart.items)


@pytest.mark.parametrize("named", [*sorted(set(permutations((True, True, False)))), (False, False, True)])
async def test_it_is_one_cart_whether_each_event_names_it_or_not(
    database: Database, named: tuple[bool, ...]
) -> None:  # fmt: skip
    intake = Intake(database)
    for minute, (thing, says) in enumerate(zip((LAMP, DESK, CHAIR), named, strict=True)):
        await _add(intake, thing, minute, **({"cart_id": "c1"} if says else {}))
    cart = await intake.one(Cart)
    assert (cart.cart_id, _things(cart)) == ("c1", [CHAIR, DESK, LAMP])


async def test_another_browser_has_its_own(database: Database) -> None:
    intake = Intake(database)
    await _add(intake, LAMP, 0)
    await _add(intake, DESK, 1, "b2", cart_id="c1")
    await _add(intake, CHAIR, 2, "b2")
    assert sorted(_things(cart) for cart in await intake.rows(Cart)) == [[CHAIR, DESK], [LAMP]]


async def test_what_comes_after_the_order_is_another_cart(database: Database) -> None:
    intake = Intake(database)
    await _add(intake, LAMP, 0, cart_id="c1")
    order = {"order_id": "o1", "cart_id": "c1", "products": [{"product_id": LAMP}]}
    await intake.tell("Order Completed", order, rank="page", anonymousId="b1", ts=NOON + timedelta(minutes=1))
    await _add(intake, DESK, 20)
    open_ones = [cart for cart in await intake.rows(Cart) if cart.ordered_at is None]
    assert [_things(cart) for cart in open_ones] == [[DESK]]
