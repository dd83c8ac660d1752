"""What kind of mail it is, and what a report says of which message."""

import letters
import make
import pytest

from bot.base import ids
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.inbound.mailbox import kinds, parsing, reports, senders
from bot.inbound.mailbox.kinds import Found
from bot.outbound.email import addresses

BOUNCES = "bounce.shop.example"


@pytest.fixture
def ground(texts: Texts) -> Ground:
    mail = {"from": "Shop <help@shop.example>", "from_marketing": "news@shop.example", "bounce_domain": BOUNCES}
    return make.ground(texts, mail=mail)


def _of(raw: bytes, ground: Ground) -> Found:
    return kinds.of(parsing.read(raw), raw, ground)


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "auto_reply"},
        {"X_Autoreply": "yes"},
        {"subject": "Automatic reply: You left a lamp behind"},
        {"subject": "自动回复：灯"},
        {"X_Vacation": "1"},
        {"Preference": "auto_reply"},
        {"Return_Path": "<>", "In_Reply_To": "<m@x.example>"},
        {"subject": "On holiday, back soon", "In_Reply_To": "<m@x.example>"},
        {"sender": "MAILER-DAEMON@mx.example.org"},
    ],
    ids=str,
)
def test_what_machines_write_is_neither_a_bounce_nor_a_ticket(ground: Ground, headers: dict[str, str]) -> None:
    raw = letters.letter("I am away. Error 550 5.1.1 is not meant.", **headers)  # type: ignore[arg-type]
    assert _of(raw, ground).kind == "automatic"


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "person"),
        ({"Auto_Submitted": "no"}, "person"),
        ({"subject": "Re: Automatic reply: lamp"}, "person"),
        ({"sender": "no-reply@carrier.example"}, "no_reply"),
        ({"sender": "donotreply@carrier.example"}, "no_reply"),
        ({"Auto_Submitted": "auto-generated; reason=x"}, "no_reply"),
        ({"Precedence": "bulk"}, "no_reply"),
        ({"List_Id": "<help.shop.example>", "Precedence": "list", "X_Original_Sender": "ada@example.org"}, "no_reply"),
        ({"Auto_Submitted": "auto-generated", "X_MS_Exchange_Inbox_Rules_Loop": "help@shop.example"}, "no_reply"),
        ({"Return_Path": "<>"}, "no_reply"),
        ({"sender": "post_master@x.example"}, "no_reply"),
        ({"sender": "bounce-123@x.example"}, "no_reply"),
        ({"sender": "autoreply@x.example"}, "no_reply"),
        ({"subject": "Mail delivery failed: returning message to sender"}, "no_reply"),
        ({"sender": "newshound@x.example"}, "person"),
        ({"subject": "Out of office chairs in black?"}, "person"),
        ({"subject": "On holiday, please keep my parcel"}, "person"),
        ({"subject": "Automatic coffee machine"}, "person"),
        ({"X_Auto_Response_Suppress": "All"}, "no_reply"),
        ({"sender": "help@shop.example"}, "own"),
        ({"sender": "help+r123@shop.example"}, "own"),
        ({"sender": "news@shop.example"}, "own"),
        ({"sender": f"b+x@{BOUNCES}"}, "own"),
        ({"sender": "help@shop.example", "Reply_To": "ada@example.org"}, "person"),
        ({"X_Spam_Flag": "YES"}, "spam"),
    ],
    ids=str,
)
def test_people_and_those_who_want_no_answer(ground: Ground, headers: dict[str, str], kind: str) -> None:
    assert _of(letters.letter(**headers), ground).kind == kind  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "subject",
    [
        "Out of Office: Your order", "Out of office until 12 May", "Auto-Reply: lamp", "I am out of the office",
        "Abwesenheitsnotiz: Lampe", "Ich bin im Urlaub bis 3.4.", "Réponse automatique : lampe", "Absence du bureau",
        "Respuesta automática: lámpara", "Fuera de la oficina", "Resposta automática: luz", "Risposta automatica: luce",
        "Fuori ufficio", "Automatisch antwoord: lamp", "Afwezigheidsbericht", "Autosvar: lampa", "Automatisk svar",
        "Automaattinen vastaus: lamppu", "Odpowiedź automatyczna: lampa", "Automatická odpověď", "Automatikus válasz",
        "Автоответ: лампа", "Αυτόματη απάντηση: λάμπα", "Otomatik yanıt: lamba",
        "Răspuns automat: lampă", "自动回复：灯", "自動返信", "부재중 안내",
        "رد تلقائي: مصباح", "מענה אוטומטי", "Trả lời tự động: đèn",
    ],
)  # fmt: skip
def test_absence_notes_are_known_by_their_subject(ground: Ground, subject: str) -> None:
    found = _of(letters.letter("I am away.", subject=subject), ground)
    assert found.kind == "automatic" and found.why


