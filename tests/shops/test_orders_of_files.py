"""An order out of a file and the shop's own word of it are one order, whichever comes first."""

from pathlib import Path
from typing import Any

import pytest
from intake import Intake, payload

from bot.base.config import Config
from bot.base.database import Database
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.inbound.files import csv_lines, taking
from bot.tables.shop import Order

ADA = "ada@example.org"
DATES = ["2026-01-05", "2026-01-05 10:00", "2026-01-05T10:00:00Z"]


async def _both(
    database: Database, texts: Texts, folder: Path, date: str, *, file_first: bool, email: str = ADA, column: str = "ID"
) -> list[Any]:  # fmt: skip
    file, intake = folder / "orders.csv", Intake(database)
    file.write_text(f"Order {column},Order Date,Email,Status,Total\n1001,{date},{email},paid,900\n", "utf-8")

    async def take_file() -> None:
        await taking.take(database, Ground(Config(), texts, "secret"), "orders", csv_lines.look(file))

    async def hear_shop() -> None:
        at = {"created_at": "2026-01-05T10:00:00Z", "updated_at": "2026-01-07T10:00:00Z"}
        body = {**payload("shopify_order", id=5001, email=ADA, contact_email=ADA), "name": "#1001", **at}
        await intake.deliver("shopify", "orders/create", body)

    for one in (take_file, hear_shop) if file_first else (hear_shop, take_file):
        await one()
    return await intake.rows(Order)


@pytest.mark.parametrize("column", ["ID", "Number"])
@pytest.mark.parametrize("file_first", [True, False])
@pytest.mark.parametrize("date", DATES)
async def test_it_is_one_order(
    database: Database, texts: Texts, tmp_path: Path, date: str, file_first: bool, column: str
) -> None:
    (order,) = await _both(database, texts, tmp_path, date, file_first=file_first, column=column)
    assert (order.order_id, order.store) == ("5001", "shopify:goods.myshopify.com")
    assert order.total != 90000  # as the shop tells it


@pytest.mark.parametrize("file_first", [True, False])
@pytest.mark.parametrize(("date", "email"), [("2026-01-05", "bea@example.org"), ("2025-01-05", ADA)])
async def test_another_buyer_or_day_is_another_order(
    database: Database, texts: Texts, tmp_path: Path, date: str, email: str, file_first: bool
) -> None:
    assert len(await _both(database, texts, tmp_path, date, file_first=file_first, email=email)) == 2
