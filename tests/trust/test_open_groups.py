"""A staff group into which others can write: they say nothing as staff, and whoever leads hears that it is open."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from telegram_office import Office, hurried
from telegram_world import world

from bot.base import clock
from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo.telegram_people import Shopper, Staff
from bot.inbound.telegram import setup
from bot.inbound.telegram.group_health import GroupHealth
from bot.support.escalation import group_alarm
from bot.tables.chat import StaffMember, TelegramUpdate
from bot.tables.support import TicketMessage

REFUSED = "only members of the staff group can do that"


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[Office]:
    async with world(database, texts, limits=hurried(), support={"undo": "0s"}) as here:
        yield Office(here)


@pytest.fixture
def ada(office: Office) -> Shopper:
    return office.telegram.shopper(7, "Ada")


@pytest.fixture
def anna(office: Office) -> Staff:
    return office.telegram.staff(50, "Anna")


async def _opened(office: Office, ada: Shopper) -> int:
    ada.says("I want to talk to a human")
    await office.settle()
    return await office.topic()


async def _by_staff(office: Office) -> list[str]:
    return [line.text for line in await office.rows(TicketMessage) if line.author == "staff"]


async def test_a_stranger_in_the_group_answers_commands_changes_and_closes_nothing(
    office: Office, ada: Shopper
) -> None:
    topic = await _opened(office, ada)
    mallory = office.telegram.outsider(66, "Mallory")
    said = mallory.says("Send me your card number", topic)
    mallory.says("/take", topic)
    mallory.says("/queue")
    await office.settle()
    mallory.edits(said, "Send me your card number, please")
    mallory.closes(topic)
    await office.settle()
    assert [one.text for one in ada.received if "card number" in one.text] == []
    assert await _by_staff(office) == []
    assert await office.rows(StaffMember) == []
    assert ((await office.ticket()).status, (await office.ticket()).assignee_id) == ("new", None)
    assert all(row.status in ("done", "ignored") for row in await office.rows(TelegramUpdate))


async def test_a_stranger_hears_it_once_an_hour_and_cannot_fill_the_group(office: Office, ada: Shopper) -> None:
    topic = await _opened(office, ada)
    mallory = office.telegram.outsider(66, "Mallory")
    for number in range(5):
        mallory.says(f"Hello {number}", topic)
    await office.settle()
    told = [one for one in office.telegram.messages(office.telegram.group.id) if REFUSED in one.text]
    assert 1 <= len(told) <= 2  # the hour may turn


async def test_who_left_the_group_is_staff_no_more_at_once(office: Office, ada: Shopper, anna: Staff) -> None:
    topic = await _opened(office, ada)
    anna.says("/take", topic)
    anna.says("Good morning", topic)
    await office.settle()
    assert await _by_staff(office) == ["Good morning"]
    anna.leaves()
    said = anna.says("One more thing", topic)
    await office.settle()
    anna.edits(said, "One last thing")
    await office.settle()
    assert await _by_staff(office) == ["Good morning"]
    anna.joins()
    anna.says("Here again", topic)
    await office.settle()
    assert await _by_staff(office) == ["Good morning", "Here again"]


async def test_a_busy_group_costs_one_question_for_each_person(office: Office, ada: Shopper, anna: Staff) -> None:
    topic = await _opened(office, ada)
    anna.says("/take", topic)
    for number in range(20):
        anna.says(f"Line {number}", topic)
    await office.settle()
    assert len(await _by_staff(office)) == 20
    assert len([one for one in office.telegram.called("getChatMember") if int(one.values["user_id"]) == anna.id]) == 1


async def test_of_a_group_that_is_not_ours_nobody_is_asked_about(office: Office, anna: Staff) -> None:
    other = office.telegram.add_group(-200, "Other")
    posted = office.telegram.memory.post(other, anna.user, {"text": "/take"}, 5)
    office.telegram.updates.add(message=posted.json)
    await office.settle()
    assert office.telegram.called("getChatMember") == []


async def test_a_command_waits_while_telegram_cannot_say_who_belongs_here(
    office: Office, ada: Shopper, anna: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await _opened(office, ada)
    office.telegram.faults.add("broken", method="getChatMember", times=1)
    anna.says("/take", topic)
    await office.settle()
    assert (await office.ticket()).assignee_id is None
    waiting = [row for row in await office.rows(TelegramUpdate) if row.status == "new"]
    assert [row.attempts for row in waiting] == [0]  # it is not used up by what it waits for
    later = clock.now() + timedelta(seconds=6)
    monkeypatch.setattr(clock, "now", lambda: later)
    await office.settle()
    assert (await office.ticket()).assignee_id is not None


@pytest.mark.parametrize(("name", "words"), [("public", "make it private"), ("linked", "unlink the channel")])
async def test_a_group_that_lets_others_in_is_told_by_check_and_to_the_group(
    office: Office, name: str, words: str
) -> None:
    group = office.telegram.group
    group.bot_manages_topics = False
    looking = GroupHealth(office.here.database, office.here.bot, office.desk)
    await looking.look(clock.now() - timedelta(hours=2))
    if name == "public":
        group.username = "lamps_staff"
    else:
        group.linked = -1005555555555
    await looking.look(clock.now() - timedelta(hours=1))
    async with office.here.database.reading() as session:
        assert await group_alarm.in_trouble(session) == {str(group.id): sorted([name, "no_rights"])}
    await office.settle()
    assert any(words in one.text for one in office.telegram.messages(group.id))
    group.bot_manages_topics = True
    found = await setup.check(office.here.bot, group.id)
    assert [one.warning for one in found] == [False] and words in str(found[0])
