"""What customer service knows of people: their tickets that are open, and what they thought of the last one.

Marketing and the questions of flows look at the same facts. A ticket is about an order if the customer named it there,
or named none of theirs while it was their newest.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts
from automations.asking.facts import Person, Row, loads
from bot.base.database import table
from bot.tables.feedback import Confirmation, Rating
from bot.tables.support import Ticket, TicketMessage

RATING_COUNTS = timedelta(days=30)
_NUMBER = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{0,4}-?\d[\d-]*(?![0-9A-Za-z])", re.ASCII)
_TICKETS, _RATINGS = table(Ticket), table(Rating)
_OURS = (_TICKETS.c.kind.not_in(("drill", "task")), _TICKETS.c.spam.is_(False), _TICKETS.c.merged_into.is_(None))


@dataclass(frozen=True)
class Rated:
    """Their last score, of which ticket. `settled_at` is when that ticket, or a complaint of theirs, was resolved."""

    score: int
    at: datetime
    number: int
    settled_at: datetime | None

    def hurts(self, low: int, now: datetime) -> bool:
        """It was low, not long ago, and nothing was settled since."""
        settled = self.settled_at is not None and self.settled_at > self.at
        return self.score <= low and self.at > now - RATING_COUNTS and not settled


@dataclass(frozen=True)
class Trouble:
    """Why somebody is left alone now: complaint, open_ticket or low_rating, and the number of the ticket."""

    because: str
    ticket: int


@loads("service")
async def _load(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    """`tickets`: open ones, and complaints that nobody has called fixed, with the last score and `text` of what the
    customer said there. `more["rated"]`: the last rating.
    """
    asked = table(Confirmation)
    unanswered = sa.select(asked.c.ticket_id).where(facts.among(asked.c.contact_id, ids), asked.c.answer == "")
    goes_on = sa.or_(_TICKETS.c.status != "resolved", _TICKETS.c.id.in_(unanswered))
    found = await session.execute(
        sa.select(_TICKETS).where(facts.among(_TICKETS.c.contact_id, ids), *_OURS, goes_on).order_by(_TICKETS.c.id)
    )
    tickets = [dict(row) for row in found.mappings()]
    rated = await _rated(session, ids)
    said = await _said(session, [row["id"] for row in tickets])
    for contact_id, score in rated.items():
        people[contact_id].more["rated"] = score
    for row in tickets:
        last = rated.get(row["contact_id"])
        more = {"text": said.get(row["id"], ""), "last_score": last.score if last else None}
        people[row["contact_id"]].tickets.append({**row, **more})


async def _rated(session: AsyncSession, ids: Sequence[int]) -> dict[int, Rated]:
    columns = [_RATINGS.c.contact_id, _RATINGS.c.score, _RATINGS.c.rated_at, _TICKETS.c.number, _TICKETS.c.resolved_at]
    given = (
        sa.select(*columns)
        .join(_TICKETS, _TICKETS.c.id == _RATINGS.c.ticket_id)
        .where(facts.among(_RATINGS.c.contact_id, ids), _RATINGS.c.score.is_not(None))
        .order_by(_RATINGS.c.rated_at, _RATINGS.c.id)
    )
    last = {row.contact_id: row for row in await session.execute(given)}  # the newest overwrites
    if not last:
        return {}
    complaints = await session.execute(
        sa.select(_TICKETS.c.contact_id, sa.func.max(_TICKETS.c.resolved_at).label("at"))
        .where(facts.among(_TICKETS.c.contact_id, sorted(last)), _TICKETS.c.kind == "complaint", *_OURS)
        .group_by(_TICKETS.c.contact_id)
    )
    mended = {row.contact_id: row.at for row in complaints}
    return {
        one: Rated(row.score, row.rated_at, row.number, _later(row.resolved_at, mended.get(one)))
        for one, row in last.items()
    }


def _later(*moments: datetime | None) -> datetime | None:
    return max((at for at in moments if at is not None), default=None)


async def _said(session: AsyncSession, ticket_ids: Sequence[int]) -> dict[int, str]:
    """What customers said in these tickets."""
    if not ticket_ids:
        return {}
    lines = table(TicketMessage)
    said = sa.select(lines.c.ticket_id, lines.c.text).where(
        facts.among(lines.c.ticket_id, ticket_ids), lines.c.author == "customer"
    )
    found: dict[int, list[str]] = defaultdict(list)
    for row in await session.execute(said.order_by(lines.c.id)):
        found[row.ticket_id].append(row.text)
    return {ticket_id: "\n".join(texts) for ticket_id, texts in found.items()}


def trouble(person: Person, context: Mapping[str, Any], low: int, now: datetime) -> Trouble | None:
    """Why marketing leaves the person alone now, or None.

    `context` is the enrolment's: with an order in it every open ticket about that order counts, without one those
    that are urgent. `low` is the highest score that counts as a low one.
    """
    opened = [ticket for ticket in person.tickets if ticket["status"] != "resolved"]
    order = person.order(context) if context.get("order_id") else None
    for ticket in opened:
        if ticket["kind"] == "complaint":
            return Trouble("complaint", ticket["number"])
    for ticket in opened:
        if ticket["priority"] == "urgent" or (order is not None and about(person, ticket, order)):
            return Trouble("open_ticket", ticket["number"])
    rated = person.more.get("rated")
    if isinstance(rated, Rated) and rated.hurts(low, now):
        return Trouble("low_rating", rated.number)
    return None


def about(person: Person, ticket: Row, order: Row) -> bool:
    """Whether the ticket is about that order of the person."""
    named = {_plain(found) for found in _NUMBER.findall(ticket["text"])}
    if named & _names(order):
        return True
    if any(named & _names(other) for other in person.orders):
        return False
    before = [other for other in person.orders if other["ordered_at"] <= ticket["opened_at"]]
    return bool(before) and max(before, key=lambda other: other["ordered_at"])["id"] == order["id"]


def _names(order: Row) -> set[str]:
    return {_plain(name) for name in (order["number"], order["order_id"]) if name} - {""}


def _plain(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text.upper())
