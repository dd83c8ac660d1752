"""Mail: templates as they were sent, and mails that came in, as they came."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.due import DueRow, due_index
from bot.base.personal import By, Delete, Keeps, NotPersonal, Personal, blank
from bot.tables.columns import json_value, moment, reference, row_id, source_rank

_NO_WORDS = blank(raw=b"", sender="", subject="", folded="", thread=[], error=None)


class TemplateRevision(SQLModel, table=True):
    """One compiled mail template, written down when it is first used. `links[n]` is the URL of link `n`.

    An empty URL: the link's target differs from mail to mail and travels in the link itself, under its own signature.
    """

    __personal__ = NotPersonal("templates as the shop wrote them")

    id: int | None = row_id()
    template: str
    language: str
    digest: str = Field(unique=True)
    links: list[str] = json_value(list)
    used_at: datetime = moment()


class ReceivedMail(DueRow, table=True):
    """A mail as it came, stored before it is marked or moved in the mailbox. Due until it was looked at.

    `uid_validity` and `uid` are its numbers in `folder`; by `message_id` (empty: none) and `digest` it is known again
    when it comes under another number. `raw` has only its beginning if `cut`; `size` is that of the whole.
    `received_at` is when the mailbox got it. `put_away`: it was marked or moved there.
    `kind` is person, no_reply (a machine wrote or passed it on, people read it), automatic, own, spam, bounce, delayed,
    delivered, complaint or unsubscribe; empty until it was looked at. `status` is new, done, ignored, known (it came
    before) or failed, `error` why it failed or was set aside.
    `sender` is the bare address of whoever wrote, `thread` the Message-IDs that it answers, the nearest last,
    `about_id` the message of ours that it answers or reports on, `said_id` the line that it became. `rank` is person if
    it answers a message that went to this very person, by a mark that we signed: the line From proves nothing.
    `folded` is the beginning of what in it may be theirs or may be repeated: staff see it folded below their words.
    `proven_by` is thread (so is the rank), domain (a mail server that the shop trusts says that it is of the domain in
    From, which opens nothing) or empty.
    """

    __personal__ = Personal(
        "mails received",
        (By("contact_id"), By("sender", "addresses"), By("said_id", "lines"), By("about_id", "messages")),
        _NO_WORDS,
        ours="folder message_id digest rank proven_by kind status", hidden="raw digest",
        keeps=(
            Keeps("conversations", _NO_WORDS, over=By("said_id", "lines")),
            Keeps("messages", _NO_WORDS, "stored_at", only={"said_id": None, "due_at": None}),
        ),
    )  # fmt: skip

    __table_args__ = (
        sa.UniqueConstraint("folder", "uid_validity", "uid"),
        sa.UniqueConstraint("message_id", "digest"),
        due_index("receivedmail"),
        sa.Index(
            "ix_receivedmail_waiting",
            "folder",
            "uid",
            sqlite_where=sa.text("NOT put_away"),
            postgresql_where=sa.text("NOT put_away"),
        ),
    )

    id: int | None = row_id()
    folder: str
    uid_validity: int = Field(sa_type=sa.BigInteger)
    uid: int = Field(sa_type=sa.BigInteger)
    message_id: str = ""
    digest: str
    raw: bytes = Field(default=b"", sa_type=sa.LargeBinary)
    size: int = Field(default=0, sa_type=sa.BigInteger)
    cut: bool = False
    received_at: datetime = moment()
    stored_at: datetime = moment()
    put_away: bool = False
    kind: str = ""
    status: str = "new"
    error: str | None = None
    rank: str = source_rank()
    proven_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    sender: str = ""
    subject: str = Field(default="", sa_type=sa.Text)
    folded: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    thread: list[str] = json_value(list)
    about_id: int | None = reference("message.id", null=True)
    contact_id: int | None = reference("contact.id", null=True)
    said_id: int | None = reference("ticketmessage.id", null=True)


class NewSender(SQLModel, table=True):
    """A sender of mail whom we did not know, and of whom nothing proves that they wrote it.

    `state` is open (a ticket was opened), waiting (behind a rush of such; their lines are held and of no ticket),
    called (waiting, and staff want to see them) or spam. `since` is when their mail came to the mailbox, `came_at` when
    it came to us, `changed_at` when the state was reached, by `changed_by`. `why` and `language` are for their ticket:
    who tells of danger waits apart from the others. `domain` is the registered one of their address.
    """

    __personal__ = Personal("new senders of mail", (By("contact_id"),), Delete(), inside=True)

    __table_args__ = (sa.Index("ix_newsender_state", "state", "changed_at"), sa.Index("ix_newsender_came", "came_at"))

    id: int | None = row_id()
    contact_id: int = reference("contact.id")
    state: str
    why: str
    language: str
    since: datetime = moment()
    came_at: datetime = moment()
    changed_at: datetime = moment()
    changed_by: str = ""
    domain: str = Field(default="", sa_column_kwargs={"server_default": ""})
