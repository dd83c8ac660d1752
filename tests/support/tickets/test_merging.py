import asyncio
import random
from dataclasses import replace
from typing import Any

import deskwork
import make
import pytest
from deskwork import GROUP, Stage, seconds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.support import lines
from bot.support.desk import Desk
from bot.support.sla import clocks
from bot.support.tickets import merging, statuses, story
from bot.tables.chat import StaffMember
from bot.tables.outbox import Message
from bot.tables.people import Identity
from bot.tables.support import SlaTimer, Ticket, TicketEvent, TicketMessage

PROBLEM = "I want to talk to a human"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    """#1001 with three words of the customer and an answer, and #1002 that was split from it."""
    made = await Stage.set(database, texts)
    await made.customer_says(PROBLEM)
    await made.staff_takes(seconds(2))
    await made.staff_says("What is it?", seconds(5))
    await made.arrive(seconds(11))
    await made.customer_says("my shoes are too small", seconds(20))
    await made.customer_says("and where is the other parcel?", seconds(30))
    await made.staff_writes("/split 1", seconds(40))
    return made


async def _lines(stage: Stage) -> dict[str, int | None]:
    async with stage.database.reading() as session:
        return {line.text: line.ticket_id for line in (await session.scalars(select(TicketMessage))).all()}


async def _events(stage: Stage, ticket_id: int) -> list[tuple[str, dict[str, Any]]]:
    async with stage.database.reading() as session:
        asked = select(TicketEvent).where(TicketEvent.ticket_id == ticket_id).order_by(col(TicketEvent.id))
        return [(event.name, event.data) for event in (await session.scalars(asked)).all()]


async def _choose(stage: Stage, gone: int, kept: int, at: float) -> str | None:
    ask = (await stage.queued("notice"))[-1]["payload"]
    for row in ask["buttons"]:
        for button in row:
            if button["text"] == f"#{gone} → #{kept}":
                return await stage.staff_presses(button["data"], seconds(at))
    raise AssertionError(ask)


async def test_a_split_takes_the_words_and_leaves_the_rest(stage: Stage) -> None:
    first, second = await stage.tickets()
    assert (second.status, second.assignee_id, second.waiting_since) == ("open", stage.anna.id, seconds(30))
    assert (first.status, first.waiting_since) == ("open", seconds(20))
    said = await _lines(stage)
    assert said["and where is the other parcel?"] == second.id and said["my shoes are too small"] == first.id
    assert ("split", {"into": 2, "lines": await _moved(stage)}) in await _events(stage, 1)
    names = [name for name, _data in await _events(stage, 2)]
    assert [name for name in names if name != "promised"] == ["opened", "split_from", "assigned"]
    assert any("other parcel" in text and "From #1001" in text for text in await stage.texts("notice"))


async def _moved(stage: Stage) -> list[int]:
    async with stage.database.reading() as session:
        asked = select(TicketMessage.id).where(TicketMessage.ticket_id == 2).order_by(col(TicketMessage.id))
        return [one for one in (await session.scalars(asked)).all() if one]


async def test_a_split_begins_at_the_message_that_is_answered(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts)
    await stage.customer_says(PROBLEM)
    await stage.customer_says("first matter", seconds(5))
    await stage.customer_says("second matter", seconds(10))
    await stage.customer_says("more of the second", seconds(12))
    row = next(row for row in await stage.queued("relay") if row["payload"]["text"] == "second matter")
    async with database.transaction() as session:
        rows = table(Message)
        await session.execute(rows.update().where(rows.c.id == row["id"]).values(provider_id="4242"))
    await stage.staff_writes("/split", seconds(20), reply_to=4242)
    said = await _lines(stage)
    assert (said["first matter"], said["second matter"], said["more of the second"]) == (1, 2, 2)


async def test_a_whole_ticket_is_not_split_off(stage: Stage) -> None:
    stage.topic = 1001
    assert "whole ticket" in (await stage.staff_writes("/split 2", seconds(50)) or "")
    assert "/split 3" in (await stage.staff_writes("/split 9", seconds(51)) or "")
    assert len(await stage.tickets()) == 2


async def test_merging_asks_the_direction_and_tells_what_will_happen(stage: Stage) -> None:
    await stage.staff_writes("/merge #1001", seconds(50))
    ask = (await stage.queued("notice"))[-1]["payload"]
    assert [button["text"] for button in ask["buttons"][0]] == ["#1002 → #1001", "#1001 → #1002", "Leave it"]
    assert "/unmerge takes it back" in ask["text"]
    assert all(ticket.merged_into is None for ticket in await stage.tickets())


