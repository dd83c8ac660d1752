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


async def test_three_mails_follow_a_cart_that_was_left(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.passes(5 * DAY)
    assert shop.templates() == ["abandoned_cart", "abandoned_cart_2", "abandoned_cart_3"]
    assert [row["status"] for row in await shop.enrolled()] == ["finished"]
    mail = shop.mails.sent[0].payload
    assert "Lamp" in mail["html"] and mail["to"] == "ada@example.org" and mail["from"] == "marketing"


async def test_nothing_is_sent_before_the_cart_was_left_for_an_hour(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.passes(59 * MINUTE)
    assert shop.templates() == []
    await shop.passes(MINUTE)
    assert shop.templates() == ["abandoned_cart"]


async def test_t01_an_edit_before_the_first_mail_starts_the_hour_again_with_the_new_cart(shop: ShopWorld) -> None:
    await shop.adds("lamp")
    await shop.passes(40 * MINUTE)
    await shop.adds("chair")
    await shop.passes(59 * MINUTE)
    assert shop.templates() == []
    await shop.passes(MINUTE)
    assert len(await shop.enrolled()) == 1
    assert "Lamp" in shop.mails.sent[0].payload["text"] and "Chair" in shop.mails.sent[0].payload["text"]


async def test_edits_cannot_put_the_first_mail_off_for_more_than_a_day(shop: ShopWorld) -> None:
    for _ in range(60):
        await shop.adds()
        await shop.passes(30 * MINUTE)
    assert len(shop.templates()) == 1


async def test_t02_an_edit_after_the_first_mail_changes_the_second_and_does_not_repeat_the_first(
    shop: ShopWorld,
) -> None:
    await shop.adds("lamp")
    await shop.passes(2 * HOUR)
    await shop.adds("chair")
    await shop.passes(25 * HOUR)
    assert shop.templates() == ["abandoned_cart", "abandoned_cart_2"]
    assert "Chair" in shop.mails.sent[1].payload["text"]


async def test_t03_a_cart_emptied_and_filled_again_in_ten_minutes_stays(shop: ShopWorld) -> None:
    await shop.adds("lamp")
    await shop.happens("Product Removed", product_id="lamp", cart_id="c1")
    await shop.passes(10 * MINUTE)
    await shop.adds("chair")
    await shop.passes(HOUR)
    assert shop.templates() == ["abandoned_cart"]


async def test_a_cart_that_stays_empty_ends_the_flow(shop: ShopWorld) -> None:
    await shop.adds("lamp")
    await shop.happens("Product Removed", product_id="lamp", cart_id="c1")
    await shop.passes(2 * HOUR)
    assert shop.templates() == []
    assert [(row["status"], row["exit_reason"]) for row in await shop.enrolled()] == [("exited", "goal")]


async def test_no_reminder_when_the_order_came_in_time(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.passes(30 * MINUTE)
    await shop.orders()
    await shop.passes(5 * DAY)
    cart = (await shop.enrolled("abandoned_cart"))[0]
    assert shop.templates() == [] or "abandoned_cart" not in shop.templates()
    assert cart["exit_reason"] == "goal" and cart["exit_event_id"] is not None


async def test_an_order_that_waits_for_payment_ends_the_reminders_too(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.orders(status="pending")
    await shop.passes(2 * HOUR)
    assert shop.templates() == []


async def test_t04_an_order_between_gate_and_hand_over_takes_the_mail_back(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.passes(59 * MINUTE)
    shop.now += MINUTE
    await shop.engine.move_due(shop.now)
    _, ready = await shop.outbox._take("email", shop.mails, shop.now)
    assert len(ready) == 1
    await shop.orders()
    await shop.outbox._hand_over(shop.mails, ready)
    assert shop.templates() == []
    assert await shop.skipped() == ["exited"]


async def test_t08_two_carts_of_one_person_the_newer_takes_the_place_of_the_older(shop: ShopWorld) -> None:
    await shop.adds("lamp", cart="phone")
    await shop.passes(10 * MINUTE)
    await shop.adds("chair", cart="laptop")
    await shop.passes(2 * HOUR)
    older = (await shop.enrolled())[0]
    assert (older["status"], older["exit_reason"]) == ("exited", "superseded")
    assert len(shop.templates()) == 1 and "Chair" in shop.mails.sent[0].payload["text"]


async def test_t07_the_cart_of_the_phone_is_closed_by_the_order_on_the_laptop(shop: ShopWorld) -> None:
    await shop.happens("Product Added", anonymous="phone-1", product_id="lamp", name="Lamp", price=19.9, cart_id="p")
    await shop.happens("identify", anonymous="phone-1", kind="identify", traits={"email": "ada@example.org"})
    assert len(await shop.enrolled("abandoned_cart")) == 1
    await shop.orders()
    await shop.passes(3 * HOUR)
    assert shop.templates() == []


async def test_an_anonymous_cart_counts_once_its_owner_is_known(shop: ShopWorld) -> None:
    await shop.happens("Product Added", anonymous="a1", product_id="lamp", name="Lamp", price=19.9, cart_id="x")
    assert await shop.enrolled() == []
    await shop.passes(3 * HOUR)
    await shop.happens("identify", anonymous="a1", kind="identify", traits={"email": "ada@example.org"})
    await shop.settle()
    assert shop.templates() == ["abandoned_cart"]


async def test_an_anonymous_cart_of_yesterday_is_left_alone(shop: ShopWorld) -> None:
    await shop.happens("Product Added", anonymous="a1", product_id="lamp", name="Lamp", price=19.9, cart_id="x")
    await shop.sleeps(25 * HOUR)
    await shop.happens("identify", anonymous="a1", kind="identify", traits={"email": "ada@example.org"})
    assert await shop.enrolled() == []


async def test_a_new_cart_within_a_week_of_the_last_mail_is_not_written_about(shop: ShopWorld) -> None:
    await shop.adds(cart="c1")
    await shop.passes(2 * HOUR)
    await shop.adds(cart="c2")
    await shop.passes(DAY)
    assert len(await shop.enrolled("abandoned_cart")) == 1
    await shop.passes(9 * DAY)
    await shop.adds(cart="c3")
    await shop.passes(2 * HOUR)
    assert shop.templates()[-1] == "abandoned_cart" and len(await shop.enrolled("abandoned_cart")) == 2


async def test_t20_a_refund_or_cancellation_does_not_open_the_cart_again(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.orders()
    await shop.happens("Order Cancelled", order_id="o1")
    await shop.passes(2 * DAY)
    assert "abandoned_cart" not in shop.templates()


async def test_t22_only_what_is_in_stock_is_shown_at_todays_price(shop: ShopWorld) -> None:
    async with shop.database.transaction() as session:
        session.add(Product(product_id="lamp", name="Lamp", price=1500, currency="EUR", stock=3, updated_at=shop.now))
        session.add(Product(product_id="sofa", name="Sofa", price=90000, currency="EUR", stock=0, updated_at=shop.now))
    await shop.adds("lamp")
    await shop.adds("sofa")
    async with shop.database.transaction() as session:
        await session.execute(shop_world.table(Product).update().where(
            shop_world.table(Product).c.product_id == "lamp").values(price=1500))  # fmt: skip
    await shop.passes(HOUR)
    text = shop.mails.sent[0].payload["text"]
    assert "Lamp" in text and "Sofa" not in text and "€19.90 → €15.00" in text


async def test_t22_with_nothing_in_stock_the_mail_waits_a_day_and_is_then_skipped(shop: ShopWorld) -> None:
    await shop.adds("sofa")
    products = shop_world.table(Product)
    async with shop.database.transaction() as session:
        await session.execute(products.update().values(stock=0))
    await shop.passes(20 * HOUR)
    assert shop.templates() == [] and await shop.skipped() == []
    await shop.passes(20 * HOUR)
    assert (await shop.skipped())[0] == "nothing_to_show"


async def test_t23_what_was_taken_off_or_lost_its_variant_is_not_shown_nor_linked(shop: ShopWorld) -> None:
    sizes = [{"variant_id": size, "price": 30, "stock": 5} for size in ("s", "l")]
    shirt = {"product_id": "shirt", "name": "Shirt", "price": 30, "currency": "EUR", "variants": sizes}
    rug = {"product_id": "rug", "name": "Rug", "price": 90, "currency": "EUR"}
    for product in (shirt, rug):
        await shop.happens("Product Updated", "", source="shopify", **product)
    for size in ("s", "l"):
        await shop.adds("shirt", variant_id=size, name=f"Shirt {size}", url=f"https://shop.example/shirt/{size}")
    await shop.adds("rug", url="https://shop.example/rug")
    await shop.happens("Product Updated", "", source="shopify", **{**shirt, "variants": sizes[1:]})
    await shop.happens("Product Deleted", "", source="shopify", product_id="rug")
    await shop.passes(HOUR)
    mail = shop.mails.sent[0].payload
    assert "Shirt l" in mail["text"] and "Shirt s" not in mail["text"] and "Rug" not in mail["text"]
    assert "/rug" not in mail["html"] and "shirt/s" not in mail["html"]
    await shop.happens("Product Updated", "", source="shopify", **{**shirt, "published": False, "variants": []})
    await shop.passes(2 * DAY)
    assert shop.templates() == ["abandoned_cart"] and "nothing_to_show" in await shop.skipped()


async def test_t25_a_cart_is_shown_in_its_own_currency_and_never_converted(shop: ShopWorld) -> None:
    lamp = {"product_id": "lamp", "name": "Lamp", "price": 10, "currency": "EUR"}
    await shop.happens("Product Updated", "", source="shopify", **lamp)
    await shop.adds("lamp", currency="USD", price=12.5)
    await shop.passes(HOUR)
    text = shop.mails.sent[0].payload["text"]
    assert "$12.50" in text and "10.00" not in text and "€" not in text


async def test_what_comes_back_into_stock_is_written_about_after_all(shop: ShopWorld) -> None:
    await shop.adds("sofa")
    products = shop_world.table(Product)
    async with shop.database.transaction() as session:
        await session.execute(products.update().values(published=False))
    await shop.passes(2 * HOUR)
    async with shop.database.transaction() as session:
        await session.execute(products.update().values(published=True))
    await shop.passes(5 * HOUR)
    assert shop.templates() == ["abandoned_cart"]


async def test_a_cart_without_an_id_counts_once_a_day(shop: ShopWorld) -> None:
    await shop.adds("lamp", cart=None)
    await shop.adds("chair", cart=None)
    assert len(await shop.enrolled()) == 1
    await shop.passes(HOUR)
    assert "Chair" in shop.mails.sent[0].payload["text"]


async def test_t32_history_never_starts_a_flow(shop: ShopWorld) -> None:
    await shop.adds()
    before = len(await shop.enrolled())
    await shop.happens("Product Added", at=shop.now - 700 * DAY, product_id="chair", cart_id="old", price=5)
    assert len(await shop.enrolled()) == before == 1


async def test_somebody_who_was_never_named_gets_nothing(shop: ShopWorld) -> None:
    await shop.happens("Product Added", anonymous="nobody", product_id="lamp", price=5, cart_id="n")
    await shop.passes(DAY)
    assert await shop.enrolled() == []


async def test_t09_two_profiles_become_one_and_no_mail_is_repeated(shop: ShopWorld) -> None:
    await shop.person("guest@example.org")
    await shop.happens("Product Added", "guest@example.org", product_id="lamp", name="Lamp", price=5, cart_id="g")
    await shop.passes(HOUR)
    guest = (await shop.enrolled())[0]["contact_id"]
    async with shop.database.transaction() as session:
        from bot import contacts

        found = await contacts.find(session, "email", "ada@example.org")
        assert found is not None and found.id is not None
        await contacts.merge(session, found.id, guest, shop.now)
    await shop.passes(26 * HOUR)
    assert shop.templates() == ["abandoned_cart", "abandoned_cart_2"]
