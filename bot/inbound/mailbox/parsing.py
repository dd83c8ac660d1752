"""From the bytes of a mail to what it says; whatever is broken is read as far as it goes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message

from bot.inbound.mailbox import headers, html_text, mime
from bot.inbound.mailbox.patience import Patience

_DEEPEST = 40
_LONGEST = 200_000  # characters; nobody writes more by hand
_LONGEST_KIND = 100
_DELIVERED_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc", "Resent-To")


class Unreadable(Exception):  # noqa: N818 - a property of the mail, not a failure of ours
    """Not even who wrote it can be told."""


@dataclass(frozen=True)
class Attachment:
    """`size` in bytes as decoded; `name` may be empty. `inline`: a picture that the words are set around."""

    name: str
    kind: str
    size: int
    inline: bool = False


@dataclass(frozen=True)
class Mail:
    """`sender` is the bare address in From, or empty, `to` every address that it was sent or delivered to.

    `thread` has the Message-IDs that it answers, the nearest last. `text` is everything that it says, quotes and all.
    """

    message: Message
    message_id: str
    sender: str
    sender_name: str
    to: tuple[str, ...]
    subject: str
    thread: tuple[str, ...]
    text: str
    attachments: tuple[Attachment, ...]

    def header(self, name: str) -> str:
        return headers.first(self.message, name)


def read(raw: bytes, patience: Patience | None = None) -> Mail:
    """Raises Unreadable for what is no mail at all, OutOfPatience for what takes too long."""
    patience = patience or Patience(60)
    try:
        message = mime.message(raw, patience)
        texts: list[str] = []
        attachments: list[Attachment] = []
        _walk(message, texts, attachments, _DEEPEST, patience)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return _mail(message, "\n\n".join(part for part in texts if part.strip()), attachments)


def read_roughly(raw: bytes) -> Mail:
    """Only its head is read: the words are shown as they came, whatever they mean."""
    message, body = mime.head(raw[:_LONGEST])
    return _mail(message, headers.in_charset(body, "utf-8"), [])


def _mail(message: Message, text: str, attachments: Sequence[Attachment]) -> Mail:
    senders = headers.addresses(list(headers.every(message, "From")))
    name, sender = senders[0] if senders else ("", "")
    return Mail(
        message=message,
        message_id=next(iter(headers.message_ids(headers.first(message, "Message-ID"))), ""),
        sender=sender,
        sender_name=name,
        to=tuple(
            dict.fromkeys(address for _, address in headers.addresses(list(headers.every(message, *_DELIVERED_TO))))
        ),
        subject=headers.words(headers.first(message, "Subject"))[:500],
        thread=_thread(message),
        text=text[:_LONGEST],
        attachments=tuple(attachments),
    )


def _thread(message: Message) -> tuple[str, ...]:
    """References and, nearest of all, In-Reply-To."""
    known = [one for value in headers.every(message, "References") for one in headers.message_ids(value)]
    nearest = [one for value in headers.every(message, "In-Reply-To") for one in headers.message_ids(value)]
    in_order = [one for one in known if one not in nearest] + nearest
    return tuple(dict.fromkeys(in_order[-30:]))


def parts(message: Message, depth: int = _DEEPEST) -> Iterator[Message]:
    """Every part, down into reports and forwarded mails."""
    yield message
    payload = message.get_payload()
    if isinstance(payload, list) and depth:
        for part in payload:
            if isinstance(part, Message):
                yield from parts(part, depth - 1)


def _walk(part: Message, texts: list[str], attachments: list[Attachment], depth: int, patience: Patience) -> None:
    patience.check()
    kind = headers.plain(part.get_content_type())[:_LONGEST_KIND]
    payload = part.get_payload()
    if kind.startswith("message/") or not depth:
        attachments.append(Attachment(_name(part) or "mail.eml", kind, len(_encoded(part))))
    elif isinstance(payload, list):
        below = [one for one in payload if isinstance(one, Message)]
        if kind == "multipart/alternative":
            below = _best(below)
        for one in below:
            _walk(one, texts, attachments, depth - 1, patience)
    elif kind in ("text/plain", "text/html") and not _is_file(part):
        texts.append(content(part, patience))
    else:
        inline = kind.startswith("image/") and bool(part.get("Content-ID")) and not _is_attached(part)
        attachments.append(Attachment(_name(part), kind, len(decoded(part)), inline))


def _best(alternatives: Sequence[Message]) -> list[Message]:
    """Of several forms of the same words the plain one, if it says anything; else the last, the richest."""
    said = [one for one in alternatives if one.get_content_type() == "text/plain" and content(one).strip()]
    others = [one for one in alternatives if not one.get_content_type().startswith("text/")]
    if said:  # a calendar or files beside the words are kept
        return [said[0], *(one for one in others if not one.is_multipart())]
    return list(alternatives[-1:])


def content(part: Message, patience: Patience | None = None) -> str:
    """The words of a text part; HTML as plain text."""
    text = headers.in_charset(decoded(part), part.get_content_charset())[: 3 * _LONGEST]
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if part.get_content_type() == "text/html":
        return html_text.plain(text, patience)
    return _unflowed(text) if str(part.get_param("format", "")).lower() == "flowed" else text


def _unflowed(text: str) -> str:
    """RFC 3676: a line that ends in a blank goes on in the next one."""
    lines: list[list[str]] = []
    goes_on = False
    for line in text.split("\n"):
        quoted = line.startswith(">")
        if goes_on and not quoted:
            lines[-1].append(line.removeprefix(" "))
        else:
            lines.append([line])
        goes_on = line.endswith(" ") and line != "-- " and not quoted
    return "\n".join("".join(line) for line in lines)


def decoded(part: Message) -> bytes:
    """What the part holds, without the encoding that it travelled in."""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else _encoded(part)


def _encoded(part: Message) -> bytes:
    payload = part.get_payload()
    if isinstance(payload, str):
        return payload.encode("utf-8", "surrogateescape")
    return b"".join(_encoded(one) for one in payload if isinstance(one, Message)) if isinstance(payload, list) else b""


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment"


def _is_file(part: Message) -> bool:
    return _is_attached(part) or bool(part.get_filename())


def _name(part: Message) -> str:
    """The file name alone: without folders and without control characters."""
    name = headers.words(headers.plain(part.get_filename() or ""))
    return re.sub(r"[\x00-\x1f\x7f]", "", re.split(r"[\\/]", name)[-1])[:120]
