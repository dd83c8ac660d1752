"""What people and shop systems ask of us about personal data, and what became of it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from bot.base.due import DueRow, due_index
from bot.base.personal import By, Personal, blank
from bot.tables.columns import json_value, moment, reference, row_id


class PrivacyTask(DueRow, table=True):
    """One request: `kind` is copy, forget or wipe (a whole store), `status` open, done, or
    erased (there is nobody any more). `browsers` is the rest of a forgetting: what claims to be that person.

    `key` names the request at whoever made it (`source`): it never comes twice. `known` are pairs of kind and value
    that name the person, `asked` is what else was said. `deadline` is the end of a day in the shop's zone. Due when it
    is to be looked at: run by itself, or told again. `told` are the reminders that went out, `file` the copy that was
    written, `outcome` in one word what became of it.
    """

    __personal__ = Personal(
        "requests", (By("contact_id"),), blank(known=[], asked={}, file=""), rule="end_requests",
        ours="kind source store key status told done_by outcome", hidden="file", raw="known",
        raw_if={"contact_id": None}, spare={"kind": "browsers"},
    )  # fmt: skip
    __table_args__ = (sa.UniqueConstraint("key"), due_index("privacytask"))

    id: int | None = row_id()
    kind: str
    source: str
    store: str = ""
    key: str
    contact_id: int | None = reference("contact.id", null=True)
    known: list[list[str]] = json_value(list)
    asked: dict[str, Any] = json_value()
    status: str = "open"
    asked_at: datetime = moment()
    deadline: datetime = moment()
    told: list[str] = json_value(list)
    done_at: datetime | None = moment(null=True)
    done_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    outcome: str = Field(default="", sa_column_kwargs={"server_default": ""})
    file: str = Field(default="", sa_column_kwargs={"server_default": ""})
