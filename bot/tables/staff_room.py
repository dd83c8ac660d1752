"""What belongs to the staff room: practice, how often a macro helped, and the log of what touched personal data."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.personal import By, Delete, Keeps, NotPersonal, Personal
from bot.tables.columns import json_value, long_text, moment, reference, row_id


class Drill(SQLModel, table=True):
    """One practice ticket of a colleague. `said` are the script's lines that were played, `made` the points found."""

    __personal__ = Personal("drills", (By("ticket_id", "tickets"),), ours="scenario language points", inside=True)

    id: int | None = row_id()
    staff_id: int = reference("staffmember.id")
    ticket_id: int = reference("ticket.id")
    scenario: str
    language: str
    step: int = 0
    points: dict[str, Any] = json_value()
    score: int | None = None
    started_at: datetime = moment()
    ended_at: datetime | None = moment(null=True)


class MacroUse(SQLModel, table=True):
    """How often a macro was used."""

    __personal__ = NotPersonal("how often a macro was used")

    name: str = Field(primary_key=True)
    used: int = 0
    last_used_at: datetime = moment()


class Draft(SQLModel, table=True):
    """Words that were shown to a colleague, to be sent as they stand or not at all.

    `source` is `macro:NAME`, `faq:ID` or `past:LINE`. `actions` run when the customer has the words (`said_id`).
    `orders` are the rows of which they tell: noted when they are sent.
    `warned`: the colleague was told that somebody else is answering.
    """

    __personal__ = Personal(
        "drafts", (By("ticket_id", "tickets"),), Delete(), rule="forget_drafts", inside=True,
        keeps=(Keeps("conversations", Delete(), over=By("ticket_id", "tickets")),),
    )  # fmt: skip

    id: int | None = row_id()
    ticket_id: int = reference("ticket.id")
    staff_id: int = reference("staffmember.id", index=False)
    source: str
    text: str = long_text()
    actions: list[str] = json_value(list)
    orders: list[int] = json_value(list, empty="[]")
    warned: bool = False
    made_at: datetime = moment()
    ended_at: datetime | None = moment(null=True)
    said_id: int | None = Field(default=None, sa_type=sa.BigInteger, index=True)


class AuditEntry(SQLModel, table=True):
    """Who looked into or changed what: exports, erasures, blocks, settings made in chat. No personal data in `data`."""

    __personal__ = Personal(
        "who looked", (By("subject", "subjects"),), ours="actor action subject data",
        keeps=(Keeps("audit", Delete(), "at"),),
    )  # fmt: skip

    __table_args__ = (sa.Index("ix_auditentry_at", "at"),)

    id: int | None = row_id()
    at: datetime = moment()
    actor: str
    action: str
    subject: str
    data: dict[str, Any] = json_value()
