"""Events and webhooks for tests: told, applied at once, with a list of what the handlers behind the shop's heard."""

import json
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from conftest import NOON
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts, events
from bot.base import values
from bot.base.database import Database, table
from bot.base.ranks import Rank
from bot.events import Applier, Happened, NewEvent
from bot.shops import lines, record, stores
from bot.shops.inbox import Inbox
from bot.tables.events import Event, WebhookDelivery

SECRET = "a secret of the tests"
_SAYS = {"shopify": "x-shopify-shop-domain", "woocommerce": "x-wc-webhook-source"}
PAYLOADS = Path(__file__).parent / "shops" / "payloads"


def payload(name: str, **changes: Any) -> dict[str, Any]:
    return {**json.loads((PAYLOADS / f"{name}.json").read_text("utf-8")), **changes}


async def store(
    database: Database, system: str, topic: str, body: dict[str, Any], shop: str, at: datetime, /, *, key: str,
    **headers: str,
) -> None:  # fmt: skip
    """One webhook, as the door leaves it."""
    async with database.transaction() as session:
        session.add(
            WebhookDelivery(
                system=system, rank="shop", topic=topic, delivery_key=key, headers={_SAYS[system]: shop, **headers},
                body=json.dumps(body), received_at=at, due_at=NOON,
            )
        )  # fmt: skip


class Intake:
    """`heard` are the events that a flow would hear of, after the shop's record took them."""

    def __init__(self, database: Database, *, keep_orders: bool = False) -> None:
        self.database = database
        self.heard: list[Happened] = []
        self.refusing: set[str] = set()
        self.count = 0
        self.now = NOON
        self.applier = Applier(
            database,
            [record.apply, self._hear],
            1,
            hints=[partial(record.hinted, keep_orders=keep_orders)],
            secret=SECRET,
            settle=stores.settle,
            now=lambda: self.now,
        )
        self.inbox = Inbox(database, 1)

    async def _hear(self, _session: AsyncSession, happened: Happened, _now: datetime) -> None:
        if happened.name in self.refusing:
            raise RuntimeError("this handler cannot take it")
        self.heard.append(happened)

    @property
    def names(self) -> list[str]:
        return [happened.name or happened.kind for happened in self.heard]

    async def tell(
        self,
        name: str,
        properties: dict[str, Any] | None = None,
        *,
        source: str = "web",
        rank: Rank = "shop",
        ts: datetime = NOON,
        store: str = "",
        **body: Any,
    ) -> None:
        """One event, written down and applied. `name` of another kind than track: "identify"."""
        self.count += 1
        received_at = max(ts, NOON) if values.is_kept(ts) else NOON
        self.now = max(self.now, received_at)
        kind = name if name in ("identify", "page", "alias") else "track"
        told = NewEvent(
            source,
            str(self.count),
            kind,
            "" if kind != "track" else name,
            ts,
            received_at,
            {**body, "properties": properties or {}},
            rank=rank,
            store=store,
        )
        async with self.database.transaction() as session:
            await events.record(session, told)
        await self.apply()

    async def deliver(
        self,
        system: str,
        topic: str,
        body: dict[str, Any],
        shop: str = "goods.myshopify.com",
        *,
        at: datetime | None = None,
        **headers: str,
    ) -> None:
        """One webhook as the door stores it, translated and applied. It comes `at`, else as soon as it can."""
        self.count += 1
        told = [lines.moment(body.get(name)) for name in ("updated_at", "date_modified_gmt", "created_at")]
        at = at or max([NOON, *(one for one in told if one)])
        self.now = max(self.now, at)
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        await store(self.database, system, topic, body, shop, at, key=str(self.count), **said)
        while await self.inbox.translate_due():
            pass
        await self.apply()

    async def apply(self) -> None:
        while await self.applier.apply_due():
            pass

    async def rows(self, model: type[Any], **where: Any) -> list[Any]:
        async with self.database.reading() as session:
            found = sa.select(model).order_by(*table(model).primary_key)
            return list((await session.scalars(found.filter_by(**where))).all())

    async def one(self, model: type[Any], **where: Any) -> Any:
        (row,) = await self.rows(model, **where)
        return row

    async def consent(self, address: str, channel: str = "email") -> str | None:
        """The last word on marketing: granted, withdrawn or none."""
        async with self.database.reading() as session:
            last = await contacts.allowed(session, SECRET, channel, address, "marketing")
        return last.action if last else None

    async def statuses(self) -> list[str]:
        return [event.status for event in await self.rows(Event)]
