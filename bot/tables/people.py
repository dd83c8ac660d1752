"""Contacts, the addresses and ids they are known by, and what they allow."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from bot.base.personal import By, Delete, Drop, NotPersonal, One, Personal, blank
from bot.tables.columns import json_value, moment, reference, row_id

_MERGED = sa.text("merged_into IS NOT NULL")


class Contact(SQLModel, table=True):
    """A person. `status` is active, merged (`merged_into` has the rest) or erased.

    `birthday` is kept as `--MM-DD` when the year is unknown. `language` is one of ours or None. `blocked_at`: staff
    want to hear no more of them; what they write is kept and opens nothing. `claimed`: names and traits are as a page
    told them; they go when the shop or the person says who it is. `traits_told`: of when each trait is, by the clock of
    whoever said it, see `profile.newest`.
    """

    __personal__ = Personal(
        "profile", (By("id"),),
        blank(
            first_name="", last_name="", language=None, timezone=None, country=None, birthday=None,
            birthday_known_at=None, traits={}, traits_told={}, status="erased", claimed=False,
        ),
        merge="profile",
    )  # fmt: skip

    __table_args__ = (
        sa.Index("ix_contact_merged_into", "merged_into", sqlite_where=_MERGED, postgresql_where=_MERGED),
    )

    id: int | None = row_id()
    status: str = Field(default="active")
    merged_into: int | None = Field(default=None, sa_type=sa.BigInteger)
    first_name: str = ""
    last_name: str = ""
    language: str | None = None
    timezone: str | None = None
    country: str | None = None
    birthday: str | None = Field(default=None, index=True)
    birthday_known_at: datetime | None = moment(null=True)
    traits: dict[str, Any] = json_value()
    traits_told: dict[str, Any] = json_value(empty="{}")
    blocked_at: datetime | None = moment(null=True)
    created_at: datetime = moment()
    last_seen_at: datetime | None = moment(null=True)
    claimed: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})


class Identity(SQLModel, table=True):
    """One way to know a contact: `kind` is user_id, email, anonymous_id, telegram, phone, shopify or woocommerce; or
    claimed_user for a page that names nothing but a user, who may be another than the user_id of that name.

    `rank` is shop or person, of whoever said so; of a browser that nobody but a page told of it is page.
    `proven`: the person showed that it is theirs (wrote from it, signed in); a typed address proves nothing.
    `unreachable_at`: the channel refused us for good (blocked, no such mailbox).
    """

    __personal__ = Personal("addresses", (By("contact_id"),), Delete())

    __table_args__ = (sa.UniqueConstraint("kind", "value"),)

    id: int | None = row_id()
    contact_id: int = reference("contact.id")
    kind: str
    value: str
    rank: str = Field(default="person", sa_column_kwargs={"server_default": "person"})
    proven: bool = False
    created_at: datetime = moment()
    unreachable_at: datetime | None = moment(null=True)
    unreachable_reason: str | None = None


class ClaimedIdentity(SQLModel, table=True):
    """Whose a browser is as a page says: `kind` is user_id, email or phone. The contact is the browser's.

    `shared`: too many claim this browser for any of them to be written to. `unreachable_at` as of an identity.
    """

    # Others that claim an address go with their browsers, a bounded number at a time: see `contacts.forget`.
    __personal__ = Personal("claims of pages", (By("contact_id"),), Delete(), merge=Drop(), inside=True)

    __table_args__ = (
        sa.UniqueConstraint("contact_id", "kind", "value"),
        sa.Index("ix_claimedidentity_value", "kind", "value"),
    )

    id: int | None = row_id()
    contact_id: int = reference("contact.id", index=False)
    kind: str
    value: str
    at: datetime = moment()
    shared: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    unreachable_at: datetime | None = moment(null=True)


class Proof(SQLModel, table=True):
    """A code that was asked for in a chat, to show that a mail address is theirs. Only the newest of a chat counts.

    It is good for that `chat` (the address on the `channel`), that `address` and that `purpose` together. There is one
    for an address that nobody knows, too: whoever guesses addresses sees no difference. `code_hash` is empty where no
    mail left: such a code opens nothing. `asked` is the order number that it began with, or empty. Rows go after a day;
    one that did its work stays, for as long as the chat may see what it opened.
    """

    __personal__ = Personal("proofs", (By("contact_id"), By("address", "addresses")), Delete(), inside=True)
    __table_args__ = (sa.Index("ix_proof_chat", "channel", "chat"), sa.Index("ix_proof_created_at", "created_at"))

    id: int | None = row_id()
    contact_id: int = reference("contact.id")
    channel: str = Field(default="", sa_column_kwargs={"server_default": ""})
    chat: str = Field(default="", sa_column_kwargs={"server_default": ""})
    purpose: str = Field(default="orders", sa_column_kwargs={"server_default": "orders"})
    address: str = Field(index=True)
    code_hash: str
    asked: str = ""
    tries: int = 0
    created_at: datetime = moment()
    expires_at: datetime = moment()
    used_at: datetime | None = moment(null=True)


class DeviceUser(SQLModel, table=True):
    """A user_id that signed in on a device (anonymous_id): many in a week, and the device is a shared one."""

    __personal__ = Personal("devices", (By("anonymous_id", "devices"), By("user_id", "devices")), Delete(), inside=True)

    anonymous_id: str = Field(primary_key=True)
    user_id: str = Field(primary_key=True)
    seen_at: datetime = moment()


class Consent(SQLModel, table=True):
    """The consent ledger: appended to, never changed. The newest row of (address, channel, topic) holds.

    `action` is granted, withdrawn, or requested (asked for and not confirmed: it changes nothing yet). `topic` is a
    subject of mail such as `marketing`; about a topic without a word of its own `marketing` decides.
    """

    __personal__ = Personal(
        "consent", (By("contact_id"), By("address_hash", "hashes")), blank(contact_id=None, ip=None, user_agent=None),
        ours="address_hash channel topic action source text_version", hidden="address_hash",
    )  # fmt: skip

    id: int | None = row_id()
    contact_id: int | None = reference("contact.id", null=True)
    address_hash: str = Field(index=True)
    channel: str
    topic: str
    action: str
    source: str
    ip: str | None = None
    user_agent: str | None = None
    text_version: str | None = None
    at: datetime = moment()


class OptIn(SQLModel, table=True):
    """Somebody typed this address to get mail; whoever reads its mailbox confirms it. Rows go after a month.

    `mailed`: they were asked by mail (not if they had it already, or an earlier mail still holds). `held_by`: which
    limit kept that mail back (address, network, key, all), or `new`: nobody looked at it yet. `key` is the write key or
    the form that it came by, `network` a hash of where from, for two days. `known`: the shop knew the address, by a
    paid order or a yes.
    """

    __personal__ = Personal("sign-ups", (By("contact_id"), By("address", "addresses")), Delete())

    __table_args__ = (
        sa.Index("ix_optin_held", "held_by", "asked_at"),
        {"sqlite_autoincrement": True},  # the id stands in the link, which outlives the row
    )

    id: int | None = row_id()
    address: str = Field(index=True)
    topics: list[str] = json_value(list)
    language: str = "en"
    source: str
    ip: str | None = Field(default=None, index=True)
    user_agent: str | None = None
    text_version: str | None = None
    contact_id: int | None = reference("contact.id", null=True)
    mailed: bool = False
    key: str = Field(default="", sa_column_kwargs={"server_default": ""})
    held_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    network: str = Field(default="", sa_column_kwargs={"server_default": ""})
    known: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    asked_at: datetime = moment()
    expires_at: datetime = moment()
    confirmed_at: datetime | None = moment(null=True)


class SignUpTally(SQLModel, table=True):
    """How many mails asked for a second yes since then, for a network (as a hash), a key, or in all."""

    __personal__ = NotPersonal("counts of mails; a network is kept as a hash and for two days")

    scope: str = Field(primary_key=True)
    since: datetime = moment()
    mails: int = 0


class Suppression(SQLModel, table=True):
    """An address that gets nothing (`topic` empty), no marketing (`*`) or nothing of a topic.

    Survives a forgotten person as a hash.
    """

    __personal__ = Personal(
        "suppressions", (By("address_hash", "hashes"),), ours="channel address_hash topic reason",
        hidden="address_hash",
    )  # fmt: skip

    __table_args__ = (sa.UniqueConstraint("channel", "address_hash", "topic"),)

    id: int | None = row_id()
    channel: str
    address_hash: str
    topic: str = ""
    reason: str
    created_at: datetime = moment()
    until: datetime | None = moment(null=True)


class ContactTag(SQLModel, table=True):
    """A word that is stuck to a contact; `by` is `flow:NAME` or who of the staff did it."""

    __personal__ = Personal("tags", (By("contact_id"),), Delete(), merge=One(("tag",)))

    __table_args__ = (sa.UniqueConstraint("contact_id", "tag"),)

    id: int | None = row_id()
    contact_id: int = reference("contact.id", index=False)
    tag: str = Field(index=True)
    by: str
    at: datetime = moment()
