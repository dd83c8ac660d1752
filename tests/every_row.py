"""A row for every table and every way in which its rows can be a person's, with a word of theirs in each column."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from conftest import NOON
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from bot.base import ids, personal
from bot.base.database import table
from bot.base.personal import By
from bot.tables.automations import Enrolment, FlowVersion
from bot.tables.chat import StaffMember
from bot.tables.feedback import Improvement
from bot.tables.outbox import Message
from bot.tables.people import Contact, Identity
from bot.tables.shop import Cart, Order
from bot.tables.support import Ticket, TicketEvent, TicketMessage

SECRET = "a secret of the tests"
_number = itertools.count(70_000_001)


def number() -> int:
    """One that nothing else has."""
    return next(_number)


@dataclass
class Somebody:
    """A person with one row of each kind that others hang on. `words` are theirs, by table and column."""

    name: str
    at: datetime = NOON
    ids: dict[str, int] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)

    @classmethod
    async def come(cls, session: AsyncSession, name: str, at: datetime = NOON) -> "Somebody":
        made = cls(name, at)
        made.known = {
            "email": f"{name}{number()}@example.org", "user_id": f"user-{name}-{number()}", "telegram": str(number()),
            "anonymous_id": f"browser-{name}-{number()}", "shopify": str(number()), "phone": f"49{number()}",
        }  # fmt: skip
        for model in (
            Contact,
            StaffMember,
            FlowVersion,
            Improvement,
            Ticket,
            TicketMessage,
            Order,
            Cart,
            Enrolment,
            Message,
        ):
            own = {"contact_id": made.ids.get("contact"), "order_id": f"order-{name}", "cart_id": f"cart-of-{name}"}
            await made.add(session, model, own)
        for kind, value in made.known.items():
            row = {"contact_id": made.ids["contact"], "kind": kind, "value": value}
            await made.add(session, Identity, row)
        return made

    async def add(self, session: AsyncSession, model: type[SQLModel], given: Mapping[str, Any]) -> None:
        """A row of theirs, in which all references are to rows of theirs unless `given` says otherwise."""
        rows = table(model)
        known = {key: value for key, value in given.items() if key in rows.c}
        values = {**self._row(model, known), **known}
        made = await session.execute(sa.insert(rows).values(values))
        if "id" in rows.c:
            self.ids.setdefault(rows.name, made.inserted_primary_key[0])  # type: ignore[attr-defined]

    def _row(self, model: type[SQLModel], given: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for column in table(model).columns:
            if column.name in given or (column.primary_key and column.name == "id"):
                continue
            if column.foreign_keys:
                target = next(iter(column.foreign_keys)).column.table.name
                found[column.name] = self.ids.get(target)
            else:
                found[column.name] = self._value(model, column)
        return {name: value for name, value in found.items() if value is not None}

    def _value(self, model: type[SQLModel], column: sa.Column[Any]) -> Any:
        if column.name in personal.words(model):
            return self._word(model, column)
        if column.name in ("due_at", "lease_until", "lease_by", "merged_into", "deleted_at", "until"):
            return None
        if isinstance(column.type, sa.Boolean):
            return False
        if isinstance(column.type, sa.Integer):
            return number()
        return 1.0 if isinstance(column.type, sa.Float) else self.at

    def _word(self, model: type[SQLModel], column: sa.Column[Any]) -> Any:
        said = personal.of(model)
        ours = isinstance(said, personal.NotPersonal) or column.name in said.ours.split()
        word = f"{'ours' if ours else 'word'}-{self.name}-{number()}"
        if not ours:
            self.words[word] = f"{table(model).name}.{column.name}"
        if isinstance(column.type, sa.JSON):
            return {"said": word}
        return word.encode() if isinstance(column.type, sa.LargeBinary) else word


async def fill(session: AsyncSession, who: Somebody, other: Somebody) -> None:
    """A row in every table for each way in which it can be theirs; all else in it is of somebody else."""
    for model, said in personal.registry().items():
        for by in said.whose:
            before = set(who.words)
            await _add(session, who, other, model, {by.column: _holds(who, by)})
            if not said.inside and by in (said.shown or said.whose):
                hidden = {f"{table(model).name}.{column}" for column in said.hidden.split()}
                who.shown |= {word for word in set(who.words) - before if who.words[word] not in hidden}
        if said.raw:
            await _add_raw(session, who, other, model, said)


async def _add(
    session: AsyncSession, who: Somebody, other: Somebody, model: type[SQLModel], given: Mapping[str, Any]
) -> None:
    """References that may be empty are; the others are to somebody else's rows."""
    if model in (Contact, Identity):
        return  # they came with the person
    values = dict(given)
    for column in table(model).columns:
        if column.foreign_keys and column.name not in given:
            target = next(iter(column.foreign_keys)).column.table.name
            values[column.name] = None if column.nullable else other.ids[target]
    if model is TicketEvent:
        word = f"word-{who.name}-{number()}"
        who.words[word] = "ticketevent.data"
        values |= {"name": "tags_changed", "data": {"added": [word], "removed": [word]}}
    await who.add(session, model, values)


async def _add_raw(
    session: AsyncSession, who: Somebody, other: Somebody, model: type[SQLModel], said: personal.Personal
) -> None:
    for named in (
        {"customer": {"id": int(who.known["shopify"])}},
        {"email": who.known["email"].upper()},
        {"anonymousId": who.known["anonymous_id"]},
        {"properties": {"order_id": f"order-{who.name}"}},
    ):
        word = f"word-{who.name}-{number()}"
        who.words[word] = f"{table(model).name}.{said.raw}"
        who.shown.add(word)
        body: Any = {**named, "note": word}
        if not isinstance(table(model).c[said.raw].type, sa.JSON):
            body = msgspec.json.encode(body).decode()
        believed = {"rank": "shop"} if "rank" in table(model).c else {}
        await _add(session, who, other, model, {said.raw: body, **believed})


def _holds(who: Somebody, by: By) -> Any:
    row = {"contacts": "contact", "tickets": "ticket", "lines": "ticketmessage", "orders": "orders",
           "messages": "message"}  # fmt: skip
    if by.of in row:
        return who.ids[row[by.of]]
    return {
        "addresses": who.known["email"],
        "devices": who.known["anonymous_id" if by.column == "anonymous_id" else "user_id"],
        "chats": int(who.known["telegram"]),
        "hashes": ids.hash_address(who.known["email"], SECRET),
        "subjects": f"contact:{who.ids['contact']}",
    }[by.of]


async def found(session: AsyncSession, words: Mapping[str, str]) -> list[str]:
    """Where in the whole database any of the words stands: `word of TABLE.COLUMN in TABLE.COLUMN`."""
    left = []
    for name, rows in SQLModel.metadata.tables.items():
        for row in (await session.execute(sa.select(rows))).mappings():
            for column, value in row.items():
                text = str(value)
                if "word-" in text:
                    left += [f"{words[word]} in {name}.{column}" for word in words if word in text]
    return left
