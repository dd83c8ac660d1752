import base64
import hmac
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from intake import payload
from pydantic import SecretStr

from bot.base import clock
from bot.base.database import Database
from bot.events import aside, rejected
from bot.inbound.web import each_request, shop_webhooks
from bot.tables.events import RejectedEvent, WebhookDelivery

ORDER = json.dumps(payload("shopify_order")).encode()
WOO = json.dumps(payload("woocommerce_order")).encode()
SHOP = "goods.myshopify.com"


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    doors = shop_webhooks.routes(
        database, shopify=[SecretStr("new"), SecretStr("old")], woocommerce=[SecretStr("a&amp;b&quot;c")]
    )
    transport = httpx.ASGITransport(each_request.build([doors]))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as opened:
        yield opened


def _signature(body: bytes, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, sha256).digest()).decode()


def _shopify(body: bytes = ORDER, secret: str = "new", topic: str = "orders/create", **more: str) -> dict[str, Any]:
    headers = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": _signature(body, secret),
        "X-Shopify-Shop-Domain": SHOP,
        "X-Shopify-API-Version": "2026-01",
        "X-Shopify-Webhook-Id": more.get("webhook_id", "w1"),
        "X-Shopify-Event-Id": more.get("event_id", "e1"),
        "X-Shopify-Triggered-At": "2026-03-04T12:00:02.123456Z",
    }
    return {"content": body, "headers": headers}


def _woo(
    body: bytes = WOO, secret: str = 'a&b"c', topic: str = "order.created", delivery: str = "d1"
) -> dict[str, Any]:
    headers = {
        "X-WC-Webhook-Source": "https://shop.example/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": _signature(body, secret),
        "X-WC-Webhook-ID": "3",
        "X-WC-Webhook-Delivery-ID": delivery,
    }
    return {"content": body, "headers": headers}


async def _stored(database: Database) -> list[WebhookDelivery]:
    async with database.reading() as session:
        return list((await session.scalars(sa.select(WebhookDelivery).order_by(WebhookDelivery.id))).all())


async def test_a_signed_webhook_is_stored_raw_before_it_is_answered(
    client: httpx.AsyncClient, database: Database
) -> None:
    answer = await client.post("/webhooks/shopify/orders/create", **_shopify())
    assert answer.status_code == 200
    (row,) = await _stored(database)
    assert (row.system, row.topic, row.body, row.status) == ("shopify", "orders/create", ORDER.decode(), "new")
    assert row.due_at is not None
    assert row.headers["x-shopify-shop-domain"] == SHOP
    assert "x-shopify-hmac-sha256" not in row.headers


async def test_the_old_secret_holds_after_a_rotation(client: httpx.AsyncClient) -> None:
    assert (await client.post("/webhooks/shopify/orders/create", **_shopify(secret="old"))).status_code == 200


@pytest.mark.parametrize("signature", ["", "x", "////", _signature(ORDER, "stolen"), _signature(ORDER + b" ", "new")])
async def test_a_forged_webhook_is_refused_and_not_stored(
    client: httpx.AsyncClient, database: Database, signature: str
) -> None:
    forged = _shopify()
    forged["headers"]["X-Shopify-Hmac-Sha256"] = signature
    answer = await client.post("/webhooks/shopify/orders/create", **forged)
    assert (answer.status_code, set(answer.json())) == (401, {"code", "message"})
    woo = _woo()
    woo["headers"]["X-WC-Webhook-Signature"] = signature
    assert (await client.post("/webhooks/woocommerce", **woo)).status_code == 401
    assert await _stored(database) == []


