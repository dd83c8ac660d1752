"""Tickets, what was said in them, their clocks."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.due import DueRow, due_index
from bot.base.personal import By, Delete, Keeps, NotPersonal, Personal, blank
from bot.tables.columns import json_value, long_text, moment, reference, row_id

STATUSES = ("new", "open", "waiting_customer", "waiting_supplier", "snoozed", "resolved")
PRIORITIES = ("low", "normal", "high", "urgent")
KINDS = ("question", "complaint", "drill", "task")


class Ticket(DueRow, table=True):
    """A case. `number` is what people call it (#1042); `status`, `priority` and `kind` are of the lists above.

    `due_at` is when it wakes by itself: the end of a snooze, or the day it closes for being idle. `waiting_since` is
    the oldest message of the customer that nobody answered. `snooze_keeps`: the customer's words do not end a snooze.
    `merged_into` has the rest of a merged ticket.
    """

    __personal__ = Personal(
        "tickets", (By("contact_id"),), blank(tags=[]), ours="channel kind status priority language department tier",
    )  # fmt: skip

    __table_args__ = (
        sa.Index("ix_ticket_contact", "contact_id", "status"),
        sa.Index("ix_ticket_status", "status", "department"),
        due_index("ticket"),
    )

    id: int | None = row_id()
    number: int = Field(unique=True)
    contact_id: int = reference("contact.id", index=False)
    channel: str
    kind: str = Field(default="question", sa_column_kwargs={"server_default": "question"})
    status: str = "new"
    priority: str = "normal"
    language: str = "en"
    department: str = Field(default="", sa_column_kwargs={"server_default": ""})
    tier: str = Field(default="", sa_column_kwargs={"server_default": ""})
    tags: list[str] = json_value(list, empty="[]")
    assignee_id: int | None = reference("staffmember.id", null=True)
    spam: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    merged_into: int | None = Field(default=None, sa_type=sa.BigInteger)
    opened_at: datetime = moment()
    answered_at: datetime | None = moment(null=True)
    resolved_at: datetime | None = moment(null=True)
    waiting_since: datetime | None = moment(null=True)
    snoozed_until: datetime | None = moment(null=True)
    snooze_keeps: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})


class TicketLink(SQLModel, table=True):
    """Two tickets that belong together. `kind` is related, earlier, split or merged (from `ticket_id` into `other_id`).

    `moved` keeps what a merge needs to be taken back: `{"lines": [ids], "events": [ids], "status": ...}`.
    """

    __personal__ = Personal(
        "links", (By("ticket_id", "tickets"), By("other_id", "tickets")), ours="kind moved made_by", inside=True
    )

    __table_args__ = (sa.UniqueConstraint("ticket_id", "other_id", "kind"),)

    id: int | None = row_id()
    ticket_id: int = reference("ticket.id")
    other_id: int = reference("ticket.id")
    kind: str
    moved: dict[str, Any] = json_value()
    made_by: str
    made_at: datetime = moment()


class TicketMessage(SQLModel, table=True):
    """One thing said: by the customer, by staff, by the bot, or a note among staff.

    `author` is customer, staff, bot or note. `provider_key` names the original (`telegram:CHAT:MESSAGE`), unique so
    that a replay adds nothing. `at` is the provider's time of it, checked against ours (`received_at`).
    A bot conversation has no ticket yet. `attachment` is `{kind, file_id, name, album}` of the channel or empty.
    `text` is the newest wording (earlier ones are revisions). `held`: a flood or spam, kept from the topic until
    somebody looks. `deleted_at`: taken back from the customer. `asked_at`: since when a colleague is asked whether it
    is meant for the customer; only such a note may still be sent. `reply_to_id` is the line that it answers, `quote`
    the words out of that line (or of one that we do not know) that it takes up.
    """

    __personal__ = Personal(
        "conversation", (By("contact_id"),), blank(text="", attachment={}, quote=""), rule="forget_quotes",
        ours="channel author provider_key", apart={"author": ("note",)},
        keeps=(Keeps("conversations", blank(text="", attachment={}, quote=""), over=By("id", "lines")),),
    )  # fmt: skip

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
    reply_to_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    quote: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    held: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    at: datetime = moment()
    received_at: datetime = moment()
    accepted_at: datetime | None = moment(null=True)
    edited_at: datetime | None = moment(null=True)
    deleted_at: datetime | None = moment(null=True)
    asked_at: datetime | None = moment(null=True)


class MessageRevision(SQLModel, table=True):
    """An earlier wording of a line: what it said until it was edited at `at`. Appended to, never changed.

    `update_id` is the update that changed it: an older one comes too late.
    """

    __personal__ = Personal(
        "earlier wordings", (By("said_id", "lines"),), Delete(), shown=(By("said_id", "said"),),
        keeps=(Keeps("conversations", Delete(), over=By("said_id", "lines")),),
    )  # fmt: skip

    __table_args__ = (sa.UniqueConstraint("said_id", "number"),)

    id: int | None = row_id()
    said_id: int = reference("ticketmessage.id")
    number: int
    text: str = long_text()
    attachment: dict[str, Any] = json_value(empty="{}")
    update_id: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    at: datetime = moment()


class Mirror(SQLModel, table=True):
    """Where a line stands in Telegram beside its original: `side` is topic or customer.

    A line may stand in several messages (a long text): one row each. Several short lines may stand in one message.
    `form` says what can be changed there: text, caption or nothing. `thread_id` is the topic as it was then.
    """

    __personal__ = Personal("mirrors", (By("said_id", "lines"),), ours="side form", inside=True)

    __table_args__ = (sa.UniqueConstraint("chat_id", "message_id", "said_id"),)

    id: int | None = row_id()
    said_id: int = reference("ticketmessage.id")
    side: str
    form: str = Field(default="text", sa_column_kwargs={"server_default": "text"})
    chat_id: int = Field(sa_type=sa.BigInteger)
    thread_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    message_id: int = Field(sa_type=sa.BigInteger)


class TicketEvent(SQLModel, table=True):
    """The history of a ticket: every change with its actor and time; clocks can be computed again from it."""

    __personal__ = Personal(
        "ticket history", (By("ticket_id", "tickets"),), ours="actor name data", rule="forget_tags", inside=True
    )

    __table_args__ = (sa.Index("ix_ticketevent_ticket", "ticket_id", "at"),)

    id: int | None = row_id()
    ticket_id: int = reference("ticket.id", index=False)
    at: datetime = moment()
    actor: str
    name: str
    data: dict[str, Any] = json_value()


class CalendarVersion(SQLModel, table=True):
    """Opening hours as they once were: `body` rebuilds the calendar, `version` is its hash."""

    __personal__ = NotPersonal("opening hours")

    version: str = Field(primary_key=True)
    name: str
    body: dict[str, Any] = json_value()
    made_at: datetime = moment()


class SlaTimer(DueRow, table=True):
    """One measured promise. `metric` is first_response, next_response, resolution or fixed.

    With `in_days` 86,400 seconds of the target are a working day, else they are open time.
    `state` is running, paused, met, breached or cancelled; `reason` says why cancelled. `due_at` (of DueRow) is when
    somebody must look next (a warning, the breach, a step of the ladder); `target_at` is when the promise runs out.
    `cause` names a breach that is not the staff's (`delivery_delay`, `queue_delay`, `retarget`). `pauses` are pairs of
    instants (ISO 8601, the last may be open: `[start, null]`). `calendar` and `calendar_version` name the hours it
    was measured by. `warned` and `climbed` are the fractions and the steps of the ladder that were done.
    `breached_at` is when the promise ran out (or was changed to one that had run out), `detected_at` when it was seen;
    `auto_answered_at` the first answer of the bot. `settled_at` is empty while the history may still change it.
    Everything but `due_at`, its lease and `attempts` comes out of the history and is never changed by hand.
    """

    __personal__ = Personal(
        "clocks", (By("ticket_id", "tickets"),), inside=True,
        ours="metric policy channel calendar calendar_version pauses warned climbed state reason cause",
    )  # fmt: skip

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
    in_days: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    always_open: bool = False
    calendar: str = Field(default="", sa_column_kwargs={"server_default": ""})
    calendar_version: str = Field(default="", sa_column_kwargs={"server_default": ""})
    start_at: datetime = moment()
    target_at: datetime = moment()
    pauses: list[list[Any]] = json_value(list, empty="[]")
    warned: list[float] = json_value(list)
    climbed: list[str] = json_value(list, empty="[]")
    state: str = "running"
    reason: str | None = None
    cause: str | None = None
    answered_at: datetime | None = moment(null=True)
    agent_at: datetime | None = moment(null=True)
    auto_answered_at: datetime | None = moment(null=True)
    settled_at: datetime | None = moment(null=True)
    breached_at: datetime | None = moment(null=True)
    detected_at: datetime | None = moment(null=True)
    staff_id: int | None = reference("staffmember.id", null=True, index=False)
