import pytest
import shop_world
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from bot.base.database import Database
from bot.base.texts import Texts
from bot.tables.shop import Product


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts)
    await world.person()
    return world


async def views(shop: ShopWorld, *products: str, **more: object) -> None:
    for product in products:
        await shop.happens("Product Viewed", product_id=product, name=product.title(), currency="EUR", **more)
        shop.now += MINUTE


async def test_one_look_is_no_reason_to_write(shop: ShopWorld) -> None:
    await views(shop, "lamp")
    assert await shop.enrolled() == []


async def test_two_looks_at_one_product_bring_a_mail_four_hours_after_the_last(shop: ShopWorld) -> None:
    await views(shop, "lamp", "lamp")
    await shop.passes(2 * HOUR)
    await views(shop, "chair")
    await shop.passes(3 * HOUR)
    assert shop.templates() == []
    await shop.passes(HOUR)
    assert shop.templates() == ["browse_reminder"]
    assert "Lamp" in shop.mails.sent[0].payload["text"] and "Chair" in shop.mails.sent[0].payload["text"]


async def test_two_products_of_one_category_count_as_well(shop: ShopWorld) -> None:
    await views(shop, "lamp", "bulb", category="Lighting")
    assert len(await shop.enrolled("browse_reminder")) == 1


async def test_putting_it_into_the_cart_ends_it(shop: ShopWorld) -> None:
    await views(shop, "lamp", "lamp")
    await shop.adds()
    assert (await shop.enrolled("browse_reminder"))[0]["status"] == "exited"


async def test_somebody_who_ordered_lately_is_not_reminded(shop: ShopWorld) -> None:
    await shop.orders()
    await shop.passes(5 * DAY)
    await views(shop, "chair", "chair")
    assert await shop.enrolled("browse_reminder") == []


async def test_nothing_to_show_means_no_mail(shop: ShopWorld) -> None:
    await views(shop, "lamp", "lamp")
    products = shop_world.table(Product)
    async with shop.database.transaction() as session:
        await session.execute(products.update().values(stock=0))
    await shop.passes(5 * HOUR)
    assert await shop.skipped() == ["nothing_to_show"]


async def test_it_comes_at_most_every_two_weeks(shop: ShopWorld) -> None:
    await views(shop, "lamp", "lamp")
    await shop.passes(3 * DAY)
    await views(shop, "chair", "chair")
    assert len(await shop.enrolled("browse_reminder")) == 1
    await shop.passes(12 * DAY)
    await views(shop, "chair", "chair")
    assert len(await shop.enrolled("browse_reminder")) == 2


async def test_t58_a_program_that_looks_at_everything_is_no_shopper(shop: ShopWorld) -> None:
    for number in range(60):
        await shop.happens("Product Viewed", product_id=f"p{number % 3}", at=shop.now)
    await shop.passes(5 * HOUR)
    assert shop.templates() == []


async def test_a_crawler_says_what_it_is(shop: ShopWorld) -> None:
    for _ in range(3):
        await shop.happens("Product Viewed", product_id="lamp", context={"userAgent": "Mozilla/5.0 (Googlebot/2.1)"})
    assert await shop.enrolled() == []
