"""What customers and staff do in Telegram, unpacked for the desk: real updates from the stand-in, real rows."""

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from telegram_office import Office, hurried
from telegram_world import world

from bot import contacts
from bot.base import clock
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.demo.telegram_people import Shopper, Staff
from bot.tables.chat import StaffMember, TelegramChat, TelegramUpdate
from bot.tables.people import Contact, Identity
from bot.tables.support import Ticket, TicketMessage


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[Office]:
    async with world(database, texts, limits=hurried(), support={"undo": "0s"}) as here:
        yield Office(here)


@pytest.fixture
def ada(office: Office) -> Shopper:
    return office.telegram.shopper(7, "Ada", "zh-hans")


@pytest.fixture
def anna(office: Office) -> Staff:
    return office.telegram.staff(50, "Anna")


@pytest.fixture
async def opened(office: Office, ada: Shopper) -> Ticket:
    """Ada's ticket with a photo as the first message."""
    ada.sends_photo("My lamp came broken")
    await office.settle()
    return await office.ticket()


async def test_a_customer_becomes_a_proven_contact_with_name_and_language(office: Office, ada: Shopper) -> None:
    ada.starts("some-payload-somebody-invented")
    await office.settle()
    (contact,) = await office.rows(Contact)
    (identity,) = await office.rows(Identity)
    assert (contact.first_name, contact.language) == ("Ada", "zh_CN")
    assert (identity.kind, identity.value, identity.proven) == ("telegram", "7", True)
    assert len(ada.received) == 1, "she is greeted"


async def test_a_photo_opens_a_ticket_and_arrives_in_its_topic_as_a_photo(office: Office, opened: Ticket) -> None:
    messages = office.telegram.messages(office.telegram.group.id, await office.topic())
    photos = [one for one in messages if one.kind == "photo"]
    assert [one.text for one in photos] == ["My lamp came broken"]
    assert photos[0].copied_from is not None and photos[0].copied_from[0] == 7


@pytest.mark.parametrize("kind", ["voice", "document", "sticker", "video", "animation", "video_note"])
async def test_every_kind_of_file_reaches_the_topic(office: Office, opened: Ticket, ada: Shopper, kind: str) -> None:
    ada.sends(kind)
    await office.settle()
    assert kind in await office.shown()


async def test_every_item_of_an_album_arrives_in_order(office: Office, opened: Ticket, ada: Shopper) -> None:
    numbers = ada.sends_album(4, "All the pieces")
    await office.albums()
    messages = office.telegram.messages(office.telegram.group.id, await office.topic())
    assert [one.copied_from for one in messages if one.copied_from][1:] == [(7, number) for number in numbers]


async def test_staff_answer_in_the_topic_and_the_customer_gets_it(
    office: Office, opened: Ticket, ada: Shopper, anna: Staff
) -> None:
    topic = await office.topic()
    anna.says("/take", topic)
    await office.settle()
    anna.says("We send a new one today <3", topic)
    anna.sends("photo", topic, "This one")
    await office.settle()
    assert [(one.kind, one.text) for one in ada.received][-2:] == [
        ("text", "We send a new one today <3"),
        ("photo", "This one"),
    ]
    (member,) = await office.rows(StaffMember)
    assert (member.telegram_id, member.name) == (50, "Anna")


async def test_the_first_message_of_the_topic_as_what_is_replied_to_is_no_reply(
    office: Office, opened: Ticket, ada: Shopper, anna: Staff
) -> None:
    topic = await office.topic()
    anna.says("//just between us", topic)
    anna.says("/take", topic)
    await office.settle()
    anna.says("for Ada", topic)
    await office.settle()
    assert "for Ada" in [one.text for one in ada.received]


async def test_notes_stay_among_staff_and_so_do_answers_to_them(
    office: Office, opened: Ticket, ada: Shopper, anna: Staff
) -> None:
    topic = await office.topic()
    anna.says("/take", topic)
    await office.settle()
    before = len(ada.received)
    note = anna.says("//customer sounds angry", topic)
    anna.says("/note yes", topic)
    await office.settle()
    anna.says("indeed", topic, reply_to=note)
    await office.settle()
    assert len(ada.received) == before
    notes = [line.text for line in await office.rows(TicketMessage) if line.author == "note"]
    assert notes == ["customer sounds angry", "yes", "indeed"]
    assert all(office.telegram.group.messages[note].reactions for note in [note])


async def test_the_clock_is_explained_and_an_unknown_command_is_answered_with_help(
    office: Office, opened: Ticket, anna: Staff
) -> None:
    anna.says("/sla", await office.topic())
    anna.says("/fly to the moon", await office.topic())
    await office.settle()
    shown = await office.shown()
    assert any("/fly" in one and "/help" in one for one in shown)


