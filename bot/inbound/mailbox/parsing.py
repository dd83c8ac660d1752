"""From the bytes of a mail to what it says; whatever is broken is read as far as it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message

from bot.inbound.mailbox import charsets, headers, leaves, mime
from bot.inbound.mailbox.leaves import Attachment
from bot.inbound.mailbox.patience import Patience

_LONGEST = 200_000  # characters; nobody writes more by hand
_DELIVERED_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc", "Resent-To")


class Unreadable(Exception):  # noqa: N818 - a property of the mail, not a failure of ours
    """Not even who wrote it can be told."""


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
        found = leaves.of(message, patience)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return _mail(message, "\n\n".join(part for part in found.texts if part.strip()), found.files)


def read_roughly(raw: bytes) -> Mail:
    """Only its head is read: the words are shown as they came, whatever they mean."""
    message, body = mime.head(raw[:_LONGEST])
    return _mail(message, charsets.text(body, None), [])


def _mail(message: Message, text: str, attachments: Sequence[Attachment]) -> Mail:
    charset = _charset(message)
    senders = headers.addresses(list(headers.every(message, "From", charset=charset)))
    name, sender = senders[0] if senders else ("", "")
    return Mail(
        message=message,
        message_id=next(iter(headers.message_ids(headers.first(message, "Message-ID"))), ""),
        sender=sender,
        sender_name=name,
        to=tuple(
            dict.fromkeys(address for _, address in headers.addresses(list(headers.every(message, *_DELIVERED_TO))))
        ),
        subject=headers.words(headers.first(message, "Subject", charset))[:500],
        thread=_thread(message),
        text=text[:_LONGEST],
        attachments=tuple(attachments),
    )


def _charset(message: Message) -> str | None:
    """How the words are written: what the head says without saying how is mostly written alike."""
    said = (part.get_content_charset() for part in leaves.parts(message) if not part.is_multipart())
    return next((one for one in said if one is not None), None)


def _thread(message: Message) -> tuple[str, ...]:
    """References and, nearest of all, In-Reply-To."""
    known = [one for value in headers.every(message, "References") for one in headers.message_ids(value)]
    nearest = [one for value in headers.every(message, "In-Reply-To") for one in headers.message_ids(value)]
    in_order = [one for one in known if one not in nearest] + nearest
    return tuple(dict.fromkeys(in_order[-30:]))
