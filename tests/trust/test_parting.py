"""An upgrade from a release that knew no stores: every row keeps its meaning, and what was joined wrongly is parted."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from conftest import NOON
from intake import Intake
from two_shops import BERLIN, CHAIRS, LAMPS, PARIS, shopify, whose, woo

from bot import events, migrations
from bot.base import config as settings
from bot.base.database import Database, table
from bot.shops import inbox, parting
from bot.tables.catalogue import SeenPrice
from bot.tables.events import Event, WebhookDelivery
from bot.tables.people import Contact, Identity
from bot.tables.settings import Setting
from bot.tables.shop import Order, Product, Store

_SAYS = {"shopify": "x-shopify-shop-domain", "woocommerce": "x-wc-webhook-source"}


class Before:
    """A database as the release before left it: webhooks, their events, and rows without stores."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.people: dict[str, int] = {}

    async def delivered(self, system: str, topic: str, body: dict[str, Any], shop: str) -> None:
        headers, text = {_SAYS[system]: shop}, json.dumps(body)
        async with self.database.transaction() as session:
            session.add(
                WebhookDelivery(
                    system=system, topic=topic, delivery_key=f"{shop}:{topic}:{text}", headers=headers, body=text,
                    received_at=NOON, status="done",
                )
            )  # fmt: skip
            for event in inbox.events_of(system, topic, text, headers, NOON):
                await events.record(session, event)
            done = table(Event)
            email = str(body.get("email") or (body.get("billing") or {}).get("email") or "")
            contact = await self._contact(session, email) if email else None
            mine = sa.update(done).where(done.c.status == "new")
            await session.execute(mine.values(status="done", due_at=None, contact_id=contact))

    async def _contact(self, session: Any, email: str) -> int:
        if email not in self.people:
            contact = Contact(created_at=NOON)
            session.add(contact)
            await session.flush()
            session.add(Identity(contact_id=contact.id, kind="email", value=email, created_at=NOON))
            self.people[email] = contact.id or 0
        return self.people[email]

    async def row(self, **columns: Any) -> None:
        plain = {"currency": "EUR", "ordered_at": NOON, "changed_at": NOON, "told": ["Order Completed", "Order Paid"]}
        async with self.database.transaction() as session:
            session.add(Order(**{**plain, **columns}))

    async def upgrade(self) -> list[str]:
        async with self.database.engine.begin() as connection:
            await connection.run_sync(lambda sync: command.downgrade(migrations.settings(sync), "0009"))
        await migrations.upgrade(self.database)
        loaded = settings.load(None, {})
        found = await parting.once(self.database, loaded.shop, loaded.shops, NOON)
        assert await parting.once(self.database, loaded.shop, loaded.shops, NOON) == found  # once, and read afterwards
        return found


@pytest.fixture
async def before(empty_url: str) -> AsyncIterator[Before]:
    database = Database(empty_url)
    await migrations.upgrade(database)
    yield Before(database)
    await database.close()


async def test_the_rows_of_one_shop_are_found_by_its_next_webhook(before: Before) -> None:
    await before.delivered("shopify", "orders/create", shopify(1, "anna@example.org", "119.00"), LAMPS)
    anna = before.people["anna@example.org"]
    await before.row(order_id="1", number="#1001", total=11900, status="paid", contact_id=anna)
    await before.row(order_id="900", number="#900", total=500)  # out of a file: nothing else tells of it
    async with before.database.transaction() as session:
        session.add(Identity(contact_id=anna, kind="shopify", value="42", created_at=NOON))
        session.add(Product(product_id="77", name="Mug", updated_at=NOON))
        session.add(SeenPrice(contact_id=anna, product_id="77", price=500, currency="EUR", at=NOON))
    assert await before.upgrade() == []
    intake = Intake(before.database)
    later = shopify(1, "anna@example.org", "119.00", financial_status="refunded", updated_at="2026-03-05T12:00:00Z")
    await intake.deliver("shopify", "orders/updated", later, LAMPS)
    store = f"shopify:{LAMPS}"
    assert await whose(intake) == {
        (store, "1"): ("#1001", 11900, "anna@example.org"), (store, "900"): ("#900", 500, ""),
    }  # fmt: skip
    assert [one.status for one in await intake.rows(Order)] == ["refunded", "pending"]
    assert "Order Completed" not in intake.names  # it was told long ago
    assert "Order Paid" not in intake.names
    assert len(await intake.rows(Contact)) == 1
    for model in (Product, SeenPrice):
        assert [one.store for one in await intake.rows(model)] == [store]
    assert [one.name for one in await intake.rows(Store)] == [store]


async def test_the_same_delivery_after_the_upgrade_is_known(before: Before) -> None:
    body = shopify(1, "anna@example.org", "119.00")
    await before.delivered("shopify", "orders/create", body, LAMPS)
    await before.row(order_id="1", number="#1001", total=11900, status="paid")
    await before.upgrade()
    intake = Intake(before.database)
    await intake.deliver("shopify", "orders/create", body, LAMPS)
    assert intake.heard == []


