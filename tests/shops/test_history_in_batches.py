"""History that is taken in batches is what it would be, taken event by event, whatever was known before."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import make
import pytest
import sqlalchemy as sa
from pulled_shop import told
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from bot import contacts
from bot.base import clock, stores, values
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.contacts import joined_customers
from bot.demo import shopify_goods, woocommerce_goods
from bot.events import NewEvent
from bot.shops import history, inbox
from bot.shops.history.batches import Batch
from bot.tables.catalogue import PriceChange
from bot.tables.people import ClaimedIdentity, Identity, Suppression
from bot.tables.shop import Cart, Order, Product, Store, UnconfirmedOrder

STORE, OTHER = "woocommerce:shop.example", "shopify:x.myshopify.com"
_BEGAN = datetime(2026, 1, 1, 9, tzinfo=UTC)
_EMAILS = [f"{name}@example.org" for name in ("ada", "bo", "cy", "di", "eve")]
_PHONES = ["+49 30 1234567", "+49 30 7654321", ""]
_TICKS = ("1", "0", "unsubscribed")


@pytest.mark.parametrize("seed", range(8))
async def test_batches_say_what_single_events_say(
    database: Database, texts: Texts, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    ground = make.ground(texts)
    now = clock.now()
    things = _things(random.Random(seed), now)
    found = []
    for alone in (False, True):
        await _empty(database)
        await _before(database, ground, random.Random(seed), now)
        with monkeypatch.context() as patched:
            if alone:
                patched.setattr(Batch, "hear", lambda *_: (0, 0))
            for store, some in things:
                async with database.transaction() as session:
                    await history.take(session, ground, store, history.read(ground, store, some), now)
        found.append(await _everything(database))
    batched, single = found
    assert batched == single


async def test_an_order_of_a_file_of_the_store_is_found_by_its_number(database: Database, texts: Texts) -> None:
    ground, now = make.ground(texts), clock.now()
    said = woocommerce_goods.order(7) | {"number": "1007", "date_created_gmt": "2026-01-08T09:00:00"}
    async with database.transaction() as session:
        session.add(Store(name=STORE, heard_at=now))
        ordered = datetime(2026, 1, 8, 9, tzinfo=UTC)
        session.add(Order(order_id="#1007", number="1007", store=STORE, ordered_at=ordered, changed_at=ordered))
    events = inbox.events_of("woocommerce", "order.updated", values.write_json(said), {}, now)
    async with database.transaction() as session:
        await history.take(session, ground, STORE, history.read(ground, STORE, [events]), now)
    async with database.reading() as session:
        assert [row.order_id for row in await session.execute(sa.select(table(Order).c.order_id))] == ["7"]


async def _everything(database: Database) -> dict[str, Any]:
    found = dict(await told(database))
    for row in found["Contact"]:  # into whom is said by what they are known by
        row["merged_into"] = row["merged_into"] is not None
    async with database.reading() as session:
        for model, names in (
            (Order, "order_id store told"), (Cart, "cart_id ordered_at"), (UnconfirmedOrder, "order_id"),
            (PriceChange, "product_id variant_id store price at"), (ClaimedIdentity, "kind value"),
            (Suppression, "topic reason"),
        ):  # fmt: skip
            columns = [table(model).c[name] for name in names.split()]
            rows = [tuple(row) for row in await session.execute(sa.select(*columns))]
            found[f"{model.__name__} beside"] = sorted(rows, key=repr)
    return found


async def _empty(database: Database) -> None:
    async with database.transaction() as session:
        for rows in reversed(SQLModel.metadata.sorted_tables):
            await session.execute(rows.delete())


def _things(chance: random.Random, now: datetime) -> list[tuple[str, list[Sequence[NewEvent]]]]:
    """Store and things of each batch, which are of one kind."""
    woo = {
        "product.updated": [_product(chance) for _ in range(6)],
        "customer.updated": [_customer(chance) for _ in range(10)],
        "order.updated": [_order(chance) for _ in range(20)],
    }
    customers = [_shopify_customer(chance, number) for number in range(1, 6)]
    shopify = {
        "products/update": [shopify_goods.product(number) for number in (1, 2, 1)],
        "customers/update": customers,
        "orders/updated": [_shopify_order(chance, chance.choice(customers)) for _ in range(7)],
    }
    told = [
        (store, [inbox.events_of(system, topic, values.write_json(one), {}, now) for one in some])
        for store, system, by_topic in ((STORE, "woocommerce", woo), (OTHER, "shopify", shopify))
        for topic, some in by_topic.items()
    ]
    chance.shuffle(told)
    return told


def _shopify_customer(chance: random.Random, number: int) -> dict[str, Any]:
    consent = {
        "state": chance.choice(["subscribed", "unsubscribed", "pending"]), "opt_in_level": "single_opt_in",
        "consent_updated_at": _at(chance),
    }  # fmt: skip
    return shopify_goods.customer(number) | {"email_marketing_consent": consent, "updated_at": _at(chance)}


def _shopify_order(chance: random.Random, customer: dict[str, Any]) -> dict[str, Any]:
    number = chance.randrange(1, 6)
    order = shopify_goods.order(number) | {"customer": customer, "updated_at": _at(chance)}
    return order | {"cart_token": f"c{number % 3}"}


def _at(chance: random.Random) -> str:
    return (_BEGAN + timedelta(minutes=chance.randrange(100_000))).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _gmt(chance: random.Random) -> str:
    return _at(chance)[:19]


def _meta(chance: random.Random) -> list[dict[str, str]]:
    if chance.random() < 0.6:
        return []
    key = chance.choice(["mailchimp_woocommerce_is_subscribed", "kl_sms_consent_checkbox"])
    return [{"key": key, "value": chance.choice(_TICKS)}]


def _product(chance: random.Random) -> dict[str, Any]:
    return woocommerce_goods.product(chance.randrange(1, 6)) | {
        "date_modified_gmt": _gmt(chance), "price": str(chance.randrange(5, 9)),
        "slug": chance.choice(["lamp", "", "vase"]),
    }  # fmt: skip


def _customer(chance: random.Random) -> dict[str, Any]:
    number = chance.randrange(1, 6)
    return woocommerce_goods.customer(number) | {
        "email": chance.choice(_EMAILS), "billing": {"phone": chance.choice(_PHONES), "country": "DE"},
        "first_name": chance.choice(["Ada", "Bo"]), "date_modified_gmt": _gmt(chance), "meta_data": _meta(chance),
    }  # fmt: skip


def _order(chance: random.Random) -> dict[str, Any]:
    number = chance.randrange(1, 20)
    who = {
        "first_name": "Cy", "country": "DE", "phone": chance.choice(_PHONES), "email": chance.choice([*_EMAILS, ""]),
    }  # fmt: skip
    return woocommerce_goods.order(number) | {
        "customer_id": chance.choice([0, 0, 1, 2, 3, 4, 5]), "billing": who, "date_modified_gmt": _gmt(chance),
        "status": chance.choice(["processing", "completed", "cancelled", "pending", "refunded"]),
        "number": chance.choice([str(number), f"{number + 100}"]), "meta_data": _meta(chance),
        "date_created_gmt": (_BEGAN + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%S"),
    }  # fmt: skip


async def _before(database: Database, ground: Ground, chance: random.Random, now: datetime) -> None:
    """Contacts of chats, files, pages and other shops, orders of files, carts that are open, people who are gone."""
    async with database.transaction() as session:
        session.add_all([Store(name=name, heard_at=now) for name in (STORE, OTHER)[: chance.randrange(1, 3)]])
        ids = await _people_before(session, chance, now)
        session.add_all([_cart(number, owner) for number, owner in enumerate(ids)])
        if chance.random() < 0.5:
            other = stores.person(STORE, "5")
            session.add(Identity(contact_id=ids[-1], kind="woocommerce", value=other, created_at=now))
            await joined_customers.remember(session, "woocommerce", stores.person(STORE, "4"), ids[-1], now)
        if chance.random() < 0.5:
            gone = chance.choice(_EMAILS)
            await contacts.suppress(session, ground.secret, "email", gone, "erased", _BEGAN + timedelta(days=30))
        for mail in _EMAILS[: chance.randrange(3)]:
            await contacts.withdraw(session, ground.secret, None, "email", mail, "marketing", "shop", _BEGAN)
            await contacts.suppress(session, ground.secret, "email", mail, "unsubscribed", _BEGAN, topic="marketing")
        session.add_all([_order_before(number, chance) for number in chance.sample(range(1, 20), 4)])
        loose = {"store": chance.choice(["", stores.IMPORT]), "updated_at": _BEGAN}
        session.add(Product(product_id="lamp", handle="lamp", sku="LAMP-2", name="Lamp 2", **loose))
        await session.flush()


async def _people_before(session: AsyncSession, chance: random.Random, now: datetime) -> list[int]:
    names: list[list[tuple[str, object]]] = [
        [("email", chance.choice(_EMAILS))],
        [("telegram", "77"), ("email", chance.choice(_EMAILS))],
        [("phone", _PHONES[0])],
        [("woocommerce", "2")],
        [("woocommerce", stores.person(STORE, "3")), ("email", chance.choice(_EMAILS))],
        [("email", chance.choice(_EMAILS)), ("email", "other@example.org")],
    ]
    browser = await contacts.find_or_create(session, [("anonymous_id", "b-1")], now, rank="page")
    await contacts.claim(session, browser.id or 0, [("email", chance.choice(_EMAILS))], now)
    some = [one for one in names if chance.random() < 0.5]
    people = [browser, *[await contacts.find_or_create(session, one, now - timedelta(days=9)) for one in some]]
    return [one.id or 0 for one in people]


def _cart(number: int, owner: int) -> Cart:
    line = {"product_id": str(number + 2), "variant_id": "", "sku": "", "quantity": 1, "price": 1}
    changed = _BEGAN + timedelta(days=number)
    return Cart(kind="cart", cart_id=f"c{number}", contact_id=owner, rank="person", items=[line], changed_at=changed)


def _order_before(number: int, chance: random.Random) -> Order:
    named = {"order_id": chance.choice([str(number), f"#{number}"]), "number": str(number)}
    store = chance.choice(["", stores.IMPORT, STORE])
    return Order(**named, store=store, ordered_at=_BEGAN + timedelta(days=number), changed_at=_BEGAN)
