"""WooCommerce's REST API, version 3.

Lists go by id. A list is cut into pages by counting, so what is deleted meanwhile moves the rest forward: each page
begins with the last thing that was seen, and if that is gone we look further back.
"""

import asyncio
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.base import stores
from bot.base.config.shop_systems import WooCommerce as Settings
from bot.inbound.shops.connection import Connection, ShopApiError, Sleep
from bot.inbound.shops.shop import Cursor, Hook, Page, Thing
from bot.shops import lines
from bot.shops.payloads import listed

_KEY = "shops.woocommerce"
_V3 = "/wc/v3"
_PAGE = 100  # the most that WooCommerce gives
_TOPICS = tuple(
    f"{thing}.{word}"
    for thing, words in (
        ("order", ("created", "updated", "deleted", "restored")),
        ("customer", ("created", "updated", "deleted")),
        ("product", ("created", "updated", "deleted", "restored")),
    )
    for word in words
)
_TOPIC = {"products": "product.updated", "customers": "customer.updated", "orders": "order.updated"}
_ALL: Mapping[str, Mapping[str, str]] = {
    "products": {"status": "any"},
    "customers": {"role": "all"},
    "orders": {"status": "any"},
}
_BEGIN: Cursor | None = {}
_BINS = ("products", "orders")
"""What can be put into a bin, which "any" leaves out."""