@pytest.mark.parametrize(
    ("headers", "address", "name"),
    [
        ({"sender": "Shop <wordpress@shop.example>", "Reply_To": "Ines Customer <ines@example.org>"},
         "ines@example.org", "Ines Customer"),
        ({"sender": "Shop (Shopify) <mailer@shopify.com>", "Reply_To": "ines@example.org"}, "ines@example.org", ""),
        ({"sender": "no-reply@forms.example", "Reply_To": "Ines <ines@example.org>"}, "ines@example.org", "Ines"),
        ({"sender": "'Ines' via Help <help@shop.example>", "Reply_To": "help@shop.example",
          "X_Original_From": "Ines <ines@example.org>"}, "ines@example.org", "Ines"),
        ({"sender": "Ines <ines@example.org>", "Reply_To": "other@example.org"}, "ines@example.org", "Ines"),
        ({"sender": "", "Reply_To": "Ines <ines@example.org>"}, "ines@example.org", "Ines"),
        ({"sender": "", "Return_Path": "<ines@example.org>"}, "ines@example.org", ""),
    ],
    ids=str,
)  # fmt: skip
def test_who_wrote_it(ground: Ground, headers: dict[str, str], address: str, name: str) -> None:
    found = senders.person(parsing.read(letters.letter(**headers)), ground)  # type: ignore[arg-type]
    assert (found.address, found.name) == (address, name)


@pytest.mark.parametrize(
    ("status", "diagnostic", "verdict"),
    [
        ("5.1.1", "550 5.1.1 no such user", "hard"),
        ("5.1.10", "556 null MX", "hard"),
        ("5.1.2", "no such domain", "hard"),
        ("5.0.0", "550 5.1.1 unknown", "hard"),
        ("5.0.0", "550 no reason", "soft"),
        ("5.7.1", "550 5.7.1 blocked", "policy"),
        ("5.2.2", "552 5.2.2 full", "policy"),
        ("5.6.0", "content", "policy"),
        ("4.4.7", "expired", "soft"),
        ("4.2.2", "full", "soft"),
        ("4.7.0", "greylisted for ever", "policy"),
        ("", "550 5.1.1 no such user", "hard"),
        ("5.1.1", "550 5.7.1 IP address blacklisted by recipient", "policy"),
        ("5.1.1", "552 5.2.2 Over quota", "policy"),
        ("5.1.0", "550 5.1.0 sender rejected, see our policy", "policy"),
        ("5.1.8", "553 5.1.8 no such domain", "policy"),
        ("5.0.0", "550 <ada@example.org>: User unknown", "hard"),
        ("5.2.1", "550 5.2.1 <ada@example.org>... User Unknown", "hard"),
        ("5.4.1", "550 5.4.1 [ada@example.org]: Recipient address rejected: Access denied", "hard"),
        ("5.4.4", "Host or domain name not found", "hard"),
        ("5.1.6", "550 5.1.6 recipient no longer on server", "hard"),
        ("5.1.1", "450 try again later", "soft"),
        ("5.7.1", "550 5.7.1 access denied, see https://x.example/unknown-user", "policy"),
        ("5.0.0", "550 5.0.0 das Postfach ist voll", "policy"),
        ("5.2.1", "550 5.2.1 the account of this user is disabled", "policy"),
        ("5.0.0", "550 User ada.lovelace (ada@example.org) not listed in Directory", "hard"),
    ],
)
def test_the_enhanced_status_decides(status: str, diagnostic: str, verdict: str) -> None:
    found = reports.bounce(parsing.read(letters.bounce(status=status, diagnostic=diagnostic)))
    assert found is not None and found.verdict == verdict


