"""The mail channel against two SMTP servers: our catcher with its faults, and aiosmtpd, which others wrote."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import make
import pytest
import sqlalchemy as sa
from aiosmtpd import smtp as aiosmtpd
from conftest import NOON

from bot.base import clock
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.demo.mail_catcher import Catcher, Caught, catch
from bot.outbound import outbox
from bot.outbound.email import addresses
from bot.outbound.email.sender import EmailSender
from bot.outbound.outbox import Outbox
from bot.outbound.sender import DeliveryError, NotNow, Outgoing
from bot.tables.outbox import Message

ROWS = table(Message)


@pytest.fixture
async def catcher() -> AsyncIterator[Catcher]:
    async with catch() as caught:
        yield caught


def _sender(texts: Texts, url: str, first_pause: float = 5.0, **mail: Any) -> EmailSender:
    settings = {"smtp_url": url, "from": "Juniper & Oak <help@shop.example>", **mail}
    return EmailSender(make.ground(texts, mail=settings, shop={"name": "Juniper & Oak"}), first_pause=first_pause)


@pytest.fixture
async def sender(texts: Texts, catcher: Catcher) -> AsyncIterator[EmailSender]:
    made = _sender(texts, catcher.url, from_marketing="News <news@shop.example>", bounce_domain="bounce.shop.example")
    yield made
    await made.close()


def _message(number: int = 1, purpose: str = "marketing", **payload: Any) -> Outgoing:
    said = {
        "to": f"c{number}@example.org",
        "from": "marketing",
        "subject": "您好",
        "text": "Hi\n",
        "html": "<p>Hi</p>\n",
    }
    return Outgoing(number, f"key-{number}", purpose, 80, "", {**said, **payload}, {"once": True})


async def test_a_marketing_mail_has_the_headers_that_receivers_ask_for(sender: EmailSender, catcher: Catcher) -> None:
    receipt = await sender.send(
        _message(
            to_name="Maya Lindt",
            list_unsubscribe="https://shop.example/u/TOKEN",
            list_id="marketing.shop.example",
            feedback_id="abandoned_cart:m1:marketing:shop",
            reply_to="help@shop.example",
        )
    )
    [mail] = catcher.mails
    read = mail.message
    assert read["Message-ID"] == f"<{receipt.provider_id}>"
    assert addresses.named(read["Message-ID"].strip("<>"), sender.ground.secret) == 1
    assert read["Message-ID"].endswith("@shop.example>")
    assert read["From"] == "News <news@shop.example>"
    assert read["To"] == "Maya Lindt <c1@example.org>"
    assert read["Subject"] == "您好"
    assert read["Reply-To"] == "help@shop.example"
    assert read["List-Unsubscribe"].startswith("<https://shop.example/u/TOKEN>, <mailto:news@shop.example?subject=")
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert read["List-Id"] == '"Juniper & Oak" <marketing.shop.example>'
    assert read["Feedback-ID"] == "abandoned_cart:m1:marketing:shop"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Date"].datetime.tzinfo is not None
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    assert addresses.bounced(mail.return_path, sender.ground.secret) == 1


async def test_a_staff_answer_is_no_automatic_mail_and_offers_no_unsubscribing(
    sender: EmailSender, catcher: Catcher
) -> None:
    await sender.send(_message(purpose="answer", html="", **{"from": "service"}))
    read = catcher.mails[0].message
    assert read["From"] == '"Juniper & Oak" <help@shop.example>' or read["From"] == "Juniper & Oak <help@shop.example>"
    assert read["Auto-Submitted"] is None
    assert read["List-Unsubscribe"] is None
    assert read.get_content_type() == "text/plain"


async def test_connections_are_kept_and_shared(sender: EmailSender, catcher: Catcher) -> None:
    for start in range(0, 64, 8):
        await asyncio.gather(*(sender.send(_message(number)) for number in range(start, start + 8)))
    assert len(catcher.mails) == 64
    assert catcher.connections <= 8
    assert {mail.receivers[0] for mail in catcher.mails} == {f"c{number}@example.org" for number in range(64)}


async def test_a_connection_that_the_relay_closes_is_replaced(texts: Texts, catcher: Catcher) -> None:
    sender = _sender(texts, catcher.url, first_pause=0.01)
    await sender.send(_message(1))
    catcher.answers.append(("MAIL", "421 4.4.2 idle too long"))
    await sender.send(_message(2))
    await sender.close()
    assert len(catcher.mails) == 2
    assert catcher.connections == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("550 5.1.1 no such user", "bad_address"),
        ("550 5.1.10 null MX", "bad_address"),
        ("554 5.7.1 we do not like you", "rejected"),
        ("552 5.2.2 full", "rejected"),
    ],
)
async def test_one_refused_address_harms_no_other(
    sender: EmailSender, catcher: Catcher, answer: str, reason: str
) -> None:
    catcher.reject["c3@example.org"] = answer
    results = await asyncio.gather(*(sender.send(_message(number)) for number in range(8)), return_exceptions=True)
    [refused] = [result for result in results if isinstance(result, Exception)]
    assert isinstance(refused, DeliveryError)
    assert refused.permanent
    assert refused.reason == reason
    assert len(catcher.mails) == 7


@pytest.mark.parametrize("stage", ["RCPT", "DATA", "END"])
async def test_a_4xx_is_tried_again(sender: EmailSender, catcher: Catcher, stage: str) -> None:
    catcher.answers.append((stage, "451 4.3.0 try later"))
    with pytest.raises(DeliveryError) as told:
        await sender.send(_message())
    assert not told.value.permanent
    assert not told.value.uncertain
    await sender.send(_message())
    assert len(catcher.mails) == 1


@pytest.mark.parametrize("answer", ["421 4.7.0 too many", "454 4.7.0 busy", "450 4.7.1 greylisted"])
async def test_a_relay_that_asks_for_time_gets_it(sender: EmailSender, catcher: Catcher, answer: str) -> None:
    catcher.answers.append(("RCPT", answer))
    with pytest.raises(DeliveryError) as told:
        await sender.send(_message())
    assert told.value.retry_after
    with pytest.raises(NotNow) as wait:
        await sender.send(_message(2))
    assert 0 < wait.value.seconds <= 5
    assert catcher.mails == []


async def test_a_sender_that_the_relay_refuses_is_not_held_against_the_receiver(
    sender: EmailSender, catcher: Catcher
) -> None:
    catcher.answers.append(("MAIL", "530 5.7.0 authenticate first"))
    with pytest.raises(DeliveryError) as told:
        await sender.send(_message())
    assert not told.value.permanent


async def test_a_relay_that_is_away_is_tried_again(texts: Texts) -> None:
    async with catch() as gone:
        url = gone.url
    sender = _sender(texts, url)
    with pytest.raises(DeliveryError) as told:
        await sender.send(_message())
    assert told.value.retry_after
    assert not told.value.uncertain
    assert not told.value.permanent


async def test_an_answer_lost_after_the_final_dot_is_uncertain(sender: EmailSender, catcher: Catcher) -> None:
    catcher.drop_after_data = 1
    with pytest.raises(DeliveryError) as told:
        await sender.send(_message())
    assert told.value.uncertain
    assert len(catcher.mails) == 1


async def test_plain_text_is_never_chosen_silently(texts: Texts, catcher: Catcher) -> None:
    sender = _sender(texts, catcher.url.replace("tls=none", "tls=starttls"))
    with pytest.raises(DeliveryError) as told:
        await sender.send(_message())
    assert not told.value.permanent
    assert catcher.mails == []


async def test_it_logs_in_where_the_relay_asks_for_it(texts: Texts, catcher: Catcher) -> None:
    sender = _sender(texts, catcher.url.replace("smtp://", "smtp://shop:p%40ss@"))
    await sender.send(_message())
    assert catcher.logins == ["shop"]


async def test_foreign_letters_before_the_at_need_a_relay_that_carries_them(
    sender: EmailSender, catcher: Catcher, texts: Texts
) -> None:
    await sender.send(_message(to="小雅@example.org"))
    assert catcher.mails[0].receivers == ("小雅@example.org",)
    catcher.utf8 = False
    other = _sender(texts, catcher.url)
    with pytest.raises(DeliveryError) as told:
        await other.send(_message(to="小雅@example.org"))
    assert told.value.permanent
    assert told.value.reason == "needs_smtputf8"
    await other.send(_message(2))
    await other.close()


@contextlib.asynccontextmanager
async def _aiosmtpd(inbox: list[Any]) -> AsyncIterator[str]:
    class Handler:
        async def handle_DATA(self, _server: aiosmtpd.SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
            inbox.append(envelope)
            return "250 2.0.0 taken"

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: aiosmtpd.SMTP(Handler(), hostname="test", loop=loop), "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}?tls=none"


async def test_another_server_reads_what_we_wrote(texts: Texts) -> None:
    inbox: list[Any] = []
    html = "<p>.\n.. a dot\n购物车</p>\n" + "<b>x</b>" * 300 + "\n"
    async with _aiosmtpd(inbox) as url:
        sender = _sender(texts, url)
        await asyncio.gather(*(sender.send(_message(n, html=html, text=".\n..\nGrüße\n")) for n in range(6)))
        await sender.close()
    assert len(inbox) == 6
    mail = Caught(inbox[0].mail_from, tuple(inbox[0].rcpt_tos), inbox[0].content)
    assert mail.part("html").replace("\r\n", "\n").rstrip() == html.rstrip()
    assert mail.part("plain").replace("\r\n", "\n").rstrip() == ".\n..\nGrüße"
    assert mail.return_path == "help@shop.example"


async def _queued(database: Database, count: int, *, once: bool = True) -> None:
    async with database.transaction() as session:
        for number in range(count):
            await outbox.queue(
                session, channel="email", purpose="marketing", receiver=f"c{number}@example.org",
                payload=dict(_message(number).payload), key=f"key-{number}", now=clock.now(), once=once,
            )  # fmt: skip


async def _statuses(database: Database) -> dict[str, int]:
    counted = sa.select(ROWS.c.status, sa.func.count()).group_by(ROWS.c.status)
    async with database.reading() as session:
        return {row[0]: row[1] for row in await session.execute(counted)}


async def test_a_lost_answer_ends_unknown_and_is_not_sent_again(
    database: Database, sender: EmailSender, catcher: Catcher
) -> None:
    """T43."""
    await _queued(database, 3)
    catcher.drop_after_data = 1
    box = Outbox(database, {"email": sender}, {}, worker=1)
    while await box.deliver_due("email"):
        pass
    assert await _statuses(database) == {"sent": 2, "unknown": 1}
    assert len(catcher.mails) == 3


async def test_t44_a_pausing_relay_defers_the_rest_and_loses_none(
    database: Database, texts: Texts, catcher: Catcher
) -> None:
    """T44."""
    sender = _sender(texts, catcher.url, first_pause=0.5)
    await _queued(database, 20)
    catcher.answers += [("RCPT", "421 4.7.0 slow down")] * 8
    box = Outbox(database, {"email": sender}, {}, worker=1)
    await box.deliver_due("email")
    assert await _statuses(database) == {"deferred": 20}
    catcher.answers.clear()
    await asyncio.sleep(0.5)
    async with database.transaction() as session:
        await session.execute(sa.update(ROWS).values(due_at=NOON - timedelta(days=1)))
    while await box.deliver_due("email"):
        pass
    await sender.close()
    assert await _statuses(database) == {"sent": 20}
    assert len(catcher.mails) == 20


async def test_t45_one_bad_address_in_a_batch_is_recorded_and_the_others_are_sent(
    database: Database, sender: EmailSender, catcher: Catcher
) -> None:
    """T45."""
    await _queued(database, 10)
    catcher.reject["c4@example.org"] = "554 5.1.1 no such user"
    box = Outbox(database, {"email": sender}, {}, worker=1)
    while await box.deliver_due("email"):
        pass
    assert await _statuses(database) == {"sent": 9, "failed": 1}
    async with database.reading() as session:
        failed = (await session.execute(sa.select(ROWS).where(ROWS.c.status == "failed"))).mappings().one()
    assert (failed["receiver"], failed["skip_reason"]) == ("c4@example.org", "bad_address")
    assert "@" not in (failed["error"] or "")


def test_a_return_path_names_its_message_in_any_spelling() -> None:
    address = addresses.return_path(77, "secret", "bounce.shop.example")
    assert len(address.partition("@")[0]) <= 64
    assert addresses.bounced(address.upper(), "secret") == 77
    assert addresses.bounced(address, "another") is None
    assert addresses.bounced("b+aaaaaaaaaaaaaaaa@x.example", "secret") is None
    assert addresses.bounced(replace(_message()).key, "secret") is None


async def test_with_a_mailbox_replies_and_unsubscribing_come_back_to_it(texts: Texts, catcher: Catcher) -> None:
    box = {"imap_url": "imap://a:b@127.0.0.1?tls=none", "plus_addresses": True}
    settings = {"smtp_url": catcher.url, "from": "help@shop.example", "from_marketing": "news@news.shop.example"}
    ground = make.ground(texts, mail={**settings, "bounce_domain": "bounce.shop.example"}, mailbox=box)
    sender = EmailSender(ground)
    await sender.send(_message(7, list_unsubscribe="https://shop.example/u/TOKEN"))
    read = catcher.mails[0].message
    assert addresses.replies(read["Reply-To"].upper(), ground.secret) == 7
    assert read["Reply-To"].startswith("help+r")
    https, mailto = read["List-Unsubscribe"].split(", ")
    assert https == "<https://shop.example/u/TOKEN>"
    assert addresses.unsubscribes(mailto.removeprefix("<mailto:").removesuffix(">"), ground.secret) == 7
    await sender.close()


async def test_a_reply_names_the_mails_that_it_answers(sender: EmailSender, catcher: Catcher) -> None:
    thread = {"in_reply_to": "b@x.example", "references": ["a@x.example", "b@x.example\r\nBcc: c@x.example"]}
    await sender.send(_message(purpose="answer", html="", **thread))
    read = catcher.mails[0].message
    assert read["In-Reply-To"] == "<b@x.example>"
    assert read["References"].split() == ["<a@x.example>", "<b@x.exampleBcc:c@x.example>"]
    assert read["Bcc"] is None


async def test_a_relay_that_reports_is_told_how_to_name_the_mail(sender: EmailSender, catcher: Catcher) -> None:
    await sender.send(_message(1))
    await sender.close()
    catcher.dsn = True
    await sender.send(_message(2))
    first, second = catcher.envelopes
    assert "ENVID" not in first
    options = second.split()
    assert "RET=HDRS" in options
    envelope = next(one.removeprefix("ENVID=") for one in options if one.startswith("ENVID="))
    assert addresses.enveloped(envelope, sender.ground.secret) == 2


def test_no_token_serves_another_purpose() -> None:
    name = addresses.message_name(5, "secret", "shop.example")
    token = name.partition(".")[2].partition("@")[0]
    assert addresses.named(f"<{name.upper()}>", "secret") == 5
    assert addresses.enveloped(addresses.envelope(5, "secret"), "secret") == 5
    assert addresses.bounced(f"b+{token}@x.example", "secret") is None
    assert addresses.unsubscribes(f"unsub+{token}@x.example", "secret") is None
    assert addresses.replies(f"help+r{token}@x.example", "secret") is None
    assert addresses.named(name, "another") is None
