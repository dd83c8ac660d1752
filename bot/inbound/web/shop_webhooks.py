"""Shop webhooks: signed raw bytes, stored and committed, then answered 200."""

import base64
import binascii
import hmac
import html
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.base import clock, logs, values, work
from bot.base.database import Database, insert, table
from bot.base.stores import of_shopify, of_woocommerce
from bot.events import rejected
from bot.events.happened import Rejected
from bot.inbound.web import each_request
from bot.shops import lines, woocommerce
from bot.tables.events import WebhookDelivery

log = logs.get(__name__)

_LIMIT = 4 * 1024 * 1024  # an order of a thousand lines stays far below
_KEY_AT_MOST = 500
_rows = table(WebhookDelivery)
_KEPT_HEADERS = ("x-shopify-", "shopify-", "x-wc-webhook-")
_SECRET_HEADERS = ("x-shopify-hmac-sha256", "shopify-hmac-sha256", "x-wc-webhook-signature")


def routes(
    database: Database,
    *,
    shopify: Sequence[SecretStr] = (),
    woocommerce: Sequence[SecretStr] = (),
    declared: Collection[str] = (),
) -> list[BaseRoute]:
    """POST `/webhooks/shopify/{topic}` (`orders/create`) and `/webhooks/woocommerce`.

    Several secrets hold at a time: after a rotation the shop signs with the old one for a while. `declared` are the
    sources of the stores that the configuration names (`shopify:x.myshopify.com`): the signature covers the body alone,
    so no other shop may be named once there are any of its system.
    """
    door = _Door(database, _values(shopify), _values(woocommerce), frozenset(declared))
    return [
        Route("/webhooks/shopify/{topic:path}", door.shopify, methods=["POST"]),
        Route("/webhooks/woocommerce", door.woocommerce, methods=["POST"]),
        Route("/webhooks/woocommerce/", door.woocommerce, methods=["POST"]),
    ]


def signed(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether `signature` is base64(HMAC-SHA256(body)) under one of the secrets; compared in constant time."""
    try:
        given = base64.b64decode(signature.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    made = [hmac.new(secret.encode(), body, sha256).digest() for secret in secrets]
    return any([hmac.compare_digest(given, one) for one in made])  # noqa: C419 - all of them, whichever fits


def _values(secrets: Sequence[SecretStr]) -> list[str]:
    return [secret.get_secret_value() for secret in secrets]


class _Door:
    def __init__(
        self, database: Database, shopify: Sequence[str], woocommerce: Sequence[str], declared: Collection[str]
    ) -> None:
        self.database = database
        self.declared = declared
        self.shopify_secrets = shopify
        # WooCommerce signs with the secret as its form decoded it: `a&amp;b` and `a&b` are one secret.
        self.woo_secrets = [html.unescape(secret) for secret in woocommerce]

    async def shopify(self, request: Request) -> Response:
        topic = request.path_params["topic"].strip("/")
        body = await each_request.read(request, _LIMIT)
        if not signed(body, _shopify(request, "hmac-sha256"), self.shopify_secrets):
            return _forged("shopify")
        # Only the body is signed: a header that contradicts the address is not the shop's.
        said = _shopify(request, "topic")
        if said and said != topic:
            return each_request.answer(400, "wrong_topic", "the topic is not the one of this address")
        payload = _object(body)
        if payload is None:
            return _no_object()
        shop = _shopify(request, "shop-domain")
        if self._is_foreign("shopify", of_shopify(shop)):
            return await self._refuse("shopify", of_shopify(shop))
        delivery = _shopify(request, "webhook-id") or sha256(body).hexdigest()
        event = _shopify(request, "event-id")
        return await self._store(
            request,
            body,
            system="shopify",
            topic=topic,
            delivery_key=f"{shop}:{topic}:{delivery}",
            event_key=f"{shop}:{topic}:{event}" if event else None,
        )

    async def woocommerce(self, request: Request) -> Response:
        body = await each_request.read(request, _LIMIT)
        headers = request.headers
        if "x-wc-webhook-signature" not in headers and body.startswith(b"webhook_id="):
            return Response(status_code=200)  # the ping when a webhook is made: unsigned, and only 200 will do
        if not signed(body, headers.get("x-wc-webhook-signature", ""), self.woo_secrets):
            return _forged("woocommerce")
        payload = _object(body)
        if payload is None:
            return _no_object()
        topic = headers.get("x-wc-webhook-topic", "")
        # The delivery id is the same for two orders in one second; the content tells them apart.
        identity, changed = woocommerce.resource(payload)
        site = of_woocommerce(headers.get("x-wc-webhook-source", ""))
        if self._is_foreign("woocommerce", site):
            return await self._refuse("woocommerce", site)
        # What is deleted tells no time: the same order may go into the bin again.
        delivery = "" if changed else headers.get("x-wc-webhook-delivery-id", "")
        key = f"{site}:{topic}:{identity}:{changed or delivery}:{sha256(body).hexdigest()[:32]}"
        return await self._store(request, body, system="woocommerce", topic=topic, delivery_key=key, event_key=None)

    def _is_foreign(self, system: str, source: str) -> bool:
        return source not in self.declared and any(one.startswith(f"{system}:") for one in self.declared)

    async def _refuse(self, system: str, source: str) -> Response:
        """Not kept as a delivery: once the store is declared, the shop's next try must be taken."""
        named = source[:200]
        log.warning("webhook of a store that is not declared in [[shops.stores]]", system=system, store=named)
        reason = f"a webhook of {named}, which is not declared in [[shops.stores]]"
        async with self.database.transaction() as session:
            await rejected.keep(session, [Rejected(system, lines.text(reason), "", clock.now(), rank="shop")])
        return each_request.answer(403, "undeclared_store", "this store is not one of ours")

    async def _store(self, request: Request, body: bytes, **columns: Any) -> Response:
        now = clock.now()
        row = {
            **{name: _short(value) for name, value in columns.items()},
            "headers": _kept(request.headers),
            "body": body.decode(),
            "received_at": now,
            "due_at": now,
            "status": "new",
            "rank": "shop",
            "attempts": 0,
        }
        async with self.database.transaction() as session:
            await session.execute(insert(session, _rows).values(row).on_conflict_do_nothing())
            work.kick(session, "webhooks")
        return Response(status_code=200)


def _short(key: str | None) -> str | None:
    """Only the body is signed: a header may be of any length, and an index takes no such key."""
    return f"long:{sha256(key.encode()).hexdigest()}" if key is not None and len(key) > _KEY_AT_MOST else key


def _shopify(request: Request, name: str) -> str:
    """A header of Shopify, under its old name or that of the newer Events product."""
    return request.headers.get(f"x-shopify-{name}") or request.headers.get(f"shopify-{name}") or ""


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name.lower(): lines.text(value)
        for name, value in headers.items()
        if name.lower().startswith(_KEPT_HEADERS) and name.lower() not in _SECRET_HEADERS
    }


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        payload = values.read_json(body)
    except ValueError:
        return None
    return payload if isinstance(payload, dict) else None


def _forged(system: str) -> Response:
    log.warning("webhook with a wrong signature", system=system)
    return each_request.answer(401, "wrong_signature", "the signature does not fit the body")


def _no_object() -> Response:
    return each_request.answer(400, "invalid_json", "the body must be a JSON object")
