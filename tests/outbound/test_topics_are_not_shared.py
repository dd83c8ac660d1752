"""No two tickets ever share a topic: an answer written there would go to the wrong customer."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

import make
import pytest
import sqlalchemy as sa
from aiogram.exceptions import TelegramBadRequest, TelegramNetworkError, TelegramServerError
from telegram_world import World, world

from bot.base import clock
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.outbound import staff_group
from bot.outbound.topics import Found, Topics
from bot.support.routing import transfer
from bot.support.tickets import find
from bot.tables.chat import FormerTopic, Topic
from bot.tables.support import Ticket


@pytest.fixture
async def here(database: Database, texts: Texts) -> AsyncIterator[World]:
    async with world(database, texts) as made:
        yield made


async def _lost(here: World, *numbers: int) -> list[Ticket]:
    """Tickets whose topics were made, and nobody heard of it: as when the program dies while they are asked for."""
    tickets = [await here.ticket(number) for number in numbers]
    here.telegram.faults.add("lost", method="createForumTopic", times=len(tickets))
    for ticket in tickets:
        with pytest.raises(TelegramNetworkError):
            await _topics(here).open(_id(ticket), f"#{ticket.number} Ada")
    return tickets


def _topics(here: World) -> Topics:
    return Topics(here.database, here.bot, here.ground, here.worker)


def _id(ticket: Ticket) -> int:
    assert ticket.id is not None
    return ticket.id


async def test_topics_whose_answers_were_lost_together_are_found_again_each_by_its_own_ticket(here: World) -> None:
    tickets = await _lost(here, 1001, 1002, 1003)
    here.telegram.latency = 0.05
    topics = _topics(here)
    backwards = tickets[::-1]
    found = await asyncio.gather(*(topics.open(_id(ticket), f"#{ticket.number} Ada") for ticket in backwards))
    names = {thread: topic.name for thread, topic in here.telegram.group.topics.items()}
    assert [names[one.thread_id] for one in found] == ["#1003 Ada", "#1002 Ada", "#1001 Ada"]
    assert len(names) == 3, "none was made a second time"
    assert [one.text for one in here.telegram.messages(here.group) if one.kind == "text"] == []


async def test_a_topic_whose_answer_is_still_on_its_way_is_not_taken_by_another_ticket(here: World) -> None:
    (ada,) = await _lost(here, 1001)
    ben = await here.ticket(1002)
    made, go_on = asyncio.Event(), asyncio.Event()
    create = here.telegram.methods["createForumTopic"]

    async def slow(values: Mapping[str, Any]) -> Any:
        done = await create(values)
        made.set()
        await go_on.wait()
        return done

    here.telegram.methods["createForumTopic"] = slow
    del here.telegram.group.topics[next(iter(here.telegram.group.topics))]  # that of Ada was never made after all
    bens = asyncio.create_task(_topics(here).open(_id(ben), "#1002 Ada"))
    await made.wait()
    here.telegram.methods["createForumTopic"] = create
    adas = await _topics(here).open(_id(ada), "#1001 Ada")
    go_on.set()
    names = {thread: topic.name for thread, topic in here.telegram.group.topics.items()}
    assert (names[adas.thread_id], names[(await bens).thread_id]) == ("#1001 Ada", "#1002 Ada")


async def test_a_topic_of_the_same_name_that_a_colleague_made_is_left_alone(here: World) -> None:
    (ticket,) = await _lost(here, 1001)
    here.telegram.group.topics.clear()
    theirs = here.telegram.staff(50, "Anna").creates_topic("#1001 Ada")
    found = await _topics(here).open(_id(ticket), "#1001 Ada")
    assert found.thread_id != theirs


async def test_a_search_that_was_interrupted_is_begun_again(here: World) -> None:
    (ticket,) = await _lost(here, 1001)
    here.telegram.faults.add("broken", method="sendMessage")
    with pytest.raises(TelegramServerError):
        await _topics(here).open(_id(ticket), "#1001 Ada, renamed")
    await here.to_topic(ticket, card=True, text="the card", title="#1001 Ada, renamed")
    await here.deliver(at_once=True)
    (topic,) = here.telegram.group.topics.values()
    assert topic.name == "#1001 Ada, renamed"
    assert [one.text for one in here.telegram.messages(here.group, topic.thread_id)][1] == "the card"


async def test_a_thread_that_two_tickets_lay_claim_to_is_left_by_both(here: World) -> None:
    """A group that was set up anew counts from the start again."""
    ada, ben = await here.ticket(1001), await here.ticket(1002)
    old = await _topics(here).open(_id(ada), "#1001 Ada")
    await _topics(here).keep_card(old, 3, {"text": "the card"})
    here.telegram.group.numbers = itertools.count(old.thread_id)
    bens = await _topics(here).open(_id(ben), "#1002 Ben")
    adas = await _topics(here).open(_id(ada), "#1001 Ada")
    assert len({old.thread_id, bens.thread_id, adas.thread_id}) == 3
    assert adas.bare, "the words of before are repeated"
    async with here.database.reading() as session:
        assert await find.by_topic(session, here.group, old.thread_id) is None
        assert await transfer.former(session, here.group, old.thread_id) is not None, "who writes there is told"
        for ticket, found in ((ada, adas), (ben, bens)):
            owner = await find.by_topic(session, here.group, found.thread_id)
            assert owner is not None and owner.id == ticket.id


async def test_a_slow_worker_does_not_put_its_topic_in_the_place_of_a_newer_one(here: World) -> None:
    ticket = await here.ticket(1001)
    create = here.telegram.methods["createForumTopic"]
    newer: list[Found] = []

    async def slow(values: Mapping[str, Any]) -> Any:
        here.telegram.methods["createForumTopic"] = create
        newer.append(await Topics(here.database, here.bot, here.ground, 99).open(_id(ticket), "#1001 Ada"))
        return await create(values)

    here.telegram.methods["createForumTopic"] = slow
    found = await _topics(here).open(_id(ticket), "#1001 Ada")
    assert found == newer[0]
    (other,) = set(here.telegram.group.topics) - {found.thread_id}
    async with here.database.reading() as session:
        told = await transfer.former(session, here.group, other)
    assert told is not None and told.id == ticket.id


async def test_while_a_topic_moves_to_another_group_its_old_number_means_nothing_there(here: World) -> None:
    other = here.telegram.add_group(-1007020, "Returns")
    ada, ben = await here.ticket(1001), await here.ticket(1002)
    here.telegram.memory.create_topic(here.telegram.group, {"id": 50}, "Lunch")  # so that numbers are not the same
    adas = await _topics(here).open(_id(ada), "#1001 Ada")
    while (thread := here.telegram.memory.create_topic(other, {"id": 50}, "Lunch").thread_id) < adas.thread_id - 1:
        pass
    assert thread == adas.thread_id - 1
    here.ground = make.ground(
        here.ground.texts,
        telegram={"token": here.telegram.token, "api_base": here.telegram.url, "staff_chat_id": other.id},
    )
    bens = await _topics(here).open(_id(ben), "#1002 Ben")
    assert (bens.chat_id, bens.thread_id) == (other.id, adas.thread_id)
    await _topics(here).lost(adas)
    other.bot_manages_topics = False
    with pytest.raises(TelegramBadRequest):
        await _topics(here).open(_id(ada), "#1001 Ada")
    async with here.database.reading() as session:
        owner = await find.by_topic(session, other.id, bens.thread_id)
    assert owner is not None and owner.id == ben.id


async def test_no_two_rows_name_the_same_thread(here: World) -> None:
    ada, ben = await here.ticket(1001), await here.ticket(1002)
    found = await _topics(here).open(_id(ada), "#1001 Ada")
    row = Topic(ticket_id=_id(ben), chat_id=here.group, thread_id=found.thread_id, card={}, changed_at=clock.now())
    with pytest.raises(sa.exc.IntegrityError):
        async with here.database.transaction() as session:
            session.add(row)


async def test_a_group_that_became_another_brings_no_number_along_that_is_taken_there(here: World) -> None:
    ada, ben, cleo = await here.ticket(1001), await here.ticket(1002), await here.ticket(1003)
    async with here.database.transaction() as session:
        for ticket, chat_id, thread_id in ((ada, -5, 7), (ben, -6, 7), (cleo, -5, 8)):
            values: dict[str, Any] = {"state": "ready", "card": {"text": "card"}, "changed_at": clock.now()}
            session.add(Topic(ticket_id=_id(ticket), chat_id=chat_id, thread_id=thread_id, **values))
        for ticket, chat_id in ((ada, -5), (ben, -6)):
            session.add(FormerTopic(ticket_id=_id(ticket), chat_id=chat_id, thread_id=9, left_at=clock.now()))
    async with here.database.transaction() as session:
        await staff_group.move(session, -5, -6, clock.now())
    rows = table(Topic)
    async with here.database.reading() as session:
        found = await session.execute(sa.select(rows.c.ticket_id, rows.c.chat_id, rows.c.thread_id, rows.c.state))
        topics = {ticket_id: tuple(row) for ticket_id, *row in found}
    assert topics == {ada.id: (-6, None, "gone"), ben.id: (-6, 7, "ready"), cleo.id: (-6, 8, "ready")}
    async with here.database.reading() as session:
        told = await transfer.former(session, -6, 9)
    assert told is not None and told.id == ben.id
