import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from conftest import NOON
from telegram_world import World, world

from bot.base import clock, due
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.outbound import staff_group
from bot.outbound.sender import NotNow
from bot.outbound.topics import Topics
from bot.tables.chat import Topic
from bot.tables.support import Ticket, TicketMessage

TOPICS = table(Topic)


@pytest.fixture
async def here(database: Database, texts: Texts) -> AsyncIterator[World]:
    async with world(database, texts) as made:
        yield made


def shown(here: World, words: str = "#1042") -> list[str]:
    """What stands in the newest topic of that name."""
    topic = here.telegram.topic_of(words)
    assert topic is not None
    return [one.text for one in here.telegram.messages(here.group, topic.thread_id) if one.kind == "text"]


async def topic_rows(here: World) -> list[dict[str, object]]:
    async with here.database.reading() as session:
        return [dict(row) for row in (await session.execute(sa.select(TOPICS))).mappings()]


async def said(here: World, ticket: Ticket, number: int, text: str) -> None:
    async with here.database.transaction() as session:
        session.add(
            TicketMessage(
                contact_id=ticket.contact_id,
                ticket_id=ticket.id,
                channel="telegram",
                author="customer",
                text=text,
                provider_key=f"telegram:7:{number}",
                at=NOON,
                received_at=NOON,
            )
        )


async def test_the_first_message_makes_the_topic_and_the_card_is_pinned_then_changed(here: World) -> None:
    ticket = await here.ticket()
    await here.to_topic(ticket, card=True, text="Ada, new", title="#1042 Ada")
    await here.to_topic(ticket, text="Where is my parcel?")
    await here.to_topic(ticket, card=True, text="Ada, taken by Anna", title="#1042 Ada · Anna")
    await here.deliver()
    assert [topic.name for topic in here.telegram.group.topics.values()] == ["#1042 Ada · Anna"]
    assert shown(here) == ["Ada, taken by Anna", "Where is my parcel?"]
    assert [one.pinned for one in here.telegram.messages(here.group)] == [False, True, False]
    receipt = (await here.messages())[1]
    assert receipt["status"] == "sent" and receipt["provider_id"]


async def test_general_is_written_without_a_thread(here: World) -> None:
    await here.to_general("A customer is unhappy")
    await here.deliver()
    assert [one.thread_id for one in here.telegram.messages(here.group)] == [None]


async def test_a_topic_deleted_in_the_middle_of_a_burst_is_made_anew_once_and_nothing_is_lost(here: World) -> None:
    ticket = await here.ticket()
    await here.to_topic(ticket, card=True, text="the card", title="#1042 Ada")
    for number in range(3):
        await said(here, ticket, number, f"word {number}")
        await here.to_topic(ticket, text=f"word {number}")
    await here.deliver()
    (old,) = here.telegram.group.topics
    here.telegram.staff(50, "Anna").deletes_topic(old)
    for number in range(3, 6):
        await here.to_topic(ticket, text=f"word {number}")
    await here.deliver()
    assert len(here.telegram.group.topics) == 1
    texts = shown(here)
    assert texts[0] == "the card"
    assert all(f"word {number}" in texts[1] for number in range(3))
    assert texts[2:] == ["word 3", "word 4", "word 5"]
    assert {row["status"] for row in await here.messages()} == {"sent"}


async def test_a_topic_made_again_tells_what_is_still_there_and_nothing_of_what_is_gone(here: World) -> None:
    ticket = await here.ticket()
    await here.to_topic(ticket, card=True, text="the card", title="#1042 Ada")
    for number, text in enumerate(("of somebody else", "of hers")):
        await said(here, ticket, number, text)
        await here.to_topic(ticket, text=text)
    await here.deliver()
    async with here.database.transaction() as session:
        lines = table(TicketMessage)
        await session.execute(sa.update(lines).where(lines.c.text == "of somebody else").values(text=""))
    (old,) = here.telegram.group.topics
    await here.to_topic(ticket, topic="again")
    await here.to_topic(ticket, "newer", card=True, text="the card", title="#1042 Ada")
    await here.deliver()
    assert list(here.telegram.group.topics) != [old]
    words = "\n".join(shown(here))
    assert len(shown(here)) == 2 and "of hers" in words and "somebody else" not in words


async def test_copies_and_cards_notice_a_deleted_topic_too(here: World) -> None:
    ada = here.telegram.shopper(7, "Ada")
    ticket = await here.ticket()
    await here.to_topic(ticket, "a", card=True, text="the card", title="#1042 Ada")
    await here.deliver()
    anna = here.telegram.staff(50, "Anna")
    anna.deletes_topic(next(iter(here.telegram.group.topics)))
    await here.to_topic(ticket, "b", copy={"chat_id": 7, "message_id": ada.sends_photo()})
    await here.deliver()
    anna.deletes_topic(next(iter(here.telegram.group.topics)))
    await here.to_topic(ticket, "c", card=True, text="the card, newer", title="#1042 Ada")
    await here.deliver()
    assert len(here.telegram.group.topics) == 1
    assert shown(here)[-1] == "the card, newer"


