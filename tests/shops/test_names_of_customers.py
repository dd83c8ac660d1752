"""A customer is called as the newest word of the shop says, in whatever order its webhooks come."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from conftest import NOON
from intake import Intake, payload

from bot.base.database import Database
from bot.tables.people import Contact, Identity

ADA = "ada@example.org"
Told = tuple[str, str, dict[str, Any]]


def _at(hours: int) -> str:
    return (NOON + timedelta(hours=hours)).isoformat()


def shopify_customer(hours: int, name: str) -> Told:
    body = payload("shopify_customer", id=1, email=ADA, first_name=name, updated_at=_at(hours), created_at=_at(-900))
    return "shopify", "customers/update", body


def shopify_order(made: int, changed: int, name: str, number: int = 11) -> Told:
    body: dict[str, Any] = payload("shopify_order", id=number, email=ADA, contact_email=ADA)
    who = {**body["customer"], "id": 1, "email": ADA, "first_name": name}
    return "shopify", "orders/updated", {
        **body, "customer": who, "created_at": _at(made), "updated_at": _at(changed),
    }  # fmt: skip


def woo_order(made: int, changed: int, name: str, number: int = 11) -> Told:
    body: dict[str, Any] = payload("woocommerce_order", id=number, customer_id=1)
    billing = {**body["billing"], "first_name": name, "email": ADA}
    gmt = {"date_created_gmt": _at(made)[:19], "date_modified_gmt": _at(changed)[:19]}
    return "woocommerce", "order.updated", {**body, "billing": billing, **gmt}


async def _name(database: Database, told: Sequence[Told]) -> str:
    intake = Intake(database)
    for system, topic, body in told:
        await intake.deliver(system, topic, body)
    return (await intake.one(Contact)).first_name


CASES: dict[str, list[Told]] = {
    "an older order": [shopify_customer(-1, "Augusta"), shopify_order(-50, -40, "Ada")],
    "an old order that is sent today": [shopify_customer(-3, "Augusta"), shopify_order(-50, -1, "Ada")],
    "an older word of the customer": [shopify_customer(-1, "Augusta"), shopify_customer(-9, "Ada")],
    "states of one order": [woo_order(-9, -2, "Augusta"), woo_order(-9, -5, "Ada"), woo_order(-9, -7, "Ida")],
    "orders one after the other": [woo_order(-2, -2, "Augusta", 12), woo_order(-9, -1, "Ada")],
    "two words of one second": [shopify_customer(-1, "Augusta"), shopify_customer(-1, "Ada")],
}


@pytest.mark.parametrize(
    ("told", "way"), [(told, way) for told in CASES.values() for way in range(len(list(permutations(told))))]
)  # fmt: skip
async def test_the_newest_word_names_them(database: Database, told: list[Told], way: int) -> None:
    assert await _name(database, list(permutations(told))[way]) == "Augusta"


async def test_what_nobody_said_later_comes_from_an_older_word(database: Database) -> None:
    intake = Intake(database)
    system, topic, body = shopify_customer(-1, "Augusta")
    await intake.deliver(system, topic, {**body, "last_name": None, "default_address": None})
    await intake.deliver(*shopify_order(-50, -40, "Ada"))
    contact = await intake.one(Contact)
    assert contact.first_name == "Augusta" and contact.last_name


async def test_an_older_word_makes_no_earlier_address_the_newest(database: Database) -> None:
    intake = Intake(database)
    _, _, body = shopify_customer(-9, "Ada")
    words = [{"updated_at": _at(-9)}, {"email": "new@example.org", "updated_at": _at(-3)}, {"updated_at": _at(-5)}]
    for hours, said in enumerate(words):
        at = NOON + timedelta(hours=hours)
        await intake.deliver("shopify", "customers/update", {**body, **said}, at=at)
    newest = max((one for one in await intake.rows(Identity) if one.kind == "email"), key=lambda one: one.created_at)
    assert newest.value == "new@example.org"


async def test_a_server_that_sends_late_takes_nothing_back(database: Database) -> None:
    intake = Intake(database)
    for hours, name in ((-1, "Augusta"), (-5, "Ada")):
        await intake.tell("identify", traits={"firstName": name}, email=ADA, ts=NOON + timedelta(hours=hours))
    assert (await intake.one(Contact)).first_name == "Augusta"