async def test_an_order_that_another_one_was_written_over_comes_back(before: Before) -> None:
    anna, boris = woo(5050, "4042", "anna@example.org", "119.00"), woo(4042, "3034", "boris@example.org", "1071.00")
    await before.delivered("woocommerce", "order.created", anna, BERLIN)
    await before.delivered("woocommerce", "order.updated", boris, BERLIN)
    theirs = before.people["boris@example.org"]
    await before.row(order_id="5050", number="3034", total=107100, status="paid", contact_id=theirs)
    async with before.database.reading() as session:
        row_id = await session.scalar(sa.select(table(Order).c.id))
    assert await before.upgrade() == []
    intake = Intake(before.database)
    store = "woocommerce:shop.example/de"
    assert await whose(intake) == {
        (store, "5050"): ("4042", 11900, "anna@example.org"), (store, "4042"): ("3034", 107100, "boris@example.org"),
    }  # fmt: skip
    assert (await intake.one(Order, order_id="5050")).id == row_id
    await intake.deliver("woocommerce", "order.updated", {**anna, "date_modified_gmt": "2026-03-02T12:00:00"}, BERLIN)
    assert {"Order Completed", "Order Paid"}.isdisjoint(intake.names)


async def test_one_row_of_two_shops_becomes_one_of_each(before: Before) -> None:
    lamp = {"id": 77, "title": "Lamp", "updated_at": "2026-03-01T12:00:00Z", "published_at": "2026-03-01T12:00:00Z",
            "variants": [{"id": 771, "title": "Default Title", "price": "100.00"}]}  # fmt: skip
    chair = {**lamp, "title": "Chair", "updated_at": "2026-03-02T12:00:00Z",
             "variants": [{"id": 771, "title": "Default Title", "price": "20.00"}]}  # fmt: skip
    await before.delivered("shopify", "orders/create", shopify(1, "anna@example.org", "119.00"), LAMPS)
    await before.delivered("shopify", "orders/paid", shopify(1, "boris@example.org", "5.00"), CHAIRS)
    await before.delivered("shopify", "products/update", lamp, LAMPS)
    await before.delivered("shopify", "products/update", chair, CHAIRS)
    await before.row(
        order_id="1", number="#1001", total=500, status="paid", contact_id=before.people["boris@example.org"]
    )
    await before.row(order_id="800", number="#800", total=100)
    async with before.database.transaction() as session:
        session.add(Product(product_id="77", name="Chair", price=2000, updated_at=NOON))
        session.add(Product(product_id="77", variant_id="771", name="Chair", price=2000, updated_at=NOON))
        anna = before.people["anna@example.org"]
        session.add(Identity(contact_id=anna, kind="shopify", value="42", created_at=NOON))
    left = await before.upgrade()
    intake = Intake(before.database)
    assert await whose(intake) == {
        (f"shopify:{LAMPS}", "1"): ("#1001", 11900, "anna@example.org"),
        (f"shopify:{CHAIRS}", "1"): ("#1001", 500, "boris@example.org"),
        ("before", "800"): ("#800", 100, ""),
    }
    assert {(one.store, one.name, one.price) for one in await intake.rows(Product, variant_id="")} == {
        (f"shopify:{LAMPS}", "Lamp", 10000), (f"shopify:{CHAIRS}", "Chair", 2000),
    }  # fmt: skip
    assert len(left) == 2
    assert "order 800" in " ".join(left)
    assert "customer 42" in " ".join(left)
    assert (await intake.one(Setting, name=parting.SETTING)).value["left"] == left


async def test_what_a_shop_told_before_its_webhooks_were_kept_is_found_when_it_names_itself(before: Before) -> None:
    await before.delivered("woocommerce", "order.created", woo(1, "1", "anna@example.org", "119.00"), PARIS)
    async with before.database.transaction() as session:
        await session.execute(sa.delete(table(WebhookDelivery)))
        anna = before.people["anna@example.org"]
        session.add(Identity(contact_id=anna, kind="woocommerce", value="42", created_at=NOON))
    await before.row(order_id="1", number="1", total=11900, status="paid")
    assert await before.upgrade() == []
    intake = Intake(before.database)
    later = woo(1, "1", "anna@example.org", "119.00", date_modified_gmt="2026-03-05T12:00:00", status="cancelled")
    await intake.deliver("woocommerce", "order.updated", later, PARIS)
    (order,) = await intake.rows(Order)
    assert (order.store, order.status) == ("woocommerce:shop.example/fr", "cancelled")
    assert (await intake.one(Identity, kind="woocommerce")).value == "woocommerce:shop.example/fr:customer:42"
