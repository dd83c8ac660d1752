"""The house goals: their share, what may still be missed, and the alarm when that goes too fast."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from conftest import NOON
from deskwork import Stage, seconds
from past import add

from bot.base.config import SlaGoal
from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.escalation import burn_alarm, today
from bot.support.sla import goals
from bot.support.sla.goals import Standing

HALF_AN_HOUR = timedelta(minutes=30)


def _goal(**fields: Any) -> dict[str, Any]:
    return {"channel": "chat", "within": "30s", "share": 0.9, **fields}


async def _stage(database: Database, texts: Texts, *wanted: dict[str, Any], **sections: Any) -> Stage:
    return await Stage.set(database, texts, support={"goals": list(wanted or (_goal(),))}, **sections)


async def _standing(stage: Stage, now: datetime = NOON + timedelta(minutes=1)) -> Standing:
    async with stage.database.reading() as session:
        return (await goals.standings(session, stage.desk, now))[0]


async def test_the_worked_example_leaves_nothing_more_to_miss(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await add(stage, "met", 88, waited=20)
    await add(stage, "breached", 7, waited=50)
    await add(stage, "running", 2)
    await add(stage, "running", 3, start_at=seconds(50))
    await add(stage, "cancelled", 2, reason="spam", settled_at=seconds(5))
    found = await _standing(stage)
    assert (found.counted, found.kept, found.left) == (97, 88, 0)


async def test_more_than_the_budget_is_so_many_too_many(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await add(stage, "met", 8, waited=20)
    await add(stage, "breached", 2, waited=50)
    found = await _standing(stage)
    assert found.left == -1 and found.few
    assert burn_alarm.left(stage.desk, found) == "1 missed too many"
    assert burn_alarm.left(stage.desk, Standing(found.goal, NOON, 200, 191)) == "11 more may be missed"


async def test_a_goal_that_is_not_the_policys_time_is_judged_by_its_own(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts, _goal(within="1m"))
    await add(stage, "breached", 3, waited=50)  # late for its policy of 30 s, in time for the goal
    await add(stage, "breached", waited=61)
    await add(stage, "running")  # may still be kept
    await add(stage, "cancelled", reason="closed_without_reply", settled_at=seconds(59))
    await add(stage, "cancelled", reason="closed_without_reply", settled_at=seconds(61))
    found = await _standing(stage, seconds(60))
    assert (found.kept, found.missed) == (3, 2)
    found = await _standing(stage, seconds(60.001))
    assert (found.kept, found.missed) == (3, 3)


@pytest.mark.parametrize(
    ("window", "first", "after"),
    [
        ("day", date(2026, 3, 4), date(2026, 3, 5)),
        ("week", date(2026, 3, 2), date(2026, 3, 9)),
        ("month", date(2026, 3, 1), date(2026, 4, 1)),
    ],
)
async def test_windows_are_days_weeks_and_months_of_the_shop(
    window: str, first: date, after: date, database: Database, texts: Texts
) -> None:
    stage = await _stage(database, texts, _goal(window=window), shop={"timezone": "Europe/Berlin"})
    goal = stage.desk.ground.config.support.goals[0]
    assert goals.began(stage.desk, goal, NOON).astimezone(stage.desk.timezone).date() == first
    assert goals.ends(stage.desk, goal, NOON).astimezone(stage.desk.timezone).date() == after
    ends = goals.ends(stage.desk, SlaGoal(**_goal(window="month")), datetime(2026, 12, 31, 12, tzinfo=UTC))
    assert ends.astimezone(stage.desk.timezone).date() == date(2027, 1, 1)


async def test_drills_and_other_channels_are_not_of_the_goal(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await add(stage, "breached", 5, waited=50, ticket={"kind": "drill"})
    await add(stage, "breached", 5, waited=50, channel="email")
    assert (await _standing(stage)).counted == 0


async def _alarm(stage: Stage, now: datetime) -> int:
    async with stage.database.reading() as session:
        found = await burn_alarm.look(session, stage.desk, now)
    async with stage.database.transaction() as session:
        return sum([await burn_alarm.alarm(session, stage.desk, one, now) for one in found])


async def _hours(stage: Stage, *missed_of: tuple[float, int, int]) -> None:
    """(hours ago, missed, of)."""
    for ago, missed, of in missed_of:
        start = NOON - timedelta(hours=ago)
        await add(stage, "breached", missed, waited=60, start_at=start, breached_at=start + timedelta(seconds=30))
        await add(stage, "met", of - missed, waited=10, start_at=start)


async def test_a_budget_that_burns_is_told_once_a_window(database: Database, texts: Texts) -> None:
    house = [{"name": "desk", "groups": [-100500], "leads": [901]}]
    stage = await Stage.set(database, texts, support={"goals": [_goal()], "departments": house})
    await _hours(stage, (30, 0, 100), (3, 6, 20), (0.5, 6, 20))
    assert await _alarm(stage, NOON) == 1
    assert await _alarm(stage, NOON + timedelta(minutes=5)) == 0
    (text,) = await stage.texts("notice")
    assert "Chat, first answer within 0:00:30 (goal 90 %): in the last hour 6 of 20 were missed" in text
    assert "At this pace, what the goal allows to miss this week is used up at" in text
    assert '<a href="tg://user?id=901">Anna</a>' in text


async def test_a_budget_that_is_gone_says_so(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await _hours(stage, (3, 5, 15), (0.5, 5, 15))
    assert await _alarm(stage, NOON) == 1
    assert "What the goal allows to miss this week is used up: 7 missed too many." in (await stage.texts("notice"))[0]


@pytest.mark.parametrize(
    "past",
    [
        pytest.param([(0.5, 5, 6)], id="too few"),
        pytest.param([(0.5, 2, 20)], id="too few missed"),
        pytest.param([(3, 10, 20), (0.5, 0, 10)], id="over by now"),
        pytest.param([(5, 0, 100), (0.5, 4, 10)], id="only a bad quarter"),
        pytest.param([(40, 0, 1100), (3, 4, 20), (0.5, 5, 20)], id="it will last"),
    ],
)
async def test_what_does_not_burn_rings_nobody(
    past: list[tuple[float, int, int]], database: Database, texts: Texts
) -> None:
    stage = await _stage(database, texts)
    await _hours(stage, *past)
    assert await _alarm(stage, NOON) == 0


async def test_nobody_is_alarmed_by_drills(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await add(stage, "breached", 30, waited=60, start_at=NOON - HALF_AN_HOUR, ticket={"kind": "drill"})
    assert await _alarm(stage, NOON) == 0


async def test_sla_in_general_tells_today_and_what_is_overdue(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts, _goal(), _goal(channel="email", within="4h", share=0.8, window="day"))
    await stage.customer_says("I want to talk to a human")
    await add(stage, "met", 24, waited=10, start_at=NOON - timedelta(days=1))
    await add(stage, "met", 20, waited=10)
    await add(stage, "breached", 5, waited=50)
    assert await stage.staff_writes("/sla today", seconds(60), general=True) is None
    text = (await stage.texts("notice"))[-1]
    assert "Chat, first answer within 0:00:30 (goal 90 %)\ntoday: 76.9 % of 26\nthis week: 88.0 % of 50" in text
    assert "1 missed too many" in text
    assert "Mail, first answer within 4:00:00 (goal 80 %)\ntoday: nothing to count yet" in text
    assert "🔴" in text and "Late (1)" in text


async def test_sla_in_a_topic_tells_its_clock(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.customer_says("I want to talk to a human")
    assert "policy chat" in str(await stage.staff_writes("/sla", seconds(5)))


async def test_it_is_told_in_chinese_too(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts, shop={"language": "zh_CN"})
    await add(stage, "met", 3, waited=10)
    async with database.reading() as session:
        text = await today.told(session, stage.desk, seconds(60))
    assert "聊天，0:00:30 内首次答复（目标 90%）" in text and "今天：3 次中 100.0%（样本少）" in text
