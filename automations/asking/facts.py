"""What is known about the people of one batch, loaded by a few queries however many they are."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import stores
from bot.base.database import table
from bot.events import page_words
from bot.tables.automations import Click, Enrolment
from bot.tables.events import Event
from bot.tables.outbox import Message
from bot.tables.people import Contact, Identity
from bot.tables.shop import Cart, Order, Product

Row = Mapping[str, Any]
Loader = Callable[[AsyncSession, "dict[int, Person]", Sequence[int], datetime], Awaitable[None]]

LOADERS: dict[str, Loader] = {}
"""More that may be needed of people, by its name: `@loads("tags")` in the file of the question that asks for it.
Each is called once a batch and puts what it found into `more` of each person."""


def loads(need: str) -> Callable[[Loader], Loader]:
    def register(load: Loader) -> Loader:
        LOADERS[need] = load
        return load

    return register


HANDED = ("handed", "sent", "unknown", "failed")
_CART_AGE = timedelta(days=35)
_ORDER_AGE = timedelta(days=400)
_VIEW_AGE = timedelta(days=31)
_VIEWS_EACH = 600
_WITH_PRODUCTS = frozenset({"orders", "carts", "views"})


@dataclass
class Person:
    """One contact and what was asked for. Lists are newest first. `products` are shared by the batch."""

    contact: Row
    emails: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    carts: list[Row] = field(default_factory=list)
    views: list[Row] = field(default_factory=list)
    taught: list[Row] = field(default_factory=list)
    tickets: list[Row] = field(default_factory=list)
    clicked_at: datetime | None = None
    more: dict[str, Any] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    products: "Products" = field(default_factory=lambda: Products([]))

    @property
    def id(self) -> int:
        return int(self.contact["id"])

    @property
    def email(self) -> str | None:
        """The newest address that still takes mail."""
        return next((one["value"] for one in self.emails if one["unreachable_at"] is None), None)

    @property
    def is_claimed(self) -> bool:
        """Whether only a page said who they are, or which address is theirs."""
        return bool(self.contact["claimed"]) or any(one.get("claimed") for one in self.emails)

    @property
    def names(self) -> tuple[str, str]:
        """First and last name as they may be written to; one that a page claimed only if it looks like a name."""
        first, last = str(self.contact["first_name"]), str(self.contact["last_name"])
        return (page_words.first_name(first), page_words.last_name(last)) if self.is_claimed else (first, last)

    def cart(self, kind: str, context: Row) -> Row | None:
        """The cart that the context names, or the newest of the kind where the event did not name one."""
        mine = [cart for cart in self.carts if cart["kind"] == kind and of_one_store(cart, context)]
        if cart_id := str(context.get(f"{kind}_id") or ""):
            return next((cart for cart in mine if cart["cart_id"] == cart_id), None)
        return mine[0] if mine else None

    def order(self, context: Row) -> Row | None:
        """The order that the context names; none if it could be several."""
        order_id = str(context.get("order_id") or "")
        mine = [
            one for one in self.orders
            if one["order_id"] == order_id and of_one_store(one, context) and not one.get("elsewhere")
        ]  # fmt: skip
        return mine[0] if len(mine) == 1 else None


def of_one_store(one: Row, other: Row) -> bool:
    """Whether ids of both can be of the same store: one that nobody named may be any."""
    return stores.fit(str(one.get("store") or ""), str(other.get("store") or ""))


class Products:
    """The catalogue as far as the batch needs it. What the shop never told us of counts as available."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {(row["store"], row["product_id"], row["variant_id"]): row for row in rows}
        self._stores: dict[str, set[str]] = {}
        for store, product_id, _ in self._rows:
            self._stores.setdefault(product_id, set()).add(store)

    def find(self, item: Row) -> Row | None:
        """As its store tells of it; of one that nobody named, what is the only one of that id."""
        product_id, variant_id = str(item.get("product_id") or ""), str(item.get("variant_id") or "")
        having = self._stores.get(product_id, set())
        named = str(item.get("store") or "")
        store = named if named in having else "" if "" in having else None
        if not named and len(having) == 1:
            (store,) = having
        if store is None:
            return None
        return self._rows.get((store, product_id, variant_id)) or self._rows.get((store, product_id, ""))

    def available(self, item: Row) -> bool:
        """In stock and published, and we can say what it is; a variant that is gone while its product is known is not.

        Of goods that nobody ever told us of, what a page calls them may not be shown: then it has no name.
        """
        found = self.find(item)
        if found is None:
            named, having = str(item.get("store") or ""), self._stores.get(str(item.get("product_id") or ""), set())
            unknown = named not in having if named else not having
            return bool(item.get("name")) and unknown
        return bool(found["published"]) and (found["stock"] is None or found["stock"] > 0)


