"""A stand-in for Shopify's Admin API: GraphQL that pages by cursor, counts what queries cost, breaks off and changes.

async with ShopifyShop(orders=250) as shop:
    config: [shops.shopify] domain = shop.domain, token = shop.token, api_base = shop.url, allow_private = true

It reads the selections of a query and answers these fields alone; one that it does not know is an error, as there.
"""

import re
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.demo import shopify_goods as goods
from bot.demo.shop_api import ShopApi
from bot.demo.shop_trouble import Trouble
from bot.demo.shopify_nodes import NODES, Listing, refund

_TOKENS = re.compile(r"\.\.\.|[A-Za-z_$][\w]*|[{}():!,\[\]]|\"[^\"]*\"|\d+")
_MOST = 1000
Selection = dict[str, tuple[dict[str, str], "Selection"]]


class ShopifyShop(ShopApi):
    """Lists are known by the names of their fields. Questions for the fields `too_dear` are not answered. `restored`
    points come back each second, of a bucket of 1,000; each thing of a page costs `cost`."""

    def __init__(
        self,
        *,
        products: int = 0,
        customers: int = 0,
        orders: int = 0,
        trouble: Trouble | None = None,
        cost: int = 12,
        restored: float = 1_000_000.0,
    ) -> None:
        super().__init__(goods, products=products, customers=customers, orders=orders, trouble=trouble)
        self.domain, self.token = "goods.myshopify.com", "shpat_of_the_stand_in"
        self.client_id, self.client_secret = "client-of-the-stand-in", "shpss_of_the_stand_in"
        self.refuses_fields: set[str] = set()
        self.too_dear: set[str] = set()
        self.cost, self.restored = cost, restored
        self.throttled = 0
        self._points, self._at = float(_MOST), time.monotonic()

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/admin/oauth/access_token", self._give_token)
        app.router.add_post("/admin/api/{version}/graphql.json", self._answer)

    def spend(self, points: float) -> None:
        """By another app of the shop."""
        self._points -= points

    def let_pass(self, seconds: float) -> None:
        self._at -= seconds

    async def _give_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        given = (form.get("grant_type"), form.get("client_id"), form.get("client_secret"))
        if given != ("client_credentials", self.client_id, self.client_secret):
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response({"access_token": self.token, "scope": "read_orders", "expires_in": 86399})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("X-Shopify-Access-Token") != self.token:
            return web.json_response({"errors": "[API] Invalid API key or access token"}, status=401)
        told = await request.json()
        variables = told.get("variables") or {}
        asked = read(told["query"])
        cost = 10 + int(variables.get("first", 0)) * (self.cost if asked.keys() & self.things.keys() else 1)
        if cost > _MOST or self.too_dear & asked.keys():
            return await self._say(request, _error("MAX_COST_EXCEEDED", f"Query cost is {cost}"), cost)
        now = time.monotonic()
        self._points = min(_MOST, self._points + (now - self._at) * self.restored)
        self._at = now
        if cost > self._points:
            self.throttled += 1
            return await self._say(request, _error("THROTTLED", "Throttled"), cost)
        self._points -= cost
        if self.refuses_fields & asked.keys():
            return await self._say(request, _error("ACCESS_DENIED", "Access denied for this field."), cost)
        try:
            data = {name: self._field(name, given, below, variables) for name, (given, below) in asked.items()}
        except LookupError as error:
            return await self._say(request, _error("undefinedField", str(error)), cost)
        return await self._say(request, {"data": data}, cost)

    async def _say(self, request: web.Request, answer: dict[str, Any], cost: int) -> web.StreamResponse:
        status = {"maximumAvailable": _MOST, "currentlyAvailable": int(self._points), "restoreRate": self.restored}
        told = {"cost": {"requestedQueryCost": cost, "actualQueryCost": cost, "throttleStatus": status}}
        return await self.trouble.answer(request, {**answer, "extensions": told}, {})

    def _field(self, name: str, given: dict[str, str], below: "Selection", variables: Mapping[str, Any]) -> Any:
        self.asked.append(name)
        if name.endswith("Count"):
            return {"count": len(self.things[f"{name.removesuffix('Count')}"])}
        if name == "shop":
            return {"myshopifyDomain": self.domain}
        if name in self.things and "first" in given and given["first"] != "$first":
            return _project(
                Listing([NODES[name](one) for one in self.things[name].after(0, 0 if self.forgets else 1)]),
                below,
                given,
                {},
            )
        if name in self.things:
            self.meanwhile(name)
            return self._list(name, below, variables)
        if name == "webhookSubscriptions":
            return _project(Listing(self.hooks), below, given, variables)
        if name == "webhookSubscriptionCreate":
            return self._subscribe(variables)
        if name == "nodes":
            return [{"id": one} if self._exists(one) else None for one in variables["ids"]]
        kind, number = str(variables["id"]).split("/")[-2:]
        if name == "order":
            return _project(NODES["orders"](self.things["orders"][int(number)]), below, {}, variables)
        if name == "refund":
            return _project(self._refund(int(number)), below, {}, variables)
        if name == "node":
            return self._node(kind, int(number), below, variables)
        raise LookupError(f"Field '{name}' doesn't exist on type 'QueryRoot'")

    def _list(self, name: str, below: "Selection", variables: Mapping[str, Any]) -> dict[str, Any]:
        size, after = int(variables["first"]), int(variables.get("after") or 0)
        since = re.fullmatch(r"updated_at:>='(.*)'", variables.get("query") or "")
        found = self.things[name].after(after, 1_000_000 if since else size + 1)
        if since:
            found = [one for one in found if one["updated_at"] >= since[1]][: size + 1]
        info = {"hasNextPage": len(found) > size, "endCursor": str(found[:size][-1]["id"]) if found else None}
        nodes = [_project(NODES[name](one), below["nodes"][1], {}, variables) for one in found[:size]]
        return {"nodes": nodes, "pageInfo": info}

    def _node(self, kind: str, number: int, below: "Selection", variables: Mapping[str, Any]) -> Any:
        (connection, (given, fields)) = next(iter(below.items()))
        if kind == "Refund":
            node = self._refund(number)
        else:
            resource = {"Product": "products", "Order": "orders"}[kind]
            node = NODES[resource](self.things[resource][number])
        return {connection: _project(node[connection], fields, given, variables)}

    def _exists(self, gid: str) -> bool:
        kind, number = gid.split("/")[-2:]
        return not self.forgets and int(number) in self.things[f"{kind.lower()}s"].ids

    def _refund(self, number: int) -> dict[str, Any]:
        return refund(next(one for order in self.things["orders"] for one in order["refunds"] if one["id"] == number))

    def _subscribe(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        if variables["topic"] in self.refuses:
            words = f"You do not have access to the webhook topic {variables['topic']}"
            return {"webhookSubscription": None, "userErrors": [{"message": words}]}
        hook = {
            "id": f"gid://shopify/WebhookSubscription/{len(self.hooks) + 1}", "topic": variables["topic"],
            "uri": variables["uri"],
        }  # fmt: skip
        self.hooks.append(hook)
        return {"webhookSubscription": {"id": hook["id"]}, "userErrors": []}


def _project(value: Any, below: "Selection", given: Mapping[str, str], variables: Mapping[str, Any]) -> Any:
    """What was selected of it, and nothing else: of lists as much as was asked for, with or without a word of more."""
    if isinstance(value, Listing):
        if "first" not in given:
            raise LookupError("you must provide one of first or last")
        begin, most = int(_argument(given, "after", variables) or 0), int(_argument(given, "first", variables) or 0)
        some = value.nodes[begin : begin + most]
        more = begin + most < len(value.nodes)
        page = {"hasNextPage": more, "endCursor": str(begin + len(some)) if some else None}
        return {"nodes": [_project(one, below["nodes"][1], {}, variables) for one in some], "pageInfo": page}
    if isinstance(value, list):
        most = int(_argument(given, "first", variables) or len(value))
        return [_project(one, below, {}, variables) if isinstance(one, dict) else one for one in value[:most]]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, (arguments, fields) in below.items():
        if name not in value:
            raise LookupError(f"Field '{name}' doesn't exist")
        found[name] = _project(value[name], fields, arguments, variables)
    return found


def _argument(given: Mapping[str, str], name: str, variables: Mapping[str, Any]) -> Any:
    """As it stands in the query, or of the variable that stands there."""
    word = given.get(name, "")
    return variables.get(word[1:]) if word.startswith("$") else word


def read(query: str) -> "Selection":
    """The selections of a query: each field with its arguments and what is selected below."""
    tokens = _TOKENS.findall(query)
    found, at = _selection(tokens, _to_brace(tokens, 0))
    assert at == len(tokens), "something stands behind the query"
    return found


def _to_brace(tokens: list[str], at: int) -> int:
    while tokens[at] != "{":
        at += 1
    return at


def _selection(tokens: list[str], at: int) -> tuple["Selection", int]:
    found: Selection = {}
    at += 1
    while tokens[at] != "}":
        name = tokens[at]
        given: dict[str, str] = {}
        below: Selection = {}
        if name == "...":
            below, at = _selection(tokens, _to_brace(tokens, at))
            found |= below
            continue
        at += 1
        if tokens[at] == "(":
            given, at = _arguments(tokens, at)
        if tokens[at] == "{":
            below, at = _selection(tokens, at)
        found[name] = (given, below)
    return found, at + 1


def _arguments(tokens: list[str], at: int) -> tuple[dict[str, str], int]:
    begin, depth = at, 0
    while True:
        depth += {"(": 1, ")": -1}.get(tokens[at], 0)
        at += 1
        if depth == 0:
            break
    inside = tokens[begin + 1 : at - 1]
    return {inside[one]: inside[one + 2] for one in range(len(inside) - 2) if inside[one + 1] == ":"}, at


def _error(code: str, words: str) -> dict[str, Any]:
    return {"errors": [{"message": words, "extensions": {"code": code}}]}
