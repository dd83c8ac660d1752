"""The head and the parts of a mail, from its bytes: one search for each level, and nothing lost where it is broken.

The standard library compares each line with every boundary around it, ends a head at the first line without a name, and
drops what stands behind a wrong boundary.
"""

import base64
import binascii
import quopri
import re
from email.message import Message

from bot.inbound.mailbox import charsets
from bot.inbound.mailbox.patience import Patience

_DEEPEST = 40
_MOST_HEADERS, _MOST_PARTS = 1000, 300
_LONGEST_HEAD = 1 << 20  # bytes
_LONGEST_VALUE = 20_000
_LONGEST_KIND = 4_000  # characters of a header with parameters, which the standard library reads again and again
_BLANK = re.compile(rb"\n[ \t\r]*\n")
_NAMED = re.compile(rb"([\x21-\x39\x3b-\x7e]{1,200})[ \t]*:")
_KNOWN = re.compile(
    rb"(?:from|to|cc|subject|date|reply-to|sender|message-id|in-reply-to|references|received|return-path|mime-version"
    rb"|content-[a-z-]+|list-[a-z-]+|x-[a-z0-9-]+|auto-submitted|precedence|delivered-to)[ \t]*:",
    re.I,
)
_SOME_BOUNDARY = re.compile(rb"(?:\A|\n)--([^\n]{1,200})\n(?=content-[a-z-]+[ \t]*:)", re.I)


def message(raw: bytes, patience: Patience) -> Message:
    """The whole tree. What is no mail at all is one without a head."""
    return _part(_lines(raw), patience, _DEEPEST)


def head(raw: bytes) -> tuple[Message, bytes]:
    """Only what stands above the words, and these as they came."""
    return _headed(_lines(raw))


def fields(text: str) -> Message:
    """A block of `Name: value` lines."""
    return _headed(text.encode("utf-8", "surrogateescape"))[0]


def _lines(raw: bytes) -> bytes:
    data = raw.replace(b"\r\n", b"\n")
    if b"\n" not in data[:4000]:  # as old computers ended their lines
        data = data.replace(b"\r", b"\n")
    return data.lstrip(b"\n")


def _part(data: bytes, patience: Patience, depth: int, default: str = "text/plain") -> Message:
    patience.check()
    part, body = _headed(data)
    part.set_default_type(default)
    kind = part.get_content_type()
    if kind.startswith("multipart/") and depth:
        _fill(part, body, kind, patience, depth)
    elif kind in ("message/rfc822", "message/global") and depth:
        part.set_payload([_part(_plain(part, body).lstrip(b"\n"), patience, depth - 1)])
    else:
        part.set_payload(body.decode("ascii", "surrogateescape"))
    return part


def _headed(data: bytes) -> tuple[Message, bytes]:
    """The head and what follows. A line without a name belongs to the one above it if names follow that mailers use."""
    part = Message()
    if data.startswith(b"\n") or not data.strip():
        return part, data[1:]
    blank = _BLANK.search(data, 0, _LONGEST_HEAD)
    ends = blank.start() if blank else min(len(data), _LONGEST_HEAD)
    lines = data[:ends].split(b"\n")
    body = data[blank.end() if blank else ends :]
    last_known = max((n for n, line in enumerate(lines) if _KNOWN.match(line)), default=-1)
    held: list[tuple[str, list[bytes]]] = []
    for n, line in enumerate(lines):
        named = _NAMED.match(line)
        if named:
            held.append((named[1].decode("ascii"), [line[named.end() :].strip()]))
        elif held and (line[:1] in b" \t" or n <= last_known):
            held[-1][1].append(line.strip())
        elif n > last_known and not (n == 0 and line.startswith((b"From ", b">From "))):
            body = b"\n".join(lines[n:]) + data[ends:]
            break
    for name, pieces in held[:_MOST_HEADERS]:
        part.set_raw(name, _value(name, pieces))
    return part, body


def _value(name: str, pieces: list[bytes]) -> str:
    value = b" ".join(pieces)
    if name.lower().startswith("content-"):  # the standard library takes no unknown bytes where parameters stand
        return charsets.text(value[:_LONGEST_KIND], None)
    return value[:_LONGEST_VALUE].decode("ascii", "surrogateescape")


def _fill(part: Message, body: bytes, kind: str, patience: Patience, depth: int) -> None:
    """The parts between the boundaries; words behind the last one stay beside them as the epilogue."""
    boundary = str(part.get_param("boundary", "") or "").rstrip().encode("utf-8", "surrogateescape")
    pieces, after = _between(body, boundary)
    if not pieces:
        guessed = _SOME_BOUNDARY.search(body)
        pieces, after = _between(body, guessed[1].rstrip()) if guessed else ([], b"")
    if not pieces:
        part.set_payload(body.decode("ascii", "surrogateescape"))
        return
    if (guessed := _SOME_BOUNDARY.search(after)) is not None:
        more, after = _between(after, guessed[1].rstrip().removesuffix(b"--"))
        pieces += more
    default = "message/rfc822" if kind == "multipart/digest" else "text/plain"
    parts: list[Message | str] = [_part(piece, patience, depth - 1, default) for piece in pieces[:_MOST_PARTS]]
    if len(pieces) > _MOST_PARTS:  # nobody sends so many: the rest is kept as one file
        rest = Message()
        rest["Content-Type"] = "application/octet-stream"
        rest.set_payload(b"\n".join(pieces[_MOST_PARTS:]).decode("ascii", "surrogateescape"))
        parts.append(rest)
    part.set_payload(parts)
    part.preamble = _before(body, boundary)
    part.epilogue = after.decode("ascii", "surrogateescape") if after.strip() else None


def _before(body: bytes, boundary: bytes) -> str | None:
    before = body.partition(b"--" + boundary)[0] if boundary else b""
    return before.decode("ascii", "surrogateescape") if before.strip() else None


def _between(body: bytes, boundary: bytes) -> tuple[list[bytes], bytes]:
    """What stands between the lines of this boundary, and behind the last."""
    if not boundary:
        return [], b""
    pieces: list[bytes] = []
    body = b"\n" + body
    start: int | None = None
    closed = 0
    for mark in re.finditer(rb"\n--%s(--)?[ \t\r]*(?=\n|\Z)" % re.escape(boundary), body):
        if len(pieces) > _MOST_PARTS:
            break
        if start is not None:
            pieces.append(body[start : mark.start()])
        start, closed = (None, mark.end() + 1) if mark[1] else (mark.end() + 1, 0)
    if start is not None:
        pieces.append(body[start:])
    return pieces, body[closed:] if closed else b""


def _plain(part: Message, body: bytes) -> bytes:
    """A mail inside a mail that was encoded once more, which no standard allows."""
    how = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if how == "base64":
        try:
            return base64.b64decode(body).replace(b"\r\n", b"\n")
        except (binascii.Error, ValueError):
            return body
    return quopri.decodestring(body).replace(b"\r\n", b"\n") if how == "quoted-printable" else body
