"""A stand-in for the REST API of a site of WooCommerce, version 3: it pages, keeps limits, breaks off and changes.

async with WooCommerceSite(orders=250) as site:
    config: [shops.woocommerce] address = site.url, consumer_key = site.key, consumer_secret = site.secret,
            allow_private = true

What it does not know it refuses, in the words of the real one where we need them.
"""

import base64
from typing import Any

from aiohttp import web

from bot.demo import woocommerce_goods as goods
from bot.demo.shop_api import ShopApi
from bot.demo.shop_trouble import Trouble

_MOST = 100
_BELOW = "/wp-json/wc/v3"
_KNOWN = frozenset(
    {
        "page", "per_page", "offset", "order", "orderby", "status", "role", "include", "modified_after",
        "dates_are_gmt", "_fields",
    }
)  # fmt: skip


class WooCommerceSite(ShopApi):
    """Lists are known by their paths."""

    def __init__(
        self, *, products: int = 0, customers: int = 0, orders: int = 0, trouble: Trouble | None = None
    ) -> None:
        super().__init__(goods, products=products, customers=customers, orders=orders, trouble=trouble)
        self.key, self.secret = "ck_of_the_stand_in", "cs_of_the_stand_in"
        self.home = ""

    def routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/{path:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        given = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {given}":
            return _refused(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if request.path == "/wp-json/":
            return await self.trouble.answer(
                request, {"name": "Lamps", "url": self.url, "home": self.home or self.url}, {}
            )
        path = request.path.removeprefix(_BELOW)
        self.asked.append(path)
        parts = path.strip("/").split("/")
        if parts[0] == "webhooks":
            return await self._webhooks(request, parts)
        if request.method != "GET" or unknown(request):
            return _refused(400, "rest_invalid_param", f"Invalid parameter(s): {unknown(request)}")
        self.meanwhile(path)
        if parts[0] in self.things and len(parts) == 1:
            return await self._list(request, list(self._matching(parts[0], request)))
        if parts[0] in self.things and len(parts) == 2:
            if int(parts[1]) not in self.things[parts[0]].ids or self.forgets:
                return _refused(404, "woocommerce_rest_invalid_id", "Invalid ID.")
            return await self.trouble.answer(request, self.things[parts[0]][int(parts[1])], {})
        if parts[0] == "products" and len(parts) == 3 and parts[2] == "variations":
            parent = self.things["products"][int(parts[1])]
            return await self._list(request, [goods.variation(one) for one in parent["variations"]])
        return _refused(404, "rest_no_route", "No route was found matching the URL and request method.")

    def _matching(self, resource: str, request: web.Request) -> Any:
        things, asked = self.things[resource], request.query
        wanted = {int(one) for one in asked.get("include", "").split(",") if one} & set(things.ids)
        if self.forgets or ("include" in asked and not wanted):
            return []
        after, status = asked.get("modified_after"), asked.get("status", "any")
        if not wanted and not after and status == "any":
            return things.ids
        return [
            one
            for one in (things[number] for number in sorted(wanted or things.ids))
            if (not after or one["date_modified_gmt"] > after)
            and (one.get("status") == status or (status == "any" and one.get("status") != "trash"))
        ]

    async def _list(self, request: web.Request, found: list[Any]) -> web.StreamResponse:
        asked = request.query
        size = int(asked.get("per_page", "10"))
        if size > _MOST or asked.get("orderby", "id") != "id" or asked.get("order", "asc") != "asc":
            return _refused(400, "rest_invalid_param", "Invalid parameter(s): per_page")
        begin = int(asked.get("offset") or (int(asked.get("page", "1")) - 1) * size)
        resource = self.things.get(request.path.removeprefix(_BELOW).strip("/"))
        some = [resource[one] if resource and isinstance(one, int) else one for one in found[begin : begin + size]]
        if fields := asked.get("_fields"):
            some = [{name: one.get(name) for name in fields.split(",")} for one in some]
        pages = -(-len(found) // size)
        return await self.trouble.answer(request, some, {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(pages)})

    async def _webhooks(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        if request.method == "GET":
            return await self._list(request, self.hooks)
        told = await request.json()
        if request.method == "PUT":
            hook = next(one for one in self.hooks if one["id"] == int(parts[1]))
            hook |= told
            return await self.trouble.answer(request, hook, {})
        if told["topic"] in self.refuses:
            return _refused(400, "woocommerce_rest_webhook_invalid", "Webhook topic is not valid.")
        hook = {"id": len(self.hooks) + 1, **told}
        self.hooks.append(hook)
        return await self.trouble.answer(request, {name: hook[name] for name in hook if name != "secret"}, {})


def unknown(request: web.Request) -> str:
    return ", ".join(sorted(set(request.query) - _KNOWN))


def _refused(status: int, code: str, words: str) -> web.Response:
    return web.json_response({"code": code, "message": words, "data": {"status": status}}, status=status)
