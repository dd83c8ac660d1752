"""A stranger with the key that stands in every page of the shop: what they send goes through the real door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx
from pydantic import SecretStr
from shop_world import ShopWorld

from bot.base import clock
from bot.base.config.events import EventKey
from bot.events import Ingest
from bot.inbound.web import each_request, events_api
from bot.outbound.email import compose
from bot.outbound.email.sender import EmailSender
from bot.outbound.sender import Outgoing

PAGE_KEY, SERVER_KEY = "wk_in_every_page", "sk_in_no_page"


class Stranger:
    """`sends(…)` is one request; what it brought is applied before it returns."""

    def __init__(self, shop: ShopWorld, web: httpx.AsyncClient) -> None:
        self.shop = shop
        self.web = web

    async def sends(self, *calls: dict[str, Any], key: str = PAGE_KEY, **headers: str) -> httpx.Response:
        body = {"writeKey": key, "batch": list(calls)}
        answer = await self.web.post("/v1/batch", json=body, headers=headers)
        self.shop.now = max(self.shop.now, clock.now())
        while await self.shop.applier.apply_due():
            pass
        return answer


def identify(browser: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "anonymousId": browser, "traits": traits}


def track(browser: str, event: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "anonymousId": browser, "event": event, "properties": properties}


@asynccontextmanager
async def stranger(shop: ShopWorld, peer: str = "203.0.113.7", **web: Any) -> AsyncIterator[Stranger]:
    """The shop lives in the present: the door reads the real clock."""
    shop.now = clock.now()
    ingest = Ingest(shop.database)
    ingest.start()
    kinds: tuple[tuple[str, Literal["page", "server"]], ...] = ((PAGE_KEY, "page"), (SERVER_KEY, "server"))
    keys = [EventKey(key=SecretStr(key), name=kind, kind=kind) for key, kind in kinds]
    app = each_request.build([events_api.routes(ingest, keys, shop.ground.config.shop.hosts)], **web)
    transport = httpx.ASGITransport(app, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as client:
        yield Stranger(shop, client)
    await ingest.close()


def raw(shop: ShopWorld, message: Outgoing) -> str:
    """The mail as its reader's program gets it, every part decoded."""
    import email.policy

    letter = EmailSender(shop.ground).letter(message)
    read = email.message_from_bytes(compose.compose(letter), policy=email.policy.default)
    heads = [f"{name}: {value}" for name, value in read.items()]
    parts = [str(part.get_content()) for part in read.walk() if not part.is_multipart()]
    return "\n".join([*heads, *parts])
