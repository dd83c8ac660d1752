"""Everything that is kept of a person, as a zip for them (GDPR Art. 15 and 20): readable, and as JSON.

Which tables hold what of a person is said here once; `forget` and the tests go by the same list.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from bot.base.database import table
from bot.tables.audiences import CustomerStats, SegmentMember, StandingChange
from bot.tables.automations import Click, Credit, Enrolment, Refusal
from bot.tables.catalogue import SeenPrice, StockAlert
from bot.tables.chat import FormerTopic, Topic
from bot.tables.coupons import CouponCode
from bot.tables.events import Event
from bot.tables.experiments import Exposure
from bot.tables.feedback import Confirmation, Rating, SurveyAnswer, Voice
from bot.tables.mail import ReceivedMail
from bot.tables.outbox import Message
from bot.tables.people import Consent, Contact, ContactTag, Identity, OptIn, Proof
from bot.tables.shop import Cart, Order
from bot.tables.staff_room import Draft, Drill
from bot.tables.support import (
    MessageRevision,
    Mirror,
    SlaTimer,
    Ticket,
    TicketEvent,
    TicketLink,
    TicketMessage,
)

Rows = Sequence[Mapping[str, Any]]
_Where = Callable[["Person"], sa.ColumnElement[bool]]

_NEVER = frozenset({"lease_until", "lease_by", "attempts", "code_hash", "address_hash", "due_at", "raw", "digest"})
"""Columns of our own housekeeping, and secrets."""


@dataclass(frozen=True)
class Person:
    """The ids that a person's rows hang on: the contact with whoever was merged into it, their tickets and lines."""

    contacts: Sequence[int]
    tickets: Sequence[int]
    lines: Sequence[int]


@dataclass(frozen=True)
class Kept:
    """Rows of a table that belong to a person. `inside`: about our work, so it stays out of a copy."""

    model: type[SQLModel]
    where: _Where
    inside: bool = False


def _by(model: type[SQLModel], column: str, of: str) -> _Where:
    return lambda person: table(model).c[column].in_(getattr(person, of))


KEPT: Mapping[str, Kept] = {
    "profile": Kept(Contact, _by(Contact, "id", "contacts")),
    "addresses": Kept(Identity, _by(Identity, "contact_id", "contacts")),
    "tags": Kept(ContactTag, _by(ContactTag, "contact_id", "contacts")),
    "consent": Kept(Consent, _by(Consent, "contact_id", "contacts")),
    "sign-ups": Kept(
        OptIn,
        lambda person: sa.or_(
            table(OptIn).c.contact_id.in_(person.contacts),
            table(OptIn).c.address.in_(
                sa.select(table(Identity).c.value).where(
                    table(Identity).c.kind == "email", table(Identity).c.contact_id.in_(person.contacts)
                )
            ),
        ),
    ),
    "proofs": Kept(Proof, _by(Proof, "contact_id", "contacts"), inside=True),
    "events": Kept(Event, _by(Event, "contact_id", "contacts")),
    "orders": Kept(Order, _by(Order, "contact_id", "contacts")),
    "carts": Kept(Cart, _by(Cart, "contact_id", "contacts")),
    "prices seen": Kept(SeenPrice, _by(SeenPrice, "contact_id", "contacts")),
    "stock alerts": Kept(StockAlert, _by(StockAlert, "contact_id", "contacts")),
    "tickets": Kept(Ticket, _by(Ticket, "contact_id", "contacts")),
    "conversation": Kept(
        TicketMessage,
        lambda person: sa.and_(
            table(TicketMessage).c.contact_id.in_(person.contacts), table(TicketMessage).c.author != "note"
        ),
    ),
    "earlier wordings": Kept(MessageRevision, _by(MessageRevision, "said_id", "lines")),
    "ratings": Kept(Rating, _by(Rating, "contact_id", "contacts")),
    "surveys": Kept(SurveyAnswer, _by(SurveyAnswer, "contact_id", "contacts")),
    "confirmations": Kept(Confirmation, _by(Confirmation, "contact_id", "contacts")),
    "wishes": Kept(Voice, _by(Voice, "contact_id", "contacts")),
    "messages sent": Kept(
        Message,
        lambda person: sa.and_(
            table(Message).c.contact_id.in_(person.contacts), table(Message).c.channel != "staff_topic"
        ),
    ),
    "mails received": Kept(ReceivedMail, _by(ReceivedMail, "contact_id", "contacts")),
    "automations": Kept(Enrolment, _by(Enrolment, "contact_id", "contacts")),
    "flows that did not want them": Kept(Refusal, _by(Refusal, "contact_id", "contacts")),
    "coupons": Kept(CouponCode, _by(CouponCode, "contact_id", "contacts")),
    "experiments": Kept(Exposure, _by(Exposure, "contact_id", "contacts")),
    "standing": Kept(CustomerStats, _by(CustomerStats, "contact_id", "contacts")),
    "earlier standings": Kept(StandingChange, _by(StandingChange, "contact_id", "contacts")),
    "segments": Kept(SegmentMember, _by(SegmentMember, "contact_id", "contacts")),
    "clicks": Kept(Click, _by(Click, "contact_id", "contacts")),
    "ticket history": Kept(TicketEvent, _by(TicketEvent, "ticket_id", "tickets"), inside=True),
    "clocks": Kept(SlaTimer, _by(SlaTimer, "ticket_id", "tickets"), inside=True),
    "links": Kept(TicketLink, _by(TicketLink, "ticket_id", "tickets"), inside=True),
    "mirrors": Kept(Mirror, _by(Mirror, "said_id", "lines"), inside=True),
    "topics": Kept(Topic, _by(Topic, "ticket_id", "tickets"), inside=True),
    "former topics": Kept(FormerTopic, _by(FormerTopic, "ticket_id", "tickets"), inside=True),
    "drafts": Kept(Draft, _by(Draft, "ticket_id", "tickets"), inside=True),
    "drills": Kept(Drill, _by(Drill, "ticket_id", "tickets"), inside=True),
    "credits": Kept(
        Credit,
        lambda person: table(Credit).c.order_ref.in_(
            sa.select(table(Order).c.id).where(table(Order).c.contact_id.in_(person.contacts))
        ),
        inside=True,
    ),
}
"""What is kept of a person, by the name that it has in the zip."""


