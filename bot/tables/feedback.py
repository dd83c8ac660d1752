"""What customers think: ratings of tickets, surveys, and the board of what should be better."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.personal import By, Keeps, One, Personal, blank
from bot.tables.columns import json_value, long_text, moment, of_store, reference, row_id


class Rating(SQLModel, table=True):
    """How a customer felt about a closed ticket: 1 to 5, one per time it was resolved.

    `staff_id` and `department` are who had the ticket when it was asked. `withdrawn`: never put to the customer,
    because the ticket was taken up again before the question left.
    """

    __personal__ = Personal(
        "ratings", (By("contact_id"),), blank(comment=""), ours="department",
        keeps=(Keeps("conversations", blank(comment=""), over=By("ticket_id", "tickets")),),
    )  # fmt: skip

    __table_args__ = (sa.UniqueConstraint("ticket_id", "cycle"), sa.Index("ix_rating_asked", "asked_at"))

    id: int | None = row_id()
    ticket_id: int = reference("ticket.id", index=False)
    contact_id: int = reference("contact.id")
    cycle: int = 1
    asked_at: datetime = moment()
    score: int | None = None
    comment: str = long_text()
    rated_at: datetime | None = moment(null=True)
    staff_id: int | None = reference("staffmember.id", null=True, index=False)
    department: str = Field(default="", sa_column_kwargs={"server_default": ""})
    withdrawn: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})


class Confirmation(SQLModel, table=True):
    """The question whether a complaint is fixed, one per time it was resolved.

    `answer` is empty, yes, no, unconfirmed (nobody answered in time) or reopened (taken up again before an answer).
    """

    __personal__ = Personal("confirmations", (By("contact_id"),), ours="answer")

    __table_args__ = (
        sa.UniqueConstraint("ticket_id", "cycle"),
        sa.Index("ix_confirmation_answer", "answer", "asked_at"),
    )

    id: int | None = row_id()
    ticket_id: int = reference("ticket.id", index=False)
    contact_id: int = reference("contact.id")
    cycle: int = 1
    owner_id: int | None = reference("staffmember.id", null=True, index=False)
    asked_at: datetime = moment()
    answer: str = Field(default="", sa_column_kwargs={"server_default": ""})
    answered_at: datetime | None = moment(null=True)


class SurveyAnswer(SQLModel, table=True):
    """What somebody answered to the survey of a mail: `survey` is the flow that asked, `order_id` what about.

    `kind` is nps (0 to 10) or csat (1 to 5). `answered_at` is the first answer; for a day the last one counts.
    """

    __personal__ = Personal(
        "surveys", (By("contact_id"),), blank(comment=""), ours="survey kind order_id store",
        merge=One(("survey", "order_id", "store"), last="changed_at"),
        keeps=(Keeps("conversations", blank(comment=""), "changed_at"),),
    )  # fmt: skip

    __table_args__ = (
        sa.UniqueConstraint("survey", "contact_id", "order_id", "store"),
        sa.Index("ix_surveyanswer_answered", "answered_at"),
    )

    id: int | None = row_id()
    survey: str
    kind: str
    contact_id: int = reference("contact.id")
    order_id: str = ""
    store: str = of_store()
    message_id: int | None = reference("message.id", null=True, index=False)
    score: int
    comment: str = long_text()
    answered_at: datetime = moment()
    changed_at: datetime = moment()


class Improvement(SQLModel, table=True):
    """One card of the board: a suggestion or a complaint of a department, and what became of it.

    `status` is noted, planned, in_progress, shipped or declined. `outcome` is what customers are told at the end, by
    language; `note` stays inside. `merged_into` has the voices of one that was like another. `words_of` is whose words
    the title repeats, or who they were said about; None once a colleague found other ones.
    """

    __personal__ = Personal(
        "cards of the board", (By("words_of"),), blank(title="…", note="", words_of=None), rule="forget_titles",
        ours="kind department status outcome made_by", hidden="note made_by outcome department merged_into",
    )  # fmt: skip

    __table_args__ = (sa.Index("ix_improvement_status", "status", "department"),)

    id: int | None = row_id()
    number: int = Field(unique=True)
    kind: str
    department: str
    title: str
    status: str = "noted"
    note: str = long_text()
    outcome: dict[str, str] = json_value()
    merged_into: int | None = Field(default=None, sa_type=sa.BigInteger)
    words_of: int | None = reference("contact.id", null=True)
    made_by: str
    made_at: datetime = moment()
    changed_at: datetime = moment()


class Voice(SQLModel, table=True):
    """A customer who asked for it, told once on the channel they used.

    `told` is empty, queued, told, refused (`why`: opted_out, blocked, unreachable, …) or unknown (it may have arrived).
    """

    __personal__ = Personal(
        "wishes", (By("contact_id"),), rule="tell_no_more", merge="voices", ours="channel language told why"
    )

    __table_args__ = (sa.UniqueConstraint("improvement_id", "contact_id"),)

    id: int | None = row_id()
    improvement_id: int = reference("improvement.id")
    contact_id: int = reference("contact.id")
    said_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    ticket_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    channel: str
    language: str
    asked_at: datetime = moment()
    told: str = ""
    why: str = Field(default="", sa_column_kwargs={"server_default": ""})
    told_at: datetime | None = moment(null=True)


class ImprovementEvent(SQLModel, table=True):
    """The history of a card of the board. `words_of`: whose words stand in `data` (an earlier title)."""

    __personal__ = Personal(
        "history of cards", (By("words_of"),), blank(data={}, words_of=None), ours="actor name", inside=True
    )

    id: int | None = row_id()
    improvement_id: int = reference("improvement.id")
    at: datetime = moment()
    actor: str
    name: str
    data: dict[str, Any] = json_value()
    words_of: int | None = reference("contact.id", null=True)