async def test_closing_the_topic_by_hand_closes_the_ticket(office: Office, opened: Ticket, anna: Staff) -> None:
    anna.closes(await office.topic())
    await office.settle()
    assert (await office.ticket()).status == "resolved"


async def test_who_writes_anonymously_is_told_that_nobody_got_it(
    office: Office, opened: Ticket, ada: Shopper, anna: Staff
) -> None:
    before = len(ada.received)
    anna.says_anonymously("Who am I?", await office.topic())
    await office.settle()
    assert len(ada.received) == before
    assert any("yourself" in one for one in await office.shown())


async def test_talk_outside_of_known_topics_is_left_alone(office: Office, opened: Ticket, anna: Staff) -> None:
    foreign = office.telegram.memory.create_topic(office.telegram.group, anna.user, "Lunch")
    anna.says("Pizza?", foreign.thread_id)
    anna.says("Good morning")
    before = len(await office.rows(TicketMessage))
    await office.settle()
    assert len(await office.rows(TicketMessage)) == before


async def test_the_other_group_of_somebody_else_is_ignored(office: Office, anna: Staff) -> None:
    other = office.telegram.add_group(-200, "Other")
    posted = office.telegram.memory.post(other, anna.user, {"text": "/take"}, 5)
    office.telegram.updates.add(message=posted.json)
    await office.settle()
    assert [row.status for row in await office.rows(TelegramUpdate)] == ["ignored"]


async def test_buttons_of_staff_work_for_members_of_the_group_only(office: Office, opened: Ticket, anna: Staff) -> None:
    topic = await office.topic()
    card = next(one for one in office.telegram.messages(office.telegram.group.id, topic) if one.buttons)
    take = card.buttons[0]["callback_data"]
    mallory = office.telegram.outsider(66, "Mallory")
    mallory.press_raw(card, take)
    await office.settle()
    assert (await office.ticket()).assignee_id is None
    assert mallory.toasts == ["Only members of the staff group may do this."]
    anna.press_raw(card, take)
    await office.settle()
    assert (await office.ticket()).assignee_id is not None


async def test_a_press_is_always_answered_even_of_a_button_that_we_never_made(office: Office, ada: Shopper) -> None:
    ada.starts()
    await office.settle()
    query = ada.press_raw(ada.received[0], "0:from:another:time")
    await office.settle()
    assert office.telegram.chats.toasts[query] is not None


async def test_who_blocks_the_bot_is_unreachable_until_they_write_or_unblock(office: Office, ada: Shopper) -> None:
    async def reachable(session: AsyncSession) -> bool:
        contact = await contacts.find(session, "telegram", 7)
        assert contact is not None and contact.id is not None
        return await contacts.address(session, contact.id, "telegram") is not None

    ada.starts()
    await office.settle()
    for act, expected in ((ada.blocks, False), (ada.unblocks, True)):
        act()
        await office.settle()
        async with office.here.database.reading() as session:
            assert await reachable(session) is expected


async def test_a_migration_of_the_group_is_followed_from_its_service_message(
    office: Office, opened: Ticket, ada: Shopper, anna: Staff
) -> None:
    topic = await office.topic()
    office.telegram.migrate_group()
    await office.settle()
    anna.says("/take", topic)
    await office.settle()
    anna.says("Still here", topic)
    await office.settle()
    assert "Still here" in [one.text for one in ada.received]


async def test_updates_of_unknown_kinds_and_shapes_disturb_nobody(office: Office, ada: Shopper) -> None:
    office.telegram.updates.add(thing_of_next_year={"from": {"id": 7, "is_bot": False, "first_name": "Ada"}})
    office.telegram.updates.add(message={"message_id": 1, "chat": {"id": 7}})
    office.telegram.updates.add(inline_query={"id": "1", "from": ada.user, "query": "x", "offset": ""})
    ada.starts()
    await office.settle()
    statuses = [row.status for row in await office.rows(TelegramUpdate)]
    assert statuses == ["ignored", "failed", "ignored", "done"]


async def test_a_replayed_update_changes_nothing(office: Office, opened: Ticket, anna: Staff) -> None:
    anna.says("/take", await office.topic())
    anna.says("once", await office.topic())
    await office.settle()
    before = [len(await office.rows(model)) for model in (Ticket, TicketMessage)], await office.shown()
    async with office.here.database.transaction() as session:
        await session.execute(sa.update(table(TelegramUpdate)).values(status="new"))
        await session.execute(sa.update(table(TelegramChat)).values(due_at=clock.now()))
    await office.settle()
    assert ([len(await office.rows(model)) for model in (Ticket, TicketMessage)], await office.shown()) == before
