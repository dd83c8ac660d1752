import asyncio
from datetime import timedelta
from typing import Any

import pytest
import shop_world
import sqlalchemy as sa
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from automations.definition import flow_files
from automations.definition.flow_files import Flows
from automations.running import on_catalogue
from automations.running.shelves import Shelves
from bot import contacts
from bot.base import due
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables.catalogue import StockAlert
from bot.tables.people import Consent

ALERTS = table(StockAlert)


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts, shop_world.only("back_in_stock", "abandoned_cart"))
    await world.person(consent=False)
    await stocked(world, 0)
    return world


async def stocked(shop: ShopWorld, medium: int | None, large: int | None = 9, **more: Any) -> None:
    """The shop says how many of the shirt it has, in two sizes."""
    sizes = [
        {"variant_id": size, "name": f"Shirt {size}", "price": 30, "stock": stock}
        for size, stock in (("m", medium), ("l", large))
    ]
    said = {"product_id": "shirt", "name": "Shirt", "price": 30, "currency": "EUR", "variants": sizes, **more}
    await shop.happens("Product Updated", "", source="shopify", **said)


async def asks(shop: ShopWorld, who: str = "ada@example.org", variant: str = "m") -> None:
    await shop.happens("Back In Stock Requested", who, product_id="shirt", variant_id=variant)


async def alerts(shop: ShopWorld) -> list[str]:
    async with shop.database.reading() as session:
        return list((await session.scalars(sa.select(ALERTS.c.status).order_by(ALERTS.c.id))).all())


def with_a_second_mail(tmp_path: Any) -> Flows:
    """The flow with its last steps switched on, as its file says how."""
    ours = flow_files.folders(Config())[0]
    text = (ours / "back_in_stock.toml").read_text("utf-8")
    head, mark, tail = text.partition("# [[steps]]")
    switched_on = "\n".join(line.removeprefix("#").removeprefix(" ") for line in (mark + tail).splitlines())
    (tmp_path / "back_in_stock.toml").write_text(head + switched_on, "utf-8")
    return flow_files.load([tmp_path])


async def test_who_asked_is_told_once_it_stays_in_stock_though_they_want_no_other_mail(shop: ShopWorld) -> None:
    await asks(shop)
    await shop.passes(2 * DAY)
    await stocked(shop, 3)
    await shop.passes(9 * MINUTE)
    assert shop.templates() == []
    await shop.passes(2 * MINUTE)
    assert shop.templates() == ["back_in_stock"]
    assert "Shirt m" in shop.mails.sent[0].payload["subject"]
    await shop.passes(2 * HOUR)
    assert await alerts(shop) == ["sent"]
    async with shop.database.reading() as session:
        said = (await session.execute(sa.select(table(Consent)))).mappings().all()
    assert [(row["topic"], row["action"], row["channel"]) for row in said] == [("back_in_stock", "granted", "email")]


async def test_one_piece_or_a_few_minutes_are_not_back_in_stock(shop: ShopWorld) -> None:
    await asks(shop)
    await stocked(shop, 1)
    await shop.passes(HOUR)
    await stocked(shop, 5)
    await shop.passes(5 * MINUTE)
    await stocked(shop, 0)
    await shop.passes(DAY)
    assert shop.templates() == [] and await alerts(shop) == ["waiting"]


async def test_another_size_is_no_answer(shop: ShopWorld) -> None:
    await stocked(shop, 0, 0)
    await asks(shop, variant="m")
    await stocked(shop, 0, 50)
    await shop.passes(DAY)
    assert shop.templates() == []


async def test_a_shop_that_does_not_count_has_enough_for_everybody(shop: ShopWorld) -> None:
    for number in range(4):
        await asks(shop, f"p{number}@example.org")
    await stocked(shop, None)
    await shop.passes(HOUR)
    assert shop.templates() == ["back_in_stock"] * 4


async def test_flicker_within_the_hour_sends_once(shop: ShopWorld) -> None:
    await asks(shop)
    for _ in range(2):
        await stocked(shop, 2)
        await shop.passes(15 * MINUTE)
        await stocked(shop, 0)
        await shop.passes(15 * MINUTE)
    await stocked(shop, 2)
    await shop.passes(DAY)
    assert shop.templates() == ["back_in_stock"] and await alerts(shop) == ["sent"]