async def test_a_merge_moves_the_words_closes_the_topic_and_leaves_links(stage: Stage) -> None:
    await stage.staff_writes("/merge #1001", seconds(50))
    await _choose(stage, 1002, 1001, 55)
    kept, gone = await stage.tickets()
    assert (gone.status, gone.merged_into, kept.status) == ("resolved", kept.id, "open")
    assert set((await _lines(stage)).values()) - {None} == {kept.id}
    assert kept.waiting_since == seconds(20)
    notices = [(row["ticket_id"], row["payload"].get("text", "")) for row in await stage.queued("notice")]
    assert any(ticket == gone.id and "Merged into" in text for ticket, text in notices)
    assert any(ticket == kept.id and "From #1002" in text and "other parcel" in text for ticket, text in notices)
    cards = [row for row in await stage.queued("card") if row["ticket_id"] == gone.id]
    assert cards[-1]["payload"]["topic"] == "close"
    assert ("merged", {"into": kept.id}) in await _events(stage, gone.id or 0)
    assert "merged_from" in [name for name, _data in await _events(stage, kept.id or 0)]
    assert not any("is closed" in text for text in await stage.texts("auto_answer"))


async def test_what_the_customer_writes_next_goes_to_the_ticket_that_stays(stage: Stage) -> None:
    await stage.staff_writes("/merge #1001", seconds(50))
    await _choose(stage, 1001, 1002, 55)
    await stage.customer_says("hello?", seconds(60))
    assert (await _lines(stage))["hello?"] == 2
    stage.topic = 1002
    await stage.staff_closes(seconds(70))
    await stage.customer_says("it is still too small, please look", seconds(80))
    assert [ticket.status for ticket in await stage.tickets()] == ["resolved", "open"]


async def test_an_answer_on_its_way_counts_for_the_ticket_that_stays(stage: Stage) -> None:
    await stage.staff_says("It comes tomorrow", seconds(48))
    await stage.staff_writes("/merge #1001", seconds(50))
    await _choose(stage, 1002, 1001, 51)
    await stage.arrive(seconds(53))
    kept, _gone = await stage.tickets()
    assert (kept.status, kept.waiting_since) == ("waiting_customer", None)
    assert [name for name, _data in await _events(stage, kept.id or 0)].count("answered") == 2


async def test_unmerging_gives_words_and_statuses_back(stage: Stage) -> None:
    before = await _lines(stage)
    await stage.staff_writes("/merge #1001", seconds(50))
    await _choose(stage, 1002, 1001, 55)
    await stage.customer_says("hello?", seconds(58))
    words = await stage.staff_writes("/unmerge", seconds(60))
    assert words and "apart again" in words
    first, second = await stage.tickets()
    assert (second.status, second.merged_into, second.waiting_since) == ("open", None, seconds(30))
    assert (first.status, first.waiting_since) == ("open", seconds(20))
    assert {**before, "hello?": 1} == await _lines(stage)
    assert "merged" not in (await stage.staff_writes("/unmerge", seconds(61)) or "apart").lower().replace(
        "nothing was merged here", ""
    )


@pytest.mark.parametrize("words", ["/merge #1002", "/merge", "/merge #9999"])
async def test_a_merge_with_itself_or_with_nothing_is_refused(stage: Stage, words: str) -> None:
    assert await stage.staff_writes(words, seconds(50))
    assert not any("→" in str(row["payload"].get("buttons")) for row in await stage.queued("notice"))


async def test_a_merged_ticket_is_not_merged_again(stage: Stage) -> None:
    await stage.staff_writes("/merge #1001", seconds(50))
    await _choose(stage, 1002, 1001, 55)
    assert "/unmerge" in (await stage.staff_presses("1:merge:1:2", seconds(60)) or "")
    assert "/unmerge" in (await stage.staff_presses("1:merge:2:1", seconds(60)) or "")


async def test_tickets_of_two_people_are_merged_with_a_warning(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        other = await make.contact(session, first_name="Grace")
        await make.ticket(session, 1003, contact_id=other.id, status="open")
    stage.topic = 1001
    await stage.staff_writes("/merge #1003", seconds(50))
    assert "Different customers: Ada and Grace" in (await stage.texts("notice"))[-1]


async def test_a_ticket_of_long_ago_is_linked_not_merged(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        old = seconds(-10 * 86400)
        await make.ticket(session, 900, contact_id=stage.contact.id, status="resolved", resolved_at=old)
    stage.topic = 1002
    assert "/link" in (await stage.staff_writes("/merge #900", seconds(50)) or "")
    assert "Linked" in (await stage.staff_writes("/link 900", seconds(51)) or "")
    assert "No longer" in (await stage.staff_writes("/unlink #900", seconds(52)) or "")
    assert "no link" in (await stage.staff_writes("/unlink #900", seconds(53)) or "")


async def test_the_history_is_told_in_lines(stage: Stage) -> None:
    await stage.staff_writes("/merge #1001", seconds(50))
    await _choose(stage, 1002, 1001, 55)
    async with stage.database.reading() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == 1001))).one()
        told = await story.lines(session, stage.desk, ticket, seconds(60))
        short = await story.lines(session, stage.desk, ticket, seconds(60), most=2)
    assert told[0] == "13:00:00 Customer: opened" or told[0] == "12:00:00 Customer: opened"
    assert any("Anna: took in #1002" in line for line in told) and any("split off #1002" in line for line in told)
    assert len(short) == 3 and "before that" in short[0]


