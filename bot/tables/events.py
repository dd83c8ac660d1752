"""Things that happened: events as they came in, webhooks as they were delivered, and what was refused."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.due import DueRow, due_index
from bot.base.personal import By, Delete, Keeps, Personal, blank
from bot.tables.columns import json_value, long_text, moment, of_store, reference, row_id, source_rank

ASIDE = "status IN ('failed', 'refused')"
"""Events that somebody should look at, in the words of their index."""


def is_of_a_page(rows: sa.FromClause) -> sa.ColumnElement[bool]:
    """Events of pages wait in a queue of their own: in the very words of its indexes, or they are not used."""
    return rows.c.rank == sa.literal_column("'page'")


def is_of_others(rows: sa.FromClause) -> sa.ColumnElement[bool]:
    return rows.c.rank != sa.literal_column("'page'")


def _waiting(name: str, rule: str, *columns: str) -> sa.Index:
    where = sa.text(f"due_at IS NOT NULL AND {rule}")
    return sa.Index(f"ix_event_waiting_{name}", *columns, sqlite_where=where, postgresql_where=where)


class Event(DueRow, table=True):
    """One event under its Segment name (`Order Completed`). Due until it was applied, in the order of ids.

    `source` is the name of a key, `shopify`, `woocommerce` or `aftercart`; `rank` how far it is believed. `ts` is the
    corrected time at which it happened, `received_at` ours. `contact_id` is filled when it is applied. `kind` is track,
    identify, page, screen, group or alias. `body` keeps ids, traits, properties and context as they came. `status` is
    new, done, hint (it may end something, and counts for nothing), known (told before by another source), refused
    (`error` says why), erased (of a forgotten person) or failed. `store` is whose ids it names: said by its source, or
    found when it is applied. `browser` is there while it waits: what one browser tells is applied in its order.
    """

    __personal__ = Personal(
        "events", (By("contact_id"),), blank(body={}, browser=None, error=None), raw="body",
        raw_if={"contact_id": None}, ours="source rank store message_id kind name status",
        keeps=(Keeps("events", blank(body={}, browser=None, error=None), "received_at", only={"due_at": None}),),
    )  # fmt: skip

    __table_args__ = (
        sa.UniqueConstraint("source", "message_id"),
        due_index("event"),
        # What waits is new; without it before the time SQLite would take the index of all that is due.
        _waiting("pages", "rank = 'page'", "status", "due_at"),
        _waiting("others", "rank <> 'page'", "status", "due_at"),
        _waiting("browser", "rank = 'page'", "browser"),
        sa.Index("ix_event_contact", "contact_id", "name", "ts"),
        sa.Index("ix_event_aside", "id", sqlite_where=sa.text(ASIDE), postgresql_where=sa.text(ASIDE)),
    )

    id: int | None = row_id()
    source: str
    rank: str = source_rank()
    store: str = of_store()
    message_id: str
    kind: str = "track"
    name: str = ""
    ts: datetime = moment()
    received_at: datetime = moment()
    contact_id: int | None = reference("contact.id", null=True, index=False)
    body: dict[str, Any] = json_value()
    browser: str | None = None
    status: str = Field(default="new")
    error: str | None = None


class RejectedEvent(SQLModel, table=True):
    """An event that we answered 200 and could not take: the debugger list. `rank` is how far its sender is believed."""

    __personal__ = Personal(
        "events refused", (), Delete(), raw="body", keeps=(Keeps("events", Delete(), "received_at"),)
    )

    id: int | None = row_id()
    source: str
    rank: str = source_rank()
    reason: str
    body: str = long_text()
    received_at: datetime = moment()


class WebhookDelivery(DueRow, table=True):
    """A shop webhook as it was delivered, stored before it was answered. `status` is new, done, ignored or failed.

    `delivery_key` names the delivery, `event_key` the event behind it where the shop tells (several subscriptions
    deliver one event): neither comes twice. `rank` is that of a door that checks signatures.
    """

    __personal__ = Personal(
        "webhooks", (), blank(body="", error=None), raw="body", hidden="headers",
        ours="system rank topic delivery_key event_key headers status",
        keeps=(Keeps("events", blank(body="", error=None), "received_at", only={"due_at": None}),),
    )  # fmt: skip

    __table_args__ = (
        sa.UniqueConstraint("system", "delivery_key"),
        sa.UniqueConstraint("system", "event_key"),
        due_index("webhookdelivery"),
    )

    id: int | None = row_id()
    system: str
    rank: str = source_rank()
    topic: str
    delivery_key: str
    event_key: str | None = None
    headers: dict[str, Any] = json_value()
    body: str = long_text()
    received_at: datetime = moment()
    status: str = Field(default="new")
    error: str | None = None
