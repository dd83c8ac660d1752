"""Juniper & Oak, connected: what it does is told by its own signed webhooks, to the addresses that it was given."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

import aiohttp

from bot.base import money
from bot.base.config import Config
from bot.base.database import Database
from bot.base.ground import Ground
from bot.demo.juniper import goods
from bot.demo.sample_shop import Ware
from bot.demo.shop_front import CURRENCY, Customer
from bot.demo.shopify_api import ShopifyShop
from bot.demo.told import Told
from bot.demo.trouble import Trouble
from bot.inbound.shops import comparing, hooks, opening
from bot.inbound.shops.pulling import Pull

_SYSTEM = "shopify"


class ConnectedShop:
    """The stand-in of its API on one side, the program on the other. What is refused is a Trouble."""

    def __init__(
        self, session: aiohttp.ClientSession, told: Told, api: ShopifyShop, secret: str, database: Database,
        ground: Ground,
    ) -> None:  # fmt: skip
        self.session = session
        self.told = told
        self.api = api
        self.secret = secret
        self.database = database
        self.ground = ground

    @property
    def config(self) -> Config:
        return self.ground.config

    async def connect(self) -> None:
        """As `aftercart shop connect shopify` does."""
        async with opening.opened(self.config, _SYSTEM) as shop:
            await opening.make_sure(self.config, shop)
            made = await hooks.make(shop, self.config.web.url)
            if made.failed:
                raise Trouble(f"the shop makes no webhooks: {made.failed[0]}")
            rows = await Pull(self.database, self.ground, shop).run()
        words = f"makes {len(made.missing)} webhooks by the shop's API, from {made.missing[0]} to {made.missing[-1]}"
        self.told.say("shop", "bot → shop", words, "aftercart shop connect shopify")
        pulled = ", ".join(f"{row['taken']} {row['resource']}" for row in rows)
        self.told.say("shop", "shop → bot", f"{pulled}, with their consents: taken as history, nobody is written to")

    async def order(self, customer: Customer, wares: Sequence[Ware], number: int, checkout: str, words: str) -> None:
        """It is placed, then paid."""
        placed = self._change(goods.order_of(number, customer, wares, checkout, paid=False))
        await self._tell("orders/create", placed)
        paid = self._change({**placed, "financial_status": "paid", "updated_at": goods.moment()})
        await self._tell("orders/updated", paid)
        self._say(customer, f"{words} {_shown(paid)}", "orders/create, orders/updated, signed")

    async def repeat(self, customer: Customer, number: int, words: str) -> None:
        """The same webhook again, as Shopify does where it missed our answer."""
        order = self._known(number)
        await self._tell("orders/updated", order)
        self._say(customer, f"{words} {_shown(order)}", "orders/updated, signed, sent again")

    async def send_parcel(self, customer: Customer, number: int, tracking: str, words: str) -> None:
        order = self._known(number)
        parcel = goods.parcel_of(order, tracking)
        await self._tell("fulfillments/create", parcel)
        sent = {"fulfillments": [parcel], "fulfillment_status": "fulfilled", "updated_at": goods.moment()}
        await self._tell("orders/updated", self._change({**order, **sent}))
        self._say(customer, f"{words} {order['name']}, DHL {tracking}", "fulfillments/create, orders/updated, signed")

    async def refund(self, customer: Customer, number: int, ware: Ware, words: str) -> None:
        order = self._known(number)
        refund = goods.refund_of(order, ware)
        await self._tell("refunds/create", refund)
        lines = [{**one, "current_quantity": 0} if one["sku"] == ware.sku else one for one in order["line_items"]]
        left = float(order["current_subtotal_price"]) - ware.price
        changed = {
            "refunds": [refund], "line_items": lines, "financial_status": "partially_refunded",
            "current_subtotal_price": f"{left:.2f}", "updated_at": goods.moment(),
        }  # fmt: skip
        await self._tell("orders/updated", self._change({**order, **changed}))
        self._say(customer, f"{words} {order['name']}, {ware.name}", "refunds/create, orders/updated, signed")

    async def order_unheard(self, customer: Customer, wares: Sequence[Ware], number: int, words: str) -> None:
        """Its webhook reaches nobody."""
        order = self._change(goods.order_of(number, customer, wares, ""))
        self._say(customer, f"{words} {_shown(order)}", "orders/create is lost on the way")

    async def compare(self) -> None:
        """As each night, and as `aftercart shop compare shopify` does."""
        async with opening.opened(self.config, _SYSTEM) as shop:
            found = await comparing.compare(self.database, self.ground, shop)
        orders = next((one for one in found if one.resource == "orders"), None)
        if orders is None or orders.lost != 1:
            raise Trouble(f"the comparison with the shop did not find the order that was lost: {found}")
        words = f"asks the shop what changed: {orders.looked_at} orders, webhooks had lost {orders.lost}"
        self.told.say("shop", "bot → shop", words, "aftercart shop compare shopify")

    def _change(self, order: dict[str, Any]) -> dict[str, Any]:
        return self.api.things["orders"].change(order["id"], **order)

    def _known(self, number: int) -> dict[str, Any]:
        return next(one for one in self.api.things["orders"] if one["order_number"] == number)

    async def _tell(self, topic: str, payload: dict[str, Any]) -> None:
        """To the webhooks of that topic that were made."""
        body = json.dumps(payload).encode()
        mac = base64.b64encode(hmac.new(self.secret.encode(), body, hashlib.sha256).digest()).decode()
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": mac,
            "X-Shopify-Shop-Domain": self.api.domain,
            "X-Shopify-Webhook-Id": hashlib.sha256(topic.encode() + body).hexdigest(),
        }
        word = topic.upper().replace("/", "_")
        to = [hook["uri"] for hook in self.api.hooks if hook["topic"] == word]
        if not to:
            raise Trouble(f"no webhook of {topic} was made")
        for uri in to:
            async with self.session.post(uri, data=body, headers=headers) as answer:
                if answer.status != 200:
                    raise Trouble(f"the program refused the webhook {topic} with {answer.status}")

    def _say(self, customer: Customer, words: str, note: str) -> None:
        self.told.say("shop", f"{customer.name} → shop", words, note)


def _shown(order: dict[str, Any]) -> str:
    total = money.shown(money.to_minor(order["total_price"], CURRENCY), CURRENCY, "en")
    return f"{order['name']}, {total}"
