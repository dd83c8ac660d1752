"""Whose a mail is by the word of the shop's own mail server, and what forged ones use up of nobody's but their own."""

from collections.abc import AsyncIterator

import letters
import pytest
from mail_office import BOX, MailOffice, opened

from bot import contacts
from bot.base import clock
from bot.base.database import Database
from bot.base.texts import Texts
from bot.inbound.mailbox import authentication, parsing
from bot.outbound.email import addresses
from bot.tables.shop import Order
from bot.tables.support import Ticket, TicketMessage

OURS = "mx.shop.example"
PASS = f"{OURS}; dkim=pass header.d=example.org; dmarc=pass (p=none dis=none) header.from=example.org"
QUESTION = "How long does delivery take?"


def _came(*above: str, sender: str = "Ada <ada@example.org>", number: int = 1) -> bytes:
    """A mail with these lines on top of it, the newest first, as servers write them."""
    written = letters.letter(QUESTION, sender=sender, message_id=f"<q{number}@mail.example.org>")
    return b"".join(f"{line}\r\n".encode() for line in above) + written


def _is_proven(raw: bytes, *servers: str) -> bool:
    return authentication.proves_sender(parsing.read(raw), servers or (OURS,))


def _results(value: str) -> str:
    return f"Authentication-Results: {value}"


HOP = f"Received: from sender.example by {OURS} with ESMTPS id 1; Wed, 4 Mar 2026 12:00:00 +0000"


@pytest.mark.parametrize(
    "above",
    [
        (_results(PASS),),
        (HOP, _results(PASS), "Received: from laptop by sender.example"),
        (_results(PASS.upper()),),
        (_results(f"{OURS} 1; dkim=pass (2048-bit key) header.i=@example.org header.s=a; spf=none"),),
        (_results(f'{OURS} ; dkim = pass reason="good; signature" header.d = example.org'),),
        (_results("other.example; dmarc=fail header.from=example.org"), _results(PASS)),
        (_results(f"{OURS}; spf=softfail smtp.mailfrom=example.org"), _results(PASS)),
        (_results(f"{OURS};\r\n dkim=fail header.d=list.example;\r\n dkim=pass header.d=example.org"),),
        (_results(f'{OURS}; spf=pass (domain of "a b"@example.org) helo=x; dkim=pass header.d=example.org'),),
        (_results(f"{OURS}; dkim=pass (2048-bit) header.d=example.org header.i=@example.org x-bits=2048; spf=none"),),
    ],
    ids=str,
)
def test_the_word_of_our_own_server_is_believed(above: tuple[str, ...]) -> None:
    assert _is_proven(_came(*above))


@pytest.mark.parametrize(
    "above",
    [
        (),
        (_results("mx.shop.example.evil.example; dmarc=pass header.from=example.org"),),
        (_results(f"evil.example; ({OURS}); dmarc=pass header.from=example.org"),),
        (_results(f"{OURS}; dmarc=fail header.from=example.org"), _results(PASS)),
        (_results(f"{OURS}; dkim=none"), _results(PASS)),
        (_results(f"{OURS}; spf=pass smtp.mailfrom=example.org"), HOP, _results(PASS)),
        (_results(f"{OURS}; spf=none"), "X-Mailer: forged", _results(PASS)),
        (_results(f"{OURS}; dkim=pass header.d=mallory.example; dmarc=fail header.from=example.org"),),
        (_results(f"{OURS}; dkim=pass header.d=mallory.example"),),
        (_results(f"{OURS}; dkim=pass header.d=org"),),
        (_results(f"{OURS}; dkim=pass header.d=ample.org"),),
        (_results(f"{OURS}; dmarc=pass header.from=mallory.example"),),
        (_results(f"{OURS}; dmarc=pass"),),
        (_results(f"{OURS}; spf=pass smtp.mailfrom=ada@example.org"),),
        (_results(f'{OURS}; spf=none smtp.mailfrom="x; dmarc=pass header.from=example.org"@evil.example'),),
        (_results(f"{OURS}; spf=none (x; dmarc=pass header.from=example.org)"),),
        (_results(f"{OURS}; dmarc=fail header.from=example.org; dmarc=pass header.from=example.org"),),
        (_results(PASS), "From: Mallory <mallory@mallory.example>"),
        (_results(f"{OURS}; none"),),
        (_results(";;;=((("),),
        # Names that a sender chose, and a server wrote down as they came ("Composition Kills", USENIX Security 2020).
        (_results(f"{OURS}; dkim=pass header.d=example.org(.evil.example header.s=a"),),
        (_results(f"{OURS}; dkim=pass header.d=example.org(.evil.example header.s=a).b"),),
        (_results(f"{OURS}; dkim=pass header.d=example.org(a).evil.example"),),
        (_results(f"{OURS}; dmarc=pass header.from=example.org(.evil.example)"),),
        (_results(f"{OURS}; dkim=pass header.d=evil.example header.i=a header.d=example.org @evil.example"),),
        (_results(f"{OURS}; dkim=pass header.i=a@example.org b@evil.example"),),
        (_results(f'{OURS}; spf=none (of "x) ; dkim=pass header.d=example.org ; a=b ("@evil.example)'),),
        (_results(f"{OURS}; spf=none smtp.mailfrom=a(b@evil.example"), _results(PASS)),
        (_results(f"{OURS}; spf=none smtp.mailfrom=a)b@evil.example"), _results(PASS)),
        (_results(""),),
        (*[_results("other.example; none")] * 60, _results(PASS)),
    ],
    ids=lambda above: str(above)[:80],
)
def test_nothing_else_is(above: tuple[str, ...]) -> None:
    assert not _is_proven(_came(*above))


