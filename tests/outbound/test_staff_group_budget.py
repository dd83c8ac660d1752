"""What a ticket costs of the few calls that Telegram allows into a group, and who goes first when they are few."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from telegram_office import Office, hurried
from telegram_world import ROWS, world

from bot.base import clock
from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo import telegram_limits as stand_in
from bot.demo.telegram_people import Shopper, Staff
from bot.outbound import lanes, outbox, telegram_limits
from bot.outbound.queue_delay import queue_delay
from bot.outbound.telegram_limits import Limits
from bot.support.escalation import queue_alarm
from bot.tables.support import TicketEvent, TicketMessage


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


def counted(office: Office) -> list[str]:
    """The calls so far that count against the limit of the group."""
    group = str(office.telegram.group.id)
    return [
        call.method
        for call in office.telegram.calls
        if str(call.values.get("chat_id")) == group and stand_in.weight(call.method, call.values)
    ]


async def opened(office: Office, ada: Shopper) -> None:
    ada.says("do you ship internationally")
    await office.settle()
    ada.says("no, let me speak to a person")
    await office.settle()


async def test_opening_a_ticket_costs_four_calls_topic_words_with_the_talk_before_card_and_pin(
    office: Office, ada: Shopper
) -> None:
    await opened(office, ada)
    assert sorted(counted(office)) == ["createForumTopic", "pinChatMessage", "sendMessage", "sendMessage"]
    (topic,) = office.telegram.group.topics.values()
    assert (topic.name, topic.emoji) == ("#1001 Ada", "⚡️")
    words = next(text for text in await office.shown() if "let me speak to a person" in text)
    assert "do you ship internationally" in words


async def test_words_in_an_open_ticket_cost_one_call_and_a_burst_of_them_too(office: Office, ada: Shopper) -> None:
    await opened(office, ada)
    before = len(counted(office))
    for number in range(5):
        ada.says(f"one more thing {number}")
    await office.settle()
    assert counted(office)[before:] == ["sendMessage"]
    assert (await office.shown())[-1] == "\n".join(f"one more thing {number}" for number in range(5))
    said = [line.text for line in await office.rows(TicketMessage) if line.text.startswith("one more")]
    assert len(said) == 5, "each stays a line of its own"
    ada.says("and this later")
    await office.settle()
    assert (await office.shown())[-1] == "and this later", "nobody waits for more to come"


async def test_an_answer_is_acknowledged_by_a_reaction_that_costs_nothing(
    office: Office, ada: Shopper, anna: Staff
) -> None:
    await opened(office, ada)
    anna.says("/take", await office.topic())
    await office.settle()
    before = len(counted(office))
    number = anna.says("Yes, of course", await office.topic())
    await office.settle()
    assert office.telegram.group.messages[number].reactions == ["👌"]
    assert [call for call in counted(office)[before:] if call == "sendMessage"] == []


async def test_a_card_is_changed_once_in_ten_seconds_but_at_once_in_a_new_state(
    office: Office, ada: Shopper, anna: Staff
) -> None:
    await opened(office, ada)
    anna.says("/prio high", await office.topic())
    await office.settle()
    assert "editMessageText" not in counted(office)
    anna.says("/take", await office.topic())
    await office.settle()
    assert counted(office).count("editMessageText") == 1
    assert "With Anna" in next(one.text for one in await office.posted() if one.pinned)


async def test_an_alert_and_words_pass_thirty_waiting_cards(database: Database, texts: Texts) -> None:
    started = time.monotonic()
    limits = Limits(lambda: (time.monotonic() - started) * 20)
    async with world(database, texts, limits=limits) as here:
        tickets = [await here.ticket(1100 + number) for number in range(31)]
        async with database.transaction() as session:
            for ticket in tickets:
                content = {"ticket_id": ticket.id, "card": True, "text": "the card", "title": f"#{ticket.number}"}
                await _queue(session, ticket.id, content, lanes.CARDS)
        await here.outbox.deliver_due("staff_topic")
        async with database.transaction() as session:
            await _queue(session, tickets[30].id, {"ticket_id": tickets[30].id, "text": "an alert"}, lanes.ALERTS)
            await _queue(session, tickets[30].id, {"ticket_id": tickets[30].id, "text": "words"}, lanes.WORDS)
        end = time.monotonic() + 20
        while not {"an alert", "words"} <= {one.text for one in here.telegram.messages(here.group)}:
            assert time.monotonic() < end
            await here.outbox.deliver_due("staff_topic")
        cards = [one for one in here.telegram.messages(here.group) if one.text == "the card"]
        assert len(cards) < 15, "most cards still wait"
        await here.outbox.landed(0)


async def _queue(session: object, ticket_id: int | None, content: dict[str, object], priority: int) -> None:
    await outbox.queue(
        session,  # type: ignore[arg-type]
        channel="staff_topic",
        purpose="test",
        receiver=f"ticket:{ticket_id}",
        payload=content,
        key=f"{ticket_id}:{content['text']}",
        now=clock.now(),
        priority=priority,
        ticket_id=ticket_id,
    )


async def test_late_words_say_so_in_the_history_and_the_group_is_told_once_in_ten_minutes(
    office: Office, ada: Shopper
) -> None:
    await opened(office, ada)
    ada.says("is anybody there?")
    database, now = office.here.database, clock.now()
    telegram_limits.begin(0)
    office.here.limits.freeze(office.telegram.group.id, 100 * 3600)
    await office.settle()
    async with database.transaction() as session:
        (delay,) = [one for one in await queue_delay(session, now + timedelta(seconds=9)) if one.waiting]
        assert delay.chat_id == office.telegram.group.id and 8 < delay.oldest < 10
        assert await queue_alarm.look(session, office.desk, now + timedelta(seconds=9)) == 1
        assert await queue_alarm.look(session, office.desk, now + timedelta(seconds=30)) == 0
        waiting = ROWS.c.due_at.is_not(None) & (ROWS.c.purpose == "relay")
        queued = now - timedelta(seconds=9)
        await session.execute(sa.update(ROWS).where(waiting).values(due_at=now, created_at=queued))
    office.here.limits._frozen.clear()
    await office.here.deliver(at_once=True)
    (late,) = [event for event in await office.rows(TicketEvent) if event.name == "relayed"]
    assert 9 <= late.data["seconds"] < 20
    assert any("late" in one.text for one in office.telegram.messages(office.telegram.group.id))


async def test_words_that_telegram_never_takes_are_told_to_staff(office: Office, ada: Shopper) -> None:
    await opened(office, ada)
    ada.says("words that it does not like")
    words = "Bad Request: text must be encoded in UTF-8"
    office.telegram.faults.add("refused", method="sendMessage", chat_id=office.telegram.group.id, words=words)
    await office.settle()
    assert any("did not let me show" in text for text in await office.shown())


async def test_a_group_that_lets_us_write_again_is_told_what_waited(office: Office, ada: Shopper) -> None:
    office.telegram.group.is_forum = False
    await opened(office, ada)
    assert office.telegram.messages(office.telegram.group.id) == []
    office.telegram.group.is_forum = True
    await office.here.deliver(at_once=True)
    await office.here.deliver(at_once=True)
    general = [one.text for one in office.telegram.messages(office.telegram.group.id) if one.thread_id is None]
    assert any("I can write here again" in text for text in general)
    assert any("let me speak to a person" in text for text in await office.shown())
