"""What people write by mail: tickets in the topics of staff, answers that come back into the same thread."""

from collections.abc import AsyncIterator

import letters
import pytest
import sqlalchemy as sa
from mail_office import MailOffice, opened

from bot import contacts
from bot.base import clock
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.inbound.mailbox import store
from bot.outbound.email import addresses
from bot.support import answers
from bot.support.self_service import ready
from bot.tables.mail import ReceivedMail
from bot.tables.people import Contact, Identity
from bot.tables.shop import Order
from bot.tables.support import SlaTimer, Ticket, TicketMessage

PERSON = "I want to talk to a human please: the blue lamp came broken."


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[MailOffice]:
    async with opened(database, texts) as made:
        yield made


async def _ada(office: MailOffice, *, proven: bool = False) -> int:
    async with office.here.database.transaction() as session:
        made = await contacts.find_or_create(
            session, [("email", "ada@example.org")], clock.now(), proven=proven, first_name="Ada"
        )
        assert made.id is not None
        return made.id


async def test_a_new_mail_becomes_a_ticket_and_the_answer_a_mail_in_its_thread(office: MailOffice) -> None:
    mail = await office.comes(letters.letter(PERSON, subject="Broken lamp", message_id="<q1@mail.example.org>"))
    assert (mail.kind, mail.status, mail.sender) == ("person", "done", "ada@example.org")
    ticket = await office.ticket()
    assert (ticket.channel, ticket.status) == ("email", "new")
    shown = "\n".join(await office.shown())
    assert "✉️ Broken lamp" in shown and PERSON in shown
    (ack,) = office.catcher.mails
    assert ack.message["Auto-Submitted"] == "auto-replied"
    assert ack.message["In-Reply-To"] == "<q1@mail.example.org>"
    answer = await office.answers("Sorry! A new one is on its way.")
    read = answer.message
    assert read["To"] == "Ada Lovelace <ada@example.org>"
    assert read["Subject"] == "Re: Broken lamp"
    assert read["In-Reply-To"] == "<q1@mail.example.org>"
    assert read["References"] == "<q1@mail.example.org>"
    assert read["Auto-Submitted"] is None
    assert read.get_content().strip() == "Sorry! A new one is on its way."
    row = (await office.mails())[-1]
    assert addresses.bounced(answer.return_path, office.secret) == row["id"]
    assert (row["status"], row["purpose"], row["once"]) == ("sent", "answer", False)
    assert (await office.ticket()).status == "waiting_customer"


async def test_a_reply_goes_into_the_ticket_without_what_it_quotes(office: MailOffice) -> None:
    await office.comes(letters.letter(PERSON, subject="Broken lamp", message_id="<q1@mail.example.org>"))
    answer = await office.answers("Which colour?")
    name = answer.message["Message-ID"]
    reply = letters.letter(
        "The blue one.\n\nOn Wed, Mar 4, 2026 at 1:00 PM Juniper & Oak <help@shop.example> wrote:\n> Which colour?\n",
        subject="Re: Broken lamp", message_id="<q2@mail.example.org>", In_Reply_To=name,
        References=f"<q1@mail.example.org> {name}",
    )  # fmt: skip
    mail = await office.comes(reply)
    ticket = await office.ticket()
    assert ticket.status == "open"
    line = next(one for one in await office.rows(TicketMessage) if one.id == mail.said_id)
    assert line.text == "The blue one."
    assert b"Which colour?" in mail.raw
    count = len(office.catcher.mails)
    assert count == 2  # no machine answers inside of a ticket
    office.mia.says("Thank you", await office.topic())
    await office.settle()
    read = office.catcher.mails[-1].message
    assert read["Subject"] == "Re: Broken lamp"
    assert read["In-Reply-To"] == "<q2@mail.example.org>"
    assert read["References"].split() == ["<q1@mail.example.org>", name, "<q2@mail.example.org>"]


async def test_what_may_be_theirs_stands_folded_below_their_words(office: MailOffice) -> None:
    await office.comes(letters.letter(PERSON, subject="Broken lamp", message_id="<q1@mail.example.org>"))
    answer = await office.answers("Which colour?")
    text = (
        "See <below>.\n\nFrom: Juniper & Oak <help@shop.example>\nSent: Wednesday, March 4, 2026 1:00 PM\n"
        "To: Ada\nSubject: Broken lamp\n\nWhich colour?\nBLUE & white\n"
    )
    mail = await office.comes(
        letters.letter(text, subject="Re: Broken lamp", message_id="<q2@x.example>",
                       In_Reply_To=answer.message["Message-ID"])
    )  # fmt: skip
    line = next(one for one in await office.rows(TicketMessage) if one.id == mail.said_id)
    assert line.text == "See <below>."
    shown = office.telegram.messages(office.telegram.group.id, await office.topic())[-1]
    assert shown.text is not None and "See <below>.\nFrom: Juniper & Oak <help@shop.example>" in shown.text
    assert shown.text.endswith("Which colour?\nBLUE & white")
    (fold,) = shown.json["entities"]
    assert fold["type"] == "expandable_blockquote"
    folded = shown.text.encode("utf-16-le")[fold["offset"] * 2 :].decode("utf-16-le")
    assert folded.startswith("From: Juniper & Oak")


