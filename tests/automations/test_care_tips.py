import pytest
import shop_world
from shop_world import DAY, ShopWorld

from automations import care
from bot.base import paths
from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.tables.feedback import Confirmation, Rating
from bot.tables.support import Ticket

LAMP = {"product_id": "lamp", "name": "Lamp", "price": 20, "quantity": 1, "category": "Electronics"}
FERN = {"product_id": "fern", "name": "Fern", "price": 10, "quantity": 1, "category": "Plants"}
VOUCHER = {"product_id": "gift", "name": "Gift card", "price": 50, "quantity": 1, "category": "Gift cards"}


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts, shop_world.only("care_tips"))
    await world.person()
    return world


async def test_all_kinds_of_goods_of_an_order_go_into_one_mail(shop: ShopWorld) -> None:
    await shop.orders(products=[LAMP, FERN, VOUCHER], revenue=80)
    assert {row["context"]["category"] for row in await shop.enrolled()} == {"electronics", "plants"}
    await shop.passes(10 * DAY)
    assert shop.templates() == ["care_tips"] and await shop.skipped() == ["merged"]
    text = shop.mails.sent[0].payload["text"]
    assert "battery" in text and "finger into the soil" in text


async def test_without_news_of_the_parcel_the_transit_is_guessed(shop: ShopWorld) -> None:
    await shop.orders(products=[FERN])
    await shop.passes(8 * DAY)
    assert shop.templates() == []
    await shop.passes(DAY)
    assert shop.templates() == ["care_tips"]


async def test_the_delivery_counts_as_soon_as_it_is_known(shop: ShopWorld) -> None:
    await shop.orders(products=[FERN])
    await shop.passes(2 * DAY)
    await shop.happens("Order Delivered", order_id="o1")
    await shop.passes(2 * DAY)
    assert shop.templates() == ["care_tips"]
    await shop.passes(29 * DAY)
    assert shop.templates() == ["care_tips", "care_tips_deep"]


async def test_an_order_not_paid_yet_teaches_nothing_until_it_is(shop: ShopWorld) -> None:
    await shop.orders(products=[FERN], status="pending")
    assert await shop.enrolled() == []
    await shop.happens("Order Paid", order_id="o1")
    assert len(await shop.enrolled("care_tips")) == 1


async def test_a_cancelled_order_ends_it_and_another_order_of_the_person_does_not(shop: ShopWorld) -> None:
    await shop.orders("o1", products=[FERN])
    await shop.orders("o2", products=[LAMP])
    await shop.happens("Order Cancelled", order_id="o1")
    assert [row["status"] for row in await shop.enrolled("care_tips")] == ["exited", "active"]


async def test_what_went_back_is_not_written_about(shop: ShopWorld) -> None:
    await shop.orders(products=[LAMP, FERN], revenue=30)
    await shop.happens("Order Refunded", order_id="o1", products=[{"product_id": "fern", "quantity": 1, "price": 10}])
    assert [row["status"] for row in await shop.enrolled("care_tips")] == ["active", "exited"]
    await shop.passes(10 * DAY)
    assert "soil" not in shop.mails.sent[0].payload["text"] and "battery" in shop.mails.sent[0].payload["text"]


async def test_the_same_kind_of_goods_is_taught_once_in_ninety_days(shop: ShopWorld) -> None:
    await shop.orders("o1", products=[FERN])
    await shop.passes(12 * DAY)
    await shop.orders("o2", products=[FERN])
    await shop.passes(12 * DAY)
    assert shop.templates() == ["care_tips"] and await shop.skipped() == ["recently_taught"]


async def test_an_unhappy_customer_is_left_in_peace_for_a_week_at_most(shop: ShopWorld) -> None:
    await shop.orders(products=[FERN])
    person = (await shop.enrolled())[0]["contact_id"]
    async with shop.database.transaction() as session:
        ticket = Ticket(number=1, contact_id=person, channel="telegram", opened_at=shop.now)
        session.add(ticket)
        await session.flush()
        assert ticket.id is not None
        session.add(Rating(ticket_id=ticket.id, contact_id=person, asked_at=shop.now, score=1, rated_at=shop.now))
    await shop.passes(12 * DAY)
    assert shop.templates() == [] and await shop.skipped() == []
    async with shop.database.transaction() as session:
        await session.execute(shop_world.table(Ticket).update().values(status="resolved", resolved_at=shop.now))
    await shop.passes(3 * DAY)
    assert shop.templates() == ["care_tips"]


async def test_a_complaint_that_nobody_called_fixed_holds_tips_even_when_it_is_closed(shop: ShopWorld) -> None:
    await shop.orders(products=[FERN])
    person = (await shop.enrolled())[0]["contact_id"]
    async with shop.database.transaction() as session:
        fields = {"number": 1, "contact_id": person, "channel": "telegram", "opened_at": shop.now}
        ticket = Ticket(**fields, kind="complaint", status="resolved")
        session.add(ticket)
        await session.flush()
        session.add(Confirmation(ticket_id=ticket.id or 0, contact_id=person, asked_at=shop.now))
    await shop.passes(12 * DAY)
    assert shop.templates() == []
    async with shop.database.transaction() as session:
        await session.execute(shop_world.table(Confirmation).update().values(answer="yes"))
    await shop.passes(3 * DAY)
    assert shop.templates() == ["care_tips"]


async def test_tips_are_in_the_language_of_the_reader(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.person(language="zh_CN")
    await shop.orders(products=[{**FERN, "category": "绿植"}])
    await shop.passes(10 * DAY)
    assert "手指插进土里" in shop.mails.sent[0].payload["text"]


def test_a_category_is_found_by_whole_words() -> None:
    tips = care.load([paths.templates()])
    assert tips.category_of({"category": "Women / Shoes"}) == "shoes"
    assert tips.category_of({"category": "Horseshoes"}) is None
    assert tips.category_of({"category": "Gift cards"}) is None


def test_both_languages_have_the_same_kinds_of_goods() -> None:
    tips = care.load([paths.templates()]).tips
    assert set(tips["en"]) == set(tips["zh_CN"])


def test_a_wrong_file_of_tips_is_named_with_its_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "care").mkdir()
    (tmp_path / "care" / "en.toml").write_text('\n[hats]\nname = "Hats"\nword = ["hats"]\nbasics = ["Brush."]\n')
    with pytest.raises(FindingsError, match=r"en\.toml:2: hats\.word"):
        care.load([tmp_path])