async def load(
    session: AsyncSession, contact_ids: Collection[int], needs: Collection[str], now: datetime
) -> dict[int, Person]:
    """People by contact id. `products` brings the catalogue rows behind their carts, views and orders."""
    ids = sorted(set(contact_ids))
    if not ids:
        return {}
    contacts = table(Contact)
    found = await _rows(session, sa.select(contacts).where(among(contacts.c.id, ids)))
    people = {row["id"]: Person(row) for row in found}
    await learn(session, people, needs, now)
    return people


async def learn(session: AsyncSession, people: dict[int, Person], wanted: Collection[str], now: datetime) -> None:
    """Load of these people what is wanted and not known yet (`Person.known`)."""
    ids = sorted(people)
    needs = {need for need in wanted if any(need not in person.known for person in people.values())}
    if not needs:
        return
    if needs & _WITH_PRODUCTS and any("products" in person.known for person in people.values()):
        needs.add("products")
    for person in people.values():
        person.known |= needs
    if "addresses" in needs:
        await _addresses(session, people, ids)
    if "orders" in needs:
        orders = table(Order)
        recent = sa.select(orders).where(among(orders.c.contact_id, ids), orders.c.ordered_at > now - _ORDER_AGE)
        for row in await _rows(session, recent.order_by(orders.c.ordered_at.desc(), orders.c.id.desc())):
            people[row["contact_id"]].orders.append(_with_store(row))
        await _orders_of_owners(session, people, now)
    if "carts" in needs:
        carts = table(Cart)
        open_ones = sa.select(carts).where(among(carts.c.contact_id, ids), carts.c.changed_at > now - _CART_AGE)
        for row in await _rows(session, open_ones.order_by(carts.c.changed_at.desc(), carts.c.id.desc())):
            people[row["contact_id"]].carts.append(_with_store(row))
    if "views" in needs:
        await _views(session, people, ids, now)
    if "clicks" in needs:
        clicks = table(Click)
        last = sa.select(clicks.c.contact_id, sa.func.max(clicks.c.at).label("at")).where(
            among(clicks.c.contact_id, ids), clicks.c.label == "human"
        )
        for row in await _rows(session, last.group_by(clicks.c.contact_id)):
            people[row["contact_id"]].clicked_at = row["at"]
    if "taught" in needs:
        await _taught(session, people, ids, now)
    for need in sorted(set(needs) & set(LOADERS)):
        await LOADERS[need](session, people, ids, now)
    if "products" in needs:
        await _products(session, people)


def _with_store(row: Row) -> Row:
    """Each line says of which store it is, like the row."""
    return {**row, "items": [{**item, "store": row["store"]} for item in row["items"]]}


def among(column: sa.ColumnElement[Any], ids: Sequence[Any]) -> sa.ColumnElement[bool]:
    return column.in_(ids)


async def _rows(session: AsyncSession, query: sa.Select[Any]) -> Sequence[Row]:
    return [dict(row) for row in (await session.execute(query)).mappings()]


