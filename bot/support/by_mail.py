"""How the desk writes by mail: to whom, under which subject, in which thread, and when a machine must be silent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts
from bot.base.database import table
from bot.events import page_words
from bot.tables.mail import ReceivedMail
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

CHANNEL = "email"
KEY = "mail:"
"""Before the number of the mail in a line's `provider_key`."""

AUTOMATIC = "auto_answer"
"""The purpose of what a machine answers."""

_LONGEST_THREAD = 20
_OUTBOX, _MAILS, _LINES = table(Message), table(ReceivedMail), table(TicketMessage)


@dataclass(frozen=True)
class Letter:
    """The envelope of what we write: `fields` go into the payload, `to` is the bare address.

    Of the fields `answers` is the mail that it answers, `proven` whether that one is shown to be its sender's.
    """

    to: str
    fields: Mapping[str, Any]


async def origin(session: AsyncSession, contact_id: int, ticket_id: int | None) -> ReceivedMail | None:
    """The mail that we answer: the last of the ticket, or without one the last of the contact."""
    said = select(TicketMessage).where(
        TicketMessage.contact_id == contact_id,
        TicketMessage.author == "customer",
        TicketMessage.channel == CHANNEL,
        col(TicketMessage.provider_key).startswith(KEY),
    )
    if ticket_id is not None:
        said = said.where(TicketMessage.ticket_id == ticket_id)
    line = (await session.scalars(said.order_by(col(TicketMessage.id).desc()).limit(1))).first()
    return await of_line(session, line) if line is not None else None


async def of_line(session: AsyncSession, line: TicketMessage) -> ReceivedMail | None:
    """The mail that a line came in."""
    number = line.provider_key.removeprefix(KEY)
    return await session.get(ReceivedMail, int(number)) if number.isdigit() else None


async def letter(session: AsyncSession, contact_id: int, ticket_id: int | None) -> Letter | None:
    """The envelope of an answer: to whoever wrote, as a reply to their mail. None: no address is known.

    It goes to the address that they wrote from and nowhere else: whoever writes in somebody's name gets no answer.
    """
    mail = await origin(session, contact_id, ticket_id)
    if mail is None or not mail.sender:
        known = await contacts.address(session, contact_id, "email")
        mail, to = None, known.value if known is not None else None
    else:
        to = mail.sender
    if to is None:
        return None
    contact = await session.get(Contact, contact_id)
    name = f"{contact.first_name} {contact.last_name}".strip() if contact else ""
    fields: dict[str, Any] = {"to": to, "to_name": name, "from": "service"}
    if mail is None:
        fields["subject"] = await _number(session, ticket_id)
    else:
        fields["subject"] = await _subject(session, mail, ticket_id)
        fields |= {"answers": mail.id, "proven": mail.proven_by}
        if mail.message_id:
            fields["in_reply_to"] = mail.message_id
            fields["references"] = [*mail.thread[-_LONGEST_THREAD:], mail.message_id]
    return Letter(to, fields)


async def _subject(session: AsyncSession, mail: ReceivedMail, ticket_id: int | None) -> str:
    """As they wrote it, if it was them. From may be anybody's: what would be a link in our mail to them is left out."""
    if mail.rank == "page":
        return answer_subject(page_words.title(mail.subject) or await _number(session, ticket_id))
    return answer_subject(mail.subject)


async def _number(session: AsyncSession, ticket_id: int | None) -> str:
    ticket = await session.get(Ticket, ticket_id) if ticket_id is not None else None
    return f"#{ticket.number}" if ticket is not None else ""


def answer_subject(subject: str) -> str:
    """`Re: …`, once, however often the mail went to and fro."""
    return f"Re: {base_subject(subject)}".strip()


def base_subject(subject: str) -> str:
    """The subject without `Re:`, `AW:`, `回复：` and their like."""
    text = subject.strip()
    while True:
        head, colon, rest = text.replace("：", ":", 1).partition(":")
        if not colon or head.strip().casefold() not in _REPLY_MARKS:
            return text
        text = rest.strip()


_REPLY_MARKS = frozenset(
    {"re", "aw", "sv", "vs", "antw", "odp", "ref", "ynt", "rif", "r", "res", "回复", "答复", "回覆", "fwd", "fw", "wg"}
)


async def is_theirs(session: AsyncSession, contact_id: int) -> bool:
    """Their last mail answers one of ours to them, so they read the mailbox: any other may say From whom it likes."""
    mail = await origin(session, contact_id, None)
    return mail is not None and mail.rank == "person"


async def is_proven(session: AsyncSession, line: TicketMessage) -> bool:
    """The line came in a mail that is shown to be its sender's."""
    mail = await of_line(session, line) if line.channel == CHANNEL else None
    return mail is not None and mail.proven_by != ""


async def has_proven(session: AsyncSession, ticket_id: int | None) -> bool:
    """A mail of the ticket is shown to be its sender's."""
    theirs = (
        sa.select(_MAILS.c.id)
        .join(_LINES, _LINES.c.id == _MAILS.c.said_id)
        .where(_LINES.c.ticket_id == ticket_id, _MAILS.c.proven_by != "")
    )
    return await session.scalar(theirs.limit(1)) is not None


async def may_answer(session: AsyncSession, line: TicketMessage, most: int, now: datetime) -> bool:
    """Whether a machine may answer this mail: not to whoever takes no answer, nor too often in an hour."""
    mail = await of_line(session, line)
    if mail is not None and mail.kind != "person":
        return False
    return await automatic_lately(session, line.contact_id, mail.proven_by if mail else "", now) < most


async def takes_answer(session: AsyncSession, payload: Mapping[str, Any]) -> bool:
    """Whether the mail that a letter answers takes one of a machine."""
    mail = await session.get(ReceivedMail, payload["answers"]) if payload.get("answers") else None
    return mail is None or mail.kind == "person"


async def automatic_lately(
    session: AsyncSession, contact_id: int, proven_by: str, now: datetime, before: int | None = None
) -> int:
    """How many automatic answers they were written within an hour; `before` counts those queued before that row.

    Answers to mails that anybody may have written in their name use up nothing of those to mails that are theirs.
    """
    proven = sa.func.coalesce(_OUTBOX.c.payload["proven"].as_string(), "")
    lately = sa.select(sa.func.count()).where(
        _OUTBOX.c.contact_id == contact_id,
        _OUTBOX.c.channel == CHANNEL,
        _OUTBOX.c.purpose == AUTOMATIC,
        _OUTBOX.c.status != "skipped",
        _OUTBOX.c.created_at > now - timedelta(hours=1),
        proven != "" if proven_by else proven == "",
    )
    return await session.scalar(lately if before is None else lately.where(_OUTBOX.c.id < before)) or 0
