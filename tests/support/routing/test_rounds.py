import asyncio
from datetime import datetime
from typing import Any

import make
import pytest
import sqlalchemy as sa
from deskwork import Stage, seconds
from sqlmodel import col, select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support import routing
from bot.support.routing import turn
from bot.tables.chat import StaffMember
from bot.tables.support import SlaTimer, Ticket, TicketEvent

HUMAN = "I want to talk to a human"


def _house(**more: Any) -> dict[str, Any]:
    return {"departments": [{"name": "desk", "members": [901, 902], "give": "round_robin", "cap": 2, **more}]}


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts, support=_house())


async def _opens(stage: Stage, number: int, at: datetime, **fields: Any) -> Ticket:
    """A ticket as it is made, of another customer each."""
    async with stage.database.transaction() as session:
        ticket = await make.ticket(session, number, opened_at=at, waiting_since=at, **fields)
        await routing.place(session, stage.desk, ticket, at)
        await routing.offer(session, stage.desk, ticket, at)
        return ticket


async def _has(stage: Stage) -> dict[int, str | None]:
    names = {stage.anna.id: "Anna", stage.ben.id: "Ben", None: None}
    async with stage.database.reading() as session:
        rows = (await session.scalars(select(Ticket).order_by(col(Ticket.number)))).all()
        return {row.number: names[row.assignee_id] for row in rows}


def _someone(number: int, **more: Any) -> StaffMember:
    return StaffMember(
        **{"id": number, "telegram_id": number, "name": f"S{number}", "first_seen_at": seconds(0), **more}
    )


def test_whose_turn_it_is_goes_by_presence_room_language_time_and_id() -> None:
    now = seconds(100)
    first = _someone(1, last_given_at=seconds(10))
    second = _someone(2, last_given_at=seconds(5))
    away = _someone(3, presence="away")
    returned = _someone(4, presence="away", away_until=seconds(99), last_given_at=seconds(7))
    everybody = [first, second, away, returned]
    assert turn.whose(everybody, {}, 1, "en", now) is second
    assert turn.whose(everybody, {2: 1}, 1, "en", now) is returned
    assert turn.whose(everybody, {2: 1, 4: 1, 1: 1}, 1, "en", now) is None
    assert turn.whose([_someone(2), _someone(1)], {}, 1, "en", now).id == 1  # type: ignore[union-attr]
    chinese = _someone(5, language="zh-hans", last_given_at=seconds(50))
    german = _someone(6, language="de", last_given_at=seconds(1))
    assert turn.whose([*everybody, chinese, german], {}, 1, "zh_CN", now) is chinese
    assert turn.whose([german], {}, 1, "zh_CN", now) is german, "preferred, not required"


async def test_tickets_go_round_up_to_the_cap_and_the_rest_waits_with_a_word(stage: Stage) -> None:
    for number in range(1, 6):
        await _opens(stage, number, seconds(number))
    assert await _has(stage) == {1: "Anna", 2: "Ben", 3: "Anna", 4: "Ben", 5: None}
    notices = await stage.queued("notice")
    mentions = [row["payload"]["text"] for row in notices if row["payload"].get("html")]
    assert '<a href="tg://user?id=901">Anna</a>' in mentions[0] and len(mentions) == 4
    assert "2 open cases" in notices[-1]["payload"]["text"]


async def test_who_closes_a_ticket_is_given_what_is_due_first(stage: Stage) -> None:
    for number in range(1, 7):
        await _opens(stage, number, seconds(number))
    async with stage.database.transaction() as session:
        late, later = [
            (await session.scalars(select(Ticket).where(Ticket.number == number))).one() for number in (6, 5)
        ]
        for ticket, due in ((late, 60), (later, 90)):
            await session.execute(sa.delete(SlaTimer).where(col(SlaTimer.ticket_id) == ticket.id))
            session.add(
                SlaTimer(
                    ticket_id=ticket.id or 0, metric="first_response", policy="p", channel="telegram",
                    target_seconds=30, start_at=seconds(1), target_at=seconds(due),
                )
            )  # fmt: skip
        done = (await session.scalars(select(Ticket).where(Ticket.number == 2))).one()
        done.status = "resolved"
    assert await stage.rounds_run(seconds(20)) == 1
    assert (await _has(stage))[6] == "Ben" and (await _has(stage))[5] is None


async def test_the_ticket_of_a_customer_is_given_and_the_history_says_so(stage: Stage) -> None:
    await stage.customer_says(HUMAN)
    ticket = await stage.ticket()
    assert (ticket.assignee_id, ticket.status, ticket.department) == (stage.anna.id, "open", "desk")
    async with stage.database.reading() as session:
        given = (await session.scalars(select(TicketEvent).where(TicketEvent.name == "assigned"))).one()
    assert (given.actor, given.data) == ("bot", {"staff": stage.anna.id, "why": "round"})


async def test_nobody_is_given_a_ticket_at_night(database: Database, texts: Texts) -> None:
    support = {**_house(), "hours": {"wed": ["09:00-17:00"], "thu": ["09:00-17:00"]}}
    stage = await Stage.set(database, texts, support=support)
    night = datetime.fromisoformat("2026-03-04T20:00:00+00:00")
    await _opens(stage, 1, night)
    assert await stage.rounds_run(night) == 0
    morning = datetime.fromisoformat("2026-03-05T09:00:00+00:00")
    assert await stage.rounds_run(morning) == 1
    assert await _has(stage) == {1: "Anna"}


async def test_drills_and_departments_that_claim_are_left_alone(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support=_house(kinds=["question"]))
    await _opens(stage, 1, seconds(1), kind="complaint")
    await _opens(stage, 2, seconds(2), kind="drill")
    assert await _has(stage) == {1: None, 2: None}


async def test_two_processes_never_give_to_the_same_turn(database: Database, database_url: str, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support=_house(cap=3))
    other = Database(database_url)
    there = Stage(other, stage.desk, stage.contact, stage.anna, stage.ben)
    try:
        await asyncio.gather(*(_opens((stage, there)[number % 2], number, seconds(number)) for number in range(1, 9)))
    finally:
        await other.close()
    having = list((await _has(stage)).values())
    assert sorted(having, key=str) == ["Anna", "Anna", "Anna", "Ben", "Ben", "Ben", None, None]
