"""Webhooks as they were stored, made into events: one transaction each, and one that fails comes again later."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts, events
from bot.base import clock, due, logs, stores, values, work
from bot.base.config import Shops
from bot.base.database import Database, table
from bot.contacts import requests
from bot.events import NewEvent
from bot.shops import lines, phone_numbers, shopify, standing, troubles, woocommerce
from bot.shops.stores import know
from bot.tables.events import Event, WebhookDelivery
from bot.tables.shop import Cart, Order

log = logs.get(__name__)

_UTC = ZoneInfo("UTC")
_GIVE_UP = 10
_BATCH = 100
_rows, _heard = table(WebhookDelivery), table(Event)
_CLAIM = due.Claim(_rows, _BATCH)
_TRANSLATE = {"shopify": shopify.translate, "woocommerce": woocommerce.translate}
_NONE = Shops()
_REQUESTS: Mapping[str, requests.What] = {
    "customers/data_request": "copy",
    "customers/redact": "forget",
    "shop/redact": "wipe",
}
"""What Shopify asks for in the name of a customer, or of a shop that left."""


class Inbox:
    """Works off `WebhookDelivery` rows. `shops` says which of several shops are one store; in `zone` requests about
    personal data are due; a telephone number without its country is one of the address, else of `country`.
    """

    def __init__(
        self,
        database: Database,
        worker: int,
        *,
        shops: Shops = _NONE,
        zone: ZoneInfo = _UTC,
        country: str | None = None,
    ) -> None:
        self.database = database
        self.worker = worker
        self.shops = shops
        self.zone = zone
        self.country = country

    def kind(self) -> work.Kind:
        async def next_due() -> datetime | None:
            async with self.database.reading() as session:
                return await due.next_due(session, _rows)

        return work.Kind("webhooks", self.translate_due, next_due)

    async def translate_due(self) -> int:
        """Work off one batch. Returns how many deliveries were taken."""
        async with self.database.transaction() as session:
            rows = await due.claim(session, _CLAIM, self.worker, clock.now())
        for row in sorted(rows, key=itemgetter("id")):
            await self._one(row, clock.now())
        return len(rows)

    async def _one(self, row: Mapping[str, Any], now: datetime) -> None:
        try:
            async with self.database.transaction() as session:
                values = await self._translate(session, row, now)
                await _end(session, row, {"error": None, "due_at": None, **values})
        except Exception as error:  # one delivery never stops the others
            log.exception("webhook not understood", delivery_id=row["id"], attempts=row["attempts"])
            failed = row["attempts"] >= _GIVE_UP
            values = {
                "status": "failed" if failed else "new",
                "error": logs.clean(f"{type(error).__name__}: {error}")[:500],
                "due_at": None if failed else due.later(row["attempts"], now),
            }
            async with self.database.transaction() as session:
                await _end(session, row, values)

    async def _translate(self, session: AsyncSession, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        payload = _payload(row["body"])
        system, topic = row["system"], row["topic"]
        store = self.shops.of_source(source_of(system, row["headers"]))
        if system == "shopify" and (what := _REQUESTS.get(topic)) is not None:
            await self._ask(session, what, row, payload, store)
            return {"status": "done", **({"body": ""} if what == "forget" else {})}
        if topic == "app/uninstalled":
            log.warning("the shop took its app away", delivery_id=row["id"])
            await troubles.remember(session, system, store, troubles.UNINSTALLED, "app/uninstalled", now)
            return {"status": "done"}
        if _is_test(row["headers"], payload):
            return {"status": "ignored", "error": "a test of the shop system: no money was taken"}
        told = _TRANSLATE[system](
            topic, payload, shop_of(row["headers"]), row["received_at"], version_of(row["headers"])
        )
        if told:
            await know(session, store, now)
        for event in told:
            read = phone_numbers.readable(event, self.country)
            scoped = await of_store(session, read, store)
            await events.record(session, await _late(session, scoped) if topic == "product.deleted" else scoped)
        return {"status": "done" if told else "ignored"}

    async def _ask(
        self, session: AsyncSession, what: requests.What, row: Mapping[str, Any], payload: Mapping[str, Any], store: str
    ) -> None:
        """As a task with a day: one may be done by itself, others want a decision."""
        customer = payload.get("customer")
        if what != "wipe" and not isinstance(customer, Mapping):
            raise ValueError("no customer that it is about")
        orders = payload.get("orders_requested") or payload.get("orders_to_redact") or []
        asked = {"orders": [lines.text(one) for one in orders]} if isinstance(orders, list) and orders else {}
        await requests.ask(
            session, what, source=row["system"], key=f"{row['system']}:{row['delivery_key']}", now=row["received_at"],
            zone=self.zone, known=_known(customer, store, self.country) if isinstance(customer, Mapping) else (),
            asked={**asked, "shop": lines.text(payload.get("shop_domain"))}, store=store,
        )  # fmt: skip


def _known(customer: Mapping[str, Any], store: str, country: str | None) -> list[tuple[str, str]]:
    number = contacts.normalise("shopify", customer.get("id"))
    found = [("shopify", stores.person(store, number))] if number else []
    if email := contacts.normalise("email", customer.get("email")):
        found.append(("email", email))
    if phone := phone_numbers.known_as(customer.get("phone"), country):
        found.append(("phone", phone))
    return found


def _payload(body: str) -> dict[str, Any]:
    found = values.read_json(body)
    if not isinstance(found, dict):
        raise ValueError("the body is no JSON object")
    return found


def events_of(
    system: str, topic: str, body: str, headers: Mapping[str, Any], received_at: datetime
) -> Sequence[NewEvent]:
    """The events of a stored delivery, as they are before they say of which store they are."""
    return _TRANSLATE[system](topic, _payload(body), shop_of(headers), received_at, version_of(headers))


async def of_store(session: AsyncSession, event: NewEvent, store: str) -> NewEvent:
    """The event with whose ids they are, and about whom it is."""
    return await with_owner(session, scoped(event, store))


def scoped(event: NewEvent, store: str) -> NewEvent:
    return dataclasses.replace(event, store=store, message_id=f"{store}:{event.message_id}")


def shop_of(headers: Mapping[str, Any]) -> str:
    """The shop that says it sent the webhook: its domain, or its address."""
    return lines.text(
        headers.get("x-shopify-shop-domain") or headers.get("shopify-shop-domain") or headers.get("x-wc-webhook-source")
    )


def _is_test(headers: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
    said = lines.text(headers.get("x-shopify-test") or headers.get("shopify-test"))
    return said.lower() == "true" or payload.get("test") is True


def version_of(headers: Mapping[str, Any]) -> str:
    """When the shop made the delivery, to the nanosecond, if it says so."""
    return lines.text(headers.get("x-shopify-triggered-at") or headers.get("shopify-triggered-at"))


def source_of(system: str, headers: Mapping[str, Any]) -> str:
    """The name of that shop as a store, as long as no other is declared for it."""
    if system == "shopify":
        return stores.of_shopify(lines.text(headers.get("x-shopify-shop-domain") or headers.get("shopify-shop-domain")))
    return stores.of_woocommerce(lines.text(headers.get("x-wc-webhook-source")))


async def with_owner(session: AsyncSession, event: NewEvent) -> NewEvent:
    """A cart webhook, refund or parcel names nobody: it is about whoever has that cart or order."""
    if event.body.get("userId") or event.body.get("email") or event.contact_id is not None:
        return event
    said = event.body.get("properties") or {}
    carts, orders = table(Cart), table(Order)
    contact_id = None
    if order_id := said.get("order_id"):
        contact_id = await session.scalar(
            sa.select(orders.c.contact_id).where(
                orders.c.order_id == lines.text(order_id), orders.c.store == event.store
            )
        )
    for kind in ("checkout", "cart"):
        if contact_id is None and (cart_id := said.get(f"{kind}_id")):
            mine = sa.select(carts.c.contact_id).where(
                carts.c.kind == kind,
                carts.c.cart_id == lines.text(cart_id),
                carts.c.store.in_((event.store, "")),
                carts.c.rank != "page",
            )
            contact_id = await session.scalar(mine.order_by(carts.c.store.desc()).limit(1))
    return event if contact_id is None else dataclasses.replace(event, contact_id=contact_id)


async def _late(session: AsyncSession, gone: NewEvent) -> NewEvent:
    """Marked if it comes after the "restored" that answers it: of products as of orders, see `standing`."""
    begins = gone.message_id.rpartition(":deleted:")[0]
    heard: dict[str, list[datetime]] = {}
    for word in ("deleted", "restored"):
        mine = sa.and_(_heard.c.source == gone.source, _heard.c.store == gone.store)
        named = _heard.c.message_id.startswith(f"{begins}:{word}:", autoescape=True)
        heard[word] = list((await session.scalars(sa.select(_heard.c.received_at).where(mine, named))).all())
    if not standing.is_answered([*heard["deleted"], gone.received_at], heard["restored"]):
        return gone
    body = {**gone.body, "properties": {**gone.body["properties"], "answered": True}}
    return dataclasses.replace(gone, body=body)


async def _end(session: AsyncSession, row: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    done = sa.update(_rows).where(_rows.c.id == row["id"])
    await session.execute(done.values(lease_until=None, lease_by=None, **values))
