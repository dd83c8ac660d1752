"""Browsers that claim to be somebody, and a search through the whole database for what is left of them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from conftest import NOON
from sqlmodel import SQLModel

from bot.base.database import Database
from bot.tables.events import Event, RejectedEvent
from bot.tables.people import ClaimedIdentity, Contact, Identity
from bot.tables.shop import Cart


async def browsers(database: Database, names: Sequence[str], address: str) -> None:
    """Browsers of which pages say that they are of this address, with an event, a cart and what was rejected."""
    async with database.transaction() as session:
        made = [Contact(created_at=NOON, claimed=True, first_name=f"Eve {name}") for name in names]
        session.add_all(made)
        await session.flush()
        for one, name in zip(made, names, strict=True):
            assert one.id is not None
            known: dict[str, Any] = {"contact_id": one.id, "created_at": NOON}
            session.add(Identity(**known, kind="anonymous_id", value=name, rank="page"))
            session.add(ClaimedIdentity(contact_id=one.id, kind="email", value=address, at=NOON))
            body = {"anonymousId": name, "properties": {"cart_id": f"c-{name}"}, "traits": {"email": address}}
            session.add(
                Event(source="page", message_id=f"m{one.id}", ts=NOON, received_at=NOON, contact_id=one.id, body=body)
            )
            told = f'{{"anonymousId": "{name}", "properties": {{"name": "cut her'
            session.add(RejectedEvent(source="page", reason="x", body=told, received_at=NOON))
            at = {"contact_id": one.id, "page_of": one.id, "changed_at": NOON}
            session.add(Cart(**at, kind="cart", cart_id=f"c{one.id}", rank="page", url=f"/of/{name}"))


async def holding(database: Database, *words: str) -> list[str]:
    """Every column of every table that has one of the words."""
    left = []
    async with database.reading() as session:
        for name, rows in SQLModel.metadata.tables.items():
            for row in (await session.execute(sa.select(rows))).mappings():
                left += [f"{word}: {name}.{key}" for key, value in row.items() for word in words if word in str(value)]
    return left


class Touched:
    """The rows that each transaction wrote."""

    def __init__(self, database: Database) -> None:
        self.engine = database.engine.sync_engine
        self.counts = [0]

    def __enter__(self) -> "Touched":
        sa.event.listen(self.engine, "begin", self._begun)
        sa.event.listen(self.engine, "after_cursor_execute", self._done)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self.engine, "begin", self._begun)
        sa.event.remove(self.engine, "after_cursor_execute", self._done)

    def _begun(self, _connection: sa.Connection) -> None:
        self.counts.append(0)

    def _done(self, _connection: object, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            self.counts[-1] += max(cursor.rowcount, len(parameters) if isinstance(parameters, list) else 0)