def test_a_report_for_machines_that_says_less_than_its_letter_is_read_with_it() -> None:
    raw, words = letters.bounce(status="5.0.0", diagnostic=""), b"your message could not be delivered"
    told = raw.replace(words, b"the address couldn't be found. Check for typos")
    assert words in raw
    for mail, verdict in ((raw, "soft"), (told, "hard")):
        found = reports.bounce(parsing.read(mail))
        assert found is not None and found.verdict == verdict


@pytest.mark.parametrize(
    ("action", "kind"), [("delayed", "delayed"), ("delivered", "delivered"), ("relayed", "delivered")]
)
def test_not_every_report_is_a_bounce(ground: Ground, action: str, kind: str) -> None:
    assert _of(letters.bounce(action=action, status="4.4.1"), ground).kind == kind


def test_a_report_without_an_action_is_no_bounce(ground: Ground) -> None:
    raw = letters.bounce().replace(b"Action: failed\r\n", b"")
    assert _of(raw, ground).kind == "automatic"


def test_the_message_is_found_by_return_path_envelope_or_message_id(ground: Ground) -> None:
    secret = ground.secret
    path = addresses.return_path(7, secret, BOUNCES)
    name = addresses.message_name(7, secret, "shop.example")
    for raw in (
        letters.bounce(to=path.upper()),
        letters.bounce(returned_id=name),
        letters.bounce(envelope_id=addresses.envelope(7, secret)),
        letters.complaint(returned_id=name),
        letters.complaint(return_path=path),
        letters.complaint(to=path),
    ):
        assert _of(raw, ground).about_id == 7
    forged = addresses.message_name(7, "another secret", "shop.example")
    assert _of(letters.bounce(returned_id=forged), ground).about_id is None


def test_an_old_program_that_bounces_in_words_is_understood_if_it_names_the_message(ground: Ground) -> None:
    path = addresses.return_path(7, ground.secret, BOUNCES)
    text = "Hi. This is the qmail-send program.\n<ada@example.org>:\n550 5.1.1 no mailbox here by that name\n"
    found = _of(letters.letter(text, sender="MAILER-DAEMON@x.example", to=path, Return_Path="<>"), ground)
    assert (found.kind, found.about_id) == ("bounce", 7)
    assert found.bounce is not None and found.bounce.verdict == "hard"