@pytest.mark.parametrize(
    ("subject", "text", "own"),
    [
        ("Re: Lamp", "Blue.\n\nOn 3 Mar 2026 at 9:00 Juniper <help@shop.example> wrote:\n> Which colour?\n", "Blue."),
        (
            "Fwd: Parcel",
            "What now?\n\nFrom: Carrier <c@c.example>\nSent: Monday\nTo: Ada\nSubject: Parcel\n\nBack.",
            "",
        ),
        ("Lamp", "It broke.\n\n-- \nAda, 030 123", ""),
    ],
)
async def test_a_quotation_goes_without_a_thread_too_and_a_forward_stays(
    office: MailOffice, subject: str, text: str, own: str
) -> None:
    mail = await office.comes(letters.letter(text, subject=subject))
    line = next(one for one in await office.rows(TicketMessage) if one.id == mail.said_id)
    assert line.text == (own or text)


async def test_a_reply_to_a_marketing_mail_tells_staff_which_one(office: MailOffice) -> None:
    sent = await office.sent_by_a_flow(await _ada(office))
    name = addresses.message_name(sent["id"], office.secret, "shop.example")
    reply = letters.letter(
        "Do you have it in blue?\n\nOn Wed, Mar 4, 2026 Juniper & Oak <news@shop.example> wrote:\n> You left a lamp\n",
        subject="Re: You left a lamp behind", In_Reply_To=f"<{name}>",
    )  # fmt: skip
    mail = await office.comes(reply)
    assert mail.about_id == sent["id"]
    words = "✉️ Answers your mail “You left a lamp behind” (abandoned cart, step first)"
    shown = await office.shown()
    assert any(words in one and "Do you have it in blue?" in one and "You left a lamp\n" not in one for one in shown)
    card = next(one for one in shown if "#1001" in one)
    assert words in card
    answer = await office.answers("Yes, we do.")
    assert answer.message["Subject"] == "Re: You left a lamp behind"


async def test_a_reply_is_known_by_its_address_where_the_relay_changes_message_ids(office: MailOffice) -> None:
    sent = await office.sent_by_a_flow(await _ada(office))
    to = addresses.reply_address(sent["id"], office.secret, "help@shop.example")
    mail = await office.comes(letters.letter("In blue?", to=to, In_Reply_To="<made-up@relay.example>"))
    assert mail.about_id == sent["id"]


async def test_a_stranger_who_answers_somebody_elses_mail_gets_a_ticket_of_their_own(office: MailOffice) -> None:
    await office.comes(letters.letter(PERSON, message_id="<q1@mail.example.org>"))
    answer = await office.answers("Your order 1001 goes to Baker Street 5.")
    reply = letters.letter(
        "Send it elsewhere please", sender="mallory@example.net", In_Reply_To=answer.message["Message-ID"],
        message_id="<m1@example.net>",
    )  # fmt: skip
    await office.comes(reply)
    first, second = await office.rows(Ticket)
    assert first.contact_id != second.contact_id
    assert (first.status, second.status) == ("waiting_customer", "new")
    topic = office.telegram.topic_of(f"#{second.number}")
    assert topic is not None
    there = [one.text for one in office.telegram.messages(office.telegram.group.id, topic.thread_id)]
    assert not any("Baker Street" in one for one in there)
    assert any(f"Answers our mail in #{first.number}, from another address" in one for one in there)


async def test_a_mail_whose_fate_was_unknown_has_arrived_if_it_is_answered(office: MailOffice) -> None:
    sent = await office.sent_by_a_flow(await _ada(office), status="unknown", skip_reason="answer_lost")
    name = addresses.message_name(sent["id"], office.secret, "shop.example")
    await office.comes(letters.letter("In blue?", In_Reply_To=f"<{name}>"))
    assert next(row for row in await office.mails() if row["id"] == sent["id"])["status"] == "sent"


async def test_files_are_listed_and_a_person_sees_them(office: MailOffice) -> None:
    file = b'Content-Type: application/pdf; name="invoice.pdf"\r\n\r\n' + b"x" * 34_000
    await office.comes(letters.joined(b"Content-Type: text/plain\r\n\r\nWhen do you deliver?", file))
    shown = "\n".join(await office.shown())
    assert "📎 In the mail: invoice.pdf (34 KB)" in shown


