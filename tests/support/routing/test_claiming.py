import asyncio
from dataclasses import replace
from typing import Any

import make
import pytest
from deskwork import GROUP, Stage, seconds
from sqlmodel import select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.routing import people
from bot.support.staff_room import registry
from bot.support.typed import Command, Typed
from bot.tables.chat import StaffMember
from bot.tables.support import TicketEvent

HUMAN = "I want to talk to a human"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    made = await Stage.set(database, texts)
    await made.customer_says(HUMAN)
    return made


async def _names(stage: Stage, *names: str) -> list[Any]:
    async with stage.database.reading() as session:
        events = await session.scalars(select(TicketEvent).where(TicketEvent.name.in_(names)))  # type: ignore[attr-defined]
        return [(one.actor, one.name, one.data) for one in events]


def _button(rows: list[Any], verb: str) -> str:
    found = [one["data"] for row in rows for line in row["payload"].get("buttons") or () for one in line]
    return next(data for data in reversed(found) if data.startswith(f"1:{verb}:"))


async def test_two_agents_in_the_same_second_are_one_claim(database: Database, database_url: str, texts: Texts) -> None:
    stage = await Stage.set(database, texts)
    await stage.customer_says(HUMAN)
    other = Database(database_url)
    there = Stage(other, stage.desk, stage.contact, stage.anna, stage.ben)
    try:
        said = await asyncio.gather(
            stage.staff_takes(seconds(1), who=stage.anna), there.staff_takes(seconds(1), who=stage.ben)
        )
    finally:
        await other.close()
    taken = await _names(stage, "taken")
    assert len(taken) == 1
    winner = (await stage.ticket()).assignee_id
    assert taken[0][0] == f"staff:{winner}" and winner in (stage.anna.id, stage.ben.id)
    assert sum("already" in words for words in said) == 1


async def test_sending_the_first_answer_claims_and_a_race_of_two_is_one_claim(
    database: Database, database_url: str, texts: Texts
) -> None:
    stage = await Stage.set(database, texts)
    await stage.customer_says(HUMAN)
    await stage.staff_says("Hello!", seconds(5), who=stage.anna)
    await stage.staff_says("Good day!", seconds(5), who=stage.ben)
    rows = await stage.queued("notice")
    asked = [one["data"] for row in rows for line in row["payload"].get("buttons") or () for one in line]
    first, second = [data for data in asked if data.startswith("1:send:")]
    other = Database(database_url)
    there = Stage(other, stage.desk, stage.contact, stage.anna, stage.ben)
    try:
        await asyncio.gather(
            stage.staff_presses(first, seconds(6), stage.anna), there.staff_presses(second, seconds(6), stage.ben)
        )
    finally:
        await other.close()
    assert len(await _names(stage, "taken")) == 1


async def test_somebody_elses_ticket_is_offered_to_be_taken_over(stage: Stage) -> None:
    await stage.staff_takes(seconds(1))
    assert await stage.staff_writes("/take", seconds(2), who=stage.ben) is None
    over = _button(await stage.queued("notice"), "takeover")
    assert await stage.staff_presses(over, seconds(3), stage.ben) is None
    assert (await stage.ticket()).assignee_id == stage.ben.id
    assert "Ben" in str(await stage.staff_presses(over, seconds(4), stage.anna)), "Anna is not who has it any more"
    assert (await stage.ticket()).assignee_id == stage.ben.id


async def test_taking_twice_is_one_claim(stage: Stage) -> None:
    await stage.staff_takes(seconds(1))
    await stage.staff_writes("/take", seconds(2))
    assert len(await _names(stage, "taken")) == 1
    assert "Anna" in await stage.staff_takes(seconds(3)), "a button says it in passing"


async def test_a_ticket_is_given_back_and_the_history_says_why(stage: Stage) -> None:
    assert "Nobody" in str(await stage.staff_writes("/drop", seconds(1)))
    await stage.staff_takes(seconds(2))
    assert await stage.staff_writes("/drop", seconds(3), who=stage.ben) is None
    assert (await stage.ticket()).assignee_id is None
    assert (await _names(stage, "dropped"))[0][1:] == ("dropped", {"why": "by_hand"})


async def test_a_ticket_is_given_by_username_or_name_and_asks_when_it_is_unclear(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        ben = await session.merge(stage.ben)
        ben.username = "ben_k"
        await make.staff(session, "Benita Ross", 903)
        await make.staff(session, "Carla Diaz", 904)
    assert await stage.staff_writes("/assign @ben_k", seconds(1)) is None
    assert (await stage.ticket()).assignee_id == stage.ben.id
    assert await stage.staff_writes("/assign carla", seconds(2)) is None
    assert (await stage.ticket()).assignee_id not in (stage.ben.id, stage.anna.id)
    assert "Bob the Builder" in str(await stage.staff_writes("/assign Bob the Builder", seconds(3)))
    assert "nobody_here" in str(await stage.staff_writes("/assign @nobody_here", seconds(4)))
    assert await stage.staff_writes("/assign beni", seconds(5)) is None
    assert await stage.staff_writes("/assign", seconds(6)) is None
    ticket = await stage.ticket()
    assert await stage.staff_presses(f"1:assign:{ticket.id}:{stage.ben.id}", seconds(7)) is None
    assert (await stage.ticket()).assignee_id == stage.ben.id
    assert [name for _, name, data in await _names(stage, "assigned") if data["why"] == "by_hand"]


def test_a_name_is_found_with_a_slip_and_two_likely_ones_are_both_named() -> None:
    def one(number: int, name: str, username: str | None = None) -> StaffMember:
        return StaffMember(id=number, telegram_id=number, name=name, username=username, first_seen_at=seconds(0))

    among = [one(1, "Anna Weber", "anna_w"), one(2, "Anne Wagner"), one(3, "Li Wei"), one(4, "陈静")]
    assert [found.id for found in people.find(among, "@ANNA_W")] == [1]
    assert [found.id for found in people.find(among, "陈静")] == [4]
    assert [found.id for found in people.find(among, "webr")] == [1]
    assert {found.id for found in people.find(among, "ann")} == {1, 2}
    assert people.find(among, "@nobody") == people.find(among, "") == []


async def test_commands_of_leads_are_for_leads(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support={"departments": [{"name": "desk", "leads": [901]}]})

    async def run(session: Any, said: Typed) -> str | None:
        return "done"

    registry.COMMANDS["secret"] = Command("secret", run, "anywhere", lead=True)  # type: ignore[index]
    try:
        said = Typed(stage.desk, stage.ben, "", GROUP, 1, "k", seconds(1))
        async with stage.database.transaction() as session:
            assert "lead" in str(await registry.run(session, "secret", said))
            assert await registry.run(session, "secret", replace(said, staff=stage.anna)) == "done"
    finally:
        del registry.COMMANDS["secret"]  # type: ignore[attr-defined]


async def test_whoever_answered_in_the_last_minute_is_named_to_the_next_author(stage: Stage) -> None:
    await stage.staff_takes(seconds(1))
    await stage.staff_says("First", seconds(2))
    await stage.staff_says("Second", seconds(63), who=stage.ben)
    assert [row["payload"]["text"] for row in await stage.queued("answer")] == ["First", "Second"]
    await stage.staff_says("Third", seconds(70), who=stage.anna)
    assert len(await stage.queued("answer")) == 2
    assert any("Ben" in text for text in await stage.texts("notice")), "although the case is Anna's"
