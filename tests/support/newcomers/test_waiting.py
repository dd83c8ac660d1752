"""Unknown senders of mail in a rush: they wait beside one notice, nothing is lost, and nobody whom we know waits."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any

import letters
import make
import pytest
import sqlalchemy as sa
from mail_office import BOX, MailOffice, opened

from bot import contacts
from bot.base import clock
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.outbound.email import addresses
from bot.support.newcomers import notice, waiting
from bot.tables.mail import NewSender, ReceivedMail
from bot.tables.outbox import Message
from bot.tables.settings import Setting
from bot.tables.staff_room import AuditEntry
from bot.tables.support import SlaTimer, Ticket, TicketMessage

OURS = "mx.shop.example"
PERSON = "I want to talk to a human please: my lamp came broken."
_ROWS = table(NewSender)


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[MailOffice]:
    support = {"flood": {"new_senders": 2}}
    mailbox = {"imap_url": BOX, "trusted_servers": [OURS]}
    async with opened(database, texts, support=support, mailbox=mailbox) as made:
        yield made


async def _writes(office: MailOffice, name: str, text: str = PERSON, number: int = 1, **more: Any) -> ReceivedMail:
    raw = letters.letter(text, sender=f"{name}@{name}.example", message_id=f"<{number}@{name}.example>", **more)
    return await office.comes(raw)


async def _rush(office: MailOffice, *names: str) -> None:
    for name in names:
        await _writes(office, name)


async def _tickets(office: MailOffice) -> int:
    return len(await office.rows(Ticket))


async def _later(office: MailOffice, minutes: float) -> None:
    """So long ago is everything about new senders, as if that time had passed."""
    since = timedelta(minutes=minutes)
    async with office.here.database.transaction() as session:
        rows = (await session.scalars(sa.select(NewSender))).all()
        for row in rows:
            row.came_at, row.changed_at = row.came_at - since, row.changed_at - since


async def _minute(office: MailOffice) -> None:
    """What the schedule does each minute."""
    async with office.here.database.reading() as session:
        due = await waiting.due(session, office.desk, clock.now())
    for row_id in due:
        async with office.here.database.transaction() as session:
            await waiting.let_in(session, office.desk, row_id, "clock", clock.now(), spam=False)
    await office.settle()


def _general(office: MailOffice) -> list[str]:
    return [one.text or "" for one in office.telegram.messages(office.telegram.group.id) if "📥" in (one.text or "")]


async def _notices_leave(office: MailOffice) -> None:
    """The group may be full at first: its minute is less than a second here."""
    rows = table(Message)
    for _try in range(20):
        async with office.here.database.transaction() as session:
            soon = sa.update(rows).where(rows.c.purpose == "newcomers", rows.c.due_at.is_not(None))
            left = (await session.execute(soon.values(due_at=clock.now()).returning(rows.c.id))).all()
        if not left:
            return
        await office.settle()
        await asyncio.sleep(0.1)


async def test_above_so_many_an_hour_they_wait_beside_one_notice(office: MailOffice) -> None:
    await _rush(office, "ada", "bob", "cyd", "dee")
    assert await _tickets(office) == 2
    await _notices_leave(office)
    (notice,) = _general(office)
    assert "wait: 2" in notice
    mails = await office.rows(ReceivedMail)
    assert {one.status for one in mails} == {"done"} and all(one.said_id for one in mails)
    assert len(office.catcher.mails) == 2  # who waits is not answered: they may be invented


async def test_two_processes_that_see_the_rush_at_once_open_one_notice(office: MailOffice, database_url: str) -> None:
    async def counts(database: Database) -> None:
        async with database.transaction() as session:
            await notice.count(session, office.desk, clock.now())

    await _rush(office, "ada", "bob", "cyd")
    rows, other = table(Message), Database(database_url)
    async with office.here.database.transaction() as session:
        await session.execute(sa.delete(rows).where(rows.c.purpose == "newcomers"))
        await session.execute(sa.delete(table(Setting)).where(table(Setting).c.name == "newcomers_notice"))
    try:
        async with office.here.database.transaction() as session:
            await notice.count(session, office.desk, clock.now())
            second = asyncio.create_task(counts(other), context=Context())
            await asyncio.wait({second}, timeout=0.5)
        await second
    finally:
        await other.close()
    assert len([one for one in await office.rows(Message) if one.purpose == "newcomers"]) == 1


async def test_when_the_rush_ends_they_open_by_themselves_with_clocks_from_when_they_came(office: MailOffice) -> None:
    await _rush(office, "ada", "bob", "cyd", "dee", "eve")
    came = {one.contact_id: one.received_at for one in await office.rows(ReceivedMail)}
    await _minute(office)
    assert await _tickets(office) == 2
    await _later(office, 61)
    await _minute(office)
    tickets = await office.rows(Ticket)
    assert len(tickets) == 5
    starts = {one.ticket_id: one.start_at for one in await office.rows(SlaTimer) if one.metric == "first_response"}
    assert [_second(starts[one.id]) for one in tickets] == [_second(came[one.contact_id]) for one in tickets]
    await _notices_leave(office)
    assert len(_general(office)) == 1 and "No mail" in _general(office)[0]
    assert len(office.catcher.mails) == 5


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


async def test_in_a_rush_that_goes_on_so_many_an_hour_open_the_first_first(office: MailOffice) -> None:
    await _rush(office, "ada", "bob", "cyd", "dee", "eve")
    await _later(office, 61)
    await _rush(office, "fay", "gus")
    await _minute(office)
    await _minute(office)
    opened_of = {one.contact_id for one in await office.rows(Ticket)}
    senders = [one.sender for one in await office.rows(ReceivedMail) if one.contact_id in opened_of]
    assert senders == [f"{name}@{name}.example" for name in ("ada", "bob", "cyd", "dee")]


async def test_whoever_waits_and_writes_again_gets_one_ticket_with_all_of_it(office: MailOffice) -> None:
    await _rush(office, "ada", "bob")
    long = "The lamp is blue. " * 60
    await _writes(office, "cyd")
    await _writes(office, "cyd", long, number=2)
    assert await _tickets(office) == 2
    await _later(office, 61)
    await _minute(office)
    *_, ticket = await office.rows(Ticket)
    lines = [one for one in await office.rows(TicketMessage) if one.ticket_id == ticket.id and one.author == "customer"]
    assert [one.text.strip() for one in lines] == [PERSON, long.strip()] and not any(one.held for one in lines)
    topic = office.telegram.topic_of(f"#{ticket.number}")
    assert topic is not None
    shown = [one.text or "" for one in office.telegram.messages(office.telegram.group.id, topic.thread_id)]
    assert any(long.strip() in text for text in shown)


async def test_customers_answers_and_proven_senders_never_wait(office: MailOffice) -> None:
    async with office.here.database.transaction() as session:
        customer = await contacts.find_or_create(session, [("email", "kim@kim.example")], clock.now())
        await make.order(session, contact_id=customer.id)
        reader = await contacts.find_or_create(session, [("email", "ada@example.org")], clock.now())
        assert reader.id is not None
    sent = await office.sent_by_a_flow(reader.id)
    await _rush(office, "ada", "bob", "cyd")
    assert await _tickets(office) == 2
    await _writes(office, "kim")
    assert await _tickets(office) == 3
    name = addresses.message_name(sent["id"], office.secret, "shop.example")
    await office.comes(letters.letter(PERSON, message_id="<r@x.example>", In_Reply_To=f"<{name}>"))
    assert await _tickets(office) == 4
    proven = f"Authentication-Results: {OURS}; dmarc=pass header.from=lou.example\r\n".encode()
    await office.comes(proven + letters.letter(PERSON, sender="lou@lou.example", message_id="<l@lou.example>"))
    assert await _tickets(office) == 5


@pytest.mark.parametrize("below", ["", "{name}."])
async def test_a_domain_that_invents_senders_opens_no_more_tickets_than_others(office: MailOffice, below: str) -> None:
    """Anybody has a domain: a name before the @ or a host below it costs nothing, and is proven like the first."""

    async def writes(name: str, domain: str) -> None:
        proven = f"Authentication-Results: {OURS}; dmarc=pass header.from={domain}\r\n".encode()
        await office.comes(proven + letters.letter(PERSON, sender=f"{name}@{domain}", message_id=f"<{name}@{domain}>"))

    names = [f"n{number}" for number in range(8)]
    for name in names:
        await writes(name, below.format(name=name) + "evil.example")
    flooded = await _tickets(office)
    assert flooded < len(names)
    await writes("lou", "lou.example")
    assert await _tickets(office) == flooded + 1


async def test_one_mail_of_ours_lets_in_no_crowd_that_says_it_answers_it(office: MailOffice) -> None:
    async with office.here.database.transaction() as session:
        mallory = await contacts.find_or_create(session, [("email", "ada@example.org")], clock.now())
        assert mallory.id is not None
    sent = await office.sent_by_a_flow(mallory.id)
    await _rush(office, "ada", "bob")
    name = f"<{addresses.message_name(sent['id'], office.secret, 'shop.example')}>"
    for other in ("cyd", "dee", "eve", "fay", "gus"):
        await _writes(office, other, In_Reply_To=name)
    assert await _tickets(office) == 4


async def test_a_machine_with_ever_new_addresses_is_answered_no_oftener(office: MailOffice) -> None:
    """It answers each of our automatic answers from another address: each would be a new ticket and a new answer."""
    await _rush(office, "m0")
    for number in range(1, 8):
        name = office.catcher.mails[-1].message["Message-ID"]
        await _writes(office, f"m{number}", In_Reply_To=name)
    assert await _tickets(office) == 2 and len(office.catcher.mails) == 2


async def test_danger_never_waits_and_takes_along_what_does(office: MailOffice) -> None:
    await _rush(office, "ada", "bob", "cyd")
    await _writes(office, "cyd", "My lamp caught fire and my child is burnt", number=2)
    *_, ticket = await office.rows(Ticket)
    assert await _tickets(office) == 3
    mine = [one for one in await office.rows(TicketMessage) if one.ticket_id == ticket.id and one.author == "customer"]
    assert len(mine) == 2 and not any(one.held for one in mine)


async def test_staff_look_and_open_one_or_mark_it(office: MailOffice) -> None:
    await _rush(office, "ada", "bob", "cyd", "dee")
    await _notices_leave(office)
    office.mia.presses("Show them")
    await office.settle()
    shown = _general(office)[-1]
    assert "cyd@cyd.example" in shown and "dee@dee.example" in shown
    office.mia.presses("1. Open")
    await office.settle()
    assert await _tickets(office) == 3
    office.mia.presses("1. Spam")
    await office.settle()
    assert await _tickets(office) == 3
    await _writes(office, "dee", number=2)
    await _later(office, 61)
    await _minute(office)
    assert await _tickets(office) == 3
    assert [one.action for one in await office.rows(AuditEntry)] == ["spam"]


async def test_spam_is_not_opened_by_a_clock_that_looked_a_moment_before(office: MailOffice) -> None:
    await _rush(office, "ada", "bob", "cyd")
    await _later(office, 61)
    async with office.here.database.transaction() as session:
        (due,) = await waiting.due(session, office.desk, clock.now())
        assert await waiting.mark_spam(session, "Mia", clock.now(), one=due) == 1
        assert await waiting.let_in(session, office.desk, due, "clock", clock.now(), spam=False) is None
    assert await _tickets(office) == 2


async def test_what_was_marked_by_mistake_waits_again(office: MailOffice) -> None:
    await _rush(office, "ada", "bob", "cyd", "dee")
    await _notices_leave(office)
    office.mia.presses("All spam")
    await office.settle()
    await _rush(office, "eve")  # came after the question: not meant
    office.mia.presses("Yes, spam")
    await office.settle()
    assert [one.state for one in await office.rows(NewSender)] == ["open", "open", "spam", "spam", "waiting"]
    office.mia.presses("Not spam")
    await office.settle()
    assert [one.state for one in await office.rows(NewSender)] == ["open", "open", "waiting", "waiting", "waiting"]
    await _later(office, 61)
    await _minute(office)
    assert await _tickets(office) == 5


async def test_all_are_opened_as_fast_as_the_group_takes_them(office: MailOffice) -> None:
    await _rush(office, "ada", "bob", "cyd", "dee", "eve", "fay", "gus", "hal", "ida")
    await _notices_leave(office)
    office.mia.presses("Open all")
    await office.settle()
    assert await _tickets(office) == 2 + waiting.A_RUN
    await _minute(office)
    assert await _tickets(office) == 9
