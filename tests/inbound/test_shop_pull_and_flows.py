"""What a pull and a comparison start, and what they end."""

from datetime import UTC, datetime, timedelta

from pulled_shop import opened, pull, woo_ground
from shop_world import ShopWorld, only

from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo.woocommerce_api import WooCommerceSite
from bot.inbound.shops import comparing
from bot.shops.inbox import Inbox
from bot.tables.events import Event

ADA = "person3@example.org"


async def test_history_starts_no_flow_and_a_lost_order_ends_the_reminders_of_its_cart(
    database: Database, texts: Texts
) -> None:
    async with WooCommerceSite(customers=3, orders=40) as site:
        ground = woo_ground(texts, site)
        world = ShopWorld(database, ground, only("abandoned_cart", "review_request", "welcome", "win_back"))
        world.now = datetime.now(UTC)
        await world.open()
        await pull(database, ground)
        await world.settle()
        assert await world.enrolled() == []
        async with database.reading() as session:
            assert (await session.execute(Event.__table__.select())).all() == []  # type: ignore[attr-defined]

        await world.happens(
            "Product Added", ADA, product_id="42", name="Lamp 42", price=51, quantity=1, currency="EUR", cart_id="c1"
        )
        assert [row["flow"] for row in await world.enrolled()] == ["abandoned_cart"]

        now = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")
        site.things["orders"].change(41, date_created_gmt=now, date_modified_gmt=now, date_paid_gmt=now, refunds=[])
        async with opened(ground) as shop:
            await comparing.compare(database, ground, shop)
        world.now += timedelta(seconds=10)
        inbox = Inbox(database, world.worker, shops=ground.config.shops)
        while await inbox.translate_due():
            pass
        await world.settle()
        cart = next(row for row in await world.enrolled("abandoned_cart"))
        assert cart["status"] != "active"
