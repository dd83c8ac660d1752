"""The report of the board: asked by how many customers, told how many, and how they rated us before and after."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support.feedback import board
from bot.tables.feedback import Rating, Voice

_VOICES, _RATINGS = table(Voice), table(Rating)


@dataclass(frozen=True)
class Heard:
    """One card. `before` and `after` are the average ratings of the customers who were told, from before and since.

    `unsure` were sent to without an answer of the channel, `waiting` are told by day.
    """

    number: int
    kind: str
    department: str
    title: str
    status: str
    asked: int
    told: int
    refused: int
    waiting: int
    unsure: int
    before: float | None
    after: float | None
    rated_after: int


async def report(session: AsyncSession, department: str = "") -> list[Heard]:
    """Every card of the board, the most wanted first."""
    counts: dict[int, dict[str, int]] = {}
    told = sa.select(_VOICES.c.improvement_id, _VOICES.c.told, sa.func.count()).group_by(
        _VOICES.c.improvement_id, _VOICES.c.told
    )
    for card_id, state, count in (await session.execute(told)).all():
        counts.setdefault(card_id, {})[state] = int(count)
    ratings = await _ratings(session)
    rows = []
    for card, votes in await board.listed(session, department, board.STATUSES):
        mine = counts.get(card.id or 0, {})
        before, after, rated_after = ratings.get(card.id or 0, (None, None, 0))
        rows.append(
            Heard(
                card.number, card.kind, card.department, card.title, card.status, votes, mine.get("told", 0),
                mine.get("refused", 0), mine.get("queued", 0), mine.get("unknown", 0), before, after, rated_after,
            )
        )  # fmt: skip
    return rows


async def _ratings(session: AsyncSession) -> dict[int, tuple[float | None, float | None, int]]:
    """By card: the averages before and after each customer was told, and how many ratings came after."""
    score, earlier = _RATINGS.c.score, _RATINGS.c.rated_at < _VOICES.c.told_at
    averages = (
        sa.func.avg(sa.case((earlier, score))),
        sa.func.avg(sa.case((~earlier, score))),
        sa.func.count(sa.case((~earlier, score))),
    )
    rows = sa.select(_VOICES.c.improvement_id, *averages).join(_RATINGS, _RATINGS.c.contact_id == _VOICES.c.contact_id)
    rows = rows.where(_VOICES.c.told == "told", score.is_not(None)).group_by(_VOICES.c.improvement_id)
    found = (await session.execute(rows)).all()
    return {card_id: (_float(before), _float(after), int(count)) for card_id, before, after, count in found}


def _float(value: object) -> float | None:
    return None if value is None else float(str(value))
