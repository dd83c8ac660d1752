"""From bytes to words, whatever is wrong with the bytes."""

import os
import random
import time

import letters
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.inbound.mailbox import headers, parsing


def test_a_plain_mail_is_read() -> None:
    mail = parsing.read(
        letters.letter(
            "Hello\n\nthere\n", subject="Grüße 您好", In_Reply_To="<b@x.example>",
            References="<a@x.example> <b@x.example>", Delivered_To="unsub+abc@shop.example", Cc="Bob <BOB@example.org>",
        )
    )  # fmt: skip
    assert (mail.sender, mail.sender_name) == ("ada@example.org", "Ada Lovelace")
    assert mail.subject == "Grüße 您好"
    assert mail.text.strip() == "Hello\n\nthere"
    assert mail.thread == ("a@x.example", "b@x.example")
    assert set(mail.to) == {"help@shop.example", "unsub+abc@shop.example", "bob@example.org"}
    assert mail.message_id == "1@mail.example.org"


def test_of_two_forms_the_plain_one_is_taken() -> None:
    mail = parsing.read(letters.letter("plain words", html="<p>rich <b>words</b></p>"))
    assert mail.text.strip() == "plain words"


def test_html_alone_becomes_words_and_hidden_parts_do_not_show() -> None:
    html = (
        "<html><head><title>t</title><style>p {color: red}</style></head><body><p>First&nbsp;line<br>second</p>"
        "<ul><li>one<li>two</ul><script>alert(1)</script>"
        "<div class='gmail_quote'><div>On Tuesday wrote:</div><blockquote>old <p>words</p></blockquote></div></body>"
    )
    part = b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
    text = parsing.read(letters.joined(part)).text
    assert text.startswith("First line\nsecond\n")
    assert "• one\n• two" in text
    assert "alert" not in text and "red" not in text
    assert "> On Tuesday wrote:\n> > old\n" in text


def test_files_are_listed_with_their_size_and_pictures_in_the_words_are_known() -> None:
    file = b'Content-Type: application/pdf; name="../../etc/inv.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD'
    logo = b"Content-Type: image/png\r\nContent-ID: <logo>\r\nContent-Disposition: inline\r\n\r\nxx"
    words = b"Content-Type: text/plain\r\n\r\nsee the file"
    mail = parsing.read(letters.joined(words, file, logo))
    assert mail.text == "see the file"
    assert [(one.name, one.kind, one.size, one.inline) for one in mail.attachments] == [
        ("inv.pdf", "application/pdf", 3, False), ("", "image/png", 2, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("gb2312", "您好镕".encode("gb18030"), "您好镕"),
        ("x-no-such-charset", "Grüße".encode(), "Grüße"),
        ("us-ascii", "naïve".encode("latin-1"), "naïve"),
        ("iso-8859-1", b"\x93quoted\x94", "“quoted”"),
        ("utf-8", b"a\0b\xff", "abÿ"),
        ("unicode_escape", b"\\ud800x", "?x"),
    ],
)
def test_charsets_that_lie_or_do_not_exist(charset: str, raw: bytes, text: str) -> None:
    part = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode() + raw
    assert parsing.read(letters.joined(part)).text == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?utf-8?Q?caf=C3?= =?utf-8?Q?=A9?= fresh", "café fresh"),
        ("=?GB2312?B?xPq6ww==?=", "您好"),
        ("=?x-unknown?Q?abc?= d", "abc d"),
        ("=?utf-8?B?not base64!?=", "not base64!"),
        ("a =?utf-8?q?b?= =?iso-8859-1?q?=FC?= c", "a bü c"),
    ],
)
def test_encoded_words(raw: str, text: str) -> None:
    assert headers.words(raw) == text


def test_addresses_that_are_none_are_left_out() -> None:
    raw = [', broken@, Bob <BOB@example.org>,,<>, "x', "=?utf-8?B?5bCP6ZuF?= <xiaoya@example.org>"]
    assert headers.addresses(raw) == [("Bob", "bob@example.org"), ("小雅", "xiaoya@example.org")]


