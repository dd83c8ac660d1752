from datetime import datetime
from typing import Any

import pytest
from deskwork import Stage, seconds
from sqlmodel import col, select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.routing import presence
from bot.tables.chat import StaffMember
from bot.tables.support import TicketEvent

HUMAN = "I want to talk to a human"


def _house(**more: Any) -> dict[str, Any]:
    return {"departments": [{"name": "desk", "members": [901, 902], **more}]}


async def _stage(database: Database, texts: Texts, **support: Any) -> Stage:
    stage = await Stage.set(database, texts, support=support)
    await stage.customer_says(HUMAN)
    return stage


async def _me(stage: Stage, staff: StaffMember) -> StaffMember:
    async with stage.database.reading() as session:
        found = await session.get(StaffMember, staff.id)
        assert found is not None
        return found


async def test_away_until_a_time_ends_by_itself(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    assert "12:30" in str(await stage.staff_writes("/away 30m", seconds(0)))
    anna = await _me(stage, stage.anna)
    assert not presence.is_here(anna, seconds(1799)) and presence.is_here(anna, seconds(1800))
    assert await stage.rounds_run(seconds(1799)) == 0
    assert await stage.rounds_run(seconds(1801)) == 1
    anna = await _me(stage, stage.anna)
    assert (anna.presence, anna.presence_at, anna.away_until) == ("here", seconds(1800), None)


@pytest.mark.parametrize(
    ("words", "until"),
    [("until 14:00", "2026-03-04T14:00:00+00:00"), ("14:00", "2026-03-04T14:00:00+00:00"),
     ("2h", "2026-03-04T14:00:00+00:00"), ("", None)],
)  # fmt: skip
async def test_away_is_said_in_several_ways(database: Database, texts: Texts, words: str, until: str | None) -> None:
    stage = await _stage(database, texts)
    await stage.staff_writes(f"/away {words}", seconds(0), general=True)
    anna = await _me(stage, stage.anna)
    assert anna.presence == "away"
    assert anna.away_until == (datetime.fromisoformat(until) if until else None)


async def test_what_is_no_time_changes_nothing_and_is_explained(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    assert "/away 2h" in str(await stage.staff_writes("/away when the cows come home"))
    assert (await _me(stage, stage.anna)).presence == "here"


async def test_what_a_customer_waits_for_goes_to_the_next_and_the_rest_stays(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts, **_house(give="round_robin"))
    assert (await stage.ticket()).assignee_id == stage.anna.id
    assert "1" in str(await stage.staff_writes("/away", seconds(10)))
    assert (await stage.ticket()).assignee_id == stage.ben.id
    async with stage.database.reading() as session:
        given = (await session.scalars(select(TicketEvent).where(col(TicketEvent.name) == "assigned"))).all()
    assert given[-1].data == {"staff": stage.ben.id, "why": "away"}


async def test_where_tickets_are_taken_it_is_nobodys_and_the_topic_says_so(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.staff_takes(seconds(1))
    await stage.staff_writes("/away", seconds(10))
    assert (await stage.ticket()).assignee_id is None
    assert any("Anna is away" in text for text in await stage.texts("notice"))


async def test_an_answered_ticket_stays_until_the_customer_writes_again(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.staff_takes(seconds(1))
    await stage.staff_says("It is on its way", seconds(2))
    await stage.arrive(seconds(8))
    await stage.staff_writes("/away", seconds(10))
    assert (await stage.ticket()).assignee_id == stage.anna.id
    await stage.customer_says("And when does it come?", seconds(60))
    assert (await stage.ticket()).assignee_id is None


async def test_tickets_stay_when_the_shop_wants_it_so(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts, reassign_when_away=False)
    await stage.staff_takes(seconds(1))
    await stage.staff_writes("/away", seconds(10))
    await stage.customer_says("Hello?", seconds(60))
    assert (await stage.ticket()).assignee_id == stage.anna.id


async def test_who_comes_back_is_given_what_waits(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support=_house(give="round_robin"))
    for who in (stage.anna, stage.ben):
        await stage.staff_writes("/away", seconds(0), who=who, general=True)
    await stage.customer_says(HUMAN, seconds(1))
    assert (await stage.ticket()).assignee_id is None
    assert "Ben" in str(await stage.staff_writes("/back", seconds(5), who=stage.ben))
    await stage.rounds_run(seconds(6))
    assert (await stage.ticket()).assignee_id == stage.ben.id


async def test_who_is_here_is_told_with_their_open_tickets(database: Database, texts: Texts) -> None:
    stage = await _stage(database, texts)
    await stage.staff_takes(seconds(1))
    await stage.staff_writes("/away 2h", seconds(2), who=stage.ben, general=True)
    assert await stage.staff_writes("/who", seconds(3), general=True) is None
    (told,) = [text for text in await stage.texts("notice") if "Who is here" in text]
    assert "🟢 Anna · 1 open" in told and "💤 Ben" in told and "14:00" in told


async def test_a_colleague_is_known_by_todays_name_and_every_group(database: Database) -> None:
    async with database.transaction() as session:
        await presence.seen(session, 7, "Li", seconds(0), username="li", language="zh-hans", group=-1)
    async with database.transaction() as session:
        li = await presence.seen(session, 7, "Li Wei", seconds(60), username=None, group=-2)
    assert (li.name, li.username, li.groups, li.language) == ("Li Wei", None, [-2, -1], "zh-hans")
