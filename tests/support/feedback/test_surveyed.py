"""The report of surveys, with figures worked out by hand."""

from typing import Any

import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from shop_world import DAY

from bot.base.database import Database, table
from bot.support.feedback import surveyed
from bot.support.feedback.surveyed import Surveyed
from bot.tables.feedback import SurveyAnswer
from bot.tables.outbox import Message


async def _answered(database: Database, kind: str, *scores: int, **fields: Any) -> None:
    """Each by a customer of their own."""
    async with database.transaction() as session:
        for score in scores:
            who = (await make.contact(session)).id
            values = {"survey": f"after_{kind}", "comment": "", "answered_at": NOON, "changed_at": NOON, **fields}
            session.add(SurveyAnswer(kind=kind, contact_id=who, score=score, **values))
            session.add(Message(
                key=f"{kind}{who}", channel="email", purpose="marketing", receiver="x", contact_id=who, status="sent",
                flow=f"after_{kind}", payload={"survey": {"kind": kind}}, planned_at=NOON, created_at=NOON,
                handed_at=NOON,
            ))  # fmt: skip


async def _report(database: Database) -> list[Surveyed]:
    async with database.reading() as session:
        return await surveyed.report(session, NOON - DAY, NOON + DAY)


async def test_promoters_less_detractors_and_the_share_of_the_satisfied(database: Database) -> None:
    await _answered(database, "nps", 10, 9, 9, 8, 7, 6, 0, 10, 9, 8)
    await _answered(database, "csat", 5, 4, 3, 2, comment="hm")
    await _answered(database, "nps", 0, 0, answered_at=NOON - 2 * DAY)
    csat, nps = await _report(database)
    assert (csat.survey, csat.answered, csat.good, csat.low, csat.comments) == ("after_csat", 4, 2, 1, 4)
    assert (nps.survey, nps.answered, nps.good, nps.low, nps.comments) == ("after_nps", 10, 5, 2, 0)
    assert (csat.score, nps.score) == (50, 30)
    # (0.5 + 0.2 - 0.3²) / 10 is the variance of the mean; its root times 1.96 is 48.4
    assert nps.give_or_take == pytest.approx(48.41, abs=0.01)
    assert csat.give_or_take == pytest.approx(49.0, abs=0.01)


@pytest.mark.parametrize(
    ("payload", "verdicts"),
    [({}, {"survey": "nps", "channel": "email"}), ({"survey": {"kind": "nps"}}, {"channel": "email"})],
)
async def test_the_kind_is_read_where_retention_leaves_it_and_of_old_mails_where_it_was(
    database: Database, payload: dict[str, Any], verdicts: dict[str, Any]
) -> None:
    await _answered(database, "nps", 10)
    async with database.transaction() as session:
        await session.execute(sa.delete(table(SurveyAnswer)))
        await session.execute(sa.update(table(Message)).values(payload=payload, verdicts=verdicts))
    assert [(one.survey, one.kind, one.answered) for one in await _report(database)] == [("after_nps", "nps", 0)]


async def test_who_was_asked_is_counted_by_what_was_sent(database: Database) -> None:
    await _answered(database, "nps", 10)
    async with database.transaction() as session:
        session.add(Message(
            key="other", channel="email", purpose="marketing", receiver="x", status="sent", flow="welcome",
            payload={"list_id": "x"}, planned_at=NOON, created_at=NOON, handed_at=NOON,
        ))  # fmt: skip
    assert [one.survey for one in await _report(database)] == ["after_nps"]
    (only,) = await _report(database)
    assert only.give_or_take is None and only.score == 100
