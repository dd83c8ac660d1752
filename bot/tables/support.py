"""Tickets, what was said in them, their clocks and ratings."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.due import DueRow, due_index
from bot.tables.columns import json_value, long_text, moment, reference, row_id


class Ticket(SQLModel, table=True):
    """A case. `number` is what people call it (#1042). `status` is new, open, waiting_customer or resolved."""

    __table_args__ = (sa.Index("ix_ticket_contact", "contact_id", "status"),)

    id: int | None = row_id()
    number: int = Field(unique=True)
    contact_id: int = reference("contact.id", index=False)
    channel: str
    status: str = "new"
    priority: str = "normal"
    language: str = "en"
    assignee_id: int | None = reference("staffmember.id", null=True)
    opened_at: datetime = moment()
    answered_at: datetime | None = moment(null=True)
    resolved_at: datetime | None = moment(null=True)


class TicketMessage(SQLModel, table=True):
    """One thing said: by the customer, by staff, by the bot, or a note among staff.

    `author` is customer, staff, bot or note. `provider_key` names the original (`telegram:CHAT:MESSAGE`), unique so
    that a replay adds nothing. `at` is the provider's time of it, checked against ours (`received_at`).
    A bot conversation has no ticket yet. `attachment` is `{kind, file_id, name}` of the channel or empty.
    """

    __table_args__ = (
        sa.UniqueConstraint("provider_key"),
        sa.Index("ix_ticketmessage_ticket", "ticket_id", "at"),
        sa.Index("ix_ticketmessage_contact", "contact_id", "at"),
    )

    id: int | None = row_id()
    contact_id: int = reference("contact.id", index=False)
    ticket_id: int | None = reference("ticket.id", null=True, index=False)
    channel: str
    author: str
    staff_id: int | None = reference("staffmember.id", null=True, index=False)
    text: str = long_text()
    attachment: dict[str, Any] = json_value()
    provider_key: str
    at: datetime = moment()
    received_at: datetime = moment()
    accepted_at: datetime | None = moment(null=True)


class TicketEvent(SQLModel, table=True):
    """The history of a ticket: every change with its actor and time; clocks can be computed again from it."""

    __table_args__ = (sa.Index("ix_ticketevent_ticket", "ticket_id", "at"),)

    id: int | None = row_id()
    ticket_id: int = reference("ticket.id", index=False)
    at: datetime = moment()
    actor: str
    name: str
    data: dict[str, Any] = json_value()


class SlaTimer(DueRow, table=True):
    """One measured promise. `state` is running, met, breached or cancelled; `reason` says why cancelled.

    Here `due_at` (of DueRow) is when somebody must look next (a warning or the breach); `target_at` is when the
    promise runs out. `cause` names a breach that is not the staff's (`delivery_delay`, `retarget`).
    """

    __table_args__ = (
        sa.UniqueConstraint("ticket_id", "metric", "cycle"),
        due_index("slatimer"),
        sa.Index("ix_slatimer_start", "start_at"),
    )

    id: int | None = row_id()
    ticket_id: int = reference("ticket.id", index=False)
    metric: str
    cycle: int = 1
    policy: str
    channel: str
    target_seconds: int
    always_open: bool = False
    start_at: datetime = moment()
    target_at: datetime = moment()
    warned: list[float] = json_value(list)
    state: str = "running"
    reason: str | None = None
    cause: str | None = None
    answered_at: datetime | None = moment(null=True)
    agent_at: datetime | None = moment(null=True)
    settled_at: datetime | None = moment(null=True)
    detected_at: datetime | None = moment(null=True)
    staff_id: int | None = reference("staffmember.id", null=True, index=False)


class Rating(SQLModel, table=True):
    """How a customer felt about a closed ticket: 1 to 5, one per time it was resolved."""

    __table_args__ = (sa.UniqueConstraint("ticket_id", "cycle"),)

    id: int | None = row_id()
    ticket_id: int = reference("ticket.id", index=False)
    contact_id: int = reference("contact.id")
    cycle: int = 1
    asked_at: datetime = moment()
    score: int | None = None
    comment: str = long_text()
    rated_at: datetime | None = moment(null=True)
