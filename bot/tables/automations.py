"""Flows as published, people inside them, the links they clicked and the orders that followed."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.due import DueRow, due_index
from bot.base.personal import By, Delete, Drop, NotPersonal, Personal, blank
from bot.tables.columns import json_value, moment, reference, row_id


class FlowVersion(SQLModel, table=True):
    """A published flow, never changed afterwards. `status` is active, draining (people finish it) or stopped."""

    __personal__ = NotPersonal("flows as the shop wrote them")

    __table_args__ = (sa.UniqueConstraint("flow", "digest"),)

    id: int | None = row_id()
    flow: str = Field(index=True)
    number: int
    digest: str
    definition: dict[str, Any] = json_value()
    status: str = "active"
    published_at: datetime = moment()


class FlowPause(SQLModel, table=True):
    """A flow that rests until it is told to go on: nobody enters it, nobody moves, and its mails wait."""

    __personal__ = NotPersonal("the shop's own switch")

    flow: str = Field(primary_key=True)
    paused_at: datetime = moment()


class Enrolment(DueRow, table=True):
    """One person in one flow for one reason (`dedupe_key`). `status` is active, finished or exited.

    `anchor_ts` is the corrected time of the event that enrolled; `entered_at` ours. `step_id` is the step that runs
    when the row is due; while a message of it is on its way nothing is due. `context` is what the event said.
    `variant` is the arm of the flow's experiment.
    """

    __personal__ = Personal(
        "automations", (By("contact_id"),), blank(context={}), rule="stop_enrolments", merge="enrolments",
        ours="flow dedupe_key status step_id exit_reason variant",
    )  # fmt: skip

    __table_args__ = (
        sa.UniqueConstraint("flow", "dedupe_key"),
        due_index("enrolment"),
        sa.Index("ix_enrolment_contact", "contact_id", "status"),
    )

    id: int | None = row_id()
    flow: str
    version_id: int = reference("flowversion.id")
    contact_id: int = reference("contact.id", index=False)
    dedupe_key: str
    status: str = "active"
    step_id: str
    anchor_event_id: int | None = reference("event.id", null=True, index=False)
    anchor_ts: datetime = moment()
    entered_at: datetime = moment()
    step_entered_at: datetime = moment()
    planned_at: datetime | None = moment(null=True)
    resets: int = 0
    exit_reason: str | None = None
    exit_event_id: int | None = reference("event.id", null=True, index=False)
    variant: str = Field(default="", sa_column_kwargs={"server_default": ""})
    ended_at: datetime | None = moment(null=True)
    context: dict[str, Any] = json_value()


class Refusal(SQLModel, table=True):
    """Somebody whom a flow did not want although what starts it had happened: the newest time, and how often.

    `reason` is the word of the condition that said no, or re_entry, goal_reached, higher_flow, no_address, history,
    machine, resting.
    """

    __personal__ = Personal("flows that did not want them", (By("contact_id"),), Delete(), merge=Drop())

    __table_args__ = (sa.UniqueConstraint("contact_id", "flow"),)

    id: int | None = row_id()
    contact_id: int = reference("contact.id", index=False)
    flow: str
    reason: str
    event_id: int | None = reference("event.id", null=True, index=False)
    times: int = 1
    at: datetime = moment()


class Click(SQLModel, table=True):
    """A visit to a link of a message. `label` is human, or why we think that it was a machine."""

    __personal__ = Personal("clicks", (By("contact_id"), By("message_id", "messages")), blank(url=""), ours="label")

    __table_args__ = (sa.Index("ix_click_contact", "contact_id", "at"),)

    id: int | None = row_id()
    message_id: int = reference("message.id")
    contact_id: int | None = reference("contact.id", null=True, index=False)
    link: int
    url: str
    label: str
    at: datetime = moment()


class Credit(SQLModel, table=True):
    """An order credited to the message that brought it. `amount` follows the order: refunds take it back."""

    __personal__ = Personal("credits", (By("order_ref", "orders"),), ours="flow currency touches", inside=True)

    __table_args__ = (sa.UniqueConstraint("order_ref"),)

    id: int | None = row_id()
    order_ref: int = reference("orders.id", index=False)
    message_id: int = reference("message.id")
    flow: str | None = Field(default=None, index=True)
    amount: int = Field(sa_type=sa.BigInteger)
    currency: str
    touches: list[dict[str, Any]] = json_value(list)
    shadow: bool = False
    credited_at: datetime = moment()
