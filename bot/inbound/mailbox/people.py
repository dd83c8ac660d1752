"""A person's mail: whose it is, what they wrote themselves, which mail of ours it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base.database import table
from bot.base.ranks import Rank
from bot.events import page_words
from bot.inbound.mailbox import our_messages, parsing
from bot.inbound.mailbox.leaves import Attachment
from bot.inbound.mailbox.senders import Person
from bot.inbound.mailbox.understanding import Understood
from bot.support import by_mail, conversation
from bot.support.desk import Desk
from bot.tables.mail import ReceivedMail
from bot.tables.people import Contact
from bot.tables.support import TicketMessage

_MAILS = table(ReceivedMail)
_LINES = table(TicketMessage)
_SHOWN, _FOLDED = 12_000, 6_000  # characters, more than a message holds; the whole mail is kept beside


@dataclass(frozen=True)
class Moment:
    """When the mailbox got it, when we did; whether we have the whole of its `size`."""

    received_at: datetime
    stored_at: datetime
    cut: bool
    size: int


async def wrote(
    session: AsyncSession, desk: Desk, mail_id: int, moment: Moment, understood: Understood, now: datetime
) -> dict[str, Any]:
    """Put it into the conversation of whoever wrote. Returns columns of its row.

    What stands in From proves nothing, so the address is taken as typed; answers go to it and nowhere else.
    """
    ground = desk.ground
    mail, found, person = understood.mail, understood.found, understood.person.address
    if not person:
        raise parsing.Unreadable("nobody to answer: no address in From")
    if await contacts.was_erased(session, ground.secret, [("email", person)], moment.received_at):
        return {"status": "ignored", "raw": b"", "sender": "", "subject": "", "folded": "", "thread": []}
    contact = await _who(session, understood.person, now)
    about = await our_messages.get(session, our_messages.answered(mail.to, mail.thread, ground.secret))
    if about is not None:
        await our_messages.has_arrived(session, about, now)
    known: dict[str, Any] = {
        "kind": found.kind, "sender": person, "subject": mail.subject, "thread": list(mail.thread),
        "folded": understood.folded[:_FOLDED], "contact_id": contact.id, "about_id": about["id"] if about else None,
        "rank": _rank(contact, person, about),
    }  # fmt: skip
    known["proven_by"] = "thread" if known["rank"] == "person" else "domain" if understood.of_domain else ""
    # Before the conversation: what it answers at once goes to this address, in this thread.
    await session.execute(sa.update(_MAILS).where(_MAILS.c.id == mail_id).values(known))
    said = _said(mail_id, moment, understood, contact, about, silent=found.kind == "no_reply")
    await conversation.customer_said(session, desk, said, now)
    known["said_id"] = await session.scalar(sa.select(_LINES.c.id).where(_LINES.c.provider_key == said.provider_key))
    return known


def _rank(contact: Contact, person: str, about: Mapping[str, Any] | None) -> Rank:
    """Whoever answers what we sent to this very person, at this very address, has read their mail."""
    theirs = about is not None and about["contact_id"] == contact.id
    return "person" if about is not None and theirs and our_messages.went_to(about, person) else "page"


async def _who(session: AsyncSession, person: Person, now: datetime) -> Contact:
    """A name beside an address may be anybody's words: it is taken of nobody whom we know, and only if it looks so."""
    known = await contacts.find(session, "email", person.address)
    name = person.name if known is None else ""
    first, _, last = name.partition(" ")
    return await contacts.find_or_create(
        session, [("email", person.address)], now, last_seen_at=now,
        first_name=page_words.first_name(first), last_name=page_words.last_name(last),
    )  # fmt: skip


def _said(
    mail_id: int,
    moment: Moment,
    understood: Understood,
    contact: Contact,
    about: Mapping[str, Any] | None,
    *,
    silent: bool,
) -> conversation.Said:
    assert contact.id is not None
    mail, text = understood.mail, understood.own
    theirs = about is not None and about["contact_id"] == contact.id
    return conversation.Said(
        contact_id=contact.id,
        channel=by_mail.CHANNEL,
        text=text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…",
        provider_key=f"{by_mail.KEY}{mail_id}",
        at=moment.received_at,
        received_at=moment.stored_at,
        attachment=_beside(mail.attachments),
        reply_to_id=about["said_id"] if about is not None and theirs else None,
        to_a_person=about is not None or silent or moment.cut,
        subject="" if mail.thread else mail.subject[:500],
    )


def _beside(attachments: Sequence[Attachment]) -> dict[str, Any]:
    files = [{"name": one.name, "kind": one.kind, "size": one.size} for one in attachments]
    return {"kind": "files", "file_id": "", "name": "", "files": files} if files else {}