async def person(session: AsyncSession, contact_id: int) -> Person:
    contacts, tickets, lines = table(Contact), table(Ticket), table(TicketMessage)
    whole = sa.select(contacts.c.id).where(sa.or_(contacts.c.id == contact_id, contacts.c.merged_into == contact_id))
    people = list((await session.scalars(whole)).all())
    mine = sa.select(tickets.c.id).where(tickets.c.contact_id.in_(people))
    said = sa.select(lines.c.id).where(lines.c.contact_id.in_(people), lines.c.author != "note")
    return Person(people, list((await session.scalars(mine)).all()), list((await session.scalars(said)).all()))


async def collect(session: AsyncSession, contact_id: int) -> dict[str, list[dict[str, Any]]]:
    """What they may have, by name: rows as plain dicts, oldest first. Notes of staff among themselves stay inside."""
    whose = await person(session, contact_id)
    found = {}
    for name, kept in KEPT.items():
        if not kept.inside:
            rows = table(kept.model)
            asked = sa.select(rows).where(kept.where(whose)).order_by(*rows.primary_key.columns)
            found[name] = [_plain(row) for row in (await session.execute(asked)).mappings()]
    return found


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in row.items() if str(key) not in _NEVER and value not in (None, "", {}, [])}


async def zipped(session: AsyncSession, contact_id: int, now: datetime) -> bytes:
    """A zip with one JSON file per subject, the conversation to read, and every mail as HTML or text."""
    found = await collect(session, contact_id)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _contents(found, now))
        archive.writestr("conversation.txt", _conversation(found["conversation"]))
        for name, rows in found.items():
            archive.writestr(f"{name.replace(' ', '_')}.json", _json(rows))
        for number, raw in await _received(session, found["mails received"]):
            archive.writestr(f"mails/received-{number}.eml", raw)
        for row in found["messages sent"]:
            content = row.get("payload", {})
            if row["channel"] == "email" and (words := content.get("html") or content.get("text")):
                archive.writestr(f"mails/{row['id']}.{'html' if content.get('html') else 'txt'}", str(words))
    return made.getvalue()


async def _received(session: AsyncSession, rows: Rows) -> Sequence[tuple[int, bytes]]:
    """The mails that they wrote, as they came."""
    mails = table(ReceivedMail)
    mine = sa.select(mails.c.id, mails.c.raw).where(mails.c.id.in_([row["id"] for row in rows]), mails.c.raw != b"")
    return [(number, raw) for number, raw in await session.execute(mine)]


def _json(rows: Rows) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=2, default=_word)


def _word(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _conversation(lines: Rows) -> str:
    """Oldest first: when, on which channel, who, what."""
    told = sorted(lines, key=lambda line: (line["at"], line["id"]))
    rows = []
    for line in told:
        kind = line.get("attachment", {}).get("kind")
        words = " ".join(part for part in (f"[{kind}]" if kind else "", line.get("text", "")) if part)
        rows.append(f"{line['at']:%Y-%m-%d %H:%M:%S} UTC  {line['channel']}  {line['author']}: {words}")
    return "\n".join(rows) + "\n"


def _contents(found: Mapping[str, Rows], now: datetime) -> str:
    lines = [f"What is kept, as of {now:%Y-%m-%d %H:%M} UTC. Times are UTC, amounts in the smallest unit.", ""]
    lines += [f"{name.replace(' ', '_')}.json  {len(rows)}" for name, rows in found.items()]
    return "\n".join([*lines, "conversation.txt  everything said, to read", "mails/  every mail as it was sent", ""])
