"""What surveys say: by flow, how many were asked and answered, the NPS or CSAT, and how sure that is."""

from dataclasses import dataclass
from datetime import datetime
from math import sqrt

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.base.surveys import HAPPY, LOW, PROMOTES
from bot.tables.feedback import SurveyAnswer
from bot.tables.outbox import Message

_ANSWERS, _MAILS = table(SurveyAnswer), table(Message)
_HANDED = ("handed", "sent", "unknown")
_SURE = 1.96  # of the normal distribution, for 95 %


@dataclass(frozen=True)
class Surveyed:
    """One survey. `good` are promoters (nps) or scores of 4 and 5 (csat), `low` detractors or 1 and 2.

    `asked` are enrolments that were sent it in the time, `answered` answers that came in it.
    """

    survey: str
    kind: str
    asked: int
    answered: int
    good: int
    low: int
    comments: int

    @property
    def score(self) -> float | None:
        """NPS, -100 to 100: the share of promoters less that of detractors. CSAT: the share of 4 and 5, 0 to 100."""
        if not self.answered:
            return None
        return 100 * (self.good - (self.low if self.kind == "nps" else 0)) / self.answered

    @property
    def give_or_take(self) -> float | None:
        """Half the 95 % interval of the score: each answer counts 1, 0 or (nps) -1."""
        if self.score is None or self.answered < 2:
            return None
        share = self.score / 100
        squares = (self.good + (self.low if self.kind == "nps" else 0)) / self.answered
        return 100 * _SURE * sqrt(max(0.0, squares - share * share) / self.answered)


async def report(session: AsyncSession, since: datetime, until: datetime) -> list[Surveyed]:
    """Every survey that was asked or answered in that time, by name."""
    score, kind = _ANSWERS.c.score, _ANSWERS.c.kind

    def number(bounds: dict[str, int], *, up: bool) -> sa.ColumnElement[int]:
        found = sa.or_(
            *(sa.and_(kind == name, score >= bound if up else score <= bound) for name, bound in bounds.items())
        )
        return sa.func.coalesce(sa.func.sum(sa.case((found, 1), else_=0)), 0)

    answers = (
        sa.select(
            _ANSWERS.c.survey, kind, sa.func.count(), number({"nps": PROMOTES, "csat": HAPPY}, up=True),
            number(dict(LOW), up=False), sa.func.sum(sa.case((_ANSWERS.c.comment != "", 1), else_=0)),
        )
        .where(_ANSWERS.c.answered_at >= since, _ANSWERS.c.answered_at < until)
        .group_by(_ANSWERS.c.survey, kind)
    )  # fmt: skip
    counts = {(row[0], row[1]): tuple(int(value) for value in row[2:]) for row in await session.execute(answers)}
    # What retention empties held the kind before the answers of the gate did.
    of_kind = sa.func.coalesce(
        _MAILS.c.verdicts["survey"].as_string(), _MAILS.c.payload[("survey", "kind")].as_string()
    )
    mails = (
        sa.select(_MAILS.c.flow, of_kind, sa.func.count(sa.distinct(_MAILS.c.enrolment_id)))
        .where(_MAILS.c.handed_at >= since, _MAILS.c.handed_at < until, _MAILS.c.status.in_(_HANDED))
        .where(_MAILS.c.flow.is_not(None), of_kind.is_not(None))
        .group_by(_MAILS.c.flow, of_kind)
    )
    asked = {(row[0], row[1]): int(row[2]) for row in await session.execute(mails)}
    return [
        Surveyed(survey, name, asked.get((survey, name), 0), *counts.get((survey, name), (0, 0, 0, 0)))
        for survey, name in sorted(counts.keys() | asked.keys())
    ]
