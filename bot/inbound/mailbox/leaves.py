"""Every leaf of a mail: the words that are shown, and all the others, which are files or pictures."""

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.message import Message

from bot.inbound.mailbox import charsets, headers, html_text
from bot.inbound.mailbox.patience import Patience

_DEEPEST = 40
_LONGEST, _MOST_BYTES = 600_000, 1_500_000  # of one part, tags and all
_LONGEST_KIND = 100
_WORDS = ("text/plain", "text/html", "text/enriched", "text/richtext")
_STUB = 400
_OF_PROGRAMS = re.compile(r"multi-?part message|\bMIME\b", re.I)
"""What programs write ahead of the parts, for those that know no parts."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}\s*")


@dataclass(frozen=True)
class Attachment:
    """`size` in bytes as decoded; `name` may be empty. `inline`: a picture that the words are set around."""

    name: str
    kind: str
    size: int
    inline: bool = False


@dataclass
class Leaves:
    """What was found so far."""

    patience: Patience
    beside: str | None = None  # how the head is written, where a part does not say how it is
    texts: list[str] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    read: list[Message] = field(default_factory=list)


def of(message: Message, patience: Patience) -> Leaves:
    """`texts` in order; if no part is there to be shown, the first text that is not called an attachment."""
    found = Leaves(patience, headers.charset_said(message))
    _walk(message, found, _DEEPEST, shown=True)
    if not any(one.strip() for one in found.texts):
        known = {id(one) for one in found.read}
        others = (one for one in parts(message) if id(one) not in known)
        named = next((one for one in others if _is_words(one) and not _is_attached(one)), None)
        if named is not None and (text := content(named, patience, found.beside)).strip():
            found.texts = [text]
            if named.get_filename():
                called = _name(named)
                found.files = [one for one in found.files if one.name != called]
        elif message.preamble and message.preamble.strip():
            said = charsets.text(message.preamble.encode("utf-8", "surrogateescape"), None)
            found.texts = [] if _OF_PROGRAMS.search(said) else [said]
    return found


def parts(message: Message, depth: int = _DEEPEST) -> Iterator[Message]:
    """Every part, down into reports and forwarded mails."""
    yield message
    payload = message.get_payload()
    if isinstance(payload, list) and depth:
        for part in payload:
            if isinstance(part, Message):
                yield from parts(part, depth - 1)


def _walk(part: Message, found: Leaves, depth: int, *, shown: bool) -> None:
    """`shown`: the words below are shown; else only what is no words is listed."""
    found.patience.check()
    kind = headers.plain(part.get_content_type())[:_LONGEST_KIND]
    payload = part.get_payload()
    if kind.startswith("message/") or not depth:
        found.files.append(Attachment(_name(part) or "mail.eml", kind, len(_encoded(part))))
    elif isinstance(payload, list):
        below = [one for one in payload if isinstance(one, Message)]
        best = _best(below, found) if kind == "multipart/alternative" else None
        for one in below:
            _walk(one, found, depth - 1, shown=shown and (best is None or one is best))
        if shown and part.epilogue:  # somebody on the way wrote behind the last part, or its mark was wrong
            found.texts.append(charsets.text(part.epilogue.encode("utf-8", "surrogateescape"), None).strip())
    elif _is_words(part) and not _is_file(part):
        if shown:
            found.read.append(part)
            found.texts.append(content(part, found.patience, found.beside))
    else:
        inline = kind.startswith("image/") and bool(part.get("Content-ID")) and not _is_attached(part)
        found.files.append(Attachment(_name(part), kind, len(decoded(part)), inline))


def _best(alternatives: Sequence[Message], found: Leaves) -> Message | None:
    """Of several forms of the same words the plain one, if it says them; else the richest that says anything."""
    said = [(one, _said(one, found).strip()) for one in alternatives]
    speaking = [(one, text) for one, text in said if text]
    plain = next(((one, text) for one, text in speaking if one.get_content_type() == "text/plain"), None)
    rich = next(((one, text) for one, text in reversed(speaking) if one.get_content_type() != "text/plain"), None)
    if plain is None or (rich is not None and _is_stub(plain[1], rich[1])):
        return rich[0] if rich is not None else (alternatives[-1] if alternatives else None)
    return plain[0]


def _said(part: Message, found: Leaves) -> str:
    """The words of an alternative, which may hold files beside them."""
    for one in parts(part):
        if _is_words(one) and not _is_file(one) and (text := content(one, found.patience, found.beside)).strip():
            return text
    return ""


def _is_stub(plain: str, rich: str) -> bool:
    """The plain words say only that the others must be read, in whatever language: they name HTML."""
    known = " ".join(rich.split()).casefold()
    short = " ".join(plain.split()).casefold()
    return len(short) < _STUB and "html" in short and short[:40] not in known and short != known


def content(part: Message, patience: Patience | None = None, beside: str | None = None) -> str:
    """The words of a text part; HTML as plain text. `beside`: how others of the mail are written."""
    kind, raw, label = part.get_content_type(), decoded(part)[:_MOST_BYTES], part.get_content_charset()
    if kind == "text/html":
        page = charsets.in_html(raw, label, beside)[:_LONGEST]
        return html_text.plain(page.replace("\r\n", "\n").replace("\r", "\n"), patience)
    text = charsets.text(raw, label, beside)[:_LONGEST].replace("\r\n", "\n").replace("\r", "\n")
    if kind in ("text/enriched", "text/richtext"):
        return re.sub(r"<(?:/?[a-zA-Z-]{1,60})>", "", re.sub(r"\n(\n*)", lambda one: one[1] or " ", text))
    if str(part.get_param("format", "")).lower() != "flowed":
        return text
    return _unflowed(text, without_blank=str(part.get_param("delsp", "")).lower() == "yes")


def _unflowed(text: str, *, without_blank: bool) -> str:
    """RFC 3676: a line that ends in a blank goes on in the next one; the blank may be no part of the words."""
    lines: list[list[str]] = []
    goes_on = False
    for line in text.split("\n"):
        quoted = line.startswith(">")
        if goes_on and not quoted:
            lines[-1].append(line.removeprefix(" "))
        else:
            lines.append([line])
        goes_on = line.endswith(" ") and line != "-- " and not quoted
        if goes_on and without_blank:
            lines[-1][-1] = lines[-1][-1][:-1]
    return "\n".join("".join(line) for line in lines)


def decoded(part: Message) -> bytes:
    """What the part holds, without the encoding that it travelled in."""
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() == "base64":
        return _from_base64(_encoded(part))
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else _encoded(part)


def _from_base64(raw: bytes) -> bytes:
    """As far as it is base64: plain words below it, or instead of it, stay as they are."""
    lines = raw.split(b"\n")
    count = next((n for n, line in enumerate(lines) if not _BASE64.fullmatch(line)), len(lines))
    coded = b"".join(line.strip() for line in lines[:count])
    rest = b"\n".join(lines[count:])
    if count < len(lines) and (len(coded) % 4 or not coded):
        return raw  # whole lines of letters, and then words: it never was
    try:
        found = binascii.a2b_base64(coded + b"=" * (-len(coded) % 4))
    except binascii.Error:
        return raw
    return found + (b"\n\n" + rest if rest.strip() else b"")


def _encoded(part: Message) -> bytes:
    payload = part.get_payload()
    if isinstance(payload, str):
        return payload.encode("utf-8", "surrogateescape")
    return b"".join(_encoded(one) for one in payload if isinstance(one, Message)) if isinstance(payload, list) else b""


def _is_words(part: Message) -> bool:
    """Also what was to have parts and has none."""
    kind = part.get_content_type()
    return not part.is_multipart() and (kind in _WORDS or kind.startswith("multipart/"))


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment"


def _is_file(part: Message) -> bool:
    return _is_attached(part) or bool(part.get_filename())


def _name(part: Message) -> str:
    """The file name alone: without folders and without control characters."""
    name = headers.words(headers.plain(part.get_filename() or ""))
    return re.sub(r"[\x00-\x1f\x7f]", "", re.split(r"[\\/]", name)[-1])[:120]
