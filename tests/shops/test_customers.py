"""Customers whom their shop joins, deletes and tags, and their telephone numbers."""

from datetime import timedelta
from typing import Any

import pytest
from conftest import NOON
from intake import SECRET, Intake, payload

from bot import contacts
from bot.base.database import Database
from bot.shops.inbox import Inbox
from bot.tables.events import Event
from bot.tables.people import Contact, Identity
from bot.tables.shop import Order

ADA, BEA = "ada@example.org", "bea@example.org"
LATER = NOON + timedelta(days=2)


def customer(number: int, email: str, **changes: Any) -> dict[str, Any]:
    return payload("shopify_customer", id=number, email=email, **changes)


def merged(kept: int, gone: int, status: str = "completed") -> dict[str, Any]:
    return {
        "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{kept}",
        "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{gone}",
        "admin_graphql_api_job_id": "gid://shopify/Job/5", "status": status, "errors": [],
    }  # fmt: skip


def order(number: int, customer_id: int, email: str) -> dict[str, Any]:
    body: dict[str, Any] = payload("shopify_order", id=number, email=email)
    return {**body, "contact_email": email, "customer": {**body["customer"], "id": customer_id, "email": email}}


async def people(intake: Intake) -> dict[str, list[str]]:
    """The identities of everybody who is still a contact of their own."""
    active = {one.id for one in await intake.rows(Contact) if one.status == "active"}
    found: dict[str, list[str]] = {}
    for one in await intake.rows(Identity):
        if one.contact_id in active and one.kind in ("email", "shopify"):
            found.setdefault(str(one.contact_id), []).append(one.value.rpartition(":")[2])
    return found


async def test_late_words_of_an_old_id_bring_nobody_back_who_was_forgotten(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "customers/create", customer(1, ADA))
    await intake.deliver("shopify", "customers/create", customer(2, BEA))
    await intake.deliver("shopify", "customers/merge", merged(1, 2), at=LATER)
    (contact_id,) = await people(intake)
    async with database.transaction() as session:
        await contacts.erase(session, SECRET, int(contact_id), LATER + timedelta(hours=1))
    nameless = {**customer(2, BEA), "email": None, "phone": None, "default_address": None}
    await intake.deliver("shopify", "customers/update", nameless, at=LATER + timedelta(hours=2))
    assert await people(intake) == {}


@pytest.mark.parametrize("kept_is_known", [True, False])
async def test_two_customers_become_one_and_late_words_of_the_old_id_are_of_it(
    database: Database, kept_is_known: bool
) -> None:
    intake = Intake(database)
    if kept_is_known:
        await intake.deliver("shopify", "customers/create", customer(1, ADA))
    await intake.deliver("shopify", "orders/create", order(11, 2, BEA))
    await intake.deliver("shopify", "customers/merge", merged(1, 2), at=LATER)
    assert len(await people(intake)) == 1
    await intake.deliver("shopify", "orders/create", order(12, 2, BEA))
    await intake.deliver("shopify", "orders/create", order(13, 1, ADA))
    (only,) = (await people(intake)).values()
    assert {"1", ADA, BEA} == set(only)
    assert len({one.contact_id for one in await intake.rows(Order)}) == 1


@pytest.mark.parametrize("status", ["failed", "in_progress", ""])
async def test_a_merge_that_did_not_happen_joins_nobody(database: Database, status: str) -> None:
    intake = Intake(database)
    for number, email in ((1, ADA), (2, BEA)):
        await intake.deliver("shopify", "customers/create", customer(number, email))
    await intake.deliver("shopify", "customers/merge", merged(1, 2, status), at=LATER)
    assert len(await people(intake)) == 2


async def test_a_deleted_customer_who_comes_back_is_the_same_person(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "customers/create", customer(1, ADA))
    assert await intake.consent(ADA) == "granted"
    gone = {"id": 1, "tax_exemptions": [], "admin_graphql_api_id": "gid://shopify/Customer/1"}
    await intake.deliver("shopify", "customers/delete", gone, at=LATER)
    await intake.deliver("shopify", "customers/delete", {"id": 99}, at=LATER)
    assert await intake.consent(ADA) == "withdrawn"  # the yes was the shop's
    again = customer(5, ADA, email_marketing_consent=None, updated_at=LATER.isoformat())
    await intake.deliver("shopify", "customers/create", again)
    (only,) = (await people(intake)).values()
    assert sorted(only) == ["5", ADA]


async def test_a_yes_that_they_gave_us_outlives_the_customer_of_the_shop(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "customers/create", customer(1, ADA, email_marketing_consent=None))
    await intake.tell("Subscribed", {"email": ADA}, source="crm", email=ADA)
    await intake.deliver("shopify", "customers/delete", {"id": 1}, at=LATER)
    assert await intake.consent(ADA) == "granted"


async def test_tags_of_a_customer_come_and_go(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "customers/create", customer(1, ADA))
    for topic, tags, day in (
        ("added", ["vip", "wholesale"], 5), ("removed", ["wholesale"], 6), ("added", ["vip", "Köln"], 7)
    ):  # fmt: skip
        told = {"customerId": "gid://shopify/Customer/1", "tags": tags, "occurredAt": f"2026-03-0{day}T10:00:00.000Z"}
        await intake.deliver("shopify", f"customer.tags_{topic}", told)
    assert (await intake.one(Contact)).traits["shop_tags"] == ["vip", "Köln"]


@pytest.mark.parametrize(
    ("place", "country", "number", "expected"),
    [
        ("DE", None, "030 1234567", "49301234567"),
        ("DE", None, "+49 (0)30 1234567", "49301234567"),
        ("DE", None, "0049 30 1234567", "49301234567"),
        ("CN", None, "138 0013 8000", "8613800138000"),
        ("", "DE", "0170 1234567", "491701234567"),
        ("US", "DE", "(775) 555-0154", "17755550154"),
        ("", None, "030 1234567", None),
        ("DE", None, "123", None),
        ("DE", None, "4.91701E+11", None),
        ("US", None, "555-555-SHIP", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("system", ["shopify", "woocommerce"])
async def test_a_telephone_number_is_one_or_none(
    database: Database, system: str, place: str, country: str | None, number: str, expected: str | None
) -> None:
    intake = Intake(database)
    intake.inbox = Inbox(database, 1, country=country)
    if system == "shopify":
        address = {"country_code": place, "phone": number, "first_name": "Ada"}
        await intake.deliver(system, "customers/update", customer(1, ADA, default_address=address))
    else:
        billing = {"country": place, "phone": number, "email": ADA}
        await intake.deliver(system, "customer.updated", payload("woocommerce_customer", billing=billing))
    assert [one.value for one in await intake.rows(Identity) if one.kind == "phone"] == [expected][: bool(expected)]
    flags = [flag for event in await intake.rows(Event) for flag in event.body.get("flags", ())]
    assert ("dropped: traits.phone" in flags) is (expected is None)
