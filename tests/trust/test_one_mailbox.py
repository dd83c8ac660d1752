"""Many browsers say that they are the reader of one mailbox: it gets no more than one reader would."""

import re
from pathlib import Path
from typing import Any

import page_door
import shop_world
from page_door import identify, track

from automations.definition import flow_files
from bot import contacts
from bot.base.config import Config
from bot.base.database import Database
from bot.base.texts import Texts

ADA = "ada@example.org"
CONFIG: dict[str, Any] = {
    "shop": {"name": "Juniper & Oak", "url": "https://shop.example"},
    "automations": {"quiet_hours": "off", "frequency_cap": ["1 per 16h", "4 per 7d"]},
}


async def test_a_hundred_browsers_that_claim_one_address_bring_it_one_mail(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only("abandoned_cart", "abandoned_checkout"), **CONFIG)
    async with page_door.stranger(shop) as attacker:
        await shop.person(ADA)
        lamp = {"product_id": "lamp", "name": "Brass lamp", "price": 19.9, "currency": "EUR"}
        await shop.happens("Product Updated", source="shopify", **lamp)
        calls = []
        for number in range(100):
            browser, cart = f"b{number}", {"cart_id": f"k{number}", "product_id": "lamp", "quantity": 1}
            calls += [identify(browser, email=ADA), track(browser, "Product Added", **cart)]
        await attacker.sends(*calls)
        await shop.passes(3 * shop_world.HOUR)
        assert [message.payload["to"] for message in shop.mails.sent] == [ADA]
        await shop.passes(3 * shop_world.DAY)
        assert len(shop.mails.sent) <= 4


async def test_what_browsers_got_that_claim_an_address_takes_nothing_from_its_reader(
    database: Database, texts: Texts
) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only("abandoned_cart", "abandoned_checkout"), **CONFIG)
    async with page_door.stranger(shop) as attacker:
        await shop.person(ADA)
        lamp = {"product_id": "lamp", "name": "Brass lamp", "price": 19.9, "currency": "EUR"}
        await shop.happens("Product Updated", source="shopify", **lamp)
        for number in range(6):
            cart = {"cart_id": f"k{number}", "product_id": "lamp", "quantity": 1}
            await attacker.sends(identify(f"b{number}", email=ADA), track(f"b{number}", "Product Added", **cart))
        await shop.passes(2 * shop_world.HOUR)
        taken = len(shop.mails.sent)
        assert taken == 1
        await shop.checks_out()  # Ada herself
        await shop.passes(2 * shop_world.HOUR)
        assert shop.templates()[taken:] == ["abandoned_checkout"]
        await attacker.sends(identify("late", email=ADA), track("late", "Product Added", cart_id="k9", **lamp))
        await shop.passes(3 * shop_world.HOUR)
        assert len(shop.mails.sent) == 2


async def test_of_two_mails_that_are_due_the_readers_own_leaves_and_the_claimed_one_waits(
    database: Database, texts: Texts
) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only("abandoned_cart"), **CONFIG)
    async with page_door.stranger(shop) as attacker:
        await shop.person(ADA)
        lamp = {"product_id": "lamp", "name": "Brass lamp", "price": 19.9, "currency": "EUR"}
        await shop.happens("Product Updated", source="shopify", **lamp)
        await attacker.sends(identify("b", email=ADA), track("b", "Product Added", cart_id="k", **lamp, quantity=1))
        await shop.adds()
        async with shop.database.reading() as session:
            ada = await contacts.find(session, "email", ADA)
        assert ada is not None
        await shop.sleeps(2 * shop_world.HOUR)
        while await shop.engine.move_due(shop.now):
            pass
        await shop.sleeps(shop_world.MINUTE)  # what was late leaves one after another
        await shop.settle()
        assert [message.row["contact_id"] for message in shop.mails.sent] == [ada.id]


async def test_a_browser_takes_no_place_in_a_flow_that_comes_once_to_an_address(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    shipped = flow_files.load(flow_files.folders(Config())).files["abandoned_cart"].read_text("utf-8")
    once = re.sub(r'(?m)^key = ".*"$', 'key = "once:{address_hash}"', shipped, count=1)
    once = re.sub(r"(?m)^else = .*$", "", once)
    assert once != shipped
    (tmp_path / "abandoned_cart.toml").write_text(once, "utf-8")
    shop = await shop_world.opened(database, texts, flow_files.load([tmp_path]), **CONFIG)
    async with page_door.stranger(shop) as attacker:
        await shop.person(ADA)
        lamp = {"product_id": "lamp", "name": "Brass lamp", "price": 19.9, "currency": "EUR", "quantity": 1}
        await shop.happens("Product Updated", source="shopify", **lamp)
        await attacker.sends(identify("b", email=ADA), track("b", "Product Added", cart_id="k", **lamp))
        await shop.adds()
        async with shop.database.reading() as session:
            ada = await contacts.find(session, "email", ADA)
        assert ada is not None
        before = [row for row in await shop.enrolled() if row["contact_id"] == ada.id]
        assert len(before) == 1
        await attacker.sends(identify("c", email=ADA), track("c", "Product Added", cart_id="evil", **lamp))
        assert [row for row in await shop.enrolled() if row["contact_id"] == ada.id] == before