def test_without_a_trusted_server_nobody_is_proven_by_one() -> None:
    assert not authentication.proves_sender(parsing.read(_came(_results(PASS))), ())


def test_several_addresses_in_from_prove_none_of_them() -> None:
    assert not _is_proven(_came(_results(PASS), sender="ada@example.org, bob@example.org"))


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[MailOffice]:
    async with opened(database, texts, mailbox={"imap_url": BOX, "trusted_servers": [OURS]}) as made:
        yield made


FORGED = _results(f"{OURS}; dmarc=fail header.from=example.org")


async def test_forged_mails_use_up_no_answers_of_who_is_proven(office: MailOffice) -> None:
    for number in range(3):
        await office.comes(_came(FORGED, number=number))
    mail = await office.comes(_came(_results(PASS), number=9))
    assert mail.proven_by == "domain"
    assert len(office.catcher.mails) == 4
    assert await office.rows(Ticket) == []


async def test_who_is_proven_has_no_more_answers_than_others(office: MailOffice) -> None:
    for number in range(5):
        await office.comes(_came(_results(PASS), number=number))
    assert len(office.catcher.mails) == 3


async def test_what_is_forged_later_takes_no_answer_from_a_mail_before_it(office: MailOffice) -> None:
    await office.arrives(_came(_results(PASS), number=1))
    await office.arrives(b"Precedence: bulk\r\n" + _came(FORGED, number=2))
    await office.settle()
    answer, *_ = office.catcher.mails
    assert answer.message["In-Reply-To"] == "<q1@mail.example.org>"


async def test_a_domain_that_is_proven_opens_no_orders(office: MailOffice) -> None:
    mail = await office.comes(_came(_results(PASS)))
    assert (mail.rank, mail.proven_by) == ("page", "domain")


async def test_an_answer_to_ours_is_proven_without_any_server(database: Database, texts: Texts) -> None:
    async with opened(database, texts) as office:
        ada = await _ada_with_an_order(office)
        sent = await office.sent_by_a_flow(ada)
        for number in range(3):
            await office.comes(_came(_results(PASS), number=number))
        assert len(office.catcher.mails) == 3
        name = addresses.message_name(sent["id"], office.secret, "shop.example")
        mail = await office.comes(
            letters.letter("Where is my order?", In_Reply_To=f"<{name}>", message_id="<r@mail.example.org>")
        )
        assert mail.proven_by == "thread"
        assert "#7001" in office.catcher.mails[-1].message.get_content()


async def _ada_with_an_order(office: MailOffice) -> int:
    async with office.here.database.transaction() as session:
        ada = await contacts.find_or_create(session, [("email", "ada@example.org")], clock.now(), proven=True)
        session.add(Order(order_id="o1", number="#7001", contact_id=ada.id, email="ada@example.org", status="paid",
                          currency="EUR", ordered_at=clock.now(), changed_at=clock.now()))  # fmt: skip
        assert ada.id is not None
        return ada.id


TALK = "I want to talk to a human please: my lamp came broken."


def _talk(above: str, number: int, text: str = TALK) -> bytes:
    written = letters.letter(text, sender="Ada <ada@example.org>", message_id=f"<t{number}@mail.example.org>")
    return f"{above}\r\n".encode() + written


async def test_spam_in_somebodys_name_keeps_out_nothing_that_is_theirs(office: MailOffice) -> None:
    await office.comes(_talk(FORGED, 1, "I want to talk to a human about cheap pills"))
    office.mia.says("/spam", await office.topic())
    await office.settle()
    await office.comes(_talk(FORGED, 2))
    assert len(await office.rows(Ticket)) == 1  # still in the name of whoever
    await office.comes(_talk(_results(PASS), 3))
    *_, ticket = await office.rows(Ticket)
    assert (len(await office.rows(Ticket)), ticket.status) == (2, "new")


async def test_a_flood_in_somebodys_name_holds_back_nothing_that_is_theirs(database: Database, texts: Texts) -> None:
    mailbox = {"imap_url": BOX, "trusted_servers": [OURS]}
    async with opened(database, texts, mailbox=mailbox, support={"flood": {"messages": 3, "within": "1h"}}) as office:
        for number in range(6):
            await office.comes(_talk(FORGED, number))
        mail = await office.comes(_talk(_results(PASS), 9))
        held = {one.id: one.held for one in await office.rows(TicketMessage)}
        assert sum(held.values()) == 3 and not held[mail.said_id or 0]


async def test_staff_see_what_nothing_shows_to_be_theirs(office: MailOffice) -> None:
    await office.comes(_talk(_results(PASS), 1))
    await office.comes(_talk(FORGED, 2, "Send it to another address"))
    marked = [text for text in await office.shown() if "❓" in text]
    assert len(marked) == 1 and "Send it to another address" in marked[0]


async def test_a_stray_mail_in_a_talk_that_was_answered_is_marked_without_any_server(
    database: Database, texts: Texts
) -> None:
    async with opened(database, texts) as office:
        await office.comes(_talk("X-Mailer: x", 1))
        answer = await office.answers("Which colour?")
        reply = letters.letter("Blue.", message_id="<r@mail.example.org>", In_Reply_To=answer.message["Message-ID"])
        await office.comes(reply)
        await office.comes(_talk("X-Mailer: x", 2, "Send it to another address"))
        marked = [text for text in await office.shown() if "❓" in text]
        assert len(marked) == 1 and "Send it to another address" in marked[0]


async def test_whoever_blocks_is_told_that_it_may_be_somebody_else(office: MailOffice) -> None:
    await office.comes(_talk(FORGED, 1))
    office.mia.says("/block", await office.topic())
    await office.settle()
    assert any("/spam" in text for text in await office.shown() if "❓" in text)