@pytest.mark.parametrize(
    ("text", "headers", "verdict"),
    [
        ("This is a permanent error. The following address(es) failed:\n\n  ada@example.org\n    550 User unknown\n",
         {"Auto_Submitted": "auto-replied", "X_Failed_Recipients": "ada@example.org"}, "hard"),
        ("Delivery to <ada@example.org> failed: 550 5.1.1 user unknown", {"sender": "MAILER-DAEMON"}, "hard"),
        ("Your message was not delivered. The mailbox is full.", {"sender": "Admin <admin@x.example>"}, "policy"),
        ("550 spam message rejected.\n\nThis is a copy of your message:\nno such user", {}, "policy"),
        ("Host mx.example.org: 550 user unknown (in reply to end of DATA command)", {}, "soft"),
        ("Host mx.example.org: 550 user unknown (in reply to end of\n    DATA\n    command)", {}, "soft"),
        ("SMTP error from remote mail server after MAIL FROM:<shop@example> SIZE=1022:\n  553 5.1.0 example does not"
         " exist", {}, "policy"),
        ("I connected to 192.0.2.1 but my name was rejected.\n501 5.0.0 Invalid domain name", {}, "policy"),
        ("ada@example.org\n  SMTP error from the relay after RCPT TO:<ada@example.org>:\n  host 192.0.2.2: 550 5.1.1"
         " <ada@example.org>:\n  Recipient address rejected: User unknown in local recipient table", {}, "hard"),
        ("Your mail could not be brought.", {"subject": "Returned mail: User unknown"}, "hard"),
        ("ada@example.org\n  an MX or SRV record indicated no SMTP service", {}, "hard"),
        ("The following recipients did not receive this message:", {"subject": "Mail"}, "soft"),
        ("550 5.1.1 <ada@example.org>: procmail: Couldn't create /var/mail/ada: No such user", {}, "soft"),
        ("It could not be delivered.", {}, "soft"),
        ("A message has not been delivered yet. We will continue to try.", {"subject": "Warning: message delayed"},
         "delayed"),
    ],
)  # fmt: skip
def test_bounces_in_words_are_understood(ground: Ground, text: str, headers: dict[str, str], verdict: str) -> None:
    path = addresses.return_path(7, ground.secret, BOUNCES)
    told = {"sender": "Mailer-Daemon@x.example", "subject": "Mail delivery failed", "Return_Path": "<>", **headers}
    found = _of(letters.letter(text, to=path, **told), ground)
    assert found.about_id == 7
    assert found.bounce is not None and found.bounce.verdict == verdict


def test_an_absence_note_to_the_return_path_is_no_bounce(ground: Ground) -> None:
    path = addresses.return_path(7, ground.secret, BOUNCES)
    raw = letters.letter("Call 550 1234.", to=path, subject="Automatic reply: lamp", Return_Path="<>")
    assert _of(raw, ground).kind == "automatic"


def test_a_bounce_that_a_customer_forwards_is_a_persons_mail(ground: Ground) -> None:
    inner = letters.bounce(returned_id=addresses.message_name(7, ground.secret, "shop.example"))
    raw = letters.joined(
        b"Content-Type: text/plain\r\n\r\nwhat is this?", b"Content-Type: message/rfc822\r\n\r\n" + inner
    )
    assert _of(raw, ground).kind == "person"


def test_not_spam_is_no_complaint(ground: Ground) -> None:
    assert _of(letters.complaint(kind="not-spam"), ground).kind == "automatic"
    assert _of(letters.complaint(kind="abuse"), ground).kind == "complaint"


def test_a_complaint_without_a_report_for_machines_is_one(ground: Ground) -> None:
    name = addresses.message_name(7, ground.secret, "shop.example")
    inner = f"Message-ID: <{name}>\r\nSubject: Your cart\r\n\r\nwords".encode()
    raw = letters.joined(b"Content-Type: message/rfc822\r\n\r\n" + inner,
                         Subject="complaint about message from 192.0.2.1")  # fmt: skip
    found = _of(raw, ground)
    assert (found.kind, found.about_id) == ("complaint", 7)


def test_unsubscribing_by_mail_needs_a_token_of_ours(ground: Ground) -> None:
    address = addresses.unsubscribe_address(9, ground.secret, BOUNCES)
    assert _of(letters.letter("", to=address, Auto_Submitted="auto-generated"), ground) == Found("unsubscribe", 9)
    token = ids.sign("unsubscribe", 9, ground.secret)
    assert _of(letters.letter("", subject=f"unsubscribe {token}"), ground) == Found("unsubscribe", 9)
    assert _of(letters.letter("", subject="unsubscribe"), ground).kind == "person"
    assert _of(letters.letter("", to=f"unsub+aaaaaaaaaaaaaaaa@{BOUNCES}"), ground).kind == "person"
