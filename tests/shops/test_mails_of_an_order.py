"""Whatever order the deliveries of two shops come in, however often: their customers get the same mails."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import intake
import pytest
import shop_world
from conftest import NOON
from order_lives import LIVES, woo
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from bot.base.database import Database
from bot.base.texts import Texts
from bot.shops.inbox import Inbox

_FLOWS = ("abandoned_checkout", "care_tips", "review_request", "win_back")
_SHOPS = {
    "shopify": ("lamps.myshopify.com", "chairs.myshopify.com"),
    "woocommerce": ("https://shop.example/de/", "https://shop.example/fr/"),
}
Delivery = tuple[datetime, str, str, dict[str, Any]]
"""When it was sent, whose, its topic and what it says."""


def _life(system: str, shop: str, customer: str, late: int) -> list[Delivery]:
    """The life of an order of this shop; those of both shops have the same ids."""
    found = []
    for number, (topic, body) in enumerate(LIVES[system]()):
        told = {**body}
        if "line_items" in body and "email" in body:
            told["email"] = customer
        if "billing" in body:
            told["billing"] = {**body["billing"], "email": customer}
        found.append((NOON + (number * 6 + late) * MINUTE, shop, topic, told))
    return found


async def _deliver(
    shop: ShopWorld, inbox: Inbox, system: str, whose: str, topic: str, body: dict[str, Any], key: str
) -> None:
    await intake.store(shop.database, system, topic, body, whose, shop.now, key=key)
    while await inbox.translate_due():
        pass
    while await shop.applier.apply_due():
        pass


async def _mails(
    database: Database, texts: Texts, system: str, deliveries: Sequence[Delivery], apart: bool
) -> list[tuple[str, str]]:
    """What each got within two months, by address. `apart`: each delivery comes when it was sent; else all at once."""
    shop = await shop_world.opened(database, texts, shop_world.only(*_FLOWS))
    inbox = Inbox(database, 1)
    for name in ("ada@example.org", "bo@example.org"):
        await shop.person(name)
    for number, (sent, whose, topic, body) in enumerate(deliveries):
        if apart:
            await shop.passes(max(sent - shop.now, 0 * MINUTE))
        else:
            shop.now = NOON + 3 * HOUR
        await _deliver(shop, inbox, system, whose, topic, body, str(number))
    await shop.passes(60 * DAY)
    return sorted((str(mail.payload["to"]), str(mail.row["template"])) for mail in shop.mails.sent)


_EXPECTED = [("ada@example.org", "review_request"), ("ada@example.org", "review_request_2"),
             ("bo@example.org", "review_request"), ("bo@example.org", "review_request_2")]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("system", LIVES)
async def test_two_shops_with_equal_ids_bring_the_same_mails_however_their_words_arrive(
    database: Database, texts: Texts, system: str, seed: int
) -> None:
    one, two = _SHOPS[system]
    told = [*_life(system, one, "ada@example.org", 0), *_life(system, two, "bo@example.org", 3)]
    told.sort(key=lambda delivery: delivery[0])
    dice = random.Random(f"{system}:{seed}")
    if seed == 1:
        told.reverse()
    elif seed > 1:
        told += dice.sample(told, 8)
        dice.shuffle(told)
    found = await _mails(database, texts, system, told, apart=seed == 0)
    assert found == _EXPECTED


async def test_a_mail_that_a_cancellation_took_back_leaves_once_the_order_stands_again(
    database: Database, texts: Texts
) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only("review_request"))
    inbox, whose = Inbox(database, 1), _SHOPS["woocommerce"][0]
    await shop.person()
    for number, (minutes, status) in enumerate(((12, "processing"), (30, "completed"))):
        await _deliver(shop, inbox, "woocommerce", whose, *woo(minutes, status), f"{number}")
    while not await shop.written():  # until its mail is written, and not yet handed over
        shop.now += HOUR
        await shop.engine.move_due(shop.now)
    late = (shop.now - NOON) / MINUTE
    for number, (minutes, status) in enumerate(((late - 10, "cancelled"), (late - 5, "completed"))):
        await _deliver(shop, inbox, "woocommerce", whose, *woo(minutes, status), f"again {number}")
        if status == "cancelled":
            assert await shop.skipped() == ["exited"]
    await shop.passes(30 * DAY)
    assert shop.templates() == ["review_request", "review_request_2"]
