"""Coming into a segment starts flows."""

import tomllib

import shop_world
from shop_world import MINUTE, ShopWorld

from automations.definition import flow
from automations.definition.flow_files import Flows
from automations.running.segment_entries import enter_segment
from bot.base.database import Database
from bot.base.texts import Texts

FLOW = """
title = "Regulars"
about = "cart"
priority = "cart"
[trigger]
segment = "regulars"
when = ["no_recent_order(10d)"]
[enrol]
key = "segment:{contact}"
[[steps]]
id = "stick"
tag = {add = ["regular"]}
"""


def flows(text: str = FLOW) -> Flows:
    tree = tomllib.loads(text)
    return Flows({"regulars": flow.from_definition("regulars", tree)}, {"regulars": tree}, {})


async def come(shop: ShopWorld, segment: str, *people: int) -> int:
    async with shop.database.transaction() as session:
        return await enter_segment(session, shop.starter, list(shop.flows), segment, people, shop.now)


async def test_who_comes_into_the_segment_enters_once(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, flows(FLOW + '[[steps]]\nid = "mail"\nsend = "abandoned_cart"\n'))
    ada, bob = await shop.person(), await shop.person("bob@example.org")
    buyer = await shop.person("eve@example.org")
    await shop.happens("Order Completed", "eve@example.org", order_id="o1", currency="EUR", revenue=5, products=[])
    assert await come(shop, "others", ada) == 0
    assert await come(shop, "regulars", ada, bob, buyer) == 2
    assert await come(shop, "regulars", ada, bob, buyer) == 0
    assert [row["dedupe_key"] for row in await shop.enrolled()] == [f"segment:{ada}", f"segment:{bob}"]


async def test_a_flow_that_is_off_or_a_person_who_was_forgotten_starts_nothing(
    database: Database, texts: Texts
) -> None:
    shop = await shop_world.opened(database, texts, flows("enabled = false\n" + FLOW))
    ada = await shop.person()
    assert await come(shop, "regulars", ada) == 0
    shop = await shop_world.opened(database, texts, flows())
    await shop.change(ada, status="erased")
    assert await come(shop, "regulars", ada) == 0


async def test_a_flow_that_only_sticks_a_tag_asks_for_no_address(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, flows())
    ada = await shop.person()
    assert await come(shop, "regulars", ada) == 1
    await shop.passes(MINUTE)
    assert [row["status"] for row in await shop.enrolled()] == ["finished"]
