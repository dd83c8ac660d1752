"""The outbox: everything that leaves, one row per message, written with the change that caused it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from bot.base.due import DueRow, due_index
from bot.base.personal import By, Keeps, Personal, blank
from bot.tables.columns import json_value, moment, reference, row_id


class Message(DueRow, table=True):
    """One message on its way.

    `channel` picks the sender (email, telegram, staff_topic). `purpose` says what it is for and who hears of its end:
    answer, auto_answer, rating, relay, card, notice, marketing. `once` messages are never sent again by themselves.
    `receiver` orders: messages to one receiver leave one after another. `key` is the idempotency key.
    `status`: planned → claimed → handed → sent | deferred | failed | unknown | skipped | withheld.
    `verdicts` keeps the answers of the gate by reason, and what is still to be counted when the payload is emptied (the
    channel, the kind of a survey); `skip_reason` is the first that said no.
    """

    __personal__ = Personal(
        "messages sent", (By("contact_id"), By("ticket_id", "tickets"), By("said_id", "lines")),
        blank(payload={}, receiver="erased", error=None), rule="stop_messages",
        ours="key channel purpose flow step_id template revision status skip_reason verdicts provider_id",
        apart={"channel": ("staff_topic",)}, shown=(By("contact_id"),),
        keeps=(Keeps("messages", blank(payload={}, error=None), "settled_at", only={"due_at": None}),),
    )  # fmt: skip

    __table_args__ = (
        sa.UniqueConstraint("key"),
        sa.UniqueConstraint("enrolment_id", "step_id"),
        due_index("message", "channel"),
        sa.Index(
            "ix_message_waiting",
            "channel",
            "receiver",
            "id",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        ),
        sa.Index(
            "ix_message_put_off",
            "skip_reason",
            sqlite_where=sa.text("skip_reason IS NOT NULL AND due_at IS NOT NULL"),
            postgresql_where=sa.text("skip_reason IS NOT NULL AND due_at IS NOT NULL"),
        ),
        sa.Index("ix_message_contact", "contact_id", "handed_at"),
        sa.Index("ix_message_receiver", "receiver", "handed_at"),
        sa.Index("ix_message_ticket", "ticket_id"),
    )

    id: int | None = row_id()
    key: str
    channel: str
    purpose: str
    once: bool = False
    receiver: str
    priority: int = 50
    payload: dict[str, Any] = json_value()
    contact_id: int | None = reference("contact.id", null=True, index=False)
    ticket_id: int | None = reference("ticket.id", null=True, index=False)
    said_id: int | None = reference("ticketmessage.id", null=True, index=False)
    enrolment_id: int | None = reference("enrolment.id", null=True, index=False)
    flow: str | None = Field(default=None, index=True)
    step_id: str | None = None
    template: str | None = None
    revision: str | None = None
    status: str = "planned"
    skip_reason: str | None = None
    verdicts: dict[str, Any] = json_value()
    error: str | None = None
    provider_id: str | None = None
    defers: int = 0
    planned_at: datetime = moment()
    created_at: datetime = moment()
    handed_at: datetime | None = moment(null=True)
    settled_at: datetime | None = moment(null=True)
