"""Words as they came in (webhooks, events of nobody, what was refused) that tell of a person: found by their ids.

A search through whole columns, but a rare one. Whoever is asked for a copy gets only what names them beyond doubt;
whoever is forgotten leaves every row in which an id of theirs is written. An id that a page made up may be any word of
others' rows: it counts only where such an id stands.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from bot.base import stores
from bot.base.database import table
from bot.base.personal import Personal
from bot.contacts import belonging
from bot.contacts.belonging import Person
from bot.contacts.identity import normalise

_SHORTEST = 5
"""Shorter ids are parts of too many other words."""

AT_ONCE = 50
_FEW = 4 * AT_ONCE  # words; for more of them every row is read once
_ROWS = 200
_CUSTOMERS = frozenset({"customer_id", "customerid", "user_id", "userid"})
_ORDERS = frozenset({"order_id", "orderid", "orders_to_redact", "orders_requested"})
_CARTS = frozenset({"cart_id", "checkout_id", "cart_token", "checkout_token"})
_SHOPS = ("shopify", "woocommerce")
_MADE_UP = re.compile(
    r'"(?:anonymous_?id|previous_?id|user_?id|cart_id|checkout_id)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d+))', re.I
)
"""The places of ids that pages make up, in JSON, also in the beginning of one that was cut."""
_PLAIN = re.compile(r'["\\\r\n\t<>&]+')


@dataclass(frozen=True)
class Found:
    """A row with an id of the person in it. `certain`: the id stands where it names somebody. `claimed`: a page put it
    there, of which no browser of theirs sent it.
    """

    id: int
    certain: bool
    claimed: bool = False


async def find(
    session: AsyncSession, model: type[SQLModel], said: Personal, who: Person, *, made_up: bool = True
) -> list[Found]:
    """Rows of a table with raw words that seem to tell of the person; without `made_up` not by what a page made up."""
    rows = table(model)
    where, topic = belonging.only(model, said.raw_if), rows.c.get("topic", sa.literal(""))
    sender = sa.cast(rows.c.headers, sa.Text) if "headers" in rows.c else rows.c.get("store", sa.literal(""))
    rank = rows.c.get("rank", sa.literal("shop"))
    words = sa.cast(rows.c[said.raw], sa.Text)
    asked = sa.select(rows.c.id, words, topic, sender, rank).where(where)
    names = _Names.of(who)
    found: dict[int, Found] = {}
    async for row_id, text, about, place, by in _with(session, asked, words, names.searched):
        here = names if _of_theirs(who, str(place or "")) else names.in_themselves()
        found[row_id] = Found(row_id, here.certain(text, about), by == "page")
    async for row_id, text, *_ in _with(session, asked, words, names.made_up if made_up else ()):
        if names.made_up & {one.lower() for one in _made_up(text)}:
            found[row_id] = Found(row_id, certain=True)
    return [found[row_id] for row_id in sorted(found)]


Erased = Callable[[Collection[str]], Awaitable[tuple[Collection[str], Collection[str]]]]
"""Of ids that pages made up: those of browsers, and of carts, that were erased; both in lower case."""


async def find_some(
    session: AsyncSession, model: type[SQLModel], said: Personal, who: Person, erased: Erased, after: int, most: int
) -> tuple[list[Found], int | None]:
    """Of the next rows after an id those that tell of the person, or of browsers that were erased.

    Who they were is asked for the ids that stand there, so that their number does not matter. Returns the last id that
    was looked at, None if there was none.
    """
    rows = table(model)
    window = sa.select(rows.c.id).where(rows.c.id > after).order_by(rows.c.id).limit(most).subquery()
    last: int | None = await session.scalar(sa.select(sa.func.max(window.c.id)))
    if last is None:
        return [], None
    here = rows.c.id > after, rows.c.id <= last, belonging.only(model, said.raw_if)
    texts = (await session.execute(sa.select(rows.c.id, sa.cast(rows.c[said.raw], sa.Text)).where(*here))).all()
    made_up = {row_id: set(_made_up(text)) for row_id, text in texts}
    browsers, carts = await erased(set[str]().union(*made_up.values()))
    names, found = _Names.of(who).in_themselves(), []
    for row_id, text in texts:
        stand = {one.lower() for one in made_up[row_id]}
        if stand & set(browsers):
            found.append(Found(row_id, certain=True))
        elif any(word in text.lower() for word in names.searched):
            found.append(Found(row_id, names.certain(text, "")))
        elif stand & set(carts):
            found.append(Found(row_id, certain=False))  # of a cart others may tell, too
    return found, last


async def _with(
    session: AsyncSession, asked: sa.Select[Any], words: sa.ColumnElement[str], searched: Collection[str]
) -> AsyncIterator[Any]:
    """Rows with one of these words; of many words all rows, a few at a time."""
    if len(searched) <= _FEW:
        for part in parts(sorted(searched)):
            there = sa.or_(*(sa.func.lower(words).contains(word, autoescape=True) for word in part))
            for row in (await session.execute(asked.where(there))).all():
                yield row
        return
    number, last = asked.selected_columns[0], 0
    while some := (await session.execute(asked.where(number > last).order_by(number).limit(_ROWS))).all():
        for row in some:
            yield row
        last = some[-1][0]
        await asyncio.sleep(0)


def _made_up(text: str) -> Iterator[str]:
    for quoted, number in _MADE_UP.findall(text):
        value = quoted or number
        if "\\" in value:
            try:
                value = msgspec.json.decode(f'"{value}"', type=str)
            except ValueError:
                continue
        yield value.strip()


def _of_theirs(who: Person, sender: str) -> bool:
    """Whether numbers in it may be theirs: it came from a store that knows them, or from nobody knows where."""
    places = {store.partition(":")[2] for store in who.stores}
    return not sender or "" in places or not places or any(place in sender for place in places)


def parts(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many as one statement may look for."""
    for start in range(0, len(words), AT_ONCE):
        yield words[start : start + AT_ONCE]


