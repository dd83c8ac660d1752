from datetime import timedelta
from typing import Any

import pytest
import shop_world
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts, shop_world.only("price_drop", "abandoned_cart"))
    await world.person()
    for product in ("lamp", "chair", "mug"):
        await costs(world, product, 20)
    return world


async def costs(shop: ShopWorld, product: str, price: float, **more: Any) -> None:
    """The shop says what it costs now."""
    said = {"product_id": product, "name": product.title(), "price": price, "currency": "EUR", "stock": 5, **more}
    await shop.happens("Product Updated", "", source="shopify", **said)


async def looks(shop: ShopWorld, product: str = "lamp", who: str = "ada@example.org", **more: Any) -> None:
    await shop.happens("Product Viewed", who, **{"product_id": product, "currency": "EUR", **more})


async def test_what_costs_less_than_when_it_was_seen_is_told_in_the_afternoon(shop: ShopWorld) -> None:
    await looks(shop)
    await shop.passes(3 * DAY)
    await costs(shop, "lamp", 15)
    await shop.passes(4 * HOUR)
    assert shop.templates() == []
    await shop.passes(2 * HOUR)
    assert shop.templates() == ["price_drop"]
    mail = shop.mails.sent[0].payload
    assert "€20.00 → €15.00" in " ".join(mail["text"].split()) and "Lowest" not in mail["text"]


@pytest.mark.parametrize(
    ("seen", "now", "told"), [(20, 19, 1), (20, 19.01, 0), (10, 9.01, 0), (10, 9, 1), (200, 189, 1)]
)
async def test_a_drop_is_five_percent_and_one_unit(shop: ShopWorld, seen: float, now: float, told: int) -> None:
    await costs(shop, "lamp", seen)
    await looks(shop)
    await costs(shop, "lamp", now)
    await shop.passes(DAY)
    assert len(shop.templates()) == told


async def test_it_counts_what_the_person_saw_and_not_what_it_once_cost(shop: ShopWorld) -> None:
    await costs(shop, "lamp", 15)
    await looks(shop)
    await costs(shop, "lamp", 20)
    await costs(shop, "lamp", 15)
    await shop.passes(DAY)
    assert await shop.enrolled("price_drop") == []


async def test_whatever_drops_on_a_day_stands_in_one_mail_the_largest_saving_first(shop: ShopWorld) -> None:
    for product in ("lamp", "chair", "mug"):
        await looks(shop, product)
    await costs(shop, "lamp", 18)
    await shop.passes(2 * HOUR)
    await costs(shop, "chair", 10)
    await costs(shop, "mug", 15)
    await shop.passes(DAY)
    assert shop.templates() == ["price_drop"]
    text = shop.mails.sent[0].payload["text"]
    assert text.index("Chair") < text.index("Mug") < text.index("Lamp")
    assert "Chair" in shop.mails.sent[0].payload["subject"]


async def test_at_most_six_things_stand_in_a_mail(shop: ShopWorld) -> None:
    for number in range(8):
        await costs(shop, f"cup{number}", 20)
        await looks(shop, f"cup{number}")
    for number in range(8):
        await costs(shop, f"cup{number}", 10 + number)
    await shop.passes(DAY)
    text = shop.mails.sent[0].payload["text"]
    assert [number for number in range(8) if f"Cup{number}" in text] == [0, 1, 2, 3, 4, 5]


async def test_a_mistyped_price_that_is_mended_in_time_is_told_to_nobody(shop: ShopWorld) -> None:
    await looks(shop)
    await costs(shop, "lamp", 2)
    await shop.passes(10 * MINUTE)
    await costs(shop, "lamp", 20)
    await shop.passes(DAY)
    assert await shop.enrolled("price_drop") == []


@pytest.mark.parametrize(("price", "stock", "reason"), [(19.5, 5, "price_reverted"), (15, 0, "out_of_stock")])
async def test_what_no_longer_holds_is_not_told(shop: ShopWorld, price: float, stock: int, reason: str) -> None:
    await looks(shop)
    await costs(shop, "lamp", 15)
    await shop.passes(HOUR)
    await costs(shop, "lamp", price, stock=stock)
    await shop.passes(DAY)
    assert await shop.skipped() == [reason]


async def test_what_no_longer_holds_is_left_out_of_the_mail_about_the_rest(shop: ShopWorld) -> None:
    await looks(shop)
    await looks(shop, "mug")
    await costs(shop, "lamp", 15)
    await costs(shop, "mug", 15)
    await shop.passes(HOUR)
    await costs(shop, "lamp", 20)
    await shop.passes(DAY)
    text = shop.mails.sent[0].payload["text"]
    assert "Mug" in text and "Lamp" not in text


async def test_who_bought_it_meanwhile_is_not_told(shop: ShopWorld) -> None:
    await looks(shop)
    await costs(shop, "lamp", 15)
    await shop.passes(HOUR)
    await shop.orders()
    await shop.passes(DAY)
    assert shop.templates() == []
    assert [(row["status"], row["exit_reason"]) for row in await shop.enrolled("price_drop")] == [
        ("exited", "product_bought")
    ]


