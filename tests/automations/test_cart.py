import pytest
import shop_world
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from bot.base.database import Database
from bot.base.texts import Texts


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts)
    await world.person()
    return world


async def test_three_mails_follow_a_cart_that_was_left(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.passes(5 * DAY)
    assert shop.templates() == ["abandoned_cart", "abandoned_cart_2", "abandoned_cart_3"]
    assert [row["status"] for row in await shop.enrolled()] == ["finished"]
    mail = shop.mails.sent[0].payload
    assert "Lamp" in mail["html"] and mail["to"] == "ada@example.org" and mail["from"] == "marketing"
