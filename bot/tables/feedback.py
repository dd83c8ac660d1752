"""What customers think: ratings of tickets, and the board of what should be better."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.tables.columns import json_value, long_text, moment, reference, row_id


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


class Improvement(SQLModel, table=True):
    """One card of the board: a suggestion or a complaint of a department, and what became of it.

    `status` is noted, planned, in_progress, shipped or declined. `outcome` is what customers are told at the end, by
    language; `note` stays inside. `merged_into` has the voices of one that was like another.
    """

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
    made_by: str
    made_at: datetime = moment()
    changed_at: datetime = moment()


class Voice(SQLModel, table=True):
    """A customer who asked for it, told once on the channel they used. `told` is empty, queued, told or refused."""

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
    told_at: datetime | None = moment(null=True)


class ImprovementEvent(SQLModel, table=True):
    """The history of a card of the board."""

    id: int | None = row_id()
    improvement_id: int = reference("improvement.id")
    at: datetime = moment()
    actor: str
    name: str
    data: dict[str, Any] = json_value()
