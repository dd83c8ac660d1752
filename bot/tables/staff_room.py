"""What belongs to the staff room: practice, how often a macro helped, and the log of what touched personal data."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.tables.columns import json_value, moment, reference, row_id


class Drill(SQLModel, table=True):
    """One practice ticket of a colleague. `said` are the script's lines that were played, `made` the points found."""

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

    name: str = Field(primary_key=True)
    used: int = 0
    last_used_at: datetime = moment()


class AuditEntry(SQLModel, table=True):
    """Who looked into or changed what: exports, erasures, blocks, settings made in chat. No personal data in `data`."""

    __table_args__ = (sa.Index("ix_auditentry_at", "at"),)

    id: int | None = row_id()
    at: datetime = moment()
    actor: str
    action: str
    subject: str
    data: dict[str, Any] = json_value()
