"""Telegram as we meet it: raw updates stored first, chats leased one at a time, staff topics, staff members."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.due import DueRow, due_index
from bot.base.personal import By, NotPersonal, Personal, blank
from bot.tables.columns import json_value, long_text, moment, reference, row_id, source_rank


class TelegramUpdate(SQLModel, table=True):
    """A raw update, stored before it is acknowledged. `status` is new, done, ignored or failed.

    `rank`: Telegram says who wrote it.
    """

    __personal__ = Personal(
        "telegram updates", (By("chat_id", "chats"),), ours="rank status", hidden="error",
        forget=blank(body="", error=None), spare={"status": "new"},
    )  # fmt: skip

    __table_args__ = (sa.Index("ix_telegramupdate_chat", "chat_id", "status", "update_id"),)

    update_id: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    chat_id: int = Field(sa_type=sa.BigInteger)
    rank: str = source_rank()
    body: str = long_text()
    received_at: datetime = moment()
    status: str = Field(default="new")
    attempts: int = 0
    error: str | None = None


class TelegramChat(DueRow, table=True):
    """A chat with updates to run is due; the lease keeps its updates in order over any number of workers."""

    __personal__ = Personal("telegram chats", (By("chat_id", "chats"),), inside=True)

    __table_args__ = (due_index("telegramchat"),)

    chat_id: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})


class Topic(SQLModel, table=True):
    """The forum topic of a ticket, and of no other ticket: who answers in there answers its customer.

    `state` is creating (by the worker `made_by`, asked for as `title` at `changed_at`), bare (made again: what was said
    before is to be repeated), ready or gone (deleted by somebody: a new one is made). `card` is the pinned message as
    it was last shown (at `card_at`), `title` the name of the topic, `icon` the state that its icon shows (changed at
    `icon_at`).
    """

    __personal__ = Personal(
        "topics", (By("ticket_id", "tickets"),), blank(card={}, title=""), ours="icon state", inside=True
    )

    __table_args__ = (
        sa.UniqueConstraint("ticket_id"),
        sa.Index("ix_topic_thread", "chat_id", "thread_id", unique=True),
    )

    id: int | None = row_id()
    ticket_id: int = reference("ticket.id", index=False)
    chat_id: int = Field(sa_type=sa.BigInteger)
    thread_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    card_message_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    card: dict[str, Any] = json_value()
    card_at: datetime | None = moment(null=True)
    title: str = ""
    icon: str = Field(default="", sa_column_kwargs={"server_default": ""})
    icon_at: datetime | None = moment(null=True)
    state: str = "creating"
    made_by: int | None = Field(default=None, sa_type=sa.BigInteger)
    changed_at: datetime = moment()


class FormerTopic(SQLModel, table=True):
    """A topic that a ticket left for another group: who writes there still is told where it went."""

    __personal__ = Personal("former topics", (By("ticket_id", "tickets"),), inside=True)

    __table_args__ = (sa.UniqueConstraint("chat_id", "thread_id"),)

    id: int | None = row_id()
    ticket_id: int = reference("ticket.id")
    chat_id: int = Field(sa_type=sa.BigInteger)
    thread_id: int = Field(sa_type=sa.BigInteger)
    left_at: datetime = moment()


class StaffMember(SQLModel, table=True):
    """Somebody who answers in a staff group. `presence` is here or away; `groups` are the chats they were seen in.

    `last_given_at` is when the round last came to them.
    """

    __personal__ = NotPersonal("colleagues, not customers")

    id: int | None = row_id()
    telegram_id: int = Field(unique=True, sa_type=sa.BigInteger)
    name: str
    username: str | None = None
    language: str | None = None
    presence: str = Field(default="here", sa_column_kwargs={"server_default": "here"})
    presence_at: datetime | None = moment(null=True)
    away_until: datetime | None = moment(null=True)
    groups: list[int] = json_value(list, empty="[]")
    last_given_at: datetime | None = moment(null=True)
    last_seen_at: datetime | None = moment(null=True)
    first_seen_at: datetime = moment()
