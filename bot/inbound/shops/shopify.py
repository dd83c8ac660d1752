"""Shopify's Admin API (GraphQL): pages by cursor, sized by what they cost, within the points that the shop restores.

A query costs points: more than a bucket of them is refused, and the bucket fills by the second. Each answer says how
full it is; we wait for what the next page will cost, and make pages smaller or larger by what they cost.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.base import logs, stores
from bot.base.config.shop_systems import Shopify as Settings
from bot.inbound.shops import shopify_payloads, shopify_queries
from bot.inbound.shops.connection import Answer, Connection, ShopApiError, Sleep
from bot.inbound.shops.shop import Cursor, Hook, Page, Thing
from bot.shops import lines
from bot.shops.payloads import listed

log = logs.get(__name__)

_KEY = "shops.shopify"
_TRIES, _PATIENCE = 8, 100
_SIZES = {"products": 10, "customers": 50, "orders": 10}
_LARGEST = 250
_REST = 50
_LONGER = (50, _LARGEST)
_PART = 0.5
"""Of a full bucket a page may cost that much, so that other apps of the shop get their turn."""
_QUERIES = {
    "products": shopify_queries.PRODUCTS,
    "customers": shopify_queries.CUSTOMERS,
    "orders": shopify_queries.ORDERS,
}
_KINDS = {"products": "Product", "customers": "Customer", "orders": "Order"}
_TOPICS = (
    "orders/create", "orders/updated", "orders/edited", "orders/delete", "refunds/create", "fulfillments/create",
    "fulfillments/update", "fulfillment_events/create", "fulfillment_events/delete", "carts/create", "carts/update",
    "checkouts/create", "checkouts/update", "customers/create", "customers/update", "customers/merge",
    "customers/delete", "customer.tags_added", "customer.tags_removed", "customers_marketing_consent/update",
    "customers_email_marketing_consent/update", "products/create", "products/update", "products/delete",
    "inventory_items/create", "inventory_items/update", "inventory_levels/update", "app/uninstalled",
)  # fmt: skip


class _TooDearError(ShopApiError):
    """One answer of this size may not be asked for."""

    def __init__(self) -> None:
        super().__init__("Shopify finds a question of ours too dear, and answers no part of it", _KEY, status=200)


class Shopify:
    system = "shopify"
    topics: Sequence[str] = _TOPICS

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.source = stores.of_shopify(settings.domain)
        self.headers: Mapping[str, str] = {"x-shopify-shop-domain": settings.domain}
        self._settings = settings
        self._api = connection
        self._token = settings.token.get_secret_value() if settings.token else ""
        self._sizes = dict(_SIZES)
        self._costs: dict[str, float] = {}
        self._one_refund_at_once = False
        self._points, self._restored, self._bucket, self._at = 1000.0, 50.0, 1000.0, time.monotonic()

    async def named(self) -> str:
        shop = (await self._ask(shopify_queries.SHOP, {})).get("shop")
        return stores.of_shopify(lines.text((shop or {}).get("myshopifyDomain")))

    def url_of(self, topic: str, base: str) -> str:
        return f"{base.rstrip('/')}/webhooks/shopify/{topic}"

    async def page(self, resource: str, cursor: Cursor, since: datetime | None = None) -> Page:
        asked = {"after": cursor.get("after"), "query": f"updated_at:>='{_utc(since)}'" if since else None}
        found = await self._sized(resource, asked)
        listing = found[resource]
        info = listing["pageInfo"]
        total = await self._count(resource) if not cursor and since is None else None
        some = listed(listing.get("nodes"))
        things = [thing for node in some for thing in await self._things(resource, node)]
        next_ = {"after": info["endCursor"]} if info.get("hasNextPage") else None
        return Page(things, len(some), next_, total)

    async def _sized(self, resource: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """A page as large as its cost allows."""
        while True:
            size = self._sizes[resource]
            try:
                found = await self._ask(_QUERIES[resource], {**asked, "first": size})
            except _TooDearError:
                if size == 1:
                    raise ShopApiError(f"Shopify answers not even one of the {resource} at once", _KEY) from None
                self._sizes[resource] = size // 2
                continue
            cost = self._costs.get(_QUERIES[resource], 0)
            if cost > 0:
                self._sizes[resource] = max(1, min(_LARGEST, size * 2, int(self._bucket * _PART / cost)))
            return found

    async def _count(self, resource: str) -> int | None:
        try:
            found = await self._ask(shopify_queries.COUNTS[resource], {})
        except ShopApiError:
            return None  # only the bar needs it
        count = found.get(f"{resource}Count")
        return count.get("count") if isinstance(count, Mapping) else None

    async def _things(self, resource: str, node: Mapping[str, Any]) -> list[Thing]:
        if resource == "products":
            node = await self._whole(node, "variants")
            found = [_thing("products/update", shopify_payloads.product(node))]
            items = (one.get("inventoryItem") for one in shopify_payloads.nodes(node, "variants"))
            return found + [
                _thing("inventory_items/update", shopify_payloads.inventory_item(item))
                for item in items
                if isinstance(item, Mapping)
            ]
        if resource == "customers":
            return [_thing("customers/update", shopify_payloads.customer(node))]
        node = await self._whole(node, "lineItems")
        node = {**node, "fulfillments": await self._listed(node, "fulfillments")}
        return [_thing("orders/updated", shopify_payloads.order(node, await self._refunds(node)))]

    async def _refunds(self, order: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        named = await self._listed(order, "refunds")
        few = len(named) < shopify_queries.FIRST["refunds"]
        if few and named and not self._one_refund_at_once:
            try:
                told = (await self._ask(shopify_queries.REFUNDS, {"id": order["id"]})).get("order")
                return [await self._whole_refund(one) for one in listed((told or {}).get("refunds"))]
            except _TooDearError:
                self._one_refund_at_once = True
        asked = [await self._ask(shopify_queries.ONE_REFUND, {"id": one["id"]}) for one in named]
        return [await self._whole_refund(one["refund"]) for one in asked if one.get("refund")]

    async def _whole_refund(self, refund: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in ("refundLineItems", "refundShippingLines", "transactions"):
            refund = await self._whole(refund, name)
        return refund

    async def _listed(self, order: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        """All of a list that has no pages: one that is as long as was asked for may have been cut."""
        found, size = listed(order.get(name)), shopify_queries.FIRST[name]
        for longer in _LONGER:
            if len(found) < size:
                return found
            try:
                told = await self._ask(shopify_queries.LONGER[name], {"id": order["id"], "first": longer})
            except _TooDearError:
                break
            if not told.get("order"):
                return found  # it is gone: what it was is told by what we have
            found, size = listed(told["order"].get(name)), longer
        if len(found) >= size:
            log.warning("a list of an order is longer than Shopify answers", list=name, order=order["id"], taken=size)
        return found

    async def _whole(self, node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """With all of a list that is too long for one answer."""
        listing, size = node[name], _REST
        some, info = listed(listing.get("nodes")), listing["pageInfo"]
        while info.get("hasNextPage"):
            asked = {"id": node["id"], "first": size, "after": info["endCursor"]}
            try:
                more = await self._ask(shopify_queries.REST[name], asked)
            except _TooDearError:
                if size == 1:
                    raise
                size //= 2
                continue
            if not more.get("node"):
                break  # it is gone: what it was is told by what we have
            listing = more["node"][name]
            some, info = [*some, *listed(listing.get("nodes"))], listing["pageInfo"]
        return {**node, name: {"nodes": some}}

    async def missing(self, resource: str, ids: Sequence[str]) -> set[str]:
        asked = await self._visible(ids) if resource == "orders" else list(ids)
        there = set[str]()
        for at in range(0, len(asked), _LARGEST):
            some = [f"gid://shopify/{_KINDS[resource]}/{one}" for one in asked[at : at + _LARGEST]]
            found = await self._ask(shopify_queries.EXIST, {"ids": some})
            there |= {lines.text(one.get("id")).rpartition("/")[2] for one in listed(found.get("nodes"))}
        return set(asked) - there

    async def _visible(self, ids: Sequence[str]) -> list[str]:
        found = (await self._ask(shopify_queries.OLDEST_ORDER, {})).get("orders") or {}
        oldest = next((lines.text(one.get("legacyResourceId")) for one in listed(found.get("nodes"))), "")
        return [one for one in ids if oldest.isdecimal() and int(one) >= int(oldest)]

    async def is_gone(self, resource: str, one: str) -> bool:
        return bool(await self.missing(resource, [one]))

    def deleted(self, resource: str, one: str, now: datetime) -> Thing:
        return Thing(one, f"{resource}/delete", {"id": one, "found_at": now.isoformat()}, now)

    async def hooks(self) -> Sequence[Hook]:
        found, after = list[Hook](), None
        while True:
            listing = (await self._ask(shopify_queries.HOOKS, {"after": after}))["webhookSubscriptions"]
            for one in listed(listing.get("nodes")):
                found.append(Hook(lines.text(one.get("id")), self._topic(one.get("topic")), lines.text(one.get("uri"))))
            if not listing["pageInfo"].get("hasNextPage"):
                return found
            after = listing["pageInfo"]["endCursor"]

    def _topic(self, word: object) -> str:
        """`ORDERS_CREATE` in the words of the webhook."""
        return next((topic for topic in self.topics if _word(topic) == word), lines.text(word))

    async def make_hook(self, topic: str, url: str) -> None:
        told = await self._ask(shopify_queries.MAKE_HOOK, {"topic": _word(topic), "uri": url}, again=False)
        made = told.get("webhookSubscriptionCreate")
        if wrong := listed((made or {}).get("userErrors")):
            raise ShopApiError("; ".join(lines.text(one.get("message")) for one in wrong), _KEY, status=200)

    async def wake_hook(self, hook: Hook) -> None:
        """Shopify has none that sleep: it takes away those that fail."""

    async def _ask(self, query: str, variables: Mapping[str, Any], *, again: bool = True) -> Mapping[str, Any]:
        """The data of the answer. Raises ShopApiError, _TooDearError."""
        failed = throttled = 0
        size = int(variables.get("first") or 1)
        while True:
            known = self._costs.get(query)
            await self._wait_for(self._bucket * _PART if known is None else known * size)
            answer = await self._post(query, variables, again=again)
            told = answer.data if isinstance(answer.data, Mapping) else {}
            self._note_cost(query, size, told)
            errors = listed(told.get("errors"))
            codes = {lines.text((one.get("extensions") or {}).get("code")) for one in errors}
            if not errors and isinstance(told.get("data"), Mapping):
                return dict(told["data"])
            if "MAX_COST_EXCEEDED" in codes:
                raise _TooDearError
            if "THROTTLED" in codes and throttled < _PATIENCE:
                throttled += 1
                self._points = min(self._points, 0)
                await self._api.sleep(max(1.0, self._costs.get(query, 100.0) * size / self._restored))
            elif codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"} and failed < _TRIES and again:
                failed += 1
                await self._api.sleep(min(60.0, 2.0**failed))
            else:
                words = "; ".join(lines.text(one.get("message")) for one in errors) or "the answer has no data"
                right = "; give the app the right to read it" if "ACCESS_DENIED" in codes else ""
                raise ShopApiError(f"Shopify: {logs.clean(words)[:300]}{right}", _KEY, status=200)

    async def _wait_for(self, cost: float) -> None:
        have = min(self._bucket, self._points + (time.monotonic() - self._at) * self._restored)
        if cost > have:
            await self._api.sleep((cost - have) / self._restored)

    def _note_cost(self, query: str, size: int, told: Mapping[str, Any]) -> None:
        """What one thing of its page costs, and how full the bucket is."""
        extensions = told.get("extensions")
        cost = extensions.get("cost") if isinstance(extensions, Mapping) else None
        if not isinstance(cost, Mapping):
            return
        if isinstance(asked := cost.get("requestedQueryCost"), int | float):
            self._costs[query] = float(asked) / size
        status = cost.get("throttleStatus")
        if isinstance(status, Mapping):
            self._points = float(status.get("currentlyAvailable") or 0)
            self._restored = max(1.0, float(status.get("restoreRate") or 50))
            self._bucket = float(status.get("maximumAvailable") or 1000)
            self._at = time.monotonic()

    async def _post(self, query: str, variables: Mapping[str, Any], *, again: bool) -> Answer:
        path = f"/admin/api/{shopify_queries.VERSION}/graphql.json"
        body = {"query": query, "variables": variables}
        fresh = False
        if not self._token:
            fresh, self._token = True, await self._new_token()
        while True:
            try:
                headers = {"X-Shopify-Access-Token": self._token}
                return await self._api.ask("POST", path, body=body, headers=headers, again=again)
            except ShopApiError as error:
                if error.status != 401 or fresh or not self._settings.client_id:
                    raise
                fresh, self._token = True, await self._new_token()  # one is good for a day

    async def _new_token(self) -> str:
        secret = self._settings.client_secret
        assert secret is not None
        form = {
            "grant_type": "client_credentials", "client_id": self._settings.client_id,
            "client_secret": secret.get_secret_value(),
        }  # fmt: skip
        answer = await self._api.ask("POST", "/admin/oauth/access_token", form=form)
        token = answer.data.get("access_token") if isinstance(answer.data, Mapping) else None
        if not isinstance(token, str) or not token:
            raise ShopApiError("Shopify gives no token for this client id and secret", f"{_KEY}.client_id")
        return token


def open_connection(settings: Settings, sleep: Sleep = asyncio.sleep) -> Connection:
    base = settings.api_base or f"https://{settings.domain}"
    return Connection(base, key=_KEY, allow_private=settings.allow_private, sleep=sleep)


def missing(settings: Settings) -> Iterator[tuple[str, str]]:
    """What connecting needs and is not set: key of the configuration, words."""
    if not settings.domain:
        yield f"{_KEY}.domain", "the domain of the shop (my-shop.myshopify.com) is not set"
    if not settings.token and not settings.client_secret:
        yield f"{_KEY}.token", "neither the token of an app is set nor client_id and client_secret"
    if not settings.signing:
        yield f"{_KEY}.secrets", "the secret that signs the app's webhooks is not set"


def _word(topic: str) -> str:
    return topic.upper().replace("/", "_").replace(".", "_")


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _thing(topic: str, payload: Mapping[str, Any]) -> Thing:
    return Thing(lines.text(payload.get("id")), topic, payload, lines.moment(payload.get("updated_at")))