@dataclass(frozen=True)
class _Names:
    """What names the person: in itself (`words`), or as the id of a customer, an order, a cart; or where ids stand
    that pages make up."""

    words: frozenset[str]
    phones: frozenset[str]
    customers: frozenset[str]
    orders: frozenset[str]
    carts: frozenset[str]
    made_up: frozenset[str]

    @classmethod
    def of(cls, who: Person) -> "_Names":
        own = {stores.plain(value).lower() for value in who.values("email", "user_id")}
        browsers = {stores.plain(value).lower() for value in who.values("anonymous_id", "claimed_user")}
        numbers = {_last(value) for value in who.values(*_SHOPS)} | {one for one in own if one.isdigit()}
        return cls(
            frozenset(one for one in own if not one.isdigit()),
            frozenset(who.values("phone")),
            frozenset(numbers),
            frozenset(_last(one) for one in who.orders),
            frozenset(_last(one).lower() for one in who.carts),
            frozenset(browsers | {one.lower() for one in who.page_carts}),
        )

    def in_themselves(self) -> "_Names":
        """Without numbers, which name somebody else at another store."""
        return replace(self, customers=frozenset(), orders=frozenset(), carts=frozenset())

    @property
    def searched(self) -> frozenset[str]:
        every = self.words | self.phones | self.customers | self.orders | self.carts
        return frozenset(one for one in every if len(one) >= _SHORTEST)

    def certain(self, text: str, topic: str) -> bool:
        """Whether the words are JSON in which one of these stands where it names somebody. `topic` is a webhook's."""
        try:
            value = msgspec.json.decode(text)
        except ValueError:
            return False
        about = topic.replace(".", "/").partition("/")[0].removesuffix("s")
        return any(self._names(*one) for one in _scalars(value, "", about))

    def _names(self, value: object, name: str, inside: str) -> bool:
        text = str(value).strip().lower()
        if text in self.words:
            return True
        if "phone" in name and normalise("phone", value) in self.phones:
            return True
        if name in _CUSTOMERS or (name == "id" and inside in ("customer", "user")):
            return text in self.customers
        if name in _ORDERS or (name == "id" and inside == "order"):
            return text in self.orders
        return name in _CARTS and text in self.carts


def _last(value: str) -> str:
    """The id itself: what the shop calls it, without the store before it."""
    return value.rpartition(":")[2]


def _scalars(value: object, name: str, inside: str) -> Iterator[tuple[object, str, str]]:
    """Each value with its own name and that of what it stands in, both in lower case."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _scalars(one, key.lower(), name or inside)
    elif isinstance(value, list):
        for one in value:
            yield from _scalars(one, name, inside)
    elif isinstance(value, str | int | float):
        yield value, name, inside


def plain(text: Any, shortest: int) -> str:
    """A piece of the text that reads the same in JSON, in HTML and cut short; empty if none is long enough."""
    found = max(_PLAIN.split(str(text)[:59]), key=len).strip()
    return found if len(found) >= shortest else ""