async def _addresses(session: AsyncSession, people: dict[int, Person], ids: Sequence[int]) -> None:
    known = table(Identity)
    emails = sa.select(known).where(among(known.c.contact_id, ids), known.c.kind == "email")
    for row in await _rows(session, emails.order_by(known.c.created_at.desc(), known.c.id.desc())):
        people[row["contact_id"]].emails.append(row)
    unknown = [contact_id for contact_id in ids if not people[contact_id].emails]
    for row in await contacts.claimed_addresses(session, unknown, "email") if unknown else ():
        people[row["contact_id"]].emails.append({**row, "claimed": True})


async def _orders_of_owners(session: AsyncSession, people: dict[int, Person], now: datetime) -> None:
    """A browser that says it is somebody's is not reminded of what that one has ordered. It shows them to nobody:
    they only stand beside its own when it is asked whether there is one.
    """
    pairs = await contacts.owners(session, people)
    if not pairs:
        return
    orders = table(Order)
    theirs = sa.select(orders).where(
        orders.c.contact_id.in_(sorted({owner for _, owner in pairs})), orders.c.ordered_at > now - _ORDER_AGE
    )
    for row in await _rows(session, theirs.order_by(orders.c.ordered_at.desc(), orders.c.id.desc())):
        for browser, owner in pairs:
            if owner == row["contact_id"]:
                people[browser].orders.append({**_with_store(row), "elsewhere": True})
    for browser in {browser for browser, _ in pairs}:
        people[browser].orders.sort(key=lambda row: (row["ordered_at"], row["id"]), reverse=True)


async def _views(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    events = table(Event)
    columns = [events.c[name] for name in ("id", "contact_id", "ts", "store", "body", "rank")]
    viewed = sa.select(*columns).where(
        among(events.c.contact_id, ids), events.c.name == "Product Viewed", events.c.ts > now - _VIEW_AGE
    )
    newest = viewed.order_by(events.c.ts.desc(), events.c.id.desc()).limit(_VIEWS_EACH * len(ids))
    for row in await _rows(session, newest):
        properties = row["body"].get("properties") or {}
        people[row["contact_id"]].views.append({**properties, "product_id": _text(properties, "product_id", "sku"),
                                                "variant_id": _text(properties, "variant_id"),
                                                "store": row["store"], "event_id": row["id"], "ts": row["ts"],
                                                "rank": row["rank"]})  # fmt: skip


def _text(properties: Row, *names: str) -> str:
    return next((str(properties[name]) for name in names if properties.get(name) not in (None, "")), "")


async def _taught(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    """Which care categories a person was written to about, by mail of their own or one that was merged."""
    messages, enrolments = table(Message), table(Enrolment)
    told = (
        sa.select(messages.c.contact_id, messages.c.enrolment_id, messages.c.flow, enrolments.c.context,
                  messages.c.settled_at, messages.c.created_at)
        .join(enrolments, enrolments.c.id == messages.c.enrolment_id)
        .where(among(messages.c.contact_id, ids), messages.c.created_at > now - timedelta(days=120))
        .where(sa.or_(messages.c.status.in_(HANDED[:3]), messages.c.skip_reason == "merged"))
    )  # fmt: skip
    for row in await _rows(session, told):
        people[row["contact_id"]].taught.append(
            {"flow": row["flow"], "order_id": row["context"].get("order_id"), "store": row["context"].get("store"),
             "category": row["context"].get("category"), "at": row["settled_at"] or row["created_at"]}
        )  # fmt: skip


async def _products(session: AsyncSession, people: dict[int, Person]) -> None:
    wanted: dict[str, None] = defaultdict()
    for person in people.values():
        for item in [item for row in (*person.carts, *person.orders[:20]) for item in row["items"]]:
            wanted[str(item.get("product_id") or "")] = None
        for view in person.views:
            wanted[view["product_id"]] = None
    ids = [product_id for product_id in wanted if product_id]
    products, found = table(Product), list[Row]()
    for start in range(0, len(ids), 10_000):
        part = ids[start : start + 10_000]
        told = sa.select(products).where(among(products.c.product_id, part), products.c.rank != "page")
        found += await _rows(session, told)
    shared = Products(found)
    for person in people.values():
        person.products = shared
