"""Where the words of a person stand among those of others: in topics that retell them, in notices to staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import personal
from bot.base.database import table
from bot.contacts import belonging, mentions
from bot.contacts.belonging import Person
from bot.tables.chat import FormerTopic, TelegramUpdate, Topic
from bot.tables.feedback import Improvement
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.support import MessageRevision, Ticket, TicketEvent, TicketMessage

_messages, _updates, _lines = table(Message), table(TelegramUpdate), table(TicketMessage)
_events, _contacts, _cards = table(TicketEvent), table(Contact), table(Improvement)
_revisions, _tickets = table(MessageRevision), table(Ticket)
_LONG, _TITLE = 20, 8
"""Shorter words many people say."""

WAITING = ("planned", "deferred", "claimed")
"""What is not handed over yet; a row that is stays so, for its end is still to be written down."""
DROPPED: dict[str, Any] = {
    "status": "skipped", "skip_reason": "erased", "due_at": None, "lease_until": None, "lease_by": None,
}  # fmt: skip


@dataclass(frozen=True)
class Notice:
    """A message to staff with words of the person, among those of others. `provider_id` is its number there."""

    id: int
    ticket_id: int | None
    receiver: str
    provider_id: str | None


@dataclass(frozen=True)
class Shown:
    """`tickets` are those of other people whose topics retell words of the person: they were merged with theirs."""

    tickets: Sequence[int]
    notices: Sequence[Notice]


async def shown(session: AsyncSession, who: Person) -> Shown:
    """Look while the words still stand where they were said."""
    names, texts = await _phrases(session, who)
    theirs = belonging.theirs(Message, personal.registry()[Message].whose, who)
    apart = sa.not_(sa.func.coalesce(theirs, sa.false()))
    others = _messages.c.channel == "staff_topic", _messages.c.said_id.is_(None), apart
    found = {row.id: row for row in await _with(session, texts, *others)}
    found |= {row.id: row for row in await _with(session, names, *others, _messages.c.ticket_id.is_(None))}
    return Shown(sorted(await _retold(session, who)), [found[one] for one in sorted(found)])


async def forget(session: AsyncSession, who: Person, where: Shown, now: datetime) -> None:
    """Outbox and raw updates lose the words; what is told in Telegram is deleted by whoever asked."""
    recaps = sa.or_(*(_messages.c.key.startswith(f"{name}:") for name in ("merged", "split")))
    for told in (
        _messages.c.id.in_([one.id for one in where.notices]),
        sa.and_(_messages.c.ticket_id.in_(where.tickets), recaps),
    ):
        waits = sa.update(_messages).where(told, _messages.c.status.in_(WAITING))
        await session.execute(waits.values(settled_at=now, **DROPPED))
        await session.execute(sa.update(_messages).where(told).values(payload={}, error=None))
    names, texts = await _phrases(session, who)
    await _forget_updates(session, [*who.tickets, *where.tickets], [*names, *texts, *who.values("email")])


async def _phrases(session: AsyncSession, who: Person) -> tuple[list[str], list[str]]:
    """What they are called, and beginnings of what they said and of cards of the board that repeat it.

    What a page calls somebody may be any word, and stands nowhere before they have a ticket.
    """
    called = sa.or_(_contacts.c.claimed.is_(False), sa.exists().where(_tickets.c.contact_id == _contacts.c.id))
    asked = sa.select(_contacts.c.first_name, _contacts.c.last_name).where(_contacts.c.id.in_(who.contacts), called)
    names = {f"{first} {last}".strip() for first, last in (await session.execute(asked)).all()}
    mine = _lines.c.contact_id.in_(who.contacts), _lines.c.author == "customer"
    said = sa.select(_lines.c.text).where(*mine)
    before = sa.select(_revisions.c.text).join(_lines, _lines.c.id == _revisions.c.said_id).where(*mine)
    titles = sa.select(_cards.c.title).where(_cards.c.words_of.in_(who.contacts))
    told = ((said, _LONG), (before, _LONG), (titles, _TITLE))
    texts = {mentions.plain(text, length) for query, length in told for text in await session.scalars(query)}
    return sorted(names - {""}), sorted(texts - {""})


async def _with(session: AsyncSession, phrases: Sequence[str], *where: sa.ColumnElement[bool]) -> list[Notice]:
    found = []
    columns = _messages.c.id, _messages.c.ticket_id, _messages.c.receiver, _messages.c.provider_id
    words = sa.cast(_messages.c.payload, sa.Text)
    for part in mentions.parts(phrases):
        there = sa.or_(*(words.contains(phrase, autoescape=True) for phrase in part))
        found += [Notice(*row) for row in (await session.execute(sa.select(*columns).where(*where, there))).all()]
    return found


async def _retold(session: AsyncSession, who: Person) -> set[int]:
    """Tickets of others in which lines of theirs are or were: through merges, and splits of what was merged."""
    held = sa.select(_lines.c.ticket_id).where(_lines.c.contact_id.in_(who.contacts), _lines.c.ticket_id.is_not(None))
    found = {*who.tickets, *(await session.scalars(held.distinct())).all()}
    fresh = set(found)
    while fresh:
        went = sa.select(_events.c.data).where(_events.c.ticket_id.in_(fresh), _events.c.name.in_(("merged", "split")))
        fresh = {data["into"] for data in await session.scalars(went) if data.get("into")} - found
        found |= fresh
    return found - set(who.tickets)


async def _forget_updates(session: AsyncSession, tickets: Sequence[int], phrases: Sequence[str]) -> None:
    """What staff wrote and pressed in these topics, and wherever the words stood: answers bring along what they
    answer."""
    over = _updates.c.status != "new"
    for topics in (table(Topic), table(FormerTopic)):
        asked = sa.select(topics.c.chat_id, topics.c.thread_id)
        asked = asked.where(topics.c.ticket_id.in_(tickets), topics.c.thread_id.is_not(None))
        for chat_id, thread_id in (await session.execute(asked)).all():
            named = [_updates.c.body.contains(f'"message_thread_id":{thread_id}{end}') for end in (",", "}")]
            there = _updates.c.chat_id == chat_id, over, sa.or_(*named)
            await session.execute(sa.update(_updates).where(*there).values(body="", error=None))
    for part in mentions.parts(phrases):
        words = sa.or_(*(_updates.c.body.contains(phrase, autoescape=True) for phrase in part))
        await session.execute(sa.update(_updates).where(over, words).values(body="", error=None))
