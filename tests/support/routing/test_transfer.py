from typing import Any

import pytest
from deskwork import GROUP, Stage, seconds
from sqlmodel import col, select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.routing import transfer
from bot.support.tickets import find
from bot.tables.chat import FormerTopic, StaffMember, Topic
from bot.tables.support import TicketEvent, TicketMessage

HUMAN = "I want to talk to a human"
RETURNS = -1007020
HOUSE = {
    "departments": [
        {"name": "returns", "title": "Returns", "groups": [RETURNS], "kinds": ["complaint"]},
        {"name": "money", "title": "Payments", "kinds": ["complaint"], "members": [902]},
    ]
}


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    made = await Stage.set(database, texts, support=HOUSE)
    await made.customer_says(HUMAN)
    async with database.transaction() as session:
        session.add(
            Topic(ticket_id=1, chat_id=GROUP, thread_id=7, state="ready", card_message_id=8, changed_at=seconds(0))
        )
        for staff in (made.anna, made.ben):
            member = await session.get(StaffMember, staff.id)
            assert member is not None
            member.groups = [GROUP]
    await made.staff_takes(seconds(1))
    return made


async def _rows(stage: Stage, model: type[Any]) -> list[Any]:
    async with stage.database.reading() as session:
        return list((await session.scalars(select(model))).all())


async def _events(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    async with stage.database.reading() as session:
        rows = await session.scalars(select(TicketEvent).order_by(col(TicketEvent.id)))
        return [(one.name, one.data) for one in rows]


async def test_into_another_group_the_topic_moves_and_the_old_one_says_where(stage: Stage) -> None:
    assert await stage.staff_writes("/dept returns", seconds(10)) is None
    ticket = await stage.ticket()
    assert (ticket.department, ticket.assignee_id) == ("returns", None)
    (former,), (topic,) = await _rows(stage, FormerTopic), await _rows(stage, Topic)
    assert (former.chat_id, former.thread_id) == (GROUP, 7)
    assert (topic.state, topic.thread_id, topic.card_message_id) == ("gone", 7, None), "made anew, with what was said"
    told = [row for row in await stage.queued("notice") if row["payload"].get("topic") == "close"]
    assert [(row["receiver"], row["payload"]["thread_id"]) for row in told] == [(f"staff:{GROUP}", 7)]
    assert "Returns" in told[0]["payload"]["text"]
    changes = await _events(stage)
    assert ("department_changed", {"old": "", "new": "returns"}) in changes
    assert ("dropped", {"why": "department_changed"}) in changes
    async with stage.database.reading() as session:
        assert await find.by_topic(session, GROUP, 7) is None


async def test_inside_one_group_only_the_department_changes(stage: Stage) -> None:
    await stage.staff_writes("/dept payments", seconds(10), who=stage.ben)
    assert await _rows(stage, FormerTopic) == []
    assert (await stage.ticket()).assignee_id is None, "Anna is not of Payments"
    assert "already" in str(await stage.staff_writes("/dept money", seconds(11)))


async def test_who_belongs_to_the_department_keeps_the_ticket(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        anna = await session.get(StaffMember, stage.anna.id)
        assert anna is not None
        anna.groups = [RETURNS, GROUP]
    await stage.staff_writes("/dept returns", seconds(10))
    assert (await stage.ticket()).assignee_id == stage.anna.id


async def test_without_a_name_it_asks_with_buttons(stage: Stage) -> None:
    assert await stage.staff_writes("/dept", seconds(10)) is None
    asked = (await stage.queued("notice"))[-1]["payload"]["buttons"]
    data = [one["data"] for row in asked for one in row]
    assert data == ["1:dept:1:returns", "1:dept:1:money"]
    assert await stage.staff_presses(data[0], seconds(11)) is None
    assert (await stage.ticket()).department == "returns"
    assert await stage.staff_presses("1:dept:1:-", seconds(12)) is None
    assert (await stage.ticket()).department == ""
    assert await stage.staff_presses("1:dept:1:pizza", seconds(13)) == stage.desk.staff("pressed.gone")


async def test_words_in_the_former_topic_are_kept_and_offered_as_a_note(stage: Stage) -> None:
    await stage.staff_writes("/dept returns", seconds(10))
    async with stage.database.transaction() as session:
        ticket = await transfer.former(session, GROUP, 7)
        assert ticket is not None
        place = {"chat_id": GROUP, "message_id": 55, "thread_id": 7}
        key = f"telegram:{GROUP}:55"
        await transfer.said_in_former(session, stage.desk, ticket, stage.anna, "She moved", {}, key, place, seconds(20))
    (line,) = [one for one in await _rows(stage, TicketMessage) if one.text == "She moved"]
    assert (line.author, line.ticket_id) == ("note", 1)
    told = (await stage.queued("notice"))[-1]
    assert (told["receiver"], told["payload"]["thread_id"]) == (f"staff:{GROUP}", 7)
    assert "Returns" in told["payload"]["text"]
    assert await stage.queued("answer") == []
    press = told["payload"]["buttons"][0][0]["data"]
    assert "stands" in str(await stage.staff_presses(press, seconds(21)))
    noted = (await stage.queued("notice"))[-1]
    assert noted["receiver"] == "ticket:1" and "She moved" in noted["payload"]["text"]
    assert "already" in str(await stage.staff_presses(press, seconds(22)))


async def test_without_departments_there_is_nowhere_to_go(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts)
    await stage.customer_says(HUMAN)
    assert "no departments" in str(await stage.staff_writes("/dept", seconds(1)))
    assert "no departments" in str(await stage.staff_writes("/dept returns", seconds(1)))
