from collections.abc import Mapping
from itertools import permutations
from typing import Any

import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from deskwork import desk
from intake import SECRET, Intake, payload

from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts
from bot.shops import shopify
from bot.support.privacy.requested import Requests
from bot.tables.events import Event, WebhookDelivery
from bot.tables.people import Consent, Contact, Identity
from bot.tables.shop import Cart, Order, Product

PENDING = payload("shopify_order", financial_status="pending", updated_at="2026-03-04T13:00:01+01:00")
PAID = payload("shopify_order")
UPDATED = payload("shopify_order", note="ring twice", updated_at="2026-03-04T13:00:09+01:00")


async def test_an_order_becomes_a_customer_and_an_order(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", PAID)
    order, contact = await intake.one(Order), await intake.one(Contact)
    assert (order.order_id, order.number, order.status, order.contact_id) == ("450789469", "#1001", "paid", contact.id)
    assert (order.total, order.revenue, order.currency) == (7390, 5799, "EUR")  # 69.00 with 11.01 of tax in it
    assert [line["name"] for line in order.items] == ["Green kettle", "Mountain tea 100 g"]
    assert (contact.first_name, contact.country, contact.language) == ("Ada", "DE", "en")
    known = {(one.kind, one.value) for one in await intake.rows(Identity)}
    assert known == {
        ("shopify", "shopify:goods.myshopify.com:customer:207119551"),
        ("email", "ada@example.org"),
        ("phone", "49301234567"),
    }


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_create_paid_and_updated_tell_one_order_in_whatever_order_they_come(
    database: Database, order: tuple[int, ...]
) -> None:
    intake = Intake(database)
    deliveries = [("orders/create", PENDING), ("orders/paid", PAID), ("orders/updated", UPDATED)]
    for number in order:
        await intake.deliver("shopify", *deliveries[number])
    assert intake.names.count("Order Completed") == 1
    assert intake.names.count("Order Paid") == 1
    assert (await intake.one(Order)).status == "paid"


async def test_the_same_state_twice_is_one_event(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", PAID)
    before = len(await intake.rows(Event))
    await intake.deliver("shopify", "orders/paid", PAID)
    assert len(await intake.rows(Event)) == before


async def test_a_checkout_starts_when_we_know_who_it_is(database: Database) -> None:
    intake = Intake(database)
    nobody = payload("shopify_checkout", email=None, updated_at="2026-03-04T12:41:00+01:00")
    await intake.deliver("shopify", "checkouts/create", nobody)
    assert intake.names == ["Checkout Updated"]
    await intake.deliver("shopify", "checkouts/update", payload("shopify_checkout"))
    assert intake.names == ["Checkout Updated", "Checkout Started", "Checkout Updated"]
    checkout, contact = await intake.one(Cart), await intake.one(Contact)
    assert (checkout.kind, checkout.contact_id, checkout.total) == ("checkout", contact.id, 7390)
    assert checkout.url.startswith("https://shop.example/checkouts/")


async def test_the_order_closes_cart_and_checkout(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "carts/update", payload("shopify_cart"))
    await intake.deliver("shopify", "checkouts/create", payload("shopify_checkout"))
    await intake.deliver("shopify", "orders/create", PAID)
    assert [cart.ordered_at for cart in await intake.rows(Cart)] == [NOON, NOON]


async def test_a_cart_webhook_is_about_whoever_has_that_cart(database: Database) -> None:
    intake = Intake(database)
    cart = payload("shopify_cart")
    await intake.tell(
        "Product Added", {"cart_id": cart["token"], "product_id": "5"}, userId="u1", ts=NOON.replace(hour=10)
    )
    await intake.deliver("shopify", "carts/update", cart)
    added, updated = intake.heard
    assert updated.contact_id == added.contact_id is not None


async def test_a_refund_comes_alone_or_inside_the_order_and_counts_once(database: Database) -> None:
    intake = Intake(database)
    refund = payload("shopify_refund")
    await intake.deliver("shopify", "orders/create", PAID)
    await intake.deliver("shopify", "refunds/create", refund)
    changed = payload("shopify_order", refunds=[refund], financial_status="partially_refunded")
    await intake.deliver("shopify", "orders/updated", {**changed, "updated_at": "2026-03-06T10:00:01+01:00"})
    order = await intake.one(Order)
    assert (order.status, order.refunded) == ("paid", 1000)
    assert [line["refunded"] for line in order.items] == [0, 1]
    told = next(happened for happened in intake.heard if happened.name == "Order Refunded")
    assert told.contact_id == order.contact_id


async def test_parcel_and_delivery_reach_the_order(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", PAID)
    await intake.deliver("shopify", "fulfillments/update", payload("shopify_fulfillment"))
    order = await intake.one(Order)
    assert (order.parcel, order.carrier) == ("delivered", "DHL")
    assert order.tracking_number == "00340434161094042557"
    assert intake.names[-2:] == ["Order Fulfilled", "Order Delivered"]


async def test_a_cancelled_order_is_told_as_such_even_if_only_an_update_came(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", PENDING)
    gone = {"cancelled_at": "2026-03-04T13:20:00+01:00", "updated_at": "2026-03-04T13:20:00+01:00"}
    await intake.deliver("shopify", "orders/updated", {**PENDING, **gone, "financial_status": "voided"})
    assert (await intake.one(Order)).status == "cancelled"
    assert intake.names[-1] == "Order Cancelled"


async def _word(database: Database) -> str | None:
    async with database.reading() as session:
        last = await contacts.allowed(session, SECRET, "email", "ada@example.org", "marketing")
    return last.action if last else None


async def test_consent_at_checkout_and_in_the_account_goes_into_the_ledger(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", {**PAID, "buyer_accepts_marketing": False})
    assert await _word(database) is None  # not ticked is not a no
    await intake.deliver("shopify", "customers/update", payload("shopify_customer"))
    assert await _word(database) == "granted"
    consent = {"state": "unsubscribed", "opt_in_level": None, "consent_updated_at": "2026-03-05T10:00:00Z"}
    told = {"customer_id": 207119551, "email_address": "ada@example.org", "email_marketing_consent": consent}
    await intake.deliver("shopify", "customers_email_marketing_consent/update", told)
    assert await _word(database) == "withdrawn"
    await intake.deliver("shopify", "orders/updated", UPDATED)  # ticked at the order, before the no
    assert await _word(database) == "withdrawn"


async def test_what_was_ticked_is_kept_with_its_proof(database: Database) -> None:
    intake = Intake(database)
    client = {"browser_ip": "192.0.2.9", "user_agent": "Firefox"}
    ticked = {**PAID, "buyer_accepts_marketing": True, "client_details": client}
    await intake.deliver("shopify", "orders/create", ticked)
    [row] = await intake.rows(Consent)
    assert (row.action, row.source, row.ip, row.user_agent) == ("granted", "checkout", "192.0.2.9", "Firefox")


async def test_a_product_brings_its_variants(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "products/update", payload("shopify_product"))
    rows = {row.variant_id: row for row in await intake.rows(Product)}
    assert set(rows) == {"", "39072856", "39072857"}
    assert (rows[""].name, rows[""].category, rows[""].stock) == ("Green kettle", "Kettles", 3)
    assert (rows["39072857"].stock, rows["39072857"].price, rows["39072857"].sku) == (0, 5900, "KETTLE-G2")
    assert rows["39072857"].name == "Green kettle - 2 l"
    assert rows[""].url == "https://goods.myshopify.com/products/green-kettle"
    old = payload("shopify_product", title="Old kettle", updated_at="2026-03-01T08:00:00+01:00")
    await intake.deliver("shopify", "products/update", old)
    await intake.deliver("shopify", "products/delete", {"id": 632910392})
    rows = {row.variant_id: row for row in await intake.rows(Product)}
    assert (rows[""].name, rows[""].published) == ("Green kettle", False)


async def test_redact_forgets_the_customer(database: Database, texts: Texts) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", PAID)
    await intake.deliver("shopify", "customers/redact", payload("shopify_redact"))
    await Requests(database, desk(make.ground(texts)), 1).run(NOON)
    assert (await intake.one(Contact)).status == "erased"
    assert await intake.rows(Identity) == []
    assert all("ada@example.org" not in row.body for row in await intake.rows(WebhookDelivery))
    assert [event.body for event in await intake.rows(Event)] == [{}] * len(await intake.rows(Event))
    async with database.reading() as session:
        assert await contacts.suppressed(session, SECRET, "email", "ada@example.org", "marketing", NOON) == "erased"


async def test_other_compliance_topics_stay_visible(database: Database) -> None:
    intake = Intake(database)
    for topic in ("customers/data_request", "shop/redact"):
        await intake.deliver("shopify", topic, payload("shopify_redact"))
    assert [(row.status, bool(row.body)) for row in await intake.rows(WebhookDelivery)] == [("done", True)] * 2


async def test_a_delivery_that_cannot_be_read_fails_visibly_and_stops_no_other(database: Database) -> None:
    intake = Intake(database)
    async with database.transaction() as session:
        session.add(
            WebhookDelivery(
                system="shopify",
                topic="orders/create",
                delivery_key="x",
                body="[1]",
                received_at=NOON,
                due_at=NOON,
                attempts=9,
            )
        )
    await intake.deliver("shopify", "orders/create", PAID)
    bad, good = await intake.rows(WebhookDelivery)
    assert (bad.status, bad.due_at, good.status) == ("failed", None, "done")
    assert "no JSON object" in bad.error


@pytest.mark.parametrize("topic", [*sorted(shopify._ORDER_TOPICS), "refunds/create", "checkouts/update", "carts/update",
                                   "fulfillments/create", "customers/update", "products/update", "products/delete",
                                   "customers_email_marketing_consent/update", "app/whatever"])  # fmt: skip
@pytest.mark.parametrize(
    "body", [{}, {"id": None}, {"id": 1, "customer": 5, "line_items": "x", "refunds": {}}, {"id": {}}]
)
def test_odd_bodies_are_no_accident(topic: str, body: dict[str, object]) -> None:
    shopify.translate(topic, body, "goods.myshopify.com", NOON)


async def test_ids_are_text_everywhere(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", PAID)
    async with database.reading() as session:
        bodies = (await session.scalars(sa.select(Event.body).where(Event.name == "Order Updated"))).all()
    line = bodies[0]["properties"]["products"][0]
    assert all(isinstance(line[key], str) for key in ("product_id", "variant_id"))
    assert isinstance(bodies[0]["properties"]["order_id"], str)


def _modern(quantities: Mapping[str, int], minute: int = 0, policy: str = "deny", **more: Any) -> dict[str, Any]:
    """A product as the supported API versions send it: whether a variant is counted does not stand in it."""
    variants = [
        {"id": int(one), "title": one, "price": "20.00", "inventory_policy": policy, "inventory_quantity": count,
         "inventory_item_id": int(f"9{one}"), "old_inventory_quantity": count}
        for one, count in quantities.items()
    ]  # fmt: skip
    at = f"2026-03-04T13:{minute:02}:00+01:00"
    return {"id": 788, "title": "Shirt", "handle": "shirt", "status": "active", "published_at": at, "created_at": None,
            "updated_at": at, "variants": variants, **more}  # fmt: skip


async def _stock(intake: Intake) -> dict[str, int | None]:
    return {row.variant_id: row.stock for row in await intake.rows(Product)}


def _changes(intake: Intake) -> list[tuple[Any, Any, Any]]:
    told = [one.properties for one in intake.heard if one.name == "Product Stock Changed"]
    return [(one.get("variant_id", ""), one["from"], one["to"]) for one in told]


async def test_a_count_of_nothing_means_sold_out_only_where_somebody_counts(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "products/update", _modern({"1": 0, "2": 50}))
    assert await _stock(intake) == {"": None, "1": None, "2": 50}
    item = {"id": 91, "sku": "S", "tracked": True, "updated_at": "2026-03-04T13:01:00+01:00"}
    await intake.deliver("shopify", "inventory_items/update", item)
    assert await _stock(intake) == {"": 50, "1": 0, "2": 50}
    assert ("1", None, 0) in _changes(intake)
    older = {**item, "tracked": False, "updated_at": "2026-03-01T08:00:00Z"}
    await intake.deliver("shopify", "inventory_items/update", older)
    assert (await _stock(intake))["1"] == 0
    await intake.deliver("shopify", "products/update", _modern({"1": 3, "2": 50}, 2))
    assert await _stock(intake) == {"": 53, "1": 3, "2": 50}
    assert sorted(_changes(intake)[-2:]) == [("", 50, 53), ("1", 0, 3)]


async def test_whether_somebody_counts_may_be_told_first(database: Database) -> None:
    intake = Intake(database)
    for number, tracked in ((91, True), (92, False)):
        item = {"id": number, "tracked": tracked, "updated_at": "2026-03-04T12:50:00+01:00"}
        await intake.deliver("shopify", "inventory_items/create", item)
    await intake.deliver("shopify", "products/create", _modern({"1": 0, "2": 0}))
    assert await _stock(intake) == {"": None, "1": 0, "2": None}


async def test_what_is_sold_on_below_zero_is_always_to_be_had(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "inventory_items/create", {"id": 91, "tracked": True})
    await intake.deliver("shopify", "products/update", _modern({"1": -4}, policy="continue"))
    assert await _stock(intake) == {"": None, "1": None}


async def test_a_location_moves_the_count(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "inventory_items/create", {"id": 91, "tracked": True})

    async def level(place: int, count: int, minute: int) -> int | None:
        said = {"inventory_item_id": 91, "location_id": place, "available": count,
                "updated_at": f"2026-03-04T13:{minute:02}:00+01:00"}  # fmt: skip
        await intake.deliver("shopify", "inventory_levels/update", said)
        return (await _stock(intake))["1"]

    await intake.deliver("shopify", "products/update", _modern({"1": 5}))
    assert await level(1, 4, 1) == 4  # the only place that was heard of
    assert await level(2, 3, 2) == 7
    await intake.deliver("shopify", "products/update", _modern({"1": 17}, 3))  # with ten at a third
    assert await level(2, 0, 4) == 14
    assert await level(2, 9, 1) == 14  # an older word
    assert await level(1, 0, 5) == 10


@pytest.mark.parametrize("first", [10, 20])
async def test_of_two_prices_of_one_second_the_dearer_stands(database: Database, first: int) -> None:
    intake = Intake(database)
    for price in (first, 30 - first):
        body = _modern({"1": 5})
        body["variants"][0]["price"] = f"{price}.00"
        await intake.deliver("shopify", "products/update", body)
    assert {row.price for row in await intake.rows(Product)} == {2000}
