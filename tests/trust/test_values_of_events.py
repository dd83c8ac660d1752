"""A value that no column takes is dropped and named; the event, webhook or update around it is taken all the same."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from conftest import NOON
from fastapi import FastAPI
from intake import PAYLOADS, SECRET, Intake, payload
from pydantic import SecretStr

from bot import events
from bot.base import clock
from bot.base.config.events import EventKey
from bot.base.database import Database, table
from bot.events import Applier, Ingest, NewEvent
from bot.inbound.telegram import inbox
from bot.inbound.web import each_request, events_api
from bot.shops import record
from bot.tables.chat import TelegramUpdate
from bot.tables.events import Event, WebhookDelivery
from bot.tables.people import Contact
from bot.tables.shop import Cart, Order, Product

DIGITS = int("9" * 4000)
POISON: dict[str, Any] = {
    "10**30": 10**30, "4,000 digits": DIGITS, "1e300": 1e300, "price of 1e17": 1e17, "below": -(10**30),
    "inf": float("inf"),
    "nan": float("nan"), "words of digits": "9" * 5000, "words of 1e999": "1e999", "half": "x\ud800y", "NUL": "a\x00b",
    "year 9999": "9999-12-31T23:59:59-23:59", "year 1": "0001-01-01T00:00:00+14:00", "long": "ä" * 30_000,
    "list": [[[1]]], "object": {"a": {"b": None}}, "yes": True, "nothing": None,
}  # fmt: skip
KEYS = (
    "order_id", "order_number", "checkout_id", "cart_id", "product_id", "variant_id", "sku", "name", "category",
    "brand", "price", "quantity", "total", "revenue", "value", "subtotal", "shipping", "tax", "discount", "currency",
    "coupon", "url", "image_url", "stock", "updated_at", "created_at", "completed_at", "refund_id", "fulfillment_id",
    "email", "tracking_number", "carrier", "rating", "products", "variants", "published",
)  # fmt: skip
NAMES = (
    "Order Completed", "Order Updated", "Order Refunded", "Order Fulfilled", "Order Cancelled", "Checkout Started",
    "Cart Viewed", "Product Added", "Product Removed", "Product Viewed", "Product Updated", "Product Deleted",
    "Subscribed", "Unsubscribed", "Wishlist Product Added to Cart",
)  # fmt: skip
LINE = {"product_id": "p1", "variant_id": "v1", "sku": "S", "name": "Lamp", "price": 19.9, "quantity": 1}
WHOLE = {
    **LINE, "order_id": "o1", "order_number": "#1001", "checkout_id": "c1", "cart_id": "k1", "total": 19.9, "stock": 3,
    "currency": "EUR", "products": [LINE], "variants": [{**LINE, "stock": 2}],
}  # fmt: skip


def _told(value: Any, first: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each key bad in an event of some name (another one for each value), and all keys but the ids in every name."""
    for at, key in enumerate(KEYS):
        yield NAMES[(at + first) % len(NAMES)], {**WHOLE, key: value}
        if (at + first) % 3 == 0:
            line = {**LINE, key: value}
            yield NAMES[(at + first) % 9], {**WHOLE, "products": [line], "variants": [line]}
    for name in NAMES:
        bad = {**WHOLE, **{key: value for key in KEYS if not key.endswith("_id")}}
        yield name, {**bad, "products": [{**LINE, "price": value, "quantity": value, "name": value}]}


@pytest.mark.parametrize("bad", POISON)
async def test_no_event_fails_for_a_value_wherever_it_stands(database: Database, bad: str) -> None:
    intake, value = Intake(database), POISON[bad]
    async with database.transaction() as session:
        for number, (name, properties) in enumerate(_told(value, list(POISON).index(bad))):
            traits = {"email": value, "phone": value, "birthday": value, "firstName": value, "x": value}
            body = {"userId": "u1", "properties": properties, "traits": traits, "context": {"ip": value}}
            told = NewEvent("shop", str(number), "track", name, NOON, NOON, body, rank="shop")
            await events.record(session, told)
    await intake.apply()
    failed = [(row.name, row.error) for row in await intake.rows(Event) if row.status not in ("done", "known")]
    assert not failed
    for model in (Order, Cart, Product, Contact):
        assert await intake.rows(model)


async def test_what_was_dropped_is_named_and_the_rest_is_kept(database: Database) -> None:
    intake = Intake(database)
    lines = [{**LINE, "quantity": 10**30}, LINE]
    said = {
        "order_id": "o1",
        "total": 1e300,
        "updated_at": "9999-12-31T00:00:00-20:00",
        "products": lines,
        "note": "a\x00b",
    }
    await intake.tell("Order Completed", said, userId="u1", source="shop", rank="shop")
    event = await intake.one(Event, name="Order Completed")
    assert event.status == "done"
    assert set(event.body["flags"]) == {
        "dropped: properties.total",
        "dropped: properties.updated_at",
        "dropped: properties.products[0].quantity",
    }
    assert (event.body["properties"]["note"], event.body["properties"]["products"][1]) == ("ab", LINE)
    order = await intake.one(Order)
    assert (order.order_id, order.total) == ("o1", 3980)