async def test_of_a_huge_mail_staff_read_the_beginning_and_where_the_rest_is(office: MailOffice) -> None:
    mail = await office.comes(letters.letter("How long does delivery take?"), size=31_000_000)
    assert mail.status == "done"
    assert "it has 31.0 MB" in "\n".join(await office.shown())


async def test_a_ready_answer_goes_out_by_mail_and_whoever_answers_it_has_a_person(office: MailOffice) -> None:
    await office.comes(letters.letter("How long does delivery take?", message_id="<q1@mail.example.org>"))
    assert await office.rows(Ticket) == []
    (answer,) = office.catcher.mails
    assert answer.message["Auto-Submitted"] == "auto-replied"
    assert "Was it something else? Just answer this mail" in answer.message.get_content()
    reply = letters.letter("How long does delivery take?", message_id="<q2@x.example>",
                           In_Reply_To=answer.message["Message-ID"])  # fmt: skip
    await office.comes(reply)
    assert (await office.ticket()).status == "new"


async def test_no_ready_answer_by_mail_speaks_of_a_button(office: MailOffice) -> None:
    async with office.here.database.reading() as session:
        contact = await session.get(Contact, await _ada(office))
    assert contact is not None
    said = set()
    for language, button, instead in (
        ("en", "“Talk to a human”", "answer this mail"),
        ("zh_CN", "“转人工”", "回复这封邮件"),
    ):
        for channel in ("email", "telegram"):
            known = ready.values(office.desk, contact, [], language, channel)
            texts = [answers.say(one, language, known) for one in office.desk.answers.by_id.values() if not one.action]
            named = sum(button in text for text in texts), sum(instead in text.lower() for text in texts)
            assert sorted(named)[0] == 0 and sorted(named)[1] > 20
            said.add((channel, named[0] > 0))
    assert said == {("email", False), ("telegram", True)}


async def test_machines_are_not_answered_more_than_a_few_times_an_hour(office: MailOffice) -> None:
    for number in range(8):
        await office.comes(letters.letter("How long does delivery take?", message_id=f"<q{number}@mail.example.org>"))
    assert len(office.catcher.mails) == 3
    assert len(await office.rows(Ticket)) == 1  # the fourth went to people


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Auto_Submitted": "auto-replied"}, "ignored"),
        ({"sender": "help@shop.example"}, "ignored"),
        ({"X_Spam_Flag": "YES"}, "ignored"),
    ],
    ids=str,
)
async def test_nobody_hears_of_machines_and_their_mail_is_kept(
    office: MailOffice, headers: dict[str, str], status: str
) -> None:
    mail = await office.comes(letters.letter(PERSON, **headers))  # type: ignore[arg-type]
    assert mail.status == status and mail.raw
    assert await office.rows(Ticket) == [] and await office.rows(SlaTimer) == []
    assert office.catcher.mails == []


async def test_an_out_of_office_reply_to_our_answer_opens_nothing(office: MailOffice) -> None:
    await office.comes(letters.letter(PERSON))
    answer = await office.answers("Sorry!")
    away = letters.letter("I am away until Monday", Auto_Submitted="auto-replied", message_id="<a@x.example>",
                          In_Reply_To=answer.message["Message-ID"], subject="Automatic reply: Broken lamp")  # fmt: skip
    mail = await office.comes(away)
    assert (mail.kind, mail.status, mail.about_id) == ("automatic", "ignored", (await office.mails())[-1]["id"])
    assert (await office.ticket()).status == "waiting_customer"


async def test_whoever_takes_no_answer_is_shown_to_staff_and_not_answered_by_a_machine(office: MailOffice) -> None:
    await office.comes(letters.letter("Your parcel waits", sender="no-reply@carrier.example"))
    assert (await office.ticket()).status == "new"
    assert office.catcher.mails == []


async def test_mail_of_a_group_opens_a_ticket_and_no_machine_answers(office: MailOffice) -> None:
    group = {"Precedence": "list", "List_Id": "<help.shop.example>", "X_Original_Sender": "ada@example.org"}
    mail = await office.comes(letters.letter(PERSON, **group))  # type: ignore[arg-type]
    assert (mail.kind, mail.status) == ("no_reply", "done")
    assert (await office.ticket()).status == "new"
    assert office.catcher.mails == []


async def test_what_is_set_aside_says_why(office: MailOffice) -> None:
    mail = await office.comes(letters.letter("I am away", subject="Automatic reply: lamp"))
    assert (mail.status, mail.error) == ("ignored", "an absence note or another answer of a machine")


async def test_a_contact_form_is_answered_to_whoever_filled_it_in(office: MailOffice) -> None:
    await office.comes(letters.letter(PERSON, sender="Shop <help@shop.example>", Reply_To="Bob <bob@example.org>"))
    answer = await office.answers("Hello Bob")
    assert answer.receivers == ("bob@example.org",)


