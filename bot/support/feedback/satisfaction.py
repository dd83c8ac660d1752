"""How content customers are: ratings by colleague, department and channel, and what became of complaints."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support.desk import Desk
from bot.tables.chat import StaffMember
from bot.tables.feedback import Confirmation, Rating
from bot.tables.support import Ticket

Slice = Literal["colleague", "department", "channel"]
SLICES: tuple[Slice, ...] = ("colleague", "department", "channel")
HAPPY = 4
"""From this score on a customer counts as satisfied (CSAT is their share of all who rated)."""

_RATINGS, _TICKETS = table(Rating), table(Ticket)
_STAFF, _ASKED = table(StaffMember), table(Confirmation)
_COUNTED = (_TICKETS.c.kind != "drill", _TICKETS.c.spam.is_(False), _RATINGS.c.withdrawn.is_(False))


@dataclass(frozen=True)
class Satisfaction:
    """Ratings that were asked for in a time, and what came back. `name` is of the slice, empty where nobody is."""

    name: str
    asked: int
    rated: int
    points: int
    happy: int
    low: int
    comments: int

    @property
    def average(self) -> float | None:
        return self.points / self.rated if self.rated else None

    @property
    def share(self) -> float | None:
        """CSAT: the share of those who rated with four or five stars."""
        return self.happy / self.rated if self.rated else None


@dataclass(frozen=True)
class Complaints:
    """Complaints of tickets opened in a time, and the answers to "is it fixed?" asked in it."""

    opened: int
    fixed: int
    not_fixed: int
    unconfirmed: int
    waiting: int


async def by(session: AsyncSession, desk: Desk, what: Slice, since: datetime, until: datetime) -> list[Satisfaction]:
    """By who had the ticket, or its department, when it was asked, or by its channel; the most rated first.

    Drills, spam and questions that never reached the customer are not in it.
    """
    name = {
        "colleague": sa.func.coalesce(_STAFF.c.name, ""),
        "department": _RATINGS.c.department,
        "channel": _TICKETS.c.channel,
    }[what]
    score, low = _RATINGS.c.score, desk.ground.config.support.low_score
    counts = (
        sa.func.count().label("asked"),
        sa.func.count(score).label("rated"),
        sa.func.coalesce(sa.func.sum(score), 0).label("points"),
        sa.func.count(sa.case((score >= HAPPY, 1))).label("happy"),
        sa.func.count(sa.case((score <= low, 1))).label("low"),
        sa.func.count(sa.case((_RATINGS.c.comment != "", 1))).label("comments"),
    )
    joined = _RATINGS.join(_TICKETS, _TICKETS.c.id == _RATINGS.c.ticket_id)
    joined = joined.outerjoin(_STAFF, _STAFF.c.id == _RATINGS.c.staff_id)
    rows = sa.select(name.label("name"), *counts).select_from(joined)
    rows = rows.where(*_COUNTED, _RATINGS.c.asked_at >= since, _RATINGS.c.asked_at < until)
    found = await session.execute(rows.group_by(name).order_by(sa.desc("rated"), sa.desc("asked"), "name"))
    return [Satisfaction(row[0], *(int(value) for value in row[1:])) for row in found.all()]


async def complaints(session: AsyncSession, since: datetime, until: datetime) -> Complaints:
    opened = sa.select(sa.func.count()).where(
        _TICKETS.c.kind == "complaint", _TICKETS.c.opened_at >= since, _TICKETS.c.opened_at < until
    )
    asked = sa.select(_ASKED.c.answer, sa.func.count()).where(_ASKED.c.asked_at >= since, _ASKED.c.asked_at < until)
    answers = {answer: int(count) for answer, count in (await session.execute(asked.group_by(_ASKED.c.answer))).all()}
    return Complaints(
        int(await session.scalar(opened) or 0),
        answers.get("yes", 0), answers.get("no", 0), answers.get("unconfirmed", 0), answers.get("", 0),
    )  # fmt: skip
