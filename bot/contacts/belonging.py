"""Which rows of a table are a person's, as the table declares it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from bot import tables
from bot.base import ids, stores
from bot.base.database import table
from bot.base.personal import By
from bot.contacts.joined_customers import kind_before
from bot.tables.outbox import Message
from bot.tables.people import Contact, Identity
from bot.tables.shop import Cart, Order
from bot.tables.support import Ticket, TicketMessage

assert tables  # every table must be known before the registry is read

_contacts, _known = table(Contact), table(Identity)
_tickets, _lines = table(Ticket), table(TicketMessage)
_orders, _messages, _carts = table(Order), table(Message), table(Cart)


@dataclass(frozen=True)
class Person:
    """What a person's rows hang on: the contact with whoever was merged into it, and what they are known by.

    `people` makes one of many, for what is done to all of them alike. `lines` are what was said to and by them, without
    notes of staff. `hashes` are those of their addresses; without a secret there are none. `carts` are those that the
    shop told of, `page_carts` have ids that a page made up. `stores` are those that their orders, carts and customer
    numbers are of.
    """

    contacts: Sequence[int]
    tickets: Sequence[int]
    lines: Sequence[int]
    known: Sequence[tuple[str, str]] = ()
    hashes: Sequence[str] = ()
    orders: frozenset[str] = field(default=frozenset())
    carts: frozenset[str] = field(default=frozenset())
    page_carts: frozenset[str] = field(default=frozenset())
    stores: frozenset[str] = field(default=frozenset())

    def values(self, *kinds: str) -> list[str]:
        return [value for kind, value in self.known if kind in kinds]


async def person(session: AsyncSession, contact_id: int, secret: str = "") -> Person:
    return await people(session, [contact_id], secret)


async def people(session: AsyncSession, contact_ids: Sequence[int], secret: str = "") -> Person:
    """Many contacts as if they were one person. At most some thousands: their ids go into every statement."""
    whole = sa.or_(_contacts.c.id.in_(contact_ids), _contacts.c.merged_into.in_(contact_ids))
    every = list((await session.scalars(sa.select(_contacts.c.id).where(whole))).all())
    mine = sa.select(_tickets.c.id).where(_tickets.c.contact_id.in_(every))
    said = sa.select(_lines.c.id).where(_lines.c.contact_id.in_(every), _lines.c.author != "note")
    names = sa.select(_known.c.kind, _known.c.value).where(_known.c.contact_id.in_(every))
    known = [(kind_before(kind), value) for kind, value in (await session.execute(names)).all()]
    orders = sa.select(_orders.c.order_id, _orders.c.store).where(_orders.c.contact_id.in_(every))
    carts = sa.select(_carts.c.cart_id, _carts.c.store, _carts.c.rank).where(_carts.c.contact_id.in_(every))
    ordered, filled = (await session.execute(orders)).all(), (await session.execute(carts)).all()
    where = {stores.store_of(value) for kind, value in known if kind in ("shopify", "woocommerce")}
    return Person(
        every,
        list((await session.scalars(mine)).all()),
        list((await session.scalars(said)).all()),
        known,
        [ids.hash_address(value, secret) for _, value in known] if secret else (),
        frozenset(number for number, _ in ordered),
        frozenset(number for number, _, rank in filled if rank != "page"),
        frozenset(number for number, _, rank in filled if rank == "page"),
        frozenset({store for _, store, *_ in (*ordered, *filled)} | where),
    )


def theirs(model: type[SQLModel], whose: Sequence[By], who: Person) -> sa.ColumnElement[bool]:
    """The rows that are theirs by any of these columns."""
    columns = table(model).c
    return sa.or_(sa.false(), *(columns[by.column].in_(_of(by, who)) for by in whose))


def only(model: type[SQLModel], values: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    """The rows with these values; None: with nothing there."""
    columns = table(model).c
    return sa.and_(sa.true(), *(columns[name].is_not_distinct_from(value) for name, value in values.items()))


def _of(by: By, who: Person) -> Any:
    """What `by` may hold for this person: a list, or a selection where it may be too long for one."""
    contacts = list(who.contacts)
    every: dict[str, Any] = {
        "contacts": contacts,
        "tickets": sa.select(_tickets.c.id).where(_tickets.c.contact_id.in_(contacts)),
        "lines": sa.select(_lines.c.id).where(_lines.c.contact_id.in_(contacts)),
        "said": sa.select(_lines.c.id).where(_lines.c.contact_id.in_(contacts), _lines.c.author != "note"),
        "orders": sa.select(_orders.c.id).where(_orders.c.contact_id.in_(contacts)),
        "messages": sa.select(_messages.c.id).where(_messages.c.contact_id.in_(contacts)),
        "addresses": who.values("email"),
        "devices": who.values("user_id", "anonymous_id"),
        "chats": [int(value) for value in who.values("telegram")],
        "hashes": list(who.hashes),
        "subjects": [f"contact:{one}" for one in contacts],
    }
    return every[by.of]
