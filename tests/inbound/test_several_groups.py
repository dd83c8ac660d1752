"""Departments in groups of their own: where topics stand, moves between groups, and a group that does not work."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from telegram_office import Office, hurried
from telegram_world import world

from bot.base import clock
from bot.base.database import Database
from bot.base.texts import Texts
from bot.checks import everything
from bot.demo.telegram_memory import Chat, Posted
from bot.demo.telegram_people import Shopper, Staff
from bot.inbound.telegram import setup
from bot.inbound.telegram.group_health import GroupHealth
from bot.outbound import staff_group
from bot.support.routing import presence
from bot.tables.chat import StaffMember, TelegramUpdate, Topic
from bot.tables.support import Ticket, TicketMessage

RETURNS, MORE_RETURNS = -1001000000701, -1001000000702
DEPARTMENTS = [
    {"name": "china", "title": "China", "languages": ["zh_CN"], "groups": [RETURNS, MORE_RETURNS], "leads": [60]},
]
HUMAN = "I want to talk to a human"


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[Office]:
    support = {"undo": "0s", "departments": DEPARTMENTS}
    async with world(database, texts, limits=hurried(), support=support) as here:
        here.telegram.add_group(RETURNS, "Returns")
        here.telegram.add_group(MORE_RETURNS, "Returns too")
        yield Office(here)


@pytest.fixture
def china(office: Office) -> Chat:
    return office.telegram.memory.chats[RETURNS]


@pytest.fixture
def anna(office: Office) -> Staff:
    return office.telegram.staff(50, "Anna")


def _lei(office: Office, group: Chat) -> Staff:
    return office.telegram.staff(60, "Lei", "zh-hans").in_group(group)


async def _asks(office: Office, number: int, language: str, words: str = HUMAN) -> Shopper:
    shopper = office.telegram.shopper(number, f"S{number}", language)
    shopper.says(words)
    await office.settle()
    return shopper


def _in_topic(office: Office, chat_id: int, thread: int | None = None) -> list[Posted]:
    return [one for one in office.telegram.messages(chat_id, thread) if one.thread_id is not None]


async def _topic(office: Office, number: int) -> Topic:
    (ticket,) = [one for one in await office.rows(Ticket) if one.number == number]
    (topic,) = [one for one in await office.rows(Topic) if one.ticket_id == ticket.id]
    return topic  # type: ignore[no-any-return]


async def test_topics_stand_in_the_least_busy_group_of_their_department(office: Office) -> None:
    for number in (11, 12, 13):
        await _asks(office, number, "zh-hans", "人工客服")
    await _asks(office, 14, "en")
    topics = {topic.ticket_id: topic.chat_id for topic in await office.rows(Topic)}
    assert list(topics.values()) == [RETURNS, MORE_RETURNS, RETURNS, office.telegram.group.id]


async def test_staff_of_every_group_answer_and_press(office: Office, china: Chat) -> None:
    shopper = await _asks(office, 11, "zh-hans", "人工客服")
    topic = await _topic(office, 1001)
    lei = _lei(office, china)
    lei.presses("Take", topic.thread_id)
    lei.says("你好！", topic.thread_id)
    await office.settle()
    assert "你好！" in [one.text for one in shopper.received]
    (member,) = await office.rows(StaffMember)
    assert (member.name, member.groups) == ("Lei", [RETURNS])
    lei.says("/queue")
    await office.settle()
    general = [one for one in office.telegram.messages(RETURNS) if one.thread_id is None and one.by_bot]
    assert general, "an answer stands in the General of the group where it was asked"


async def test_a_group_that_is_not_ours_is_left_alone(office: Office) -> None:
    stranger = office.telegram.add_group(-100999, "Somebody else's")
    office.telegram.staff(70, "Eve").in_group(stranger).says("/queue")
    await office.settle()
    assert [one for one in office.telegram.messages(stranger.id) if one.by_bot] == []


async def test_a_transfer_moves_the_topic_with_card_and_all_that_was_said(
    office: Office, china: Chat, anna: Staff
) -> None:
    shopper = await _asks(office, 11, "en", "My lamp came broken, I want to talk to a human")
    old = await _topic(office, 1001)
    anna.says("/take", old.thread_id)
    await office.settle()
    anna.says("We look into it", old.thread_id)
    await office.settle()
    anna.says("/dept china", old.thread_id)
    shopper.says("It is the blue one")
    await office.settle()
    new = await _topic(office, 1001)
    assert new.chat_id in (RETURNS, MORE_RETURNS) and new.state == "ready"
    left = office.telegram.group.topics[old.thread_id or 0]
    assert left.closed and any("China" in one.text for one in _in_topic(office, old.chat_id, old.thread_id))
    there = [one.text for one in _in_topic(office, new.chat_id, new.thread_id)]
    together = "\n".join(there)
    assert "My lamp came broken" in together and "We look into it" in together
    assert sum("It is the blue one" in text for text in there) == 1, "what was on its way followed"
    assert any(one.pinned for one in _in_topic(office, new.chat_id, new.thread_id))
    stays = len(_in_topic(office, old.chat_id, old.thread_id))
    shopper.says("Are you there?")
    await office.settle()
    assert len(_in_topic(office, old.chat_id, old.thread_id)) == stays
    assert "Are you there?" in [one.text for one in _in_topic(office, new.chat_id, new.thread_id)]


async def test_who_writes_in_the_former_topic_is_told_and_may_leave_a_note(
    office: Office, china: Chat, anna: Staff
) -> None:
    shopper = await _asks(office, 11, "en")
    old = await _topic(office, 1001)
    anna.says("/dept china", old.thread_id)
    await office.settle()
    new = await _topic(office, 1001)
    before = len(shopper.received)
    anna.says("She is a friend of the house", old.thread_id)
    await office.settle()
    assert len(shopper.received) == before
    told = _in_topic(office, old.chat_id, old.thread_id)[-1]
    assert told.by_bot and "China" in told.text
    links = [button["url"] for button in told.buttons if "url" in button]
    assert links == [f"https://t.me/c/{str(new.chat_id).removeprefix('-100')}/{new.thread_id}"]
    anna.presses("As a note there", old.thread_id)
    await office.settle()
    there = [one.text for one in _in_topic(office, new.chat_id, new.thread_id)]
    assert any("She is a friend of the house" in text for text in there)
    assert len(shopper.received) == before
    assert [one.author for one in await office.rows(TicketMessage) if "friend" in one.text] == ["note"]


async def test_the_topic_that_a_ticket_left_goes_too_when_its_customer_is_forgotten(
    office: Office, china: Chat, anna: Staff
) -> None:
    await _asks(office, 11, "en", f"{HUMAN} about a lamp")
    old = await _topic(office, 1001)
    anna.says("// she wants a lamp", old.thread_id)
    anna.says("/dept china", old.thread_id)
    await office.settle()
    new = await _topic(office, 1001)
    lei = _lei(office, office.telegram.memory.chats[new.chat_id])
    lei.says("/forget", new.thread_id)
    await office.settle()
    lei.presses("🗑 Forget for good", new.thread_id)
    await office.settle()
    for chat_id, thread in ((old.chat_id, old.thread_id), (new.chat_id, new.thread_id)):
        assert thread not in office.telegram.memory.chats[chat_id].topics
    kept = " ".join(update.body for update in await office.rows(TelegramUpdate))
    assert "a lamp" not in kept, "nor is it in the updates that told of it"


async def test_a_reaction_or_an_edit_after_a_transfer_touches_no_message_of_the_other_group(
    office: Office, china: Chat, anna: Staff
) -> None:
    """Numbers of messages mean others in another group."""
    await _asks(office, 11, "en")
    old = await _topic(office, 1001)
    anna.says("/take", old.thread_id)
    await office.settle()
    answer = anna.says("On its way", old.thread_id)
    anna.says("/dept china", old.thread_id)
    await office.settle()
    new = await _topic(office, 1001)
    reacted = [one for one in office.telegram.messages(new.chat_id) if one.reactions]
    assert reacted == []
    assert office.telegram.memory.chats[old.chat_id].messages[answer].reactions == ["👌"]


async def test_the_migration_of_a_departments_group_is_followed(office: Office, anna: Staff) -> None:
    old, new = office.telegram.group.id, -1009000000001
    anna.says("Hello all")
    anna.says("/who")
    await office.settle()
    office.telegram.migrate_group(new)
    await office.settle()
    async with office.here.database.reading() as session:
        assert await staff_group.every(session, office.here.ground.config) == (new, RETURNS, MORE_RETURNS)
        assert await staff_group.of(session, office.here.ground.config, "") == (new,)
        (member,) = await presence.everybody(session)
    assert member.groups == [new] and old != new


async def test_every_group_gets_the_menu_and_is_checked(office: Office, china: Chat) -> None:
    config = office.here.ground.config
    await setup.set_commands(office.here.bot, office.here.ground.texts, config.staff_groups)
    assert any(str(RETURNS) in scope for scope, _language in office.telegram.chats.menus.known)
    china.bot_manages_topics = False
    found = await setup.check(office.here.bot, config.telegram.staff_chat_id, config.staff_groups)
    assert [(one.key, str(RETURNS) in one.message) for one in found] == [("support.departments", True)]
    telegram = [one for one in await everything(config) if one.key == "support.departments"]
    assert len(telegram) == 1


async def test_who_leads_is_told_once_when_a_group_stops_to_work_and_once_when_it_works_again(
    office: Office, china: Chat
) -> None:
    lead = office.telegram.shopper(60, "Lei")
    lead.starts()
    await office.settle()
    before, now = len(lead.received), clock.now() - timedelta(hours=1)
    health = GroupHealth(office.here.database, office.here.bot, office.desk)
    await health.look(now)
    china.is_forum = False
    for minutes in (10, 20):
        await health.look(now + timedelta(minutes=minutes))
    await office.settle()
    assert len(lead.received) == before + 1
    assert str(RETURNS) in lead.received[-1].text and "Topics are switched off" in lead.received[-1].text
    china.is_forum = True
    await health.look(now + timedelta(minutes=30))
    await office.settle()
    assert "works again" in lead.received[-1].text


async def test_while_topics_are_off_what_customers_write_waits_and_arrives_afterwards(
    office: Office, china: Chat
) -> None:
    office.telegram.memory.chats[MORE_RETURNS].is_forum = china.is_forum = False
    shopper = await _asks(office, 11, "zh-hans", "人工客服")
    shopper.says("还在吗？")
    await office.settle()
    assert _in_topic(office, RETURNS) == []
    china.is_forum = True
    await office.here.deliver(at_once=True)
    assert "还在吗？" in "\n".join(one.text for one in _in_topic(office, RETURNS))
