"""Many browsers say that they are the reader of one mailbox: it gets no more than one reader would."""

from typing import Any

import page_door
import shop_world
from page_door import identify, track

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
