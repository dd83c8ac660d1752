"""A product file that names its products by handle or SKU, and the shop itself, which names them by id."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from intake import Intake

from bot.base import due
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.events.apply import APPLYING
from bot.inbound.files import csv_lines, taking
from bot.shops import adoption
from bot.tables.catalogue import PriceChange, SeenPrice, StockAlert
from bot.tables.events import Event
from bot.tables.shop import Order, Product

SHOP = "shopify:x.myshopify.com"
BOARD = """Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,\
Variant Price,Status
board,Board,Size,S,B-S,shopify,0,20.00,active
board,,,L,B-L,shopify,4,25.00,
mug,Mug,Title,Default Title,MUG,shopify,3,9.00,active
"""
TOLD = {
    "product_id": "501", "handle": "board", "name": "Board", "price": "20.00", "currency": "EUR", "sku": "B-S",
    "variants": [
        {"variant_id": "91", "sku": "B-S", "name": "Board - S", "price": "20.00", "stock": 0},
        {"variant_id": "92", "sku": "B-L", "name": "Board - L", "price": "25.00", "stock": 4},
    ],
}  # fmt: skip


@pytest.fixture
def bring(database: Database, texts: Texts, tmp_path: Path) -> Any:
    async def bring(content: str, store: str = SHOP) -> taking.Report:
        file = tmp_path / "products.csv"
        file.write_text(content, "utf-8")
        sheet = csv_lines.look(file)
        return await taking.take(database, Ground(Config(), texts, "secret"), "products", sheet, store=store)

    return bring


async def _goods(database: Database) -> list[tuple[str, str, str, int | None]]:
    rows = table(Product)
    async with database.reading() as session:
        asked = sa.select(rows.c.product_id, rows.c.variant_id, rows.c.store, rows.c.stock)
        return sorted(tuple(row) for row in await session.execute(asked))


async def _tell(intake: Intake, said: dict[str, Any] = TOLD, days: int = 0, **more: Any) -> None:
    at = NOON + timedelta(days=days)
    told = {**said, **more, "updated_at": at.isoformat()}
    await intake.tell("Product Updated", told, source="shopify", store=SHOP, ts=at)


async def test_a_product_of_a_file_becomes_the_shops_own_once_it_tells_of_it(database: Database, bring: Any) -> None:
    await bring(BOARD)
    intake = Intake(database)
    await _tell(intake)
    assert await _goods(database) == [
        ("501", "", SHOP, None), ("501", "91", SHOP, 0), ("501", "92", SHOP, 4), ("mug", "", SHOP, 3)
    ]  # fmt: skip
    await _tell(intake)
    assert len(await _goods(database)) == 4


async def test_what_is_kept_of_it_follows(database: Database, bring: Any) -> None:
    await bring(BOARD)
    intake = Intake(database)
    async with database.transaction() as session:
        person = await make.contact(session)
        who = person.id
        later = {"requested_at": NOON, "expires_at": NOON + timedelta(days=90), "due_at": NOON + timedelta(days=90)}
        session.add(StockAlert(contact_id=who, store=SHOP, product_id="board", variant_id="B-S", **later))
        seen = {"price": 2500, "currency": "EUR", "at": NOON}
        session.add(SeenPrice(contact_id=who, store=SHOP, product_id="board", variant_id="B-L", **seen))
        session.add(PriceChange(store=SHOP, product_id="board", variant_id="B-L", **seen))
        line = {"product_id": "board", "variant_id": "", "sku": "B-S", "quantity": 1, "price": 2000}
        session.add(Order(order_id="1", store=SHOP, items=[line], ordered_at=NOON, changed_at=NOON))
        session.add(Order(order_id="1", store="shopify:other", items=[line], ordered_at=NOON, changed_at=NOON))
    await _tell(intake)
    assert [(row.product_id, row.variant_id) for row in await intake.rows(StockAlert)] == [("501", "91")]
    assert [(row.product_id, row.variant_id) for row in await intake.rows(SeenPrice)] == [("501", "92")]
    assert {row.product_id for row in await intake.rows(PriceChange)} == {"501"}
    assert await adoption.name_lines(database) == 1
    assert await adoption.name_lines(database) == 0
    assert [row.items[0]["product_id"] for row in await intake.rows(Order)] == ["501", "board"]


async def test_lines_are_named_though_their_order_is_written_meanwhile(database: Database, bring: Any) -> None:
    await bring(BOARD)
    intake = Intake(database)
    line = {"product_id": "board", "variant_id": "", "sku": "B-S", "quantity": 1, "price": 2000, "refunded": 0}
    async with database.transaction() as session:
        session.add(Order(order_id="1", store=SHOP, items=[line], ordered_at=NOON, changed_at=NOON))
    await _tell(intake)
    holds = asyncio.Event()

    async def refund() -> None:
        async with database.transaction() as session:
            await due.take_turns(session, APPLYING)
            order = (await session.scalars(sa.select(Order))).one()
            holds.set()
            await asyncio.sleep(0.2)  # as long as a short batch of events
            order.items = [{**one, "refunded": 1} for one in order.items]

    refunding = asyncio.create_task(refund())
    await holds.wait()
    assert await adoption.name_lines(database) == 1
    await refunding
    (order,) = await intake.rows(Order)
    assert [(one["product_id"], one["refunded"]) for one in order.items] == [("501", 1)]


async def _lines(database: Database) -> list[tuple[str, str]]:
    rows = table(Order)
    async with database.reading() as session:
        found = await session.scalars(sa.select(rows.c["items"]).order_by(rows.c.order_id))
        return [(line["product_id"], line["variant_id"]) for items in found for line in items]


async def _ordered(database: Database, *names: str) -> None:
    async with database.transaction() as session:
        for number, name in enumerate(names):
            line = {"product_id": name, "variant_id": "", "sku": name, "quantity": 1, "price": 2000, "refunded": 0}
            session.add(Order(order_id=str(number), store=SHOP, items=[line], ordered_at=NOON, changed_at=NOON))


async def test_lines_that_name_variants_by_their_sku_name_them_by_id(database: Database, bring: Any) -> None:
    await bring("SKU,Name,Price\nB-S,Board S,20\nB-L,Board L,25\n")
    await _ordered(database, "B-S", "B-L", "C-1")
    await _tell(Intake(database))
    assert await adoption.name_lines(database) == 2
    assert await _lines(database) == [("501", "91"), ("501", "92"), ("C-1", "")]


async def test_a_product_that_files_named_otherwise_each_is_found_by_each_name(database: Database, bring: Any) -> None:
    mug = {"product_id": "7", "handle": "mug", "name": "Mug", "price": "9", "currency": "EUR", "sku": "MUG"}
    mug["variants"] = [{"variant_id": "71", "sku": "MUG", "name": "Mug", "price": "9"}]  # type: ignore[assignment]
    await bring("SKU,Name,Price\nMUG,Mug,9\n", store="import")
    await bring(BOARD)
    await _ordered(database, "MUG", "mug")
    intake = Intake(database)
    for days in (0, 1):
        await _tell(intake, mug, days=days)
    assert await adoption.name_lines(database) == 2
    assert {product for product, _ in await _lines(database)} == {"7"}


async def test_skus_that_differ_in_case_are_two_things(database: Database, bring: Any) -> None:
    await bring("SKU,Name,Price\nb-s,Bag,5\nB-S,Board S,20\n")
    await _ordered(database, "b-s", "B-S")
    await _tell(Intake(database))
    await adoption.name_lines(database)
    assert await _lines(database) == [("b-s", ""), ("501", "91")]


async def test_it_is_back_when_the_file_knew_it_sold_out(database: Database, bring: Any) -> None:
    await bring(BOARD)
    intake = Intake(database)
    back = [{**TOLD["variants"][0], "stock": 2}, TOLD["variants"][1]]  # type: ignore[index]
    await _tell(intake, days=1, variants=back)
    told = [one.body["properties"] for one in await intake.rows(Event) if one.name == "Product Stock Changed"]
    assert {"product_id": "501", "variant_id": "91", "from": 0, "to": 2} in told


async def test_words_of_the_shop_from_before_the_file_count_as_well(database: Database, bring: Any) -> None:
    await bring(BOARD)
    await _tell(Intake(database), days=-300, name="Surf board")
    rows = table(Product)
    async with database.reading() as session:
        assert await session.scalar(sa.select(rows.c.name).where(rows.c.variant_id == "")
                                    .where(rows.c.product_id == "501")) == "Surf board"  # fmt: skip


async def test_a_file_of_no_named_store_is_the_shops_only_if_more_than_the_handle_is_alike(
    database: Database, bring: Any
) -> None:
    await bring(BOARD, store="")
    await bring("Handle,Title,Option1 Value,Variant SKU,Variant Price\nlamp,Desk lamp,,DL,9\n", store="")
    intake = Intake(database)
    await _tell(intake, {"product_id": "7", "handle": "lamp", "name": "Street lamp", "sku": "SL", "price": 300})
    await _tell(intake)
    assert [one[:3] for one in await _goods(database)] == [
        ("501", "", SHOP), ("501", "91", SHOP), ("501", "92", SHOP), ("7", "", SHOP), ("lamp", "", "import"),
        ("mug", "", "import"),
    ]  # fmt: skip


async def test_the_store_of_a_file_keeps_others_goods_apart(database: Database, bring: Any) -> None:
    await bring(BOARD, store="shopify:other")
    await _tell(Intake(database))
    assert {one[0] for one in await _goods(database) if one[2] == "shopify:other"} == {"board", "mug"}


async def test_a_file_by_sku_is_adopted_by_sku(database: Database, bring: Any) -> None:
    await bring("sku,name,price\nB-S,Board S,20\nB-L,Board L,25\nMUG,Mug,9\n")
    intake = Intake(database)
    await _tell(intake)
    await _tell(intake, {"product_id": "77", "sku": "MUG", "name": "Mug", "price": 9})
    assert [one[:2] for one in await _goods(database)] == [("501", ""), ("501", "91"), ("501", "92"), ("77", "")]


async def test_a_file_after_the_shop_finds_what_it_told_of(database: Database, bring: Any) -> None:
    await _tell(Intake(database))
    bare = BOARD.replace("B-S", "").replace("B-L", "").replace("shopify,4", "shopify,6")
    report = await bring(bare)
    assert report.refused == 0
    assert await _goods(database) == [
        ("501", "", SHOP, 6), ("501", "91", SHOP, 0), ("501", "92", SHOP, 6), ("mug", "", SHOP, 3)
    ]  # fmt: skip


async def test_a_variant_that_the_shop_does_not_have_is_left_out_and_told(database: Database, bring: Any) -> None:
    await _tell(Intake(database))
    report = await bring(BOARD.replace("board,,,L,B-L", "board,,,XL,B-XL"))
    assert [one[:2] for one in await _goods(database)] == [("501", ""), ("501", "91"), ("501", "92"), ("mug", "")]
    assert [shown for seen in report.examples.values() for shown in seen] == ["line 3: 'XL'"]


@pytest.mark.parametrize("first", [True, False])
async def test_a_variation_finds_its_product_by_sku_however_far_it_stands(
    database: Database, bring: Any, first: bool
) -> None:
    parent = "44,variable,TEE,V-neck,,,Clothing > Shirts"
    children = [f"{at},variation,TEE-{at},V-neck - {at},20,TEE," for at in (1001, 1002)]
    between = [f"{at},simple,S{at},Thing {at},5,,Other" for at in range(2000, 2600)]
    lines = [parent, *between, *children] if first else [*children, *between, parent]
    await bring("\n".join(["ID,Type,SKU,Name,Regular price,Parent,Categories", *lines, ""]))
    rows = table(Product)
    async with database.reading() as session:
        asked = sa.select(rows.c.product_id, rows.c.variant_id, rows.c.category).where(rows.c.sku.like("TEE%"))
        found = sorted(tuple(row) for row in await session.execute(asked))
    assert found == [("44", "", "Shirts"), ("44", "1001", "Shirts"), ("44", "1002", "Shirts")]