async def test_a_time_that_nobody_lives_in_is_the_time_of_arrival(database: Database) -> None:
    intake = Intake(database)
    for ts in (datetime.max.replace(tzinfo=UTC), datetime(1960, 1, 1, tzinfo=UTC)):
        await intake.tell("Product Viewed", {"product_id": "1"}, userId="u1", ts=ts)
    for event in await intake.rows(Event):
        assert (event.ts, event.body["flags"], event.status) == (NOON, ["dropped: timestamp"], "done")


def _app(ingest: Ingest) -> FastAPI:
    key = EventKey(key=SecretStr("wk_test"), name="page", kind="page")
    return each_request.build([events_api.routes(ingest, [key])])


@pytest.mark.parametrize(
    "properties",
    [
        '{"quantity": ' + "9" * 5000 + "}",
        '{"quantity": 1e999}',
        '{"quantity": -Infinity}',
        '{"quantity": 1' + "0" * 30 + "}",
    ],
    ids=["digits", "1e999", "infinity", "10**30"],
)
@pytest.mark.parametrize("batch", [False, True])
async def test_the_events_door_takes_the_event_and_names_the_number(
    database: Database, properties: str, batch: bool
) -> None:
    ingest = Ingest(database)
    ingest.start()
    event = f'{{"type": "track", "event": "x \\ud800", "userId": "u1\\u0000", "properties": {properties}}}'
    body = f'{{"batch": [{event}], "writeKey": "wk_test"}}' if batch else event[:-1] + ', "writeKey": "wk_test"}'
    async with httpx.AsyncClient(transport=httpx.ASGITransport(_app(ingest)), base_url="http://x") as client:
        answer = await client.post(f"/v1/{'batch' if batch else 'track'}", content=body)
    await ingest.close()
    assert answer.status_code == 200
    intake = Intake(database)
    while await Applier(database, [record.apply], 1, secret=SECRET).apply_due():
        pass
    kept = await intake.one(Event)
    assert kept.status == "done"
    assert "dropped: properties.quantity" in kept.body["flags"]
    assert "quantity" not in kept.body.get("properties", {})


def _with(value: Any, bad: Any, keep: Any) -> Any:
    """Every leaf of the payload made bad, but those that it takes to be told apart at all."""
    if isinstance(value, Mapping):
        return {key: one if key in keep else _with(one, bad, keep) for key, one in value.items()}
    if isinstance(value, list):
        return [_with(one, bad, keep) for one in value]
    return bad


TOPICS = {
    "shopify_cart": "carts/update", "shopify_checkout": "checkouts/update", "shopify_customer": "customers/update",
    "shopify_fulfillment": "fulfillments/create", "shopify_order": "orders/updated",
    "shopify_product": "products/update", "shopify_redact": "customers/redact", "shopify_refund": "refunds/create",
    "woocommerce_customer": "customer.updated", "woocommerce_order": "order.updated",
    "woocommerce_product": "product.updated",
}  # fmt: skip


def test_every_payload_has_its_topic() -> None:
    assert {file.stem for file in PAYLOADS.glob("*.json")} == set(TOPICS)


@pytest.mark.parametrize("bad", [name for name in POISON if name not in ("list", "object")])
async def test_no_webhook_fails_for_a_value_wherever_it_stands(database: Database, bad: str) -> None:
    intake = Intake(database)
    count = 0
    async with database.transaction() as session:
        for name, topic in TOPICS.items():
            for keep in (("id",), ()):
                count += 1
                body = json.dumps(_with(payload(name), POISON[bad], keep))
                row = {
                    "system": name.split("_")[0],
                    "topic": topic,
                    "delivery_key": str(count),
                    "headers": {},
                    "body": body,
                }
                more = {"received_at": NOON, "due_at": NOON, "status": "new", "rank": "shop", "attempts": 0}
                await session.execute(sa.insert(table(WebhookDelivery)).values(**row, **more))
    while await intake.inbox.translate_due():
        pass
    await intake.apply()
    wrong = [
        (row.system, row.topic, row.error)
        for row in await intake.rows(WebhookDelivery)
        if row.status not in ("done", "ignored")
    ]
    assert not wrong
    assert not [(row.name, row.error) for row in await intake.rows(Event) if row.error]


class _Opened:
    async def act(self, *_: Any) -> bool:
        return True

    async def finish(self) -> None:
        return None


class _Door:
    def __init__(self) -> None:
        self.opened: list[Mapping[str, Any]] = []

    async def open(self, body: Mapping[str, Any]) -> _Opened:
        self.opened.append(body)
        return _Opened()


async def test_an_update_with_half_a_surrogate_and_a_huge_number_is_stored_and_run(database: Database) -> None:
    message = {"chat": {"id": 501}, "text": "a\ud800b\x00c", "date": 10**30}
    async with database.transaction() as session:
        await inbox.store(session, [{"update_id": 1, "message": message}], clock.now())
    door = _Door()
    await inbox.Inbox(database, door, 1).run()
    assert door.opened[0]["message"]["text"] in ("a?bc", "a?b\x00c")
    async with database.reading() as session:
        assert await session.scalar(sa.select(table(TelegramUpdate).c.status)) == "done"
