"""The bytes of a mail: own headers and bodies, because the standard library folds some names into other addresses.

Lines end in CRLF, none is longer than 998, none begins with a dot (so nothing is dot-stuffed on the way), and no value
can start a header of its own.
"""

import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime, parseaddr

_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*\Z")
_UNSAFE_IN_ADDRESS = frozenset(' <>()[],;:\\"')
_LONGEST_LINE = 900
_DOT_LINES = re.compile(rb"\n\.")


@dataclass(frozen=True)
class Letter:
    """One mail before it becomes bytes. Addresses are bare (`a@b.example`), names go beside them.

    `message_id` without angle brackets. `headers` are further ones, in order. Without `html` it is plain text only.
    """

    sender: str
    to: str
    subject: str
    text: str
    date: datetime
    message_id: str
    html: str = ""
    sender_name: str = ""
    to_name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class BadAddressError(ValueError):
    """Not an address that can stand in a header or an envelope."""


def split_address(written: str) -> tuple[str, str]:
    """`My shop <help@shop.example>` as (`My shop`, `help@shop.example`)."""
    name, address = parseaddr(written)
    return name, address or written.strip()


def checked_address(address: str) -> str:
    """The address with its domain in ASCII (IDNA). Raises BadAddressError; a non-ASCII local part stays as it is."""
    local, at, domain = address.strip().rpartition("@")
    bad = not local or not at or not domain or _CONTROL.search(address) or set(local + domain) & _UNSAFE_IN_ADDRESS
    if bad or "@" in local or any(character.isspace() for character in local + domain):
        raise BadAddressError("not a mail address")
    try:
        ascii_domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise BadAddressError("not a mail domain") from None
    if len(local.encode()) > 64 or len(ascii_domain) > 253:
        raise BadAddressError("too long for a mail address")
    return f"{local}@{ascii_domain}"


def compose(letter: Letter) -> bytes:
    """The whole mail. Raises BadAddressError."""
    head = [
        _address_header("From", letter.sender_name, letter.sender),
        _address_header("To", letter.to_name, letter.to),
        _text_header("Subject", letter.subject),
        f"Date: {format_datetime(letter.date)}\r\n",
        f"Message-ID: <{_token(letter.message_id)}>\r\n",
        *(_structured_header(name, value) for name, value in letter.headers.items()),
        "MIME-Version: 1.0\r\n",
    ]
    text = b"Content-Type: text/plain; charset=utf-8\r\n" + _body(letter.text, html=False)
    if not letter.html:
        return "".join(head).encode() + text
    boundary = f"=_{secrets.token_hex(12)}"
    head.append(f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n')
    html = b"Content-Type: text/html; charset=utf-8\r\n" + _body(letter.html, html=True)
    mark = f"--{boundary}".encode()
    return b"".join(
        ("".join(head).encode(), mark, b"\r\n", text, b"\r\n", mark, b"\r\n", html, b"\r\n", mark, b"--\r\n")
    )


def _body(content: str, *, html: bool) -> bytes:
    """Encoding header, empty line, encoded content (which ends with CRLF)."""
    if html and (plain := _seven_bit(content)) is not None:
        return b"Content-Transfer-Encoding: 7bit\r\n\r\n" + plain
    return b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + _quoted_printable(content)


def _seven_bit(html: str) -> bytes | None:
    """HTML in ASCII with character references; None if a line is too long or begins with a dot or `From `."""
    raw = html.encode("ascii", "xmlcharrefreplace")
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if raw[:1] == b"." or b"\n." in raw or b"\nFrom " in raw or b"\0" in raw:
        return None
    if max(map(len, raw.split(b"\n"))) > _LONGEST_LINE:
        return None
    return raw.rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r\n"


def _quoted_printable(content: str) -> bytes:
    raw = content.encode("utf-8", "replace")
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    encoded = _DOT_LINES.sub(b"\n=2E", binascii.b2a_qp(raw.rstrip(b"\n"), istext=True))
    if encoded[:1] == b".":
        encoded = b"=2E" + encoded[1:]
    return encoded.replace(b"\n", b"\r\n") + b"\r\n"


def _text_header(name: str, value: str) -> str:
    """A header of free text: as it is where it fits, folded at blanks where that loses nothing, else encoded words."""
    value = _CONTROL.sub(" ", value)
    if _PRINTABLE.match(value) and "=?" not in value and value == value.strip() and "  " not in value:
        if len(name) + 2 + len(value) <= 76:
            return f"{name}: {value}\r\n"
        if max(map(len, value.split(" "))) < 76:
            return _folded(name, value.split(" "))
    return f"{name}: {_encoded_words(value, 74 - len(name))}\r\n"


def _folded(name: str, words: Sequence[str]) -> str:
    lines, line = [], f"{name}:"
    for word in words:
        if len(line) + 1 + len(word) > 76 and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]) + "\r\n"


def _structured_header(name: str, value: str) -> str:
    """A header that we made ourselves (URLs in angle brackets, ids): ASCII, folded at blanks only."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise ValueError(f"{name!r} is no name for a header")
    value = _CONTROL.sub(" ", value).strip()
    return _folded(name, value.split()) if value.isascii() else _text_header(name, value)


def _address_header(name: str, display: str, address: str) -> str:
    address = checked_address(address)
    display = _CONTROL.sub(" ", display).strip()
    if not display:
        return f"{name}: {address}\r\n"
    if _PRINTABLE.match(display) and "=?" not in display and len(display) < 200:
        escaped = display.replace("\\", "\\\\").replace('"', '\\"')
        shown = display if _ATOMS.match(display) and "  " not in display else f'"{escaped}"'
        blank = " " if len(name) + len(shown) + len(address) + 5 <= 76 else "\r\n "
        return f"{name}: {shown}{blank}<{address}>\r\n"
    return f"{name}: {_encoded_words(display, 74 - len(name))}\r\n <{address}>\r\n"


def named_list(name: str, list_id: str) -> str:
    """A List-Id value (RFC 2919): `"My shop" <marketing.shop.example>`."""
    identifier = re.sub(r"[^a-z0-9.-]+", "-", list_id.lower()).strip("-.")
    display = re.sub(r"[^\x20-\x7e]|[\"\\<>]", "", name).strip()
    return f'"{display}" <{identifier}>' if display else f"<{identifier}>"


def _token(value: str) -> str:
    return re.sub(r"[^\x21-\x7e]|[<>]", "", value)


def _encoded_words(value: str, room_on_first_line: int) -> str:
    """RFC 2047: words of at most 75 characters, cut between characters, never inside one."""
    words: list[bytes] = []
    word, room = b"", max((room_on_first_line - 12) // 4 * 3, 0)
    for character in value:
        raw = character.encode("utf-8", "replace")
        if len(word) + len(raw) > room:
            if word:
                words.append(word)
            word, room = raw, 45
        else:
            word += raw
    words.append(word)
    return "\r\n ".join(f"=?utf-8?B?{binascii.b2a_base64(part, newline=False).decode()}?=" for part in words if part)
