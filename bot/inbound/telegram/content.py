"""What a Telegram message says, in the words of the desk: text, attachment, what it answers, where it stands."""

from typing import Any

from aiogram.enums import ContentType
from aiogram.types import Message

_FILES = ("animation", "live_photo", "document", "voice", "video", "audio", "sticker", "video_note")
_OTHERS = ("location", "contact", "poll", "story", "rich_message")
_IN_WORDS = ("dice", "game", "invoice", "paid_media", "giveaway", "giveaway_winners", "checklist")
"""What Telegram lets no bot copy (or, of dice, would throw anew): told in words on the other side."""


def text(message: Message) -> str:
    return message.text or message.caption or ""


def attachment(message: Message) -> dict[str, Any]:
    """`{kind, file_id, name}`, or empty. What is no file (a place, a visiting card) has no `file_id`.

    `unique` tells one file from another, `album` is what it came with; `words` names how it is told where it cannot
    be shown.
    """
    found = _file(message) or _other(message)
    if found and message.media_group_id:
        found["album"] = message.media_group_id
    return found


def _file(message: Message) -> dict[str, Any]:
    if message.photo:
        return {"kind": "photo", **_named(message.photo[-1])}
    # A moving picture comes as `animation` and, for old clients, as `document` too; so does a live photo.
    for kind in _FILES:
        if (file := getattr(message, kind, None)) is not None:
            return {"kind": kind, **_named(file)}
    return {}


def _named(file: Any) -> dict[str, str]:
    unique = getattr(file, "file_unique_id", None)
    about = {"file_id": getattr(file, "file_id", None) or "", "name": getattr(file, "file_name", None) or ""}
    return {**about, "unique": unique} if unique else about


def _other(message: Message) -> dict[str, Any]:
    if message.venue is not None:  # has a location too
        return {"kind": "venue", "file_id": "", "name": ""}
    for kind in _OTHERS:
        if getattr(message, kind, None) is not None:
            return {"kind": kind, "file_id": "", "name": ""}
    for kind in _IN_WORDS:
        if (what := getattr(message, kind, None)) is not None:
            return {"kind": kind, "file_id": "", "name": _described(kind, what), "words": kind}
    return {}


def _described(kind: str, what: Any) -> str:
    if kind == "dice":
        return f"{what.emoji} {what.value}"
    if kind == "checklist":
        return "\n".join([what.title, *(f"• {task.text}" for task in what.tasks)])
    return str(getattr(what, "title", "") or "")


def says_something(message: Message) -> bool:
    """False for service messages (somebody joined, pinned, renamed)."""
    return bool(text(message) or attachment(message))


def says_anything(message: Message) -> bool:
    """Also what this version does not know: a customer must not write into the void."""
    return says_something(message) or message.content_type == ContentType.UNKNOWN


def of_any_kind(message: Message) -> dict[str, Any]:
    """The attachment, or the word that there is something we cannot show."""
    known = attachment(message)
    if known or text(message):
        return known
    return {"kind": "unknown", "file_id": "", "name": "", "words": "unknown"}


def quote(message: Message) -> str:
    """The words out of another message that this one takes up."""
    return message.quote.text if message.quote else ""


def key(message: Message) -> str:
    """The name of the original, the same at every replay."""
    return f"telegram:{message.chat.id}:{message.message_id}"


def source(message: Message) -> dict[str, int]:
    """Where it can be copied from."""
    return {"chat_id": message.chat.id, "message_id": message.message_id}