async def test_asking_again_after_the_mail_brings_another_one(shop: ShopWorld) -> None:
    for _ in range(2):
        await asks(shop)
        await asks(shop)
        await stocked(shop, 2)
        await shop.passes(2 * HOUR)
        await stocked(shop, 0)
        await shop.passes(2 * DAY)
    assert shop.templates() == ["back_in_stock"] * 2 and await alerts(shop) == ["sent", "sent"]


async def test_who_asked_first_is_told_first_and_the_next_ones_two_hours_later(shop: ShopWorld) -> None:
    for number in range(10):
        await asks(shop, f"p{number}@example.org")
        shop.now += MINUTE
    await stocked(shop, 2)  # two pieces: six people
    await shop.passes(HOUR)
    told = [message.payload["to"] for message in shop.mails.sent]
    assert sorted(told) == [f"p{number}@example.org" for number in range(6)]
    await stocked(shop, 1)
    await shop.passes(90 * MINUTE)
    assert len(shop.mails.sent) == 9
    await stocked(shop, 0)
    await shop.passes(DAY)
    assert len(shop.mails.sent) == 9 and (await alerts(shop)).count("waiting") == 1


async def test_sold_out_again_before_the_mail_leaves_they_wait_for_the_next_time(shop: ShopWorld) -> None:
    await asks(shop)
    shop.now = shop.now.replace(hour=21)  # quiet hours: the mail waits for the morning
    await stocked(shop, 2)
    await shop.passes(HOUR)
    assert await alerts(shop) == ["released"]
    await stocked(shop, 0)
    await shop.passes(14 * HOUR)
    assert await shop.skipped() == ["out_of_stock"] and await alerts(shop) == ["waiting"]
    await stocked(shop, 4)
    await shop.passes(HOUR)
    assert shop.templates() == ["back_in_stock"]
    await shop.passes(2 * HOUR)
    assert await alerts(shop) == ["sent"]


async def test_a_mail_that_could_not_leave_comes_with_the_next_batch_if_it_is_still_there(shop: ShopWorld) -> None:
    bea = "bea@example.org"
    await shop.person(bea)
    await asks(shop, bea)
    # The mail about her cart takes the place of the one that may leave in these hours.
    await shop.happens("Product Added", bea, product_id="lamp", name="Lamp", price=20, cart_id="c1", currency="EUR")
    await shop.passes(HOUR)
    assert shop.templates() == ["abandoned_cart"]
    await stocked(shop, 5)
    await shop.passes(DAY)
    assert shop.templates().count("back_in_stock") == 1


async def test_who_bought_it_or_took_it_back_is_not_told(shop: ShopWorld) -> None:
    people = ["a@example.org", "b@example.org", "c@example.org", "d@example.org"]
    for who in people:
        await asks(shop, who)
    line = {"product_id": "shirt", "variant_id": "m", "name": "Shirt", "price": 30, "quantity": 1}
    order = {"currency": "EUR", "revenue": 30}
    await shop.happens("Order Completed", "a@example.org", order_id="o1", products=[line], **order)
    await shop.happens("Back In Stock Cancelled", "b@example.org", product_id="shirt", variant_id="m")
    await shop.happens("Unsubscribed", "c@example.org", topic="marketing", topics=["marketing", "back_in_stock"])
    other = {**line, "variant_id": "l"}
    await shop.happens("Order Completed", "d@example.org", order_id="o2", products=[other], **order)
    await stocked(shop, 9)
    await shop.passes(DAY)
    assert [message.payload["to"] for message in shop.mails.sent] == ["d@example.org"]
    assert await alerts(shop) == ["cancelled", "cancelled", "cancelled", "sent"]


@pytest.mark.parametrize("event", ["Back In Stock Cancelled", "Order Completed", "Product Deleted"])
async def test_what_happens_while_the_mail_waits_ends_it(shop: ShopWorld, event: str) -> None:
    await asks(shop)
    shop.now = shop.now.replace(hour=21)
    await stocked(shop, 5)
    await shop.passes(HOUR)
    line = {"product_id": "shirt", "variant_id": "m", "name": "Shirt", "price": 30, "quantity": 1}
    more = {"order_id": "o1", "products": [line], "currency": "EUR"} if event == "Order Completed" else {}
    who = "" if event == "Product Deleted" else "ada@example.org"
    await shop.happens(event, who, product_id="shirt", variant_id="m", **more)
    await shop.passes(DAY)
    assert shop.templates() == [] and await alerts(shop) == ["cancelled"]
    assert (await shop.enrolled("back_in_stock"))[0]["status"] == "exited"


