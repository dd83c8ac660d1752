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


async def test_two_mails_follow_a_checkout_that_was_left(shop: ShopWorld) -> None:
    await shop.checks_out()
    await shop.passes(5 * DAY)
    assert shop.templates() == ["abandoned_checkout", "abandoned_checkout_2"]


async def test_t05_an_order_known_before_its_checkout_event_refuses_the_enrolment(shop: ShopWorld) -> None:
    begun = shop.now
    await shop.passes(10 * MINUTE)
    await shop.orders(checkout_id="k1")
    await shop.happens(
        "Checkout Started", at=begun, checkout_id="k1", products=[{"product_id": "lamp", "price": 5, "quantity": 1}]
    )
    assert await shop.enrolled("abandoned_checkout") == []


async def test_t06_one_order_closes_every_checkout_of_the_person(shop: ShopWorld) -> None:
    for checkout in ("k1", "k2", "k3"):
        await shop.checks_out(checkout)
    assert len(await shop.enrolled("abandoned_checkout")) == 3
    await shop.orders(checkout_id="k3")
    assert {row["exit_reason"] for row in await shop.enrolled("abandoned_checkout")} == {"goal"}


async def test_the_checkout_ends_cart_and_browse_reminders_and_keeps_them_away(shop: ShopWorld) -> None:  # E10
    for _ in range(2):
        await shop.happens("Product Viewed", product_id="lamp", name="Lamp")
    assert len(await shop.enrolled("browse_reminder")) == 1
    await shop.adds("chair")
    assert (await shop.enrolled("browse_reminder"))[0]["status"] == "exited"
    await shop.checks_out()
    assert (await shop.enrolled("abandoned_cart"))[0]["status"] == "exited"
    await shop.adds("lamp", cart="another")
    assert len(await shop.enrolled("abandoned_cart")) == 1
    await shop.passes(2 * HOUR)
    assert shop.templates() == ["abandoned_checkout"]


async def test_a_guest_without_consent_gets_nothing_and_the_reason_is_kept(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.happens(
        "Checkout Started", "guest@example.org", checkout_id="k1",
        products=[{"product_id": "lamp", "name": "Lamp", "price": 5, "quantity": 1}],
    )  # fmt: skip
    await shop.passes(2 * HOUR)
    assert shop.templates() == [] and await shop.skipped() == ["no_consent"]


async def test_a_shop_may_remind_guests_of_their_checkout_if_it_says_so(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, automations={"checkout_reminder_without_consent": True})
    await shop.happens(
        "Checkout Started", "guest@example.org", checkout_id="k1",
        products=[{"product_id": "lamp", "name": "Lamp", "price": 5, "quantity": 1}],
    )  # fmt: skip
    await shop.passes(2 * HOUR)
    assert shop.templates() == ["abandoned_checkout"]


@pytest.mark.parametrize(("price", "shown"), [("9,50", ["€9.50", "Total", "€19.00"]), ("ask us", [])])
async def test_a_mail_shows_no_price_and_no_total_that_nobody_knows(
    shop: ShopWorld, price: str, shown: list[str]
) -> None:
    lines = [{"product_id": "lamp", "name": "Lamp", "price": price, "quantity": 2}]
    await shop.checks_out(products=lines, total=price)
    await shop.passes(2 * HOUR)
    (mail,) = shop.mails.sent
    html = str(mail.payload["html"])
    assert "Lamp" in html
    assert [word for word in ("€9.50", "Total", "€19.00", "€0.00") if word in html] == shown