async def test_an_address_in_from_proves_nothing(office: MailOffice) -> None:
    ada = await _ada(office)
    async with office.here.database.transaction() as session:
        session.add(Order(order_id="o1", number="#1001", contact_id=ada, status="paid", currency="EUR",
                          ordered_at=clock.now(), changed_at=clock.now()))  # fmt: skip
    await office.comes(letters.letter("Where is my order #1001?"))
    assert (await office.ticket()).status == "new"
    assert not any("1001" in one.message.get_content().replace("#1001)", "") for one in office.catcher.mails)
    (identity,) = await office.rows(Identity)
    assert not identity.proven


async def test_who_answers_a_mail_of_ours_is_told_about_their_order(office: MailOffice) -> None:
    ada = await _ada(office, proven=True)
    sent = await office.sent_by_a_flow(ada)
    async with office.here.database.transaction() as session:
        session.add(Order(order_id="o1", number="#7001", contact_id=ada, email="ada@example.org", status="paid",
                          currency="EUR",
                          ordered_at=clock.now(), changed_at=clock.now()))  # fmt: skip
    name = addresses.message_name(sent["id"], office.secret, "shop.example")
    await office.comes(letters.letter("Where is my order?", In_Reply_To=f"<{name}>"))
    assert await office.rows(Ticket) == []
    (told,) = office.catcher.mails
    assert "#7001" in told.message.get_content()
    assert told.receivers == ("ada@example.org",)


async def test_an_answer_that_bounces_is_told_in_the_topic_and_counts_as_none(office: MailOffice) -> None:
    await office.comes(letters.letter(PERSON))
    answer = await office.answers("Sorry!")
    await office.comes(letters.bounce(to=answer.return_path))
    assert "Not delivered" in "\n".join(await office.shown())
    row = next(row for row in await office.mails() if row["purpose"] == "answer")
    assert (row["status"], row["skip_reason"]) == ("failed", "hard_bounce")


async def test_how_it_was_is_asked_by_mail_with_a_link_to_the_stars(office: MailOffice) -> None:
    await office.comes(letters.letter(PERSON, subject="Broken lamp"))
    await office.answers("Sorry!")
    office.mia.says("/close", await office.topic())
    await office.settle()
    asked = next(mail for mail in office.catcher.mails if "/r/" in mail.part("plain"))
    assert asked.message["Subject"] == "Re: Broken lamp"
    assert asked.message["Auto-Submitted"] == "auto-generated"


async def test_a_mail_that_kills_whoever_takes_it_ends(office: MailOffice) -> None:
    await office.comes(letters.letter(PERSON))
    mails = table(ReceivedMail)
    async with office.here.database.transaction() as session:
        await session.execute(sa.update(mails).values(status="new", due_at=clock.now(), attempts=10))
    await office.taking.take_due()
    (mail,) = await office.rows(ReceivedMail)
    assert (mail.status, mail.error) == ("failed", "it was tried too often")


async def test_garbage_stays_visible_as_failed(office: MailOffice) -> None:
    for raw in (b"", b"\x00\xff\xfe", b"From: nobody\r\n\r\nhello", b"Subject: no sender\r\n\r\n"):
        mail = await office.comes(raw or b"\r\n")
        assert mail.status == "failed" and mail.error and mail.due_at is None
    assert await office.rows(Ticket) == []


async def test_a_mail_that_is_stored_twice_is_said_once(office: MailOffice) -> None:
    await office.comes(letters.letter(PERSON, message_id="<q1@mail.example.org>"))
    async with office.here.database.transaction() as session:  # as if the worker had died before its commit
        mails = table(ReceivedMail)
        await session.execute(sa.update(mails).values(status="new", due_at=clock.now()))
    await office.comes(letters.letter(PERSON, message_id="<q1@mail.example.org>"))
    assert len([one for one in await office.rows(TicketMessage) if one.author == "customer"]) == 1
    assert [one.status for one in await office.rows(ReceivedMail)] == ["done", "known"]


async def test_mail_of_somebody_forgotten_meanwhile_is_not_kept(office: MailOffice) -> None:
    ada = await _ada(office)
    raw = letters.letter(PERSON)
    now = clock.now()
    async with office.here.database.transaction() as session:
        await store.keep(session, "INBOX", 1, store.Fetched(50, raw, len(raw), now), now)
        await contacts.erase(session, office.secret, ada, clock.now())
    await office.taking.take_due()
    (mail,) = await office.rows(ReceivedMail)
    assert (mail.status, mail.raw, mail.sender, mail.subject) == ("ignored", b"", "", "")
    assert await office.rows(TicketMessage) == []