async def test_a_closed_topic_is_opened_again_to_write_into_it(here: World) -> None:
    ticket = await here.ticket()
    await here.to_topic(ticket, text="one")
    await here.to_topic(ticket, topic="close", text="closed by Anna")
    await here.deliver()
    (topic,) = here.telegram.group.topics.values()
    assert topic.closed
    here.telegram.group.bot_posts_in_closed = False
    await here.to_topic(ticket, text="two")
    await here.deliver()
    assert shown(here) == ["one", "closed by Anna", "two"]
    assert not topic.closed


async def test_closing_what_was_never_opened_or_is_gone_needs_nothing(here: World) -> None:
    ticket = await here.ticket()
    await here.to_topic(ticket, "a", topic="close")
    await here.to_topic(ticket, "b", text="x")
    await here.deliver()
    here.telegram.staff(50, "Anna").deletes_topic(next(iter(here.telegram.group.topics)))
    await here.to_topic(ticket, "c", topic="close")
    await here.deliver()
    assert here.telegram.group.topics == {}
    assert {row["status"] for row in await here.messages()} == {"sent"}


async def test_a_group_with_a_new_id_is_followed_everywhere(here: World) -> None:
    ticket = await here.ticket()
    await here.to_topic(ticket, text="before")
    await here.deliver()
    old = here.group
    new = here.telegram.migrate_group()
    await here.to_topic(ticket, text="after")
    await here.to_general("for everybody")
    await here.deliver()
    assert shown(here) == ["before", "after"]
    assert "for everybody" in [one.text for one in here.telegram.messages(new.id)]
    assert [row["chat_id"] for row in await topic_rows(here)] == [new.id]
    async with here.database.reading() as session:
        assert await staff_group.current(session, old) == new.id
        assert await staff_group.current(session, -5) == -5, "another group in the configuration is taken as it is"


async def test_what_the_admins_of_the_group_can_mend_is_never_given_up(here: World) -> None:
    ticket = await here.ticket()
    here.telegram.group.bot_manages_topics = False
    await here.to_topic(ticket, text="important")
    await here.deliver()
    assert [row["status"] for row in await here.messages()] == ["deferred"]
    here.telegram.group.bot_manages_topics = True
    await here.deliver(at_once=True)
    assert shown(here) == ["important"]


async def test_two_workers_never_make_two_topics_for_a_ticket(here: World) -> None:
    ticket = await here.ticket()
    assert ticket.id is not None
    async with here.database.transaction() as session:
        me, other = await due.register(session, clock.now()), await due.register(session, clock.now())
    here.telegram.latency = 0.2
    mine = Topics(here.database, here.bot, here.ground, me)
    theirs = Topics(here.database, here.bot, here.ground, other)
    results = await asyncio.gather(
        mine.open(ticket.id, "#1042"), theirs.open(ticket.id, "#1042"), return_exceptions=True
    )
    assert len(here.telegram.called("createForumTopic")) == 1
    assert sorted(type(result).__name__ for result in results) == ["Found", "NotNow"]


async def test_a_worker_that_died_while_making_a_topic_is_taken_over_from(here: World) -> None:
    ticket = await here.ticket()
    assert ticket.id is not None
    async with here.database.transaction() as session:
        dead = await due.register(session, clock.now())
        row = Topic(
            ticket_id=ticket.id, chat_id=here.group, state="creating", made_by=dead, card={}, changed_at=clock.now()
        )
        session.add(row)
    topics = Topics(here.database, here.bot, here.ground, 99)
    with pytest.raises(NotNow):
        await topics.open(ticket.id, None)
    async with here.database.transaction() as session:
        await due.release(session, [dead])
    assert (await topics.open(ticket.id, None)).thread_id in here.telegram.group.topics


async def test_a_reaction_that_the_group_does_not_know_is_no_failure(here: World) -> None:
    ticket = await here.ticket()
    await here.to_topic(ticket, text="a note")
    await here.deliver()
    number = int((await here.messages())[0]["provider_id"])
    await here.to_topic(ticket, "a", react={"message_id": number, "emoji": "👌"})
    await here.to_topic(ticket, "b", react={"message_id": number, "emoji": "🔒"})
    await here.deliver()
    assert here.telegram.messages(here.group)[-1].reactions == ["👌"]
    assert {row["status"] for row in await here.messages()} == {"sent"}