async def test_the_same_thing_again_after_two_weeks_and_anything_after_three_days(shop: ShopWorld) -> None:
    await looks(shop)
    await looks(shop, "mug")
    await costs(shop, "lamp", 15)
    await shop.passes(DAY)
    await costs(shop, "mug", 15)  # the day after: too soon
    await shop.passes(3 * DAY)
    await costs(shop, "lamp", 12)  # the same thing: too soon
    await costs(shop, "mug", 12)
    await shop.passes(DAY)
    assert shop.templates() == ["price_drop"] * 2
    assert "Lamp" not in shop.mails.sent[1].payload["text"]
    await shop.passes(11 * DAY)
    await costs(shop, "lamp", 10)
    await shop.passes(DAY)
    assert shop.templates() == ["price_drop"] * 3


async def test_what_was_seen_more_than_thirty_days_ago_is_forgotten(shop: ShopWorld) -> None:
    await looks(shop)
    await shop.passes(31 * DAY)
    await costs(shop, "lamp", 10)
    await shop.passes(DAY)
    assert await shop.enrolled("price_drop") == []


async def test_the_first_price_and_another_currency_are_no_drop(shop: ShopWorld) -> None:
    await looks(shop, "rug", price=99)
    await costs(shop, "rug", 49)
    await looks(shop, "lamp")
    await costs(shop, "lamp", 10, currency="USD")
    await shop.passes(DAY)
    assert await shop.enrolled("price_drop") == []


async def test_what_only_a_page_says_is_no_drop(shop: ShopWorld) -> None:
    await looks(shop, price=500)
    await shop.happens("Product Price Dropped", product_id="lamp", price=1, currency="EUR")
    await costs(shop, "lamp", 19.5)
    await shop.passes(DAY)
    assert await shop.enrolled("price_drop") == []


async def test_a_cart_and_a_wish_list_show_prices_too_and_each_size_has_its_own(shop: ShopWorld) -> None:
    def sizes(small: float, large: float) -> list[dict[str, Any]]:
        return [{"variant_id": name, "name": f"Shirt {name}", "price": price, "stock": 3}
                for name, price in (("s", small), ("l", large))]  # fmt: skip

    await costs(shop, "shirt", 30, variants=sizes(30, 30))
    await shop.happens("Product Added to Wishlist", product_id="shirt", variant_id="s", currency="EUR")
    await costs(shop, "shirt", 30, variants=sizes(30, 20))
    await shop.passes(DAY)
    assert await shop.enrolled("price_drop") == []
    await costs(shop, "shirt", 20, variants=sizes(20, 20))
    await shop.passes(DAY)
    assert "Shirt s" in shop.mails.sent[0].payload["text"]


async def test_the_price_before_is_named_where_the_law_asks_for_it(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(
        database, texts, shop_world.only("price_drop"), automations={"prior_price": True}
    )  # fmt: skip
    await shop.person()
    await costs(shop, "lamp", 17)
    await shop.passes(40 * DAY)
    for price in (25, 18, 20):
        await costs(shop, "lamp", price)
        await shop.passes(2 * DAY)
    await looks(shop)
    await costs(shop, "lamp", 15)
    await shop.passes(DAY)
    text = " ".join(shop.mails.sent[0].payload["text"].split())
    assert "Lowest price of the 30 days before: €17.00" in text


async def test_people_are_found_a_batch_at_a_time_and_each_once(
    shop: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automations.running.shelves.BATCH", 3)
    people = [f"p{number}@example.org" for number in range(8)]
    for who in people:
        await looks(shop, who=who)
    await shop.happens("Product Viewed", "", anonymous="nobody", product_id="lamp", currency="EUR")
    await costs(shop, "lamp", 15)
    await shop.passes(30 * MINUTE)
    assert len(await shop.enrolled("price_drop")) == 8


async def test_t24_a_cart_mail_that_shows_the_lower_price_has_told_it(shop: ShopWorld) -> None:
    await shop.adds("lamp", price=20)
    await shop.adds("mug", price=20)
    await costs(shop, "lamp", 15)
    await costs(shop, "mug", 22)
    shop.now += timedelta(minutes=1)
    await shop.passes(90 * MINUTE)
    assert shop.templates() == ["abandoned_cart"]
    text = shop.mails.sent[0].payload["text"]
    assert "€20.00 → €15.00" in text and "€22.00" in text and "→ €22.00" not in text
    await shop.passes(DAY)
    assert "price_drop" not in shop.templates() and "told_already" in await shop.skipped()
    await costs(shop, "lamp", 12)
    await shop.passes(5 * DAY)
    assert "price_drop" not in shop.templates()
    await looks(shop)
    await shop.passes(12 * DAY)
    await costs(shop, "lamp", 10)
    await shop.passes(DAY)
    assert "price_drop" in shop.templates()


async def test_an_address_that_a_page_claimed_is_written_to_after_its_yes(shop: ShopWorld) -> None:
    who = "bea@example.org"
    await shop.happens("", who, kind="identify", anonymous="b1", rank="page", traits={"email": who})
    await shop.happens("Product Viewed", anonymous="b1", rank="page", product_id="lamp", currency="EUR")
    async with shop.database.transaction() as session:
        (browser,) = await contacts.who_claims(session, "email", who)
        secret = shop.ground.secret
        await contacts.allow(session, secret, browser, "email", who, "marketing", "double_opt_in", shop.now)
    await costs(shop, "lamp", 15)
    await shop.passes(DAY)
    assert [row["contact_id"] for row in await shop.enrolled("price_drop")] == [browser]
    assert [mail.payload["to"] for mail in shop.mails.sent] == [who]
