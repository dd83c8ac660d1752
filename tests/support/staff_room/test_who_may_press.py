"""What a press brings is whatever the client chose to send: nothing happens by it that its sender may not do."""

import pytest
from deskwork import Stage, seconds

from bot.base.database import Database
from bot.base.texts import Texts
from bot.tables.people import Contact

HUMAN = "I want to talk to a human"
NOBODYS = ("9" * 30, "²", "-1", "")


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    leads = {"departments": [{"name": "returns", "leads": [902]}]}  # Ben
    made = await Stage.set(database, texts, support=leads)
    await made.customer_says(HUMAN)
    return made


async def _status(stage: Stage) -> str:
    async with stage.database.reading() as session:
        return (await session.get_one(Contact, stage.contact.id)).status


async def test_only_a_lead_confirms_that_somebody_is_forgotten(stage: Stage) -> None:
    yes = f"1:forget:{(await stage.ticket()).id}:yes"
    assert "/forget" in (await stage.staff_presses(yes, seconds(10)) or "")
    assert await _status(stage) == "active"
    await stage.staff_presses(yes, seconds(20), who=stage.ben)
    assert await _status(stage) == "erased"


async def test_numbers_that_no_row_can_have_do_nothing(stage: Stage) -> None:
    ticket = await stage.ticket()
    for number in NOBODYS:
        assert await stage.staff_presses(f"1:take:{number}", seconds(10))
        assert await stage.customer_presses(f"1:order:{number}", seconds(10))
        assert await stage.customer_presses(f"1:rate:{number}:5", seconds(10))
        assert await stage.customer_presses(f"1:rate:1:{number}", seconds(10))
    assert await stage.staff_presses(f"1:assign:{ticket.id}:{NOBODYS[0]}", seconds(10))
    assert (await stage.ticket()).assignee_id is None
