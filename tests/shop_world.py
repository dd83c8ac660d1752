"""A shop whose clock we set: events go in, mails come out, everything between is real."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import make
import sqlalchemy as sa
from conftest import NOON
from fakes import RecordingSender
from sqlalchemy.ext.asyncio import AsyncSession

from automations import care
from automations.audiences import tiers
from automations.audiences.standings import Standings
from automations.care import Care
from automations.consent import opt_in
from automations.consent.signing_up import OnSubscribed
from automations.definition import flow_files, versions
from automations.definition.flow_files import Flows
from automations.definition.versions import Versions
from automations.gate.marketing import Marketing
from automations.running.engine import Engine
from automations.running.on_catalogue import OnCatalogue
from automations.running.on_event import OnEvent
from automations.running.shelves import Shelves
from automations.running.starts import Starter
from automations.running.sweeps.runner import Sweeps
from bot import contacts, events
from bot.base import due, paths
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.ranks import Rank
from bot.base.texts import Texts
from bot.events import Applier, Happened, NewEvent
from bot.outbound.email.templates import MailTemplates
from bot.outbound.outbox import Outbox
from bot.outbound.sender import Outgoing, Receipt
from bot.shops import record, stores, worth
from bot.tables.automations import Click, Enrolment
from bot.tables.outbox import Message
from bot.tables.people import Contact

enrolments = table(Enrolment)
messages = table(Message)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@cache
def _tips() -> Care:
    return care.load([paths.templates()])


@cache
def _mails() -> MailTemplates:
    return MailTemplates([paths.templates()])


@cache
def _flows() -> Flows:
    return flow_files.load(flow_files.folders(Config()))


def only(*names: str) -> Flows:
    """Of the flows that ship those, for a test that counts what leaves."""
    every = _flows()
    return Flows(*({name: part[name] for name in names} for part in (every.by_name, every.definitions, every.files)))


class ShopWorld:
    """`now` is whatever the test says; `passes(…)` lets time go by and everything due be done, minute by minute."""

    def __init__(self, database: Database, ground: Ground, flows: Flows) -> None:
        self.database = database
        self.ground = ground
        self.flows = flows
        self.now = NOON
        self.standings = Standings(ground.config)
        self.mails = RecordingSender(ordered=False, answer=self._accept)
        self.answer: Callable[[Outgoing], Receipt] | None = None
        self.count = 0

    async def _shop(self, session: AsyncSession, happened: Happened, now: datetime) -> object:
        own = self.ground.config.shop
        return await record.apply(session, happened, now, currency=own.currency, rates=worth.rates(own))

    def _accept(self, message: Outgoing) -> Receipt:
        return self.answer(message) if self.answer else Receipt(self.now, f"p{message.id}")

    async def open(self) -> "ShopWorld":
        async with self.database.transaction() as session:
            self.worker = await due.register(session, self.now)
            await versions.publish(session, self.flows, self.now)
            await tiers.publish(session, self.ground.config, self.now)
        tips = _tips()
        known = Versions()
        self.on_catalogue = OnCatalogue(self.ground, self.flows)
        self.shelves = Shelves(self.database, self.flows, self.worker)
        self.on_event = OnEvent(self.ground, self.flows, tips, known)
        self.gate = Marketing(self.ground, _mails(), tips, known)
        self.engine = Engine(self.database, self.ground, self.worker, known, tips)
        self.starter = Starter(self.ground, tips, known, self.flows.definitions)
        self.sweeps = Sweeps(self.database, self.starter, list(self.flows))
        self.outbox = Outbox(
            self.database, {"email": self.mails}, {"marketing": self.gate, opt_in.PURPOSE: opt_in.Mails(self.ground)},
            self.worker, now=lambda: self.now,
        )  # fmt: skip
        signing_up = OnSubscribed(self.ground, _mails())
        self.applier = Applier(
            self.database, [self.standings.behind(self._shop), self.on_catalogue, signing_up, self.on_event],
            self.worker,
            hints=[record.hinted, self.on_catalogue.hinted, signing_up, self.on_event.hinted],
            secret=self.ground.secret, settle=stores.settle, now=lambda: self.now,
            double_opt_in=self.ground.config.automations.double_opt_in,
        )  # fmt: skip
        return self

    async def person(self, email: str = "ada@example.org", *, consent: bool = True, **fields: Any) -> int:
        """A contact with this address who wants marketing mail (unless said otherwise)."""
        async with self.database.transaction() as session:
            made = await make.contact(session, **{"last_seen_at": self.now, **fields})
            assert made.id is not None
            found = await contacts.find_or_create(session, [("email", email)], self.now)
            await contacts.merge(session, made.id, found.id or 0, self.now)
            if consent:
                await contacts.allow(
                    session, self.ground.secret, made.id, "email", email, "marketing", "checkout", self.now
                )
        return made.id

    async def happens(
        self, event: str, who: str = "ada@example.org", /, *, at: datetime | None = None, kind: str = "track",
        anonymous: str | None = None, received: datetime | None = None, source: str = "web", rank: Rank = "shop",
        traits: dict[str, Any] | None = None, context: dict[str, Any] | None = None, store: str = "",
        **properties: Any,
    ) -> int:  # fmt: skip
        """An event of that person reaches us now and is applied."""
        self.count += 1
        body = {"properties": properties, "context": context or {}, "traits": traits or {}}
        body |= {"anonymousId": anonymous} if anonymous else {"email": who}
        if anonymous and kind in ("identify", "alias"):
            body["email"] = who
        async with self.database.transaction() as session:
            event_id = await events.record(
                session,
                NewEvent(
                    source,
                    str(self.count),
                    kind,
                    event,
                    at or self.now,
                    received or self.now,
                    body,
                    rank=rank,
                    store=store,
                ),
            )
        while await self.applier.apply_due():
            pass
        assert event_id is not None
        return event_id

    async def adds(self, product: str = "lamp", cart: str | None = "c1", **more: Any) -> None:
        """Puts a product into the cart."""
        properties = {"product_id": product, "name": product.title(), "price": 19.9, "quantity": 1, "currency": "EUR"}
        await self.happens("Product Added", **{**properties, **({"cart_id": cart} if cart else {}), **more})

    async def checks_out(self, checkout: str = "k1", **more: Any) -> None:
        lines = [{"product_id": "lamp", "name": "Lamp", "price": 19.9, "quantity": 1}]
        await self.happens(
            "Checkout Started", **{"checkout_id": checkout, "currency": "EUR", "products": lines, **more}
        )

    async def orders(self, order: str = "o1", **more: Any) -> None:
        """Pays an order of a lamp."""
        lines = [{"product_id": "lamp", "name": "Lamp", "price": 19.9, "quantity": 1, "category": "Electronics"}]
        given = {"order_id": order, "currency": "EUR", "revenue": 19.9, "products": lines, **more}
        await self.happens("Order Completed", **given)

    async def settle(self) -> None:
        """Do what is due now, until nothing is."""
        for _ in range(200):
            moved = await self.shelves.run(self.now)
            while await self.applier.apply_due():
                pass
            moved += await self.engine.move_due(self.now)
            if not moved and not await self.outbox.deliver_due("email"):
                return

    async def passes(self, span: timedelta) -> None:
        """Let time go by, stopping whenever something falls due."""
        until = self.now + span
        while True:
            await self.settle()
            soonest = await self._soonest()
            if soonest is None or soonest > until:
                break
            self.now = max(soonest, self.now)
            await self.settle()
        self.now = until
        await self.settle()

    async def sleeps(self, span: timedelta) -> None:
        """The program is down for that long."""
        self.now += span

    async def _soonest(self) -> datetime | None:
        async with self.database.reading() as session:
            found = [await due.next_due(session, rows) for rows in (enrolments, messages)]
            found.append(await self.shelves.next_due())
        return min((at for at in found if at is not None), default=None)

    async def enrolled(self, flow: str | None = None) -> list[dict[str, Any]]:
        query = sa.select(enrolments).order_by(enrolments.c.id)
        return await self._rows(query if flow is None else query.where(enrolments.c.flow == flow))

    async def written(self) -> list[dict[str, Any]]:
        return await self._rows(sa.select(messages).order_by(messages.c.id))

    async def _rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        async with self.database.reading() as session:
            return [dict(row) for row in (await session.execute(query)).mappings()]

    def templates(self) -> list[str]:
        """The templates of the mails that left, in order."""
        return [str(message.row["template"]) for message in self.mails.sent]

    async def skipped(self) -> list[str]:
        return [row["skip_reason"] for row in await self.written() if row["status"] in ("skipped", "withheld")]

    async def clicks(self, number: int = -1, label: str = "human") -> None:
        row = self.mails.sent[number].row
        async with self.database.transaction() as session:
            session.add(
                Click(
                    message_id=row["id"], contact_id=row["contact_id"], link=1, url="https://shop.example",
                    label=label, at=self.now,
                )
            )  # fmt: skip

    async def change(self, contact_id: int, **values: Any) -> None:
        async with self.database.transaction() as session:
            await session.execute(sa.update(table(Contact)).where(table(Contact).c.id == contact_id).values(**values))


async def opened(database: Database, texts: Texts, flows: Flows | None = None, **sections: Any) -> ShopWorld:
    ground = make.ground(texts, **sections)
    return await ShopWorld(database, ground, flows or _flows()).open()