async def test_taking_one_request_back_or_buying_one_size_leaves_the_other(shop: ShopWorld) -> None:
    await stocked(shop, 0, 0)
    people = ["a@example.org", "b@example.org"]
    for who in people:
        for size in ("m", "l"):
            await asks(shop, who, size)
    shop.now = shop.now.replace(hour=21)
    await stocked(shop, 5, 5)
    await shop.passes(HOUR)
    line = {"product_id": "shirt", "variant_id": "m", "name": "Shirt", "price": 30, "quantity": 1}
    await shop.happens("Back In Stock Cancelled", "a@example.org", product_id="shirt", variant_id="m")
    await shop.happens("Order Completed", "b@example.org", order_id="o1", products=[line], currency="EUR")
    await shop.passes(DAY)
    told = [(message.payload["to"], message.payload["subject"]) for message in shop.mails.sent]
    assert sorted(told) == [(who, "Shirt l is back") for who in people]


async def test_a_request_holds_ninety_days_and_longer_if_repeated(shop: ShopWorld) -> None:
    await asks(shop, "a@example.org")
    await asks(shop, "b@example.org")
    await shop.passes(60 * DAY)
    await asks(shop, "b@example.org")
    await shop.passes(31 * DAY)
    assert await alerts(shop) == ["expired", "waiting"]
    await stocked(shop, 5)
    await shop.passes(HOUR)
    assert [message.payload["to"] for message in shop.mails.sent] == ["b@example.org"]


async def test_a_request_must_say_which_variant_where_there_are_several(shop: ShopWorld) -> None:
    await shop.happens("Back In Stock Requested", product_id="shirt")
    await shop.happens("Back In Stock Requested", variant_id="m")  # its product is known
    await shop.happens("Back In Stock Requested", product_id="mug")  # without variants
    assert await alerts(shop) == ["waiting", "waiting"]
    for stock in (0, 4):
        await shop.happens("Product Updated", "", product_id="mug", name="Mug", price=9, currency="EUR", stock=stock)
    await shop.passes(HOUR)
    assert "Mug" in shop.mails.sent[0].payload["subject"]


async def test_what_the_shop_tells_of_for_the_first_time_was_sold_out_for_who_asked(shop: ShopWorld) -> None:
    for event in ("Product Viewed", "Back In Stock Requested"):
        await shop.happens(event, product_id="cap", name="Cap", price=15, currency="EUR")
    await shop.happens("Product Updated", "", product_id="cap", name="Cap", price=15, currency="EUR", stock=4)
    await shop.passes(HOUR)
    assert "Cap" in shop.mails.sent[0].payload["subject"]


async def test_a_variation_that_the_shop_tells_of_as_a_product_is_found(shop: ShopWorld) -> None:
    for stock in (0, 3):
        said = {"product_id": "771", "name": "Cap, red", "price": 15, "currency": "EUR", "stock": stock}
        await shop.happens("Product Updated", "", source="woocommerce", **said)
        if not stock:
            for who in ("a@example.org", "b@example.org"):
                await shop.happens("Back In Stock Requested", who, product_id="77", variant_id="771")
    line = {"product_id": "77", "variant_id": "771", "price": 15, "quantity": 1}
    await shop.happens("Order Completed", "a@example.org", order_id="o1", products=[line], currency="EUR")
    await shop.passes(HOUR)
    assert [message.payload["to"] for message in shop.mails.sent] == ["b@example.org"]


async def test_who_asked_before_they_had_a_name_is_told_at_the_address_they_gave(shop: ShopWorld) -> None:
    await shop.happens("Back In Stock Requested", "x", anonymous="phone", product_id="shirt", variant_id="m")
    await shop.happens("identify", "eve@example.org", kind="identify", anonymous="phone")
    await stocked(shop, 5)
    await shop.passes(HOUR)
    assert [message.payload["to"] for message in shop.mails.sent] == ["eve@example.org"]