async def test_without_secrets_nothing_is_believed(database: Database) -> None:
    app = each_request.build([shop_webhooks.routes(database)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        assert (await client.post("/webhooks/shopify/orders/create", **_shopify(secret=""))).status_code == 401
        assert (await client.post("/webhooks/woocommerce", **_woo(secret=""))).status_code == 401


async def test_t26_the_same_delivery_or_the_same_event_twice_is_stored_once(
    client: httpx.AsyncClient, database: Database
) -> None:
    for again in ({}, {"event_id": "other"}, {"webhook_id": "w2"}):
        assert (await client.post("/webhooks/shopify/orders/create", **_shopify(**again))).status_code == 200
    assert len(await _stored(database)) == 1
    await client.post("/webhooks/shopify/orders/create", **_shopify(webhook_id="w3", event_id="e3"))
    assert len(await _stored(database)) == 2


async def test_a_topic_that_contradicts_the_address_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    answer = await client.post("/webhooks/shopify/customers/redact", **_shopify(topic="orders/create"))
    assert answer.status_code == 400
    assert await _stored(database) == []


@pytest.mark.parametrize("topic", ["customers/data_request", "customers/redact", "shop/redact"])
async def test_compliance_topics_are_taken_and_stored(
    client: httpx.AsyncClient, database: Database, topic: str
) -> None:
    body = json.dumps(payload("shopify_redact")).encode()
    assert (await client.post(f"/webhooks/shopify/{topic}", **_shopify(body, topic=topic))).status_code == 200
    assert [row.topic for row in await _stored(database)] == [topic]


async def test_the_newer_header_names_are_read_too(client: httpx.AsyncClient) -> None:
    call = _shopify()
    call["headers"] = {name.removeprefix("X-"): value for name, value in call["headers"].items()}
    assert (await client.post("/webhooks/shopify/orders/create", **call)).status_code == 200


async def test_the_ping_of_woocommerce_is_answered_exactly_200(client: httpx.AsyncClient, database: Database) -> None:
    answer = await client.post("/webhooks/woocommerce", data={"webhook_id": "12"})
    assert answer.status_code == 200
    assert await _stored(database) == []


async def test_t28_two_orders_in_one_second_share_a_delivery_id_and_are_both_taken(
    client: httpx.AsyncClient, database: Database
) -> None:
    other = json.dumps(payload("woocommerce_order", id=728, number="728")).encode()
    for body in (WOO, other, WOO):
        assert (await client.post("/webhooks/woocommerce", **_woo(body))).status_code == 200
    assert len(await _stored(database)) == 2


async def test_an_order_may_go_into_the_bin_again(client: httpx.AsyncClient, database: Database) -> None:
    """All that WooCommerce tells of it is an id."""
    for delivery in ("d1", "d1", "d2"):
        body = b'{"id":727}'
        answer = await client.post("/webhooks/woocommerce", **_woo(body, topic="order.deleted", delivery=delivery))
        assert answer.status_code == 200
    async with database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(WebhookDelivery)) == 2


async def test_two_sites_of_woocommerce_may_deliver_the_same_bytes(
    client: httpx.AsyncClient, database: Database
) -> None:
    for site in ("https://shop.example/de/", "https://shop.example/fr/", "https://SHOP.example/fr"):
        asked = _woo()
        asked["headers"] = {**asked["headers"], "X-WC-Webhook-Source": site}
        assert (await client.post("/webhooks/woocommerce", **asked)).status_code == 200
    assert len(await _stored(database)) == 2


OTHERS = {
    "goods": "shopify:goods.myshopify.com", "site": "woocommerce:shop.example",
    "other": "shopify:other.myshopify.com", "french": "woocommerce:shop.example/fr",
}  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "shopify", "woo"),
    [
        ((), 200, 200), (("goods", "site"), 200, 200), (("goods",), 200, 200), (("other",), 403, 200),
        (("french",), 200, 403), (("other", "french"), 403, 403), (("other", "goods"), 200, 200),
    ],
)  # fmt: skip
async def test_once_stores_are_declared_no_other_is_named_by_a_header(
    database: Database, declared: tuple[str, ...], shopify: int, woo: int
) -> None:
    doors = shop_webhooks.routes(
        database, shopify=[SecretStr("new")], woocommerce=[SecretStr('a&b"c')],
        declared=[OTHERS[one] for one in declared],
    )  # fmt: skip
    transport = httpx.ASGITransport(each_request.build([doors]))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as http:
        answers = [
            await http.post("/webhooks/shopify/orders/create", **_shopify()),
            await http.post("/webhooks/woocommerce", **_woo()),
        ]
        forged = await http.post("/webhooks/shopify/orders/create", **_shopify(secret="wrong"))
    assert [answer.status_code for answer in answers] == [shopify, woo]
    assert forged.status_code == 401
    assert len(await _stored(database)) == [shopify, woo].count(200)
    async with database.reading() as session:
        listed = await aside.events(session, aside.Asked(status="rejected"))
    refused = {"shopify": shopify, "woocommerce": woo}
    assert {one["source"] for one in listed} == {system for system, status in refused.items() if status == 403}
    assert all("not declared" in one["error"] for one in listed)


async def test_refused_webhooks_keep_the_newest_of_the_list_only(database: Database) -> None:
    old = {"source": "page", "reason": "old", "body": "{}", "received_at": clock.now()}
    async with database.transaction() as session:
        await session.execute(sa.insert(RejectedEvent), [old] * rejected.KEPT)
    doors = shop_webhooks.routes(database, shopify=[SecretStr("new")], declared=[OTHERS["other"]])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(each_request.build([doors])), base_url="http://shop.example"
    ) as http:
        assert (await http.post("/webhooks/shopify/orders/create", **_shopify())).status_code == 403
    async with database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(RejectedEvent)) == rejected.KEPT
        assert await session.scalar(sa.select(RejectedEvent.source).order_by(sa.desc("id")).limit(1)) == "shopify"


async def test_a_delivery_that_was_refused_is_taken_once_its_store_is_declared(database: Database) -> None:
    for declared, status in ((OTHERS["other"], 403), (OTHERS["goods"], 200)):
        doors = shop_webhooks.routes(database, shopify=[SecretStr("new")], declared=[declared])
        transport = httpx.ASGITransport(each_request.build([doors]))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as http:
            assert (await http.post("/webhooks/shopify/orders/create", **_shopify())).status_code == status
    assert len(await _stored(database)) == 1


async def test_a_secret_with_signs_is_compared_as_woocommerce_decodes_it(client: httpx.AsyncClient) -> None:
    assert (await client.post("/webhooks/woocommerce", **_woo(secret='a&b"c'))).status_code == 200
    assert (await client.post("/webhooks/woocommerce", **_woo(secret="a&amp;b&quot;c"))).status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"garbage", b"\xff"])
async def test_a_signed_body_that_is_no_object_is_400(
    client: httpx.AsyncClient, database: Database, body: bytes
) -> None:
    assert (await client.post("/webhooks/shopify/orders/create", **_shopify(body))).status_code == 400
    assert (await client.post("/webhooks/woocommerce", **_woo(body))).status_code == 400
    assert await _stored(database) == []


async def test_a_body_too_large_is_413(client: httpx.AsyncClient) -> None:
    big = b'{"a":"' + b"x" * 5_000_000 + b'"}'
    answer = await client.post("/webhooks/shopify/orders/create", **_shopify(big))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_reading_the_address_changes_nothing(client: httpx.AsyncClient, database: Database) -> None:
    assert (await client.get("/webhooks/shopify/orders/create")).status_code == 405
    assert await _stored(database) == []
