"""Every fact that we keep of what shops tell, and which of them no recorded delivery fills.

`recordings/` has the life of a shop as each supported version of its system tells it, one delivery a line. A column
that no delivery fills is one on which flows and people wait in vain: so it stands here with its reason, and nothing
else may.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import NOON
from intake import Intake

from bot.base.database import Database, table
from bot.shops import lines
from bot.tables.people import Consent, Contact, Identity
from bot.tables.shop import Cart, InventoryItem, Order, Product

RECORDINGS = Path(__file__).parent / "recordings"
VERSIONS = {
    "shopify": ("shopify_2025_10", "shopify_2026_01", "shopify_2026_04"),
    "woocommerce": ("woocommerce_9", "woocommerce_10"),
}
_NOT_TOLD = {
    "contact": ("id", "status", "merged_into", "birthday_known_at", "blocked_at", "created_at", "last_seen_at",
                "claimed", "traits_told"),
    "consent": ("id", "contact_id", "address_hash", "text_version"),
}  # fmt: skip
"""Of tables that others fill as well."""

_NO_CARTS = "there is no webhook of carts and checkouts: pages tell of them"
_NO_COUNT = "it counts its stock with the product"
LACKS: Mapping[str, Mapping[str, str]] = {
    "shopify": {
        "contact.timezone": "no customer has one",
        "contact.birthday": "no customer has one",
        "line.url": "a line names its product, and the catalogue its page",
        "line.image_url": "a line names its product, and the catalogue its picture",
        "cart line.category": "the catalogue has it",
        "cart line.url": "as above",
        "cart line.image_url": "as above",
    },
    "woocommerce": {
        "contact.timezone": "no customer has one",
        "contact.birthday": "no customer has one",
        "contact.language": "no customer has one",
        "contact.traits.shop_tags": "it has no tags of customers",
        "contact.traits.shop_note": "it has no note about a customer",
        "order.cart_id": _NO_CARTS,
        "order.checkout_id": _NO_CARTS,
        "order.carrier": "parcels are the business of plug-ins",
        "order.tracking_number": "parcels are the business of plug-ins",
        "order.tracking_url": "parcels are the business of plug-ins",
        "order.delivered_at": "parcels are the business of plug-ins",
        "order.edited": "an edited order tells its new lines only",
        "order.tags": "orders have none",
        "line.url": "a line names its product, and the catalogue its page",
        "line.refunded": "a refund tells its money and no lines",
        "variant.variant_id": "a variation is told as a product of its own",
    },
}
"""Facts that a system never tells."""


def deliveries(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))
    return found


def facts_of(model: type[Any], *, name: str = "") -> set[str]:
    """The columns that shops tell, as the table declares them."""
    rows = table(model)
    name = name or {"orders": "order"}.get(rows.name, rows.name)
    not_told = getattr(model, "__worked_out__", ()) or _NOT_TOLD[rows.name]
    return {f"{name}.{column.name}" for column in rows.columns if column.name not in not_told}


def every_fact(system: str) -> set[str]:
    found = facts_of(Order) | facts_of(Product) | facts_of(Product, name="variant") | facts_of(Contact)
    found |= facts_of(Consent) | {f"identity.{kind}" for kind in ("email", "phone", system)}
    found |= {f"line.{name}" for name in (*lines.item({}, "EUR"), "refunded")}
    found |= {"contact.traits.shop_tags", "contact.traits.shop_note"}
    if system == "shopify":
        found |= facts_of(Cart) | facts_of(InventoryItem) | {f"cart line.{name}" for name in lines.item({}, "EUR")}
    return found - {"product.variant_id", "product.variant", "variant.handle"}


def _filled(name: str, values: Mapping[str, Any]) -> set[str]:
    return {f"{name}.{key}" for key, value in values.items() if value not in (None, "", [], {}, 0, False)}


async def _kept(intake: Intake) -> set[str]:
    """The facts that some row has now. What may be False says as much as what is True."""
    found: set[str] = set()
    for model, name in ((Order, "order"), (Cart, "cart"), (InventoryItem, "inventoryitem"), (Consent, "consent")):
        for row in await intake.rows(model):
            found |= _filled(name, row.model_dump())
            for line in getattr(row, "items", ()):
                found |= _filled("line" if name == "order" else "cart line", line)
    for row in await intake.rows(Product):
        single = not row.variant_id
        found |= _filled("product" if single else "variant", row.model_dump())
        found |= _filled("variant", row.model_dump()) if single and row.variant else set()
    for row in await intake.rows(Contact):
        found |= _filled("contact", row.model_dump()) | _filled("contact.traits", row.traits)
    found |= {f"identity.{row.kind}" for row in await intake.rows(Identity)}
    return found | {"inventoryitem.oversold"}


@pytest.mark.parametrize(("system", "version"), [(one, name) for one, names in VERSIONS.items() for name in names])
async def test_every_fact_is_filled_by_what_the_shop_tells(database: Database, system: str, version: str) -> None:
    intake = Intake(database)
    shop = "rain.myshopify.com" if system == "shopify" else "https://wolle.example"
    found: set[str] = set()
    for one in deliveries(version):
        headers = {name.replace("-", "_"): said for name, said in one["headers"].items()}
        await intake.deliver(system, one["topic"], one["body"], shop=shop, at=NOON.replace(year=2027), **headers)
        found |= await _kept(intake)
    assert every_fact(system) - found == set(LACKS[system])
    assert all(status in ("done", "known") for status in await intake.statuses())


async def test_the_recordings_tell_of_two_people_and_three_orders(database: Database) -> None:
    intake = Intake(database)
    for one in deliveries("shopify_2026_04"):
        await intake.deliver("shopify", one["topic"], one["body"], at=NOON.replace(year=2027))
    assert len(await intake.rows(Contact)) == 2
    stands = {row.number: (row.status, row.parcel, row.total, row.refunded) for row in await intake.rows(Order)}
    assert stands == {
        "#1001": ("paid", "delivered", 17290, 8400), "#1002": ("cancelled", "none", 17290, 0),
        "#1003": ("paid", "none", 8890, 0),
    }  # fmt: skip
    stock = {row.variant: (row.stock, row.compare_at, row.category) for row in await intake.rows(Product)}
    assert stock == {"": (6, 11900, "Coats"), "Blue / L": (4, 11900, "Coats"), "Blue / XL": (2, None, "Coats")}
    assert (await intake.consent("nora@example.org"), await intake.consent("+493414926040", "sms")) == (
        "granted", "withdrawn"
    )  # fmt: skip
