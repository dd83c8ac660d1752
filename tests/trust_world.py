"""A shop with a true history, and whoever has one of its keys: everything comes in by the doors that others use."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

import httpx
import shop_world
import sqlalchemy as sa
from pydantic import SecretStr
from shop_world import ShopWorld

from bot.base import clock
from bot.base.config.events import EventKey
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.contacts.claims import BROWSER
from bot.events import Ingest
from bot.inbound.web import each_request, events_api, page_identity, shop_webhooks
from bot.shops.inbox import Inbox
from bot.tables.audiences import CustomerStats
from bot.tables.automations import Credit
from bot.tables.catalogue import PriceChange, StockAlert
from bot.tables.events import Event
from bot.tables.people import Consent, Contact, Identity, Suppression
from bot.tables.shop import Cart, Order, Product

PAGE, SERVER = "pk_everybody_reads_it", "sk_of_the_backend"
SECRET = "the secret that signs who is logged in"
ADA, EVE = "ada@example.org", "eve@example.org"
MUG = {"product_id": "mug", "name": "Mug", "price": 18, "url": "https://shop.example/mug", "category": "Kitchen"}


class TrustWorld:
    """`page`, `server` and `person` send events as whoever has that key or signature; everything is applied at once."""

    def __init__(self, shop: ShopWorld) -> None:
        self.shop = shop
        self.database = shop.database
        self.ingest = Ingest(shop.database)
        self.inbox = Inbox(shop.database, shop.worker)
        self.count = 0

    async def __aenter__(self) -> "TrustWorld":
        self.ingest.start()
        keys = [
            EventKey(key=SecretStr(PAGE), name="web", kind="page"),
            EventKey(key=SecretStr(SERVER), name="backend", kind="server"),
        ]
        webhooks = shop_webhooks.routes(self.database, shopify=[SecretStr("webhooks")])
        app = each_request.build(
            [webhooks, events_api.routes(self.ingest, keys, self.shop.ground.config.shop.hosts, SECRET)]
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://aftercart.example")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()
        await self.ingest.close()

    async def page(self, *calls: Mapping[str, Any], status: int = 200) -> list[str]:
        """As whoever read the source of the shop. Returns what became of each call."""
        return await self.send(PAGE, calls, status=status)

    async def server(self, *calls: Mapping[str, Any]) -> list[str]:
        return await self.send(SERVER, calls)

    async def person(self, user_id: str, email: str, /, *calls: Mapping[str, Any], **changes: Any) -> list[str]:
        """As somebody whom the shop's server signed in; `changes` are made to what was signed."""
        identity = signed(user_id, email) | changes
        return await self.send(PAGE, [{**call, "context": {"identity": identity}} for call in calls])

    async def send(self, key: str, calls: Iterable[Mapping[str, Any]], *, status: int = 200) -> list[str]:
        batch = []
        for call in calls:
            self.count += 1
            batch.append({"messageId": f"m{self.count}", **call})
        answer = await self.client.post("/v1/batch", json={"batch": batch, "writeKey": key})
        assert answer.status_code == status, answer.text
        await self.apply()
        found = {row.message_id: row.status for row in await self.rows(Event)}
        return [found.get(call["messageId"], "not taken") for call in batch]

    async def apply(self) -> None:
        self.shop.now = clock.now()
        while await self.inbox.translate_due():
            pass
        while await self.shop.applier.apply_due():
            pass

    async def webhook(self, topic: str, body: dict[str, Any]) -> None:
        """A webhook as Shopify signs it."""
        raw = json.dumps(body).encode()
        mac = base64.b64encode(hmac.new(b"webhooks", raw, hashlib.sha256).digest()).decode()
        self.count += 1
        headers = {
            "x-shopify-topic": topic, "x-shopify-hmac-sha256": mac, "x-shopify-shop-domain": "goods.myshopify.com",
            "x-shopify-webhook-id": f"w{self.count}",
        }  # fmt: skip
        answer = await self.client.post(f"/webhooks/shopify/{topic}", content=raw, headers=headers)
        assert answer.status_code == 200, answer.text
        await self.apply()

    async def rows(self, model: type[Any], **where: Any) -> list[Any]:
        async with self.database.reading() as session:
            found = sa.select(model).order_by(*table(model).primary_key)
            return list((await session.scalars(found.filter_by(**where))).all())

    async def history(self) -> None:
        """What is true: Ada bought a mug, paid, and it was sent; she wants marketing. Goods have prices and stock."""
        goods = {**MUG, "stock": 3, "published": True}
        lines = [{"product_id": "mug", "name": "Mug", "price": 18, "quantity": 1}]
        order = {"order_id": "1001", "order_number": "#1001", "currency": "EUR", "total": 18, "revenue": 18,
                 "products": lines, "status": "paid", "checkout_id": "k-ada"}  # fmt: skip
        ada = {"userId": "u-ada"}
        said = {"email": ADA, "firstName": "Ada", "lastName": "Lovelace", "language": "en", "country": "GB"}
        await self.server(
            track("Product Updated", anonymousId="erp", **goods),
            {"type": "identify", **ada, "traits": said},
            track("Subscribed", **ada, email=ADA, source="checkout"),
            track("Checkout Started", **ada, checkout_id="k-ada", products=lines, currency="EUR"),
            track("Order Completed", **ada, **order),
            track("Order Fulfilled", **ada, order_id="1001", fulfillment_id="p1", tracking_number="TN1",
                  tracking_url="https://parcel.example/TN1", carrier="Post"),
            track("Cart Viewed", **ada, cart_id="c-ada", products=lines, currency="EUR"),
        )  # fmt: skip

    async def truth(self) -> dict[str, Any]:
        """All that a page must not change, by what it says and not by the numbers of our rows."""
        known = await self._people()
        told: dict[str, Any] = {"people": sorted(map(_text, known.values()), key=str)}
        for model in (Order, Product, PriceChange, Consent, Suppression, Credit):
            told[model.__name__.lower()] = sorted(_text(_plain(row, known)) for row in await self.rows(model))
        told["consent"] = [row for row in told["consent"] if "'action': 'requested'" not in row]
        for owned in (Cart, StockAlert, CustomerStats):
            rows = [row for row in await self.rows(owned) if row.contact_id is None or row.contact_id in known]
            told[owned.__name__.lower()] = sorted(_text(_plain(row, known)) for row in rows)
        return told

    async def _people(self) -> dict[int, Any]:
        """Whom anybody but a page knows."""
        pairs: dict[int, list[tuple[str, str]]] = {}
        for one in await self.rows(Identity):
            pairs.setdefault(one.contact_id, []).append((one.kind, one.value))
        known = {number: said for number, said in pairs.items() if any(kind not in BROWSER for kind, _ in said)}
        profiles = {row.id: row for row in await self.rows(Contact)}
        columns = ("status", "first_name", "last_name", "language", "timezone", "country", "birthday", "traits")
        return {
            number: (sorted(said), {name: getattr(profiles[number], name) for name in columns})
            for number, said in known.items()
        }