_STATUSES = ("new", "open", "waiting_customer", "waiting_supplier", "snoozed", "resolved")


async def _two(stage: Stage, seed: int, ends: tuple[str, str]) -> tuple[int, int]:
    """Two tickets of a customer with some words in each, that stand as `ends` says."""
    dice = random.Random(seed)
    start = 2000 + 2 * len(await stage.tickets())
    first, second = [await _one(stage, dice, start + place, status) for place, status in enumerate(ends)]
    return first, second


async def _one(stage: Stage, dice: random.Random, number: int, status: str) -> int:
    by = f"staff:{stage.anna.id}"
    async with stage.database.transaction() as session:
        opened = seconds(dice.randrange(10))
        ticket = await make.ticket(session, number, contact_id=stage.contact.id, opened_at=opened)
        assert ticket.id is not None
        await clocks.happened(session, stage.desk, ticket, "customer", "opened", opened, origin="customer")
        for step in sorted(dice.sample(range(10, 50), 4)):
            author, at = dice.choice(("customer", "staff", "note", "bot")), seconds(step)
            line = await lines.write(
                session,
                contact_id=ticket.contact_id,
                ticket_id=ticket.id,
                channel="telegram",
                author=author,
                text=f"{number}/{step}",
                provider_key=f"made:{number}:{step}",
                at=at,
                received_at=at,
            )
            assert line is not None
            if author == "customer":
                await clocks.happened(session, stage.desk, ticket, "customer", "said", at, said=line.id)
            if author == "staff":
                answer = {"said": line.id, "agent_at": at.isoformat(), "staff": stage.anna.id}
                await clocks.happened(session, stage.desk, ticket, by, "answered", at, **answer)
        until = seconds(9000) if status == "snoozed" else None
        keep = until is not None and dice.random() < 0.5
        await statuses.to(session, stage.desk, ticket, status, by, seconds(60), until=until, keep=keep)
    return ticket.id


async def _clocks(stage: Stage) -> list[tuple[Any, ...]]:
    """What is promised and how it stands; open time that passed while they were one has passed."""
    async with stage.database.reading() as session:
        timers = (await session.scalars(select(SlaTimer))).all()
    names = ("ticket_id", "metric", "cycle", "start_at", "state", "reason", "answered_at")
    return sorted(tuple(str(getattr(one, name)) for name in names) for one in timers)


def _state(tickets: list[Ticket]) -> list[tuple[Any, ...]]:
    return [
        (one.id, one.status, one.snoozed_until, one.snooze_keeps, one.waiting_since, one.resolved_at, one.merged_into)
        for one in tickets
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), one=st.sampled_from(_STATUSES), other=st.sampled_from(_STATUSES))
def test_merging_and_unmerging_gives_the_same_lines_and_statuses_back(
    database_url: str, texts: Texts, seed: int, one: str, other: str
) -> None:
    asyncio.run(_there_and_back(database_url, texts, seed, (one, other)))


async def _there_and_back(url: str, texts: Texts, seed: int, ends: tuple[str, str]) -> None:
    database = Database(url)
    stage = await _stage_again(database, texts)
    gone_id, kept_id = await _two(stage, seed, ends)
    tickets, said, promises = _state(await stage.tickets()), await _lines(stage), await _clocks(stage)
    async with database.transaction() as session:
        both = await merging.hold(session, gone_id, kept_id)
        assert both is not None and merging.refused(stage.desk, *both, seconds(100)) is None
        await merging.merge(session, stage.desk, *both, stage.anna, seconds(100))
    async with database.reading() as session:
        left = await session.scalars(select(TicketMessage).where(TicketMessage.ticket_id == gone_id))
        assert not left.all()
    async with database.transaction() as session:
        gone = await session.get(Ticket, gone_id)
        assert gone is not None
        await merging.unmerge(session, stage.desk, gone, stage.anna, seconds(200))
    assert _state(await stage.tickets()) == tickets
    assert await _lines(stage) == said
    if "resolved" not in ends:  # one that was opened again by it has been open meanwhile
        assert await _clocks(stage) == promises
    await database.close()


async def _stage_again(database: Database, texts: Texts) -> Stage:
    """One desk for all examples of a database."""
    async with database.transaction() as session:
        for address in (await session.scalars(select(Identity))).all():
            await session.delete(address)
    async with database.reading() as session:
        members = (await session.scalars(select(StaffMember).order_by(col(StaffMember.id)))).all()
    if not members:
        return replace(await Stage.set(database, texts), desk=_desk(texts))
    async with database.transaction() as session:
        contact = await make.telegram_contact(session)
    return Stage(database, _desk(texts), contact, members[0], members[1])


def _desk(texts: Texts) -> Desk:
    promise = {"name": "all", "first_response": "30s", "next_response": "2m", "resolution": "1h"}
    ground = make.ground(texts, telegram={"staff_chat_id": GROUP}, support={"sla": [promise]})
    return deskwork.desk(ground)