async def test_asking_lifts_what_was_said_of_these_mails_and_nothing_wider(shop: ShopWorld) -> None:
    people = {"a@example.org": "back_in_stock", "b@example.org": "*", "c@example.org": ""}
    for who, topic in people.items():
        async with shop.database.transaction() as session:
            await contacts.suppress(session, shop.ground.secret, "email", who, "unsubscribed", shop.now, topic=topic)
    shop.now += MINUTE
    for who in people:
        await asks(shop, who)
    await stocked(shop, 5)
    await shop.passes(HOUR)
    assert [message.payload["to"] for message in shop.mails.sent] == ["a@example.org"]


async def test_an_event_that_only_claims_that_it_is_back_tells_nobody(shop: ShopWorld) -> None:
    await shop.happens("Product Back In Stock", product_id="shirt", variant_id="m")
    await asks(shop)
    await shop.happens("Product Back In Stock", product_id="shirt", variant_id="m")
    assert await shop.enrolled() == []


async def test_two_requests_of_one_person_who_was_two_are_one(shop: ShopWorld) -> None:
    await shop.happens("identify", "ada@example.org", kind="identify", anonymous="phone-1")
    await asks(shop)
    await shop.happens("Back In Stock Requested", "x", anonymous="phone-2", product_id="shirt", variant_id="m")
    await shop.happens("identify", "ada@example.org", kind="identify", anonymous="phone-2")
    assert await alerts(shop) == ["waiting", "cancelled"]
    await stocked(shop, 5)
    await shop.passes(DAY)
    assert shop.templates() == ["back_in_stock"]


async def test_a_second_mail_a_day_later_only_if_it_is_still_there_and_was_not_bought(
    database: Database, texts: Texts, tmp_path: Any
) -> None:
    shop = await shop_world.opened(database, texts, with_a_second_mail(tmp_path))
    await stocked(shop, 0)
    for who in ("a@example.org", "b@example.org"):
        await asks(shop, who)
    await stocked(shop, 5)
    await shop.passes(HOUR)
    line = {"product_id": "shirt", "variant_id": "m", "name": "Shirt", "price": 30, "quantity": 1}
    await shop.happens("Order Completed", "a@example.org", order_id="o1", products=[line], currency="EUR")
    await shop.passes(timedelta(hours=30))
    assert [(mail.payload["to"], mail.row["template"]) for mail in shop.mails.sent[2:]] == [
        ("b@example.org", "back_in_stock_2")
    ]
    await asks(shop, "c@example.org")
    await stocked(shop, 0)
    await stocked(shop, 5)
    await shop.passes(HOUR)
    await stocked(shop, 0)
    await shop.passes(2 * DAY)
    assert [mail.row["template"] for mail in shop.mails.sent[3:]] == ["back_in_stock"]


async def test_two_workers_tell_each_person_once(shop: ShopWorld) -> None:
    for number in range(20):
        await asks(shop, f"p{number}@example.org")
    await stocked(shop, 4)
    async with shop.database.transaction() as session:
        other = await due.register(session, shop.now)
    second = Shelves(shop.database, shop.flows, other)
    shop.now += 11 * MINUTE
    await asyncio.gather(shop.shelves.run(shop.now), second.run(shop.now))
    assert (await alerts(shop)).count("released") == 12
    await shop.passes(HOUR)
    assert len({message.payload["to"] for message in shop.mails.sent}) == len(shop.mails.sent) == 12


async def test_a_row_at_fault_moves_away_and_the_others_are_told(
    shop: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asks(shop)
    await shop.happens("Back In Stock Requested", product_id="mug")
    await stocked(shop, 4)
    for stock in (0, 4):
        await shop.happens("Product Updated", "", product_id="mug", name="Mug", price=9, currency="EUR", stock=stock)
    release = on_catalogue.alerts.release

    async def broken(session: Any, thing: tuple[str, str, str], *more: Any) -> int:
        if thing[1] == "shirt":
            raise RuntimeError("a fault of this product alone")
        return await release(session, thing, *more)

    monkeypatch.setattr(on_catalogue.alerts, "release", broken)
    shop.now += 11 * MINUTE
    await shop.shelves.run(shop.now)
    assert await alerts(shop) == ["waiting", "released"]
    monkeypatch.undo()
    shop.now += MINUTE
    await shop.shelves.run(shop.now)
    assert await alerts(shop) == ["released", "released"]
