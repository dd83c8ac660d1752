"""A complaint stays with its owner until the customer says that it is fixed."""

from datetime import datetime, timedelta

import make
import pytest
from conftest import NOON
from deskwork import Stage, seconds
from sqlmodel import col, select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.outbox import Skip
from bot.support.feedback import complaints
from bot.support.stages import stages
from bot.tables.feedback import Confirmation
from bot.tables.support import TicketEvent

PROBLEM = "I want to talk to a human"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    support = {"complaints": {"owner": "Ben"}, "departments": [{"name": "returns", "leads": [901]}]}
    made = await Stage.set(database, texts, support=support)
    await made.customer_says(PROBLEM)
    await made.staff_takes(seconds(5))
    return made


async def _history(stage: Stage) -> list[tuple[str, str]]:
    async with stage.database.reading() as session:
        rows = (await session.scalars(select(TicketEvent).order_by(col(TicketEvent.id)))).all()
    return [(row.actor, row.name) for row in rows]


async def _asked(stage: Stage) -> list[Confirmation]:
    async with stage.database.reading() as session:
        return list((await session.scalars(select(Confirmation).order_by(col(Confirmation.id)))).all())


async def _answers(stage: Stage, yes: bool, at: datetime) -> str | None:
    buttons = [row for row in await stage.queued("rating") if "fixed" in row["payload"]["asks"]][-1]["payload"]
    return await stage.customer_presses(buttons["buttons"][0][0 if yes else 1]["data"], at)


async def test_a_complaint_gets_its_own_owner_who_is_called(stage: Stage) -> None:
    await stage.staff_writes("/complaint", seconds(10))
    ticket = await stage.ticket()
    assert (ticket.kind, ticket.assignee_id) == ("complaint", stage.ben.id)
    names = [name for _actor, name in await _history(stage)]
    assert "kind_changed" in names and "assigned" in names
    assert any("tg://user?id=902" in text and "complaint" in text for text in await stage.texts("notice"))
    await stage.staff_writes("/complaint off", seconds(20))
    assert (await stage.ticket()).kind == "question"


async def test_without_a_configured_owner_the_lead_of_the_department_gets_it(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support={"departments": [{"name": "returns", "leads": [902]}]})
    await stage.customer_says(PROBLEM)
    await stage.staff_takes(seconds(5))
    await stage.staff_writes("/complaint returns", seconds(10))
    ticket = await stage.ticket()
    assert (ticket.department, ticket.assignee_id) == ("returns", stage.ben.id)
    assert "returns" in (await stage.staff_writes("/complaint nobody", seconds(11)) or "")


async def test_yes_ends_it_and_only_then_stars_are_asked_for(stage: Stage) -> None:
    await stage.staff_writes("/complaint", seconds(10))
    await stage.staff_closes(seconds(60))
    (question,) = await stage.queued("rating")
    assert "Is it fixed now?" in question["payload"]["text"]
    assert [len(row) for row in question["payload"]["buttons"]] == [2]
    assert "Good to hear" in (await _answers(stage, True, seconds(90)) or "")
    assert ("customer", "fixed") in await _history(stage)
    assert [one.answer for one in await _asked(stage)] == ["yes"]
    assert len(await stage.queued("rating")) == 2
    assert (await stage.ticket()).status == "resolved"


async def test_no_brings_it_back_more_urgent_and_calls_the_owner(stage: Stage) -> None:
    await stage.staff_writes("/complaint", seconds(10))
    await stage.staff_closes(seconds(60))
    await _answers(stage, False, seconds(90))
    await _answers(stage, False, seconds(91))
    ticket = await stage.ticket()
    assert (ticket.status, ticket.priority, ticket.assignee_id) == ("open", "high", stage.ben.id)
    assert (await _history(stage)).count(("customer", "not_fixed")) == 1
    calls = [text for text in await stage.texts("notice") if "NOT fixed" in text]
    assert len(calls) == 1 and "tg://user?id=902" in calls[0]
    assert (await stage.queued("card"))[-1]["payload"].get("topic") == "reopen" or any(
        row["payload"].get("topic") == "reopen" for row in await stage.queued("card")
    )
    await stage.staff_closes(seconds(200))
    await _answers(stage, True, seconds(210))
    assert [(one.cycle, one.answer) for one in await _asked(stage)] == [(1, "no"), (2, "yes")]


async def test_who_changes_their_mind_without_end_calls_once(stage: Stage) -> None:
    await stage.staff_writes("/complaint", seconds(10))
    await stage.staff_closes(seconds(60))
    before = len(await stage.queued("notice"))
    for number in range(12):
        await _answers(stage, number % 2 == 1, seconds(90 + number))
    called = [row["payload"]["text"] for row in (await stage.queued("notice"))[before:]]
    assert len([text for text in called if "tg://user?id=902" in text]) == 1
    assert (await stage.ticket()).priority != "urgent"
    assert (await stage.ticket()).status == "open"


async def test_what_is_not_fixed_and_has_no_owner_is_told_to_the_leads(database: Database, texts: Texts) -> None:
    """Nobody is called by a notice in a topic that nobody has."""
    support = {"departments": [{"name": "returns", "leads": [77]}]}
    stage = await Stage.set(database, texts, support=support)
    async with database.transaction() as session:
        await make.telegram_contact(session, 77)
    await stage.customer_says(PROBLEM)
    await stage.staff_takes(seconds(5))
    await stage.staff_writes("/complaint", seconds(10))
    await stage.staff_writes("/drop", seconds(20))
    await stage.staff_closes(seconds(60))
    await _answers(stage, False, seconds(90))
    told = [row for row in await stage.queued("notice") if "NOT fixed" in row["payload"]["text"]]
    assert {row["receiver"].partition(":")[0] for row in told} >= {"telegram", "staff"}


async def test_without_an_answer_it_ends_as_unconfirmed_once(stage: Stage) -> None:
    await stage.staff_writes("/complaint", seconds(10))
    await stage.staff_closes(seconds(60))
    for days in (6, 8, 9):
        async with stage.database.transaction() as session:
            await complaints.end_unconfirmed(session, stage.desk, NOON + timedelta(days=days))
        assert [one.answer for one in await _asked(stage)] == ["" if days < 7 else "unconfirmed"]
    history = await _history(stage)
    assert history.count(("clock", "unconfirmed")) == 1 and ("customer", "fixed") not in history
    await _answers(stage, False, NOON + timedelta(days=10))
    assert (await stage.ticket()).status == "open"


async def test_the_question_of_a_complaint_that_is_open_again_is_not_put(stage: Stage) -> None:
    await stage.staff_writes("/complaint", seconds(10))
    await stage.staff_closes(seconds(60))
    await stage.staff_presses(f"1:reopen:{(await stage.ticket()).id}", seconds(61))
    (row,) = await stage.queued("rating")
    async with stage.database.transaction() as session:
        words = await stages(stage.desk)["rating"].prepare(session, [row], seconds(62))
    assert words[row["id"]] == Skip("reopened")
    assert [one.answer for one in await _asked(stage)] == ["reopened"]
