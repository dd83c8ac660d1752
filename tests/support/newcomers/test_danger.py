"""A storm of invented senders who tell of danger: staff keep a group that they can read, and nobody is unseen."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import letters
import pytest
import sqlalchemy as sa
from mail_office import BOX, MailOffice, opened

from bot import contacts
from bot.base import clock
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.support.newcomers import waiting
from bot.tables.mail import NewSender, ReceivedMail
from bot.tables.outbox import Message
from bot.tables.settings import Setting
from bot.tables.support import SlaTimer, Ticket, TicketMessage

OURS = "mx.shop.example"
DANGER = "My lamp caught fire and my child is burnt"
PERSON = "I want to talk to a human please: my lamp came broken."


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[MailOffice]:
    """In an hour four open a ticket in danger, of one domain one; and two others."""
    support = {"flood": {"new_senders": 2, "danger_senders": 4}}
    mailbox = {"imap_url": BOX, "trusted_servers": [OURS]}
    async with opened(database, texts, support=support, mailbox=mailbox) as made:
        yield made


async def _writes(office: MailOffice, sender: str, text: str = DANGER, number: int = 1, *, before: str = "") -> None:
    raw = letters.letter(text, sender=sender, message_id=f"<{number}.{sender}>")
    await office.comes(before.encode() + raw)


async def _storm(office: MailOffice, *names: str) -> None:
    for name in names:
        await _writes(office, f"{name}@{name}.example")


async def _tickets(office: MailOffice) -> list[Ticket]:
    return await office.rows(Ticket)


def _alarms(office: MailOffice) -> list[Any]:
    return [one for one in office.telegram.messages(office.telegram.group.id) if "🚨 Mails that" in (one.text or "")]


async def _notices_leave(office: MailOffice) -> None:
    rows = table(Message)
    async with office.here.database.transaction() as session:
        soon = sa.update(rows).where(rows.c.purpose.startswith("newcomers"), rows.c.due_at.is_not(None))
        await session.execute(soon.values(due_at=clock.now()))
    await office.settle()


async def _later(office: MailOffice, minutes: float) -> None:
    since = timedelta(minutes=minutes)
    async with office.here.database.transaction() as session:
        for row in (await session.scalars(sa.select(NewSender))).all():
            row.came_at, row.changed_at = row.came_at - since, row.changed_at - since
        for kept in (await session.scalars(sa.select(Setting))).all():
            kept.changed_at -= since


async def _minute(office: MailOffice) -> None:
    async with office.here.database.reading() as session:
        due = await waiting.due(session, office.desk, clock.now())
    for row_id in due:
        async with office.here.database.transaction() as session:
            await waiting.let_in(session, office.desk, row_id, waiting.CLOCK, clock.now(), spam=False)
    await office.settle()


async def test_above_so_many_an_hour_they_stand_in_one_alarm_and_hear_the_same(office: MailOffice) -> None:
    await _storm(office, "ada", "bob", "cyd", "dee", "eve", "fay", "gus")
    tickets = await _tickets(office)
    assert len(tickets) == 4 and {one.priority for one in tickets} == {"urgent"}
    await _notices_leave(office)
    (alarm,) = _alarms(office)
    assert ": 3." in (alarm.text or "")
    assert len([one for one in office.catcher.mails if "emergency" in str(one.message)]) == 7
    assert {one.status for one in await office.rows(ReceivedMail)} == {"done"}


async def test_one_domain_leaves_the_others_their_place(office: MailOffice) -> None:
    for number in range(6):
        await _writes(office, f"n{number}@h{number}.evil.example")
    assert len(await _tickets(office)) == 1
    await _storm(office, "ada", "bob", "cyd")
    assert len(await _tickets(office)) == 4
    await _storm(office, "dee")
    await _notices_leave(office)
    office.mia.presses("Show them")
    await office.settle()
    (shown,) = [one for one in _alarms(office) if "first of each domain" in (one.text or "")]
    lines = [line for line in (shown.text or "").splitlines() if "@" in line]
    assert "evil.example" in lines[0] and "dee@dee.example" in lines[1]


async def test_staff_open_one_which_is_urgent_with_its_clock_from_when_it_came(office: MailOffice) -> None:
    await _storm(office, "ada", "bob", "cyd", "dee", "eve")
    (mail,) = [one for one in await office.rows(ReceivedMail) if one.sender == "eve@eve.example"]
    answers = len(office.catcher.mails)
    await _notices_leave(office)
    office.mia.presses("Show them")
    await office.settle()
    office.mia.presses("1. Open")
    await office.settle()
    *_, ticket = await _tickets(office)
    assert (ticket.contact_id, ticket.priority) == (mail.contact_id, "urgent")
    (first,) = [
        one for one in await office.rows(SlaTimer) if one.ticket_id == ticket.id and one.metric == "first_response"
    ]
    assert first.start_at.replace(microsecond=0) == mail.received_at.replace(microsecond=0)
    topic = office.telegram.topic_of(f"#{ticket.number}")
    assert topic is not None
    shown = office.telegram.messages(office.telegram.group.id, topic.thread_id)
    assert any(DANGER in (one.text or "") for one in shown)
    assert len(office.catcher.mails) == answers, "the careful sentence comes once"


async def test_whom_we_know_and_who_is_proven_never_waits(office: MailOffice) -> None:
    async with office.here.database.transaction() as session:
        await contacts.find_or_create(
            session, [("email", "kim@kim.example"), ("phone", "4915112345678")], clock.now(), proven=True
        )
    await _storm(office, "ada", "bob", "cyd", "dee", "eve")
    await _writes(office, "kim@kim.example")
    assert len(await _tickets(office)) == 5
    proven = f"Authentication-Results: {OURS}; dmarc=pass header.from=lou.example\r\n"
    await _writes(office, "lou@lou.example", before=proven)
    assert len(await _tickets(office)) == 6


async def test_a_storm_of_danger_and_a_rush_of_others_keep_nobody_of_each_other_back(office: MailOffice) -> None:
    await _storm(office, "ada", "bob", "cyd", "dee", "eve")
    for name in ("fay", "gus", "hal"):
        await _writes(office, f"{name}@{name}.example", PERSON)
    assert len(await _tickets(office)) == 6
    assert sorted((row.state, row.why == "danger") for row in await office.rows(NewSender)) == [
        ("open", False), ("open", False), *[("open", True)] * 4, ("waiting", False), ("waiting", True),
    ]  # fmt: skip


async def test_they_open_by_themselves_as_many_an_hour_may_and_are_urgent(office: MailOffice) -> None:
    await _storm(office, "ada", "bob", "cyd", "dee", "eve", "fay")
    for number in range(3):
        await _writes(office, f"n{number}@evil.example")
    await _minute(office)
    assert len(await _tickets(office)) == 4
    await _later(office, 61)
    await _minute(office)
    await _minute(office)
    tickets = await _tickets(office)
    assert len(tickets) == 7 and {one.priority for one in tickets} == {"urgent"}
    await _notices_leave(office)
    assert ": 2." in (_alarms(office)[-1].text or "")


async def test_while_more_come_the_alarm_is_posted_anew_and_the_old_one_goes(office: MailOffice) -> None:
    await _storm(office, "ada", "bob", "cyd", "dee", "eve")
    await _notices_leave(office)
    (first,) = _alarms(office)
    await _storm(office, "fay")
    await _notices_leave(office)
    assert [one.message_id for one in _alarms(office)] == [first.message_id], "brought up to date"
    await _later(office, 16)
    await _storm(office, "gus")
    await _notices_leave(office)
    (second,) = _alarms(office)
    assert second.message_id != first.message_id and ": 3." in (second.text or "")


async def test_who_waits_and_then_tells_of_danger_comes_to_the_alarm_with_all_of_it(office: MailOffice) -> None:
    for name in ("ada", "bob", "cyd"):
        await _writes(office, f"{name}@{name}.example", PERSON)
    await _storm(office, "dee", "eve", "fay", "gus")
    await _writes(office, "cyd@cyd.example", number=2)
    await _writes(office, "cyd@cyd.example", number=3)
    assert len(await _tickets(office)) == 6
    assert [row.why for row in await office.rows(NewSender) if row.state == "waiting"] == ["danger"]
    sentences = [one for one in office.catcher.mails if "cyd@cyd.example" in str(one.message["To"])]
    assert len(sentences) == 1
    await _later(office, 61)
    await _minute(office)
    *_, ticket = await _tickets(office)
    mine = [one for one in await office.rows(TicketMessage) if one.ticket_id == ticket.id and one.author == "customer"]
    assert len(mine) == 3 and not any(one.held for one in mine)


async def test_whoever_leads_hears_of_it_by_mail_or_chat(database: Database, texts: Texts) -> None:
    support = {
        "flood": {"danger_senders": 1}, "departments": [{"name": "lamps", "members": [777], "leads": [777]}],
        "lead_mails": [{"lead": 777, "mail": "lead@shop.example"}],
    }  # fmt: skip
    async with opened(database, texts, support=support, mailbox={"imap_url": BOX}) as office:
        await _storm(office, "ada", "bob", "cyd")
        told = [one for one in await office.rows(Message) if one.receiver == "lead@shop.example"]
        assert len([one for one in told if "🚨 Mails that" in one.payload["text"]]) == 1
        await _notices_leave(office)
        (alarm,) = _alarms(office)
        assert "wait" in (alarm.text or "")
