"""What ends and what is rewritten when somebody is forgotten, beside what their tables declare: one function each."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import personal
from bot.base.database import table
from bot.contacts import belonging, elsewhere, requests, wanted, wishes
from bot.contacts.belonging import Person
from bot.tables.automations import Enrolment
from bot.tables.outbox import Message
from bot.tables.staff_room import Draft
from bot.tables.support import Ticket, TicketEvent, TicketMessage

Rule = Callable[[AsyncSession, Person, datetime], Awaitable[None]]

_GONE: dict[str, Any] = {"due_at": None, "lease_until": None, "lease_by": None}
_TAG = "…"


async def stop_enrolments(session: AsyncSession, who: Person, now: datetime) -> None:
    rows = table(Enrolment)
    active = sa.update(rows).where(rows.c.contact_id.in_(who.contacts), rows.c.status == "active")
    await session.execute(active.values(status="exited", exit_reason="erased", ended_at=now, **_GONE))


async def stop_messages(session: AsyncSession, who: Person, now: datetime) -> None:
    """Mail not handed over yet is dropped; a worker that holds it finds it gone."""
    rows, said = table(Message), personal.registry()[Message]
    waiting = belonging.theirs(Message, said.whose, who), rows.c.status.in_(elsewhere.WAITING)
    await session.execute(sa.update(rows).where(*waiting).values(settled_at=now, **elsewhere.DROPPED))


async def forget_drafts(session: AsyncSession, who: Person, _now: datetime) -> None:
    """What was said to them, about to be said to somebody else."""
    drafts, lines = table(Draft), table(TicketMessage)
    said = sa.literal("past:") + sa.cast(lines.c.id, sa.String)
    theirs = sa.select(said).where(lines.c.contact_id.in_(who.contacts))
    await session.execute(sa.delete(drafts).where(drafts.c.source.in_(theirs)))


async def forget_quotes(session: AsyncSession, who: Person, _now: datetime) -> None:
    """Their words where lines of others take them up."""
    lines = table(TicketMessage)
    other = lines.alias()
    theirs = sa.select(other.c.id).where(other.c.contact_id.in_(who.contacts))
    quoting = lines.c.reply_to_id.in_(theirs), lines.c.quote != ""
    await session.execute(sa.update(lines).where(*quoting).values(quote=""))


async def forget_tags(session: AsyncSession, who: Person, _now: datetime) -> None:
    """That a ticket was tagged stays in its history, the words go."""
    events, tickets = table(TicketEvent), table(Ticket)
    theirs = sa.select(tickets.c.id).where(tickets.c.contact_id.in_(who.contacts))
    tagged = sa.select(events.c.id, events.c.data).where(
        events.c.ticket_id.in_(theirs), events.c.name == "tags_changed"
    )
    for event_id, data in (await session.execute(tagged)).all():
        nameless = {name: [_TAG] * len(words) for name, words in data.items()}
        await session.execute(sa.update(events).where(events.c.id == event_id).values(data=nameless))


RULES: Mapping[str, Rule] = {
    "end_alerts": wanted.end_alerts,
    "end_requests": requests.end_requests,
    "forget_drafts": forget_drafts,
    "forget_quotes": forget_quotes,
    "forget_tags": forget_tags,
    "forget_titles": wishes.forget_titles,
    "stop_enrolments": stop_enrolments,
    "stop_messages": stop_messages,
    "tell_no_more": wishes.tell_no_more,
}
"""What tables name as their `rule`: done before their rows are emptied."""
