"""Mails are read back by the standard library's parser, which knows nothing of how they were written."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.outbound.email import compose
from bot.outbound.email.compose import BadAddressError, Letter, checked_address, named_list

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"])
PIECES = st.sampled_from([*' "\\,;:<>@()[]=?_', "=?utf-8?", "=?utf-8?q?x?=", "购物车", "🎂", "ü", "  ", "x" * 90])
WORDS = st.text(CHARACTERS, max_size=160) | st.lists(st.one_of(CHARACTERS, PIECES), max_size=60).map("".join)
BODIES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=3000) | st.lists(
    st.sampled_from([".", "..", "From a", "", " ", "=", "x" * 1200, "购物车" * 90, "é", "\t", "a ", "<p>", "\r", "."]),
    max_size=40,
).map("\n".join)


def _letter(**fields: Any) -> Letter:
    return Letter(**{
        "sender": "shop@shop.example", "to": "maya@example.org", "subject": "Hi", "text": "Hello\n", "date": AT,
        "message_id": "k1@shop.example", **fields,
    })  # fmt: skip


def _read(letter: Letter) -> EmailMessage:
    raw = compose.compose(letter)
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert not any(line.startswith(b".") for line in raw.split(b"\r\n"))
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


def _header(letter: Letter, name: str) -> str:
    """By the older decoder, which joins encoded words as RFC 2047 says."""
    raw = message_from_bytes(compose.compose(letter), policy=policy.compat32)[name]
    return str(make_header(decode_header(str(raw).replace("\r\n ", " "))))


@settings(max_examples=400, deadline=None)
@given(WORDS)
def test_a_subject_arrives_as_it_was_written(subject: str) -> None:
    _read(_letter(subject=subject))
    assert _header(_letter(subject=subject), "Subject").strip() == subject.strip()


@settings(max_examples=400, deadline=None)
@given(WORDS)
def test_a_display_name_never_changes_the_address(name: str) -> None:
    parsed = _read(_letter(to_name=name))
    assert [address.addr_spec for address in parsed["To"].addresses] == ["maya@example.org"]
    assert parsed["From"].addresses[0].addr_spec == "shop@shop.example"


@pytest.mark.parametrize("name", ["购物车 & Oak", 'Ann "The" O\\Neil', "=?utf-8?q?x?=", "x" * 300, "a@b.example, Bob"])
def test_a_display_name_arrives_as_it_was_written(name: str) -> None:
    shown = _header(_letter(to_name=name), "To")
    assert shown.rpartition("<")[0].strip().strip('"').replace('\\"', '"').replace("\\\\", "\\") == name


@settings(max_examples=300, deadline=None)
@given(BODIES, BODIES)
def test_bodies_arrive_as_they_were_written(text: str, html: str) -> None:
    parsed = _read(_letter(text=text, html=html or "<p></p>"))
    parts = [part for part in parsed.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    for part, written in zip(parts, (text, html or "<p></p>"), strict=True):
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        seven_bit = part["Content-Transfer-Encoding"] == "7bit"
        expected = written.encode("ascii", "xmlcharrefreplace").decode() if seven_bit else written
        assert _lines(payload.decode()) == _lines(expected)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")


@pytest.mark.parametrize("field", ["subject", "to_name", "sender_name", "message_id"])
def test_no_value_starts_a_header_of_its_own(field: str) -> None:
    parsed = _read(_letter(**{field: "x\r\nBcc: eve@evil.example\r\n\r\nbody"}))
    assert parsed["Bcc"] is None
    assert parsed.get_content().strip() == "Hello"


def test_further_headers_cannot_be_broken_either() -> None:
    parsed = _read(_letter(headers={"Feedback-ID": "a:b\r\nBcc: eve@evil.example"}))
    assert parsed["Bcc"] is None
    with pytest.raises(ValueError, match="no name"):
        compose.compose(_letter(headers={"X\r\nBcc": "eve@evil.example"}))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "x",
        "a@",
        "@b.example",
        "a b@c.example",
        "a@b@c.example",
        "a@b.example\r\nBcc: x",
        "<a@b.example>",
        "a,b@c.example",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddressError):
        compose.compose(_letter(to=address))


def test_a_domain_in_other_letters_travels_as_ascii() -> None:
    assert checked_address("maya@bücher.example") == "maya@xn--bcher-kva.example"


def test_html_travels_as_ascii_where_its_lines_are_short() -> None:
    raw = compose.compose(_letter(html="<p>购物车\n é</p>\n"))
    assert b"Content-Transfer-Encoding: 7bit\r\n\r\n<p>&#36141;&#29289;&#36710;\r\n &#233;</p>\r\n" in raw


def test_without_html_the_mail_is_plain_text() -> None:
    parsed = _read(_letter(text="Grüße"))
    assert parsed.get_content_type() == "text/plain"
    assert parsed.get_content().strip() == "Grüße"


def test_a_list_id_is_well_formed_whatever_the_shop_is_called() -> None:
    assert named_list('Juniper "&" Öak <x>', "marketing.shop.example") == '"Juniper & ak x" <marketing.shop.example>'