_OURS = frozenset({"id", "last_seen_at", "created_at", "changed_at", "stale", "counted_at", "at", "facts"})
"""Numbers and clocks; `facts` is full of clocks, and what the other columns say is worked out of it."""


def _plain(row: Any, known: Mapping[int, Any]) -> dict[str, Any]:
    """A row without our numbers and clocks, with its person by name."""
    values = {column.name: getattr(row, column.name) for column in table(type(row)).columns}
    clocks = {name for name in values if name.endswith(("_at", "_id", "_since", "_until"))} | _OURS
    named = ("order_id", "product_id", "cart_id")
    plain = {name: value for name, value in values.items() if name not in clocks or name in named}
    if values.get("contact_id") is not None:
        plain["whose"] = known.get(values["contact_id"], ("a browser",))[0]
    return plain


def _text(value: Any) -> str:
    return str(value)


def track(event: str, /, **given: Any) -> dict[str, Any]:
    """A track call: `userId` and `anonymousId` say who, the rest are its properties."""
    who = {key: given.pop(key) for key in ("userId", "anonymousId") if key in given}
    return {"type": "track", "event": event, "properties": given, **who}


def signed(user_id: str, email: str, *, lasts: float = 3600, secret: str = SECRET) -> dict[str, Any]:
    """What the shop's server writes into the page of somebody who is logged in."""
    exp = int(time.time() + lasts)
    return {"id": user_id, "email": email, "exp": exp, "sig": page_identity.sign(secret, user_id, email, exp)}


async def opened(database: Database, texts: Texts, **sections: Any) -> TrustWorld:
    return TrustWorld(await shop_world.opened(database, texts, **sections))
