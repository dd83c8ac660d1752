import re
from typing import Any

import make
import pytest
from deskwork import GROUP, Stage, seconds
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound import outbox
from bot.support.routing import lists
from bot.tables.chat import Topic
from bot.tables.support import SlaTimer

HOUSE = {"departments": [{"name": "returns", "title": "Returns", "channels": ["email"]}]}


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts, support=HOUSE)


async def _waits(stage: Stage, number: int, due: float | None = None, **fields: Any) -> None:
    async with stage.database.transaction() as session:
        await _one_waits(session, number, due, **fields)


async def _one_waits(session: AsyncSession, number: int, due: float | None, **fields: Any) -> None:
    contact = await make.contact(session, first_name=fields.pop("who", f"C{number}"))
    about = {"waiting_since": seconds(number), "status": "open", "contact_id": contact.id, **fields}
    ticket = await make.ticket(session, number, **about)
    session.add(
        Topic(ticket_id=ticket.id or 0, chat_id=-1001234, thread_id=number, state="ready", changed_at=seconds(0))
    )
    if due is not None:
        session.add(
            SlaTimer(
                ticket_id=ticket.id or 0, metric="first_response", policy="p", channel="telegram",
                target_seconds=30, start_at=seconds(0), target_at=seconds(due),
            )
        )  # fmt: skip


async def _typed(stage: Stage, text: str, **more: Any) -> str:
    assert await stage.staff_writes(text, seconds(100), general=True, **more) is None
    row = (await stage.queued("notice"))[-1]
    assert row["receiver"] == f"staff:{GROUP}" and row["payload"]["html"]
    return str(row["payload"]["text"])


async def test_the_queue_tells_per_department_what_is_due_first(stage: Stage) -> None:
    await _waits(stage, 1042, 120)
    await _waits(stage, 1043, 60, who="Bo <b>")
    await _waits(stage, 1044, assignee_id=stage.anna.id)
    await _waits(stage, 1045, 130, department="returns")
    await _waits(stage, 1046, 10, kind="drill")
    await _waits(stage, 1047, 10, status="resolved")
    text = await _typed(stage, "/queue")
    assert re.findall(r"#\d+", text) == ["#1045", "#1043", "#1042", "#1044"]
    assert '🔴 <a href="https://t.me/c/1234/1043">#1043</a> 12:01:00 Bo &lt;b&gt;' in text
    assert "<b>Returns</b>" in text and "→ Anna" in text and "12:02:00" in text


async def test_mine_and_overdue(stage: Stage) -> None:
    assert "no open" in await _typed(stage, "/mine")
    assert "Nothing is late" in await _typed(stage, "/overdue")
    assert "Nothing waits" in await _typed(stage, "/queue")
    await _waits(stage, 1042, 60, assignee_id=stage.anna.id)
    await _waits(stage, 1043, 200, assignee_id=stage.anna.id, status="snoozed")
    await _waits(stage, 1044, 300)
    assert re.findall(r"#\d+", await _typed(stage, "/mine")) == ["#1042", "#1043"]
    assert re.findall(r"#\d+", await _typed(stage, "/overdue")) == ["#1042"]
    assert "no open" in await _typed(stage, "/mine", who=stage.ben)


async def test_a_long_queue_is_one_message_and_says_how_many_more(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        for number in range(1, 201):
            await _one_waits(session, number, number, department="returns" if number % 2 else "")
    text = await _typed(stage, "/queue")
    assert len(text) <= lists.LONGEST + 60 < 4096
    shown, more = len(re.findall(r"#\d+", text)), [int(one) for one in re.findall(r"and (\d+) more", text)]
    assert shown + sum(more) == 200 and len(more) == 2 and shown > 30


async def test_lists_are_in_the_language_of_the_shop(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, shop={"language": "zh_CN"})
    await _waits(stage, 1042, 120)
    assert "没人负责" in await _typed(stage, "/queue")


async def test_the_queue_says_how_late_messages_reach_a_group(stage: Stage) -> None:
    assert "late" not in await _typed(stage, "/queue")
    async with stage.database.transaction() as session:
        await outbox.queue(
            session, channel="staff_topic", purpose="notice", receiver=f"staff:{GROUP}", payload={"text": "hi"},
            key="waits", now=seconds(40), priority=10,
        )  # fmt: skip
    assert "General desk: messages arrive up to 60 s late" in await _typed(stage, "/queue")