@pytest.mark.parametrize(
    ("raw", "name", "address"),
    [
        ("ada@example.org.", "", "ada@example.org"),
        ("Ada <ada@example.org.>", "Ada", "ada@example.org"),
        ('"ada@example.org" <ada@example.org>', "", "ada@example.org"),
        ("'Ada Lovelace' <ada@example.org>", "Ada Lovelace", "ada@example.org"),
        ('"Lovelace, Ada" <ada@example.org>', "Lovelace, Ada", "ada@example.org"),
        ("Ada Lovelace ada@example.org", "Ada Lovelace", "ada@example.org"),
        ("Ada Lovelace <ada@example.org", "Ada Lovelace", "ada@example.org"),
        ("ada@example.org (Ada Lovelace)", "Ada Lovelace", "ada@example.org"),
        ('"ada.l"@example.org', "", "ada.l@example.org"),
        ("<mailto:ada@example.org>", "", "ada@example.org"),
        ("Ada < ada@example.org >", "Ada", "ada@example.org"),
        ("=?utf-8?Q?Ada_=3Cada=40example.org=3E?=", "Ada", "ada@example.org"),
        ("Staff: Ada <ada@example.org>;", "Staff: Ada", "ada@example.org"),
    ],
)
def test_an_address_is_read_as_a_person_would(raw: str, name: str, address: str) -> None:
    assert headers.addresses([raw])[0] == (name, address)


def test_a_flowed_paragraph_is_one_line() -> None:
    part = b"Content-Type: text/plain; format=flowed\r\n\r\nA long \r\nline.\r\n> quoted \r\n> more\r\n-- \r\nAda"
    assert parsing.read(letters.joined(part)).text == "A long line.\n> quoted \n> more\n-- \nAda"


def test_a_forwarded_mail_is_a_file_and_not_the_words() -> None:
    inner = letters.letter("inner words")
    mail = parsing.read(
        letters.joined(b"Content-Type: text/plain\r\n\r\nlook", b"Content-Type: message/rfc822\r\n\r\n" + inner)
    )
    assert mail.text == "look"
    assert mail.attachments[0].kind == "message/rfc822"


@pytest.mark.parametrize("depth", [300, 5000])
def test_parts_in_parts_in_parts(depth: int) -> None:
    lines = [b"From: ada@example.org", b"Subject: deep"]
    for n in range(depth):
        lines += [f'Content-Type: multipart/mixed; boundary="b{n}"'.encode(), b"", f"--b{n}".encode()]
    raw = b"\r\n".join([*lines, b"Content-Type: text/plain", b"", b"the end"])
    try:
        assert parsing.read(raw).sender == "ada@example.org"
    except parsing.Unreadable:
        assert depth > 300


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_mails_made_to_be_slow_are_not() -> None:
    head = b"From: ada@example.org\r\nContent-Type: "
    flowed = head + b"text/plain; format=flowed\r\n\r\n" + b"word \r\n" * 500_000
    html = head + b"text/html\r\n\r\n" + b"<div><blockquote>x" * 200_000
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(290))
    nested = b"From: ada@example.org\r\n" + deep + b"x\r\n" * 1_000_000
    long = (
        b"From: ada@example.org\r\nTo: " + b"a@b.example, " * 300_000 + b"\r\nSubject: " + b"=?utf-8?q?x?= " * 200_000
    )
    began = time.monotonic()
    for raw in (flowed, html, nested, long + b"\r\n\r\nhello"):
        assert parsing.read(raw).sender == "ada@example.org"
    assert time.monotonic() - began < 30


_SAMPLES = [
    letters.letter(),
    letters.bounce(),
    letters.complaint(),
    letters.letter(html="<p>x"),
    b"",
    b"\r\n\r\n",
    b"\0",
]


@pytest.mark.parametrize("seed", range(40))
def test_bytes_knocked_about_are_read_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    raw = bytearray(chance.choice(_SAMPLES) or os.urandom(50))
    for _ in range(30):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    try:
        mail = parsing.read(bytes(raw))
    except parsing.Unreadable:
        return
    for text in (mail.text, mail.subject, mail.sender_name, *mail.thread, *(one.name for one in mail.attachments)):
        assert "\0" not in text
        text.encode()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_any_header_is_read(raw: bytes) -> None:
    mail = parsing.read(b"From: " + raw + b"\r\nSubject: " + raw + b"\r\nContent-Type: " + raw + b"\r\n\r\n" + raw)
    (mail.text + mail.subject + mail.sender).encode()
