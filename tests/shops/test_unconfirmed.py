"""An order that only a page told of: kept beside the orders if the shop wants it, until its own word comes."""

from datetime import timedelta
from typing import Any

import make
import pytest
from conftest import NOON
from deskwork import Stage, seconds
from intake import Intake

from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts
from bot.inbound.files import orders as file_of_orders
from bot.inbound.files.batches import Cells
from bot.inbound.files.csv_lines import Line
from bot.shops import facts, unconfirmed
from bot.tables.shop import Cart, Order, UnconfirmedOrder

LAMP = {"product_id": "p1", "name": "Lamp", "price": "20.00", "quantity": 1}


@pytest.fixture
def intake(database: Database) -> Intake:
    return Intake(database, keep_orders=True)


async def page_tells(intake: Intake, order_id: str = "77", *, browser: str = "b1", **said: Any) -> None:
    properties = {"order_id": order_id, "currency": "EUR", "total": "20.00", "products": [LAMP], **said}
    await intake.tell("Order Completed", properties, rank="page", anonymousId=browser)


async def heard(intake: Intake) -> list[tuple[str, str]]:
    return [(row.order_id, row.number) for row in await intake.rows(UnconfirmedOrder)]


async def test_unless_the_shop_wants_it_a_page_leaves_no_trace_of_an_order(database: Database) -> None:
    intake = Intake(database)
    await page_tells(intake)
    assert await heard(intake) == [] and await intake.rows(Order) == []


async def test_it_is_of_its_own_browser_and_counts_nowhere(intake: Intake) -> None:
    await intake.tell("Cart Updated", {"cart_id": "c1", "products": [LAMP]}, rank="page", anonymousId="b1")
    await page_tells(intake, order_number="#77")
    row, cart = await intake.one(UnconfirmedOrder), await intake.one(Cart)
    assert (row.order_id, row.number, row.currency, row.total) == ("77", "#77", "EUR", 2000)
    assert row.contact_id == cart.contact_id and cart.ordered_at is not None
    assert await intake.rows(Order) == [] and intake.names == ["Cart Updated"]
    async with intake.database.reading() as session:
        assert list(await facts.spent(session, row.contact_id)) == []
        assert list(await facts.orders_of(session, row.contact_id)) == []


@pytest.mark.parametrize("shop", [{"order_id": "77"}, {"order_id": "9001", "order_number": "#77"}])
async def test_the_word_of_the_shop_takes_its_place(intake: Intake, shop: dict[str, str]) -> None:
    await page_tells(intake, total="1.00")
    said = {**shop, "currency": "EUR", "total": "20.00", "status": "paid"}
    await intake.tell("Order Completed", said, source="shopify", store="shopify:a.example", email="ada@example.org")
    order = await intake.one(Order)
    assert await heard(intake) == [] and (order.order_id, order.total) == (shop["order_id"], 2000)
    async with intake.database.reading() as session:
        ada = await contacts.find(session, "email", "ada@example.org")
        assert ada is not None and order.contact_id == ada.id
    await page_tells(intake, total="5.00")
    assert await heard(intake) == [] and (await intake.one(Order)).total == 2000


async def test_a_refund_of_an_order_that_a_page_made_up_is_not_of_its_browser(intake: Intake) -> None:
    await page_tells(intake)
    refund = {"order_id": "77", "refund_id": "r1", "total": "20.00", "currency": "EUR"}
    await intake.tell("Order Refunded", refund, source="shopify")
    assert (await intake.one(Order)).contact_id is None


@pytest.mark.parametrize("order_id", ["", "<b>1</b>", "1 2", "x" * 65, "१२"])
async def test_what_is_no_id_is_left_out(intake: Intake, order_id: str) -> None:
    await page_tells(intake, order_id)
    assert await heard(intake) == []


async def test_an_id_or_number_that_anybody_knows_is_nobody_s_to_claim(intake: Intake) -> None:
    await intake.tell("Order Completed", {"order_id": "9001", "order_number": "#1001"}, source="shopify")
    for order_id in ("9001", "1001", "#1001"):
        await page_tells(intake, order_id)
    await page_tells(intake, "5", order_number="1001")
    assert await heard(intake) == []
    await page_tells(intake, "6")
    await page_tells(intake, "#6", browser="b2")
    await page_tells(intake, "7", browser="b2", order_number="6")
    assert await heard(intake) == [("6", "6")]


async def test_a_browser_has_no_more_of_them_than_a_shopper_would(intake: Intake) -> None:
    for number in range(25):
        await page_tells(intake, f"n{number}")
    assert len(await heard(intake)) == 20


async def test_what_the_shop_never_confirms_goes_after_a_month(intake: Intake) -> None:
    await page_tells(intake)
    for later, left in ((timedelta(days=29), 1), (timedelta(days=31), 0)):
        async with intake.database.transaction() as session:
            await unconfirmed.forget(session, NOON + later)
        assert len(await heard(intake)) == left


async def test_an_order_out_of_a_file_takes_its_place_too(intake: Intake, texts: Texts) -> None:
    await page_tells(intake)
    written = {"number": "#77", "ordered_at": "2026-03-01", "total": "20"}
    places = {name: (at,) for at, name in enumerate(written)}
    line = Cells(Line(2, "", list(written.values())), places, "import")
    async with intake.database.transaction() as session:
        assert await file_of_orders.take(session, make.ground(texts), [line], NOON) == []
    assert await heard(intake) == [] and (await intake.one(Order)).number == "#77"


async def test_the_shopper_and_staff_hear_that_the_shop_has_not_confirmed_it(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, shop={"name": "Lamps & Co", "url": "https://lamps.example"})
    intake = Intake(database, keep_orders=True)
    await page_tells(intake, "1077")
    async with database.transaction() as session:
        row = (await unconfirmed.of_contact(session, (await intake.one(UnconfirmedOrder)).contact_id, 1))[0]
        chat = await contacts.find(session, "telegram", "501")
        assert chat is not None and chat.id is not None
        row.contact_id = chat.id
    await stage.customer_says("where is my order 1077?")
    told = (await stage.texts("auto_answer"))[-1]
    assert "1077" in told and "not confirmed" in told
    await stage.customer_says("where is my order 1078?", seconds(30))  # that is for a person to look at
    assert len(await stage.tickets()) == 1
    assert "not confirmed by the shop" in (await stage.queued("card"))[-1]["payload"]["text"]
    assert "told by a page of the shop" in (await stage.staff_writes("/orders", seconds(70)) or "")
