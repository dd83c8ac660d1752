"""From bytes to words, whatever is wrong with the bytes."""

import os
import random
import time

import letters
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.inbound.mailbox import headers, html_text, parsing


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
        ("unicode_escape", b"\\ud800x", "\\ud800x"),
        ("shift_jis", "①ご注文".encode("cp932"), "①ご注文"),
        ("ks_c_5601-1987", "안녕하세요 똠".encode("cp949"), "안녕하세요 똠"),
        ("windows-1251; x", "Привет".encode("cp1251"), "Привет"),
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("iso-2022-jp", "ご注文".encode("iso2022_jp"), "ご注文"),
        ("x-unknown", "Здравствуйте, где мой заказ?".encode("cp1251"), "Здравствуйте, где мой заказ?"),
        ("utf-8", "您好，我的订单什么时候发货？".encode("gb18030"), "您好，我的订单什么时候发货？"),
        ("utf-8", "evil \u202egpj.exe".encode(), "evil gpj.exe"),
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


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("您好，我的订单什么时候发货？", "gb18030"), ("ご注文の件につきまして", "cp932"), ("Größe für Müller", "cp1252")],
)
@pytest.mark.parametrize("label", ["", "; charset={encoding}"])
def test_bytes_in_a_subject_that_nobody_announced(text: str, encoding: str, label: str) -> None:
    words = text.encode(encoding)
    raw = b"From: " + words + b" <a@b.example>\r\nSubject: " + words + b"\r\nContent-Type: text/plain"
    mail = parsing.read(raw + label.format(encoding=encoding).encode() + b"\r\n\r\n" + words)
    assert (mail.subject, mail.sender_name, mail.text) == (text, text, text)


_PLAIN = b"Content-Type: text/plain\r\n\r\n"
_PAGE = b"Content-Type: text/html; charset=utf-8\r\n\r\n"
_FILE = b"Content-Type: application/pdf; name=a.pdf\r\n\r\nx"
_PHOTO = b"Content-Type: image/jpeg; name=lamp.jpg\r\nContent-ID: <1>\r\nContent-Disposition: inline\r\n\r\nxx"


def _inside(kind: str, *parts: bytes) -> bytes:
    lines = [b'Content-Type: multipart/%s; boundary="in"' % kind.encode(), b""]
    return b"\r\n".join([*lines, *(b"--in\r\n" + part for part in parts), b"--in--"])


@pytest.mark.parametrize(
    ("parts", "kind", "text", "files"),
    [
        ((_PLAIN + b"words", _inside("mixed", _PAGE + b"<p>words", _FILE, _PHOTO)), "alternative", "words", 2),
        ((_PLAIN, _PAGE + b"<p>words", _PLAIN), "alternative", "words", 0),
        ((_PAGE + b"<p>words", _PLAIN + b"words"), "alternative", "words", 0),
        ((_PLAIN + b"Your program cannot show HTML.", _PAGE + b"<p>words"), "alternative", "words", 0),
        ((_PLAIN + b"words", b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR"), "alternative", "words", 1),
        ((_inside("related", _PAGE + b"<p>words<img src=cid:1>", _PHOTO),), "mixed", "words", 1),
        ((_PLAIN + b"words", _FILE, _PLAIN + b"more"), "mixed", "words\n\nmore", 1),
        ((b"Content-Type: text/plain; name=a.txt\r\n\r\nwords",), "mixed", "words", 0),
        ((b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nwords, not letters",), "mixed",
         "words, not letters", 0),
        ((b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nd29yZHM=\r\n\r\n-- \r\nour list",),
         "mixed", "words\n\n-- \nour list", 0),
    ],
)  # fmt: skip
def test_every_leaf_is_the_words_or_a_file(parts: tuple[bytes, ...], kind: str, text: str, files: int) -> None:
    mail = parsing.read(letters.joined(*parts, kind=kind))
    assert (mail.text.strip(), len(mail.attachments)) == (text, files)


def test_what_stands_behind_a_wrong_mark_is_kept() -> None:
    raw = letters.joined(_PLAIN + b"words", _FILE)
    assert "words" in parsing.read(raw.replace(b'boundary="x1"', b'boundary="y1"')).text
    assert len(parsing.read(raw.replace(b'boundary="x1"', b'boundary="y1"')).attachments) == 1
    assert parsing.read(raw + b"\r\nbelow the last mark\r\n").text == "words\n\nbelow the last mark"
    assert "words" in parsing.read(b"From: a@b.example\r\nContent-Type: multipart/mixed\r\n\r\nwords").text


def test_a_line_without_a_name_does_not_end_the_head() -> None:
    raw = b"X-Scan: ok,\r\nno name here\r\nFrom: ada@example.org\r\nSubject: Lamp\r\n\r\nwords"
    mail = parsing.read(raw)
    assert (mail.sender, mail.subject, mail.text) == ("ada@example.org", "Lamp", "words")
    assert (
        parsing.read(b"From: ada@example.org\r\nSubject: Lamp\r\nHello there\r\nyou\r\n").text == "Hello there\nyou\n"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<html><head><meta charset=utf-8><head><body><div>words</div>", "words"),
        ("<html><head><style>p{color:red}</style><body><p>words</p>", "words"),
        ("<title>Lamp<body>words", "Lamp\nwords"),
        ("<title>no</title><noscript>words", "words"),
        ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"),
        (
            '<p>see <a href="https://x.example/a?b=1&amp;c=2">the page</a>.',
            "see the page <https://x.example/a?b=1&c=2>.",
        ),
        ('<a href="https://x.example">x.example</a>', "x.example"),
        ("<p>a <b>b</b><i> c</i>d &lt;e&gt;&nbsp;f", "a b cd <e> f"),
        ("one<br><br>two<!-- no --><!--[if mso]>no<![endif]-->", "one\n\ntwo"),
        ("<p title='a > b'>words <b class=x don't>more</b> it's", "words more it's"),
        ('words <b title="x>more', "words more"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<script>no</script>words<style>no", "wordsno"),
        ("<img alt='🙂' src=x> hi", "🙂 hi"),
    ],
)
def test_html_is_read_as_browsers_read_it(html: str, text: str) -> None:
    assert html_text.plain(html).strip() == text


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
