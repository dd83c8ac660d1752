"""The share of promises kept, counted as the rules say."""

from datetime import timedelta
from typing import Any

import make
import pytest
from conftest import NOON
from deskwork import Stage, seconds

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.sla import attainment
from bot.tables.support import SlaTimer


async def _timers(stage: Stage, state: str, count: int, *, waited: float | None = None, **fields: Any) -> None:
    async with stage.database.transaction() as session:
        for _ in range(count):
            stage.number += 1
            ticket = await make.ticket(session, stage.number, contact_id=stage.contact.id)
            session.add(
                SlaTimer(
                    ticket_id=ticket.id,
                    metric="first_response",
                    policy="chat",
                    channel="telegram",
                    target_seconds=30,
                    start_at=NOON,
                    target_at=seconds(30),
                    state=state,
                    answered_at=seconds(waited) if waited is not None else None,
                    **fields,
                )
            )


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts)


async def test_overdue_clocks_count_as_missed_and_running_and_excluded_ones_not(stage: Stage) -> None:
    """88 met, 7 breached, 2 open and overdue, 3 running, 2 excluded are 88/97 = 90.7 %."""
    await _timers(stage, "met", 88, waited=20, staff_id=stage.anna.id)
    await _timers(stage, "breached", 7, waited=50, staff_id=stage.ben.id)
    await _timers(stage, "running", 2)
    await _timers(stage, "cancelled", 1, reason="unreachable")
    await _timers(stage, "cancelled", 1, reason="closed_without_reply")
    async with stage.database.transaction() as session:
        for number in (901, 902, 903):
            ticket = await make.ticket(session, number, contact_id=stage.contact.id)
            late = {"start_at": seconds(50), "target_at": seconds(80), "state": "running", "channel": "telegram"}
            session.add(
                SlaTimer(ticket_id=ticket.id, metric="first_response", policy="chat", target_seconds=30, **late)
            )
    since, now = NOON - timedelta(days=1), seconds(60)
    async with stage.database.reading() as session:
        (kept,) = await attainment.by_channel(session, stage.desk, since, now)
        agents = await attainment.by_agent(session, stage.desk, since, now)
        goals = await attainment.goals(session, stage.desk, now)
    assert (kept.met, kept.breached, kept.overdue, kept.running, kept.left_out) == (88, 7, 2, 3, 2)
    assert kept.attainment == pytest.approx(88 / 97)
    assert dict(kept.reasons) == {"unreachable": 1, "closed_without_reply": 1}
    assert (kept.p50, kept.p90, kept.p95) == (20, 20, 50)
    assert [(one.agent, one.met, one.breached) for one in agents] == [(None, 0, 0), ("Anna", 88, 0), ("Ben", 0, 7)]
    chat = next(goal for goal in goals if goal.goal.channel == "chat")
    assert (chat.counted, chat.hits, chat.left) == (97, 88, 0)
