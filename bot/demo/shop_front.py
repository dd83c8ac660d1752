"""The pages of the sample shop as the program sees them: a tracker that posts events, and browsers."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

import aiohttp

from bot.base import clock
from bot.demo.sample_shop import Ware
from bot.demo.told import Told
from bot.demo.trouble import Trouble

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0"
CURRENCY = "EUR"


@dataclass(frozen=True)
class Customer:
    """Somebody with an account in the shop. `consents`: they ticked the box for reminders and news."""

    user_id: str
    name: str
    email: str
    language: str = "en"
    consents: bool = True

    @property
    def traits(self) -> dict[str, Any]:
        return {
            "firstName": self.name,
            "email": self.email,
            "language": self.language,
            "marketing_consent": self.consents,
        }


@dataclass(frozen=True)
class Reached:
    """Where following a link ended: the address, and what stood there as a title."""

    url: str
    title: str


class ShopFront:
    """Everything that the shop's pages and its customers' browsers send over HTTP. What is answered otherwise than a
    shop would accept it is a Trouble."""

    def __init__(self, session: aiohttp.ClientSession, told: Told, url: str, shop_url: str, write_key: str) -> None:
        self.session = session
        self.told = told
        self.url = url
        self.shop_url = shop_url
        self.write_key = write_key

    def product(self, ware: Ware, quantity: int = 1) -> dict[str, Any]:
        """A product as Segment's e-commerce events carry it."""
        return {
            "product_id": ware.product_id,
            "sku": ware.sku,
            "name": ware.name,
            "category": ware.category,
            "price": ware.price,
            "quantity": quantity,
            "url": f"{self.shop_url}/products/{ware.product_id}",
            "image_url": f"{self.shop_url}/pictures/{ware.product_id}.png",
        }

    def event(self, customer: Customer, name: str, /, **properties: Any) -> dict[str, Any]:
        return self._call(customer, type="track", event=name, properties={"currency": CURRENCY, **properties})

    def identify(self, customer: Customer) -> dict[str, Any]:
        return self._call(customer, type="identify", traits=customer.traits)

    def _call(self, customer: Customer, **call: Any) -> dict[str, Any]:
        at = clock.now().isoformat()
        return {"messageId": uuid.uuid4().hex, "userId": customer.user_id, "timestamp": at, **call}

    async def send(self, customer: Customer, calls: Sequence[Mapping[str, Any]], words: str) -> None:
        """One batch, as the tracker of a shop page sends it."""
        body = {"batch": list(calls), "sentAt": clock.now().isoformat(), "writeKey": self.write_key}
        async with self.session.post(f"{self.url}/v1/batch", json=body) as answer:
            said = await answer.text()
            if answer.status != 200:
                raise Trouble(f"the program refused events with {answer.status}: {said[:200]}")
        names = ", ".join(str(call.get("event") or call["type"]) for call in calls)
        self.told.say("shop", f"{customer.name} → shop", words, f"{names}: {answer.status}")

    async def follow(self, customer: Customer, url: str, what: str) -> Reached:
        """A click in a mail, as a person's browser does it."""
        async with self.session.get(url, headers={"User-Agent": BROWSER}) as answer:
            page = await answer.text()
            steps = [str(one.status) for one in answer.history] + [str(answer.status)]
            if answer.status != 200:
                raise Trouble(f"the link {url} is answered with {answer.status}")
            reached = Reached(str(answer.url), unescape(page.partition("<title>")[2].partition("</title>")[0]))
        self.told.say("web", f"{customer.name} → mail", f"{what}; it leads to “{reached.title}”", " → ".join(steps))
        return reached

    async def unsubscribe(self, customer: Customer, url: str) -> None:
        """What a mail program does when its own “unsubscribe” is pressed (RFC 8058)."""
        body = {"List-Unsubscribe": "One-Click"}
        async with self.session.post(url, data=body, headers={"User-Agent": BROWSER}) as answer:
            if answer.status != 200:
                raise Trouble(f"the one-click unsubscribe is answered with {answer.status}")
        words = "presses “unsubscribe” in the mail program"
        self.told.say("web", f"{customer.name} → mail", words, f"one POST: {answer.status}")
