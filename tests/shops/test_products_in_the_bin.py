"""A product of WooCommerce that is deleted and restored, in whatever order both are heard, as an order would be."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOON
from intake import Intake

from bot.base.database import Database
from bot.tables.shop import Product

LAMP: dict[str, Any] = {"id": 9, "name": "Lamp", "price": "10", "status": "publish", "stock_status": "instock"}


def _told(word: str, minutes: int) -> tuple[str, dict[str, Any]]:
    if word == "deleted":
        return "product.deleted", {"id": 9}
    changed = (NOON + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"product.{word}", {**LAMP, "date_modified_gmt": changed}


@pytest.mark.parametrize(
    ("heard", "on_show"),
    [
        ([("updated", 10), ("deleted", 20)], False),
        ([("updated", 10), ("deleted", 20), ("restored", 30)], True),
        ([("updated", 10), ("restored", 30), ("deleted", 31)], True),  # late: the restored one answers it
        ([("updated", 10), ("deleted", 20), ("restored", 30), ("deleted", 40)], False),  # and again
        ([("updated", 10), ("restored", 30), ("deleted", 40), ("deleted", 41)], False),  # the first came late
        ([("updated", 10), ("restored", 30), ("deleted", 60 * 25)], False),  # nothing is a day late
        ([("updated", 10), ("deleted", 20), ("updated", 50)], True),
    ],
)
async def test_a_late_deleted_takes_no_product_off_the_shelf_again(
    database: Database, heard: Sequence[tuple[str, int]], on_show: bool
) -> None:
    intake = Intake(database)
    for word, minutes in heard:
        topic, body = _told(word, minutes)
        await intake.deliver("woocommerce", topic, body, at=NOON + timedelta(minutes=minutes))
    assert (await intake.one(Product)).published is on_show


async def test_another_product_answers_nothing(database: Database) -> None:
    intake = Intake(database)
    for word, number, minutes in (("updated", 9, 10), ("restored", 91, 30), ("deleted", 9, 31)):
        topic, body = _told(word, minutes)
        await intake.deliver("woocommerce", topic, {**body, "id": number}, at=NOON + timedelta(minutes=minutes))
    assert {one.product_id: one.published for one in await intake.rows(Product)} == {"9": False, "91": True}