class WooCommerce:
    system = "woocommerce"
    topics: Sequence[str] = _TOPICS

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.address = str(settings.address)
        self.source = stores.of_woocommerce(self.address)
        self.headers: Mapping[str, str] = {"x-wc-webhook-source": self.address}
        self._secret = settings.secrets[0].get_secret_value() if settings.secrets else ""
        self._api = connection

    async def named(self) -> str:
        answer = await self._api.ask("GET", "/")
        home = answer.data.get("home") if isinstance(answer.data, Mapping) else None
        if not isinstance(home, str) or not home:
            raise ShopApiError("this is no site of WordPress whose API can be asked", f"{_KEY}.address")
        return stores.of_woocommerce(home)

    def url_of(self, topic: str, base: str) -> str:
        return f"{base.rstrip('/')}/webhooks/woocommerce"

    async def page(self, resource: str, cursor: Cursor, since: datetime | None = None) -> Page:
        if resource == "customers" and since is not None:
            return await self._changed_customers(cursor, since)
        params = {**_ALL[resource]}
        if since is not None:
            params |= {"modified_after": _gmt(since), "dates_are_gmt": "true"}
        if cursor.get("bin"):
            params["status"] = "trash"
        found, next_, total = await self._list(f"/{resource}", cursor, params)
        if next_ is None and since is not None and resource in _BINS and not cursor.get("bin"):
            next_ = {"bin": True}
        elif next_ is not None and cursor.get("bin"):
            next_ = {**next_, "bin": True}
        things = [_thing(resource, one) for one in found]
        if resource == "products":
            things += [_thing(resource, one) for parent in found for one in await self._variations(parent)]
        return Page(things, len(found), next_, total)

    async def _changed_customers(self, cursor: Cursor, since: datetime) -> Page:
        """WooCommerce does not list customers by their change: all are looked at, and read whole if they changed."""
        params = {**_ALL["customers"], "_fields": "id,date_created_gmt,date_modified_gmt"}
        found, next_, _ = await self._list("/customers", cursor, params)
        wanted = [lines.text(one.get("id")) for one in found if (at := _changed(one)) is None or at >= since]
        if not wanted:
            return Page((), 0, next_)
        params = {**_ALL["customers"], "include": ",".join(wanted), "per_page": str(_PAGE)}
        answer = await self._api.ask("GET", f"{_V3}/customers", params=params)
        whole = listed(answer.data)
        return Page([_thing("customers", one) for one in whole], len(whole), next_)

    async def _list(
        self, path: str, cursor: Cursor, params: Mapping[str, str]
    ) -> tuple[list[Mapping[str, Any]], Cursor | None, int | None]:
        """What comes after the last thing that was seen."""
        last, offset = int(cursor.get("last") or 0), int(cursor.get("offset") or 0)
        begin = max(0, offset - 1)
        while True:
            asked = {**params, "orderby": "id", "order": "asc", "per_page": str(_PAGE), "offset": str(begin)}
            answer = await self._api.ask("GET", f"{_V3}{path}", params=asked)
            if not isinstance(answer.data, list):
                raise ShopApiError("the answer is no list: is this address that of a WooCommerce shop?", _KEY)
            found = listed(answer.data)
            if begin == 0 or (found and _id(found[0]) <= last):
                break
            begin = max(0, begin - _PAGE // 2)  # what stood before it is gone
        new = [one for one in found if _id(one) > last]
        total = answer.headers.get("x-wp-total", "")
        known = int(total) if total.isdecimal() and len(total) < 12 else None
        if len(found) < _PAGE:
            return new, None, known
        return new, {"last": max(last, _id(found[-1])), "offset": begin + len(found)}, known

    async def _variations(self, parent: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Those of a product, each as its own webhook tells it."""
        if not str(parent.get("type", "")).startswith("variable") or not parent.get("variations"):
            return []
        found: list[Mapping[str, Any]] = []
        cursor: Cursor | None = {}
        while cursor is not None:
            some, cursor, _ = await self._list(f"/products/{_id(parent)}/variations", cursor, {"status": "any"})
            found += some
        return [_as_product(parent, one) for one in found]

    async def missing(self, resource: str, ids: Sequence[str]) -> set[str]:
        there = await self._every_product() if resource == "products" else set[str]()
        for at in range(0, 0 if resource == "products" else len(ids), _PAGE):
            some = ",".join(ids[at : at + _PAGE])
            params = {**_ALL[resource], "include": some, "per_page": str(_PAGE), "_fields": "id"}
            answer = await self._api.ask("GET", f"{_V3}/{resource}", params=params)
            there |= {lines.text(one.get("id")) for one in listed(answer.data)}
        return set(ids) - there

    async def _every_product(self) -> set[str]:
        """With the variations, which no list has beside the products."""
        found, next_ = set[str](), _BEGIN
        while next_ is not None:
            some, next_, _ = await self._list("/products", next_, {**_ALL["products"], "_fields": "id,variations"})
            for one in some:
                variations = one.get("variations")
                found |= {lines.text(each) for each in (variations if isinstance(variations, list) else ())}
                found.add(lines.text(one.get("id")))
        return found

    async def is_gone(self, resource: str, one: str) -> bool:
        try:
            await self._api.ask("GET", f"{_V3}/{resource}/{one}", params={"_fields": "id"})
        except ShopApiError as error:
            if error.status in (404, 410):
                return True
            raise
        return False

    def deleted(self, resource: str, one: str, now: datetime) -> Thing:
        topic = f"{resource.removesuffix('s')}.deleted"
        return Thing(one, topic, {"id": one, "found_at": now.isoformat()}, now)

    async def hooks(self) -> Sequence[Hook]:
        found: list[Hook] = []
        cursor: Cursor | None = {}
        while cursor is not None:
            some, cursor, _ = await self._list("/webhooks", cursor, {"status": "all"})
            found += (
                Hook(
                    lines.text(one.get("id")),
                    lines.text(one.get("topic")),
                    lines.text(one.get("delivery_url")),
                    one.get("status") == "active",
                )
                for one in some
            )
        return found

    async def make_hook(self, topic: str, url: str) -> None:
        made = {
            "name": f"aftercart {topic}", "topic": topic, "delivery_url": url, "secret": self._secret,
            "status": "active",
        }  # fmt: skip
        await self._api.ask("POST", f"{_V3}/webhooks", body=made, again=False)

    async def wake_hook(self, hook: Hook) -> None:
        body = {"status": "active", "secret": self._secret}
        await self._api.ask("PUT", f"{_V3}/webhooks/{hook.id}", body=body)


def open_connection(settings: Settings, sleep: Sleep = asyncio.sleep) -> Connection:
    assert settings.address is not None and settings.consumer_key is not None
    secret = settings.consumer_secret.get_secret_value() if settings.consumer_secret else ""
    both = f"{settings.consumer_key.get_secret_value()}:{secret}"
    return Connection(
        f"{settings.address.rstrip('/')}/wp-json",
        key=_KEY,
        allow_private=settings.allow_private,
        headers={"Authorization": f"Basic {b64encode(both.encode()).decode()}"},
        sleep=sleep,
    )


def missing(settings: Settings) -> Iterator[tuple[str, str]]:
    """What connecting needs and is not set: key of the configuration, words."""
    if not settings.address:
        yield f"{_KEY}.address", "the address of the shop is not set"
    if not settings.consumer_key:
        yield f"{_KEY}.consumer_key", "the key of the shop's REST API is not set"
    if not settings.secrets:
        yield f"{_KEY}.secrets", "no secret is set to sign webhooks with: write a random word of 32 letters or more"


def _thing(resource: str, one: Mapping[str, Any]) -> Thing:
    return Thing(lines.text(one.get("id")), _TOPIC[resource], one, _changed(one))


def _changed(one: Mapping[str, Any]) -> datetime | None:
    return lines.moment(one.get("date_modified_gmt")) or lines.moment(one.get("date_created_gmt"))


def _id(one: Mapping[str, Any]) -> int:
    found = one.get("id")
    return found if isinstance(found, int) else 0


def _as_product(parent: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    options = ", ".join(lines.text(each.get("option")) for each in listed(one.get("attributes")))
    image = one.get("image")
    return {
        **one,
        "type": "variation",
        "parent_id": parent.get("id"),
        "name": f"{parent.get('name')} - {options}" if options else parent.get("name"),
        "categories": [],
        "images": [image] if isinstance(image, Mapping) else [],
        "status": one.get("status", "publish") if parent.get("status") == "publish" else parent.get("status"),
    }


def _gmt(at: datetime) -> str:
    """A second earlier: `modified_after` leaves that second out."""
    return (at.astimezone(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
