"""What a Telegram message says, in the words of the desk: text, attachment, where it stands."""

from typing import Any

from aiogram.types import Message

_FILES = ("document", "voice", "video", "audio", "sticker", "animation", "video_note")
_OTHERS = ("location", "venue", "contact", "dice", "poll", "story")


def text(message: Message) -> str:
    return message.text or message.caption or ""


def attachment(message: Message) -> dict[str, Any]:
    """`{kind, file_id, name}`, or empty. What is no file (a place, a visiting card) has no `file_id`."""
    if message.photo:
        return {"kind": "photo", "file_id": message.photo[-1].file_id, "name": ""}
    # A moving picture comes as `animation` and, for old clients, as `document` too.
    for kind in sorted(_FILES, key=lambda kind: kind != "animation"):
        if (file := getattr(message, kind)) is not None:
            return {"kind": kind, "file_id": file.file_id, "name": getattr(file, "file_name", None) or ""}
    return next(
        ({"kind": kind, "file_id": "", "name": ""} for kind in _OTHERS if getattr(message, kind) is not None), {}
    )


def says_something(message: Message) -> bool:
    """False for service messages (somebody joined, pinned, renamed) and what nobody can copy."""
    return bool(text(message) or attachment(message))


def key(message: Message) -> str:
    """The name of the original, the same at every replay."""
    return f"telegram:{message.chat.id}:{message.message_id}"


def source(message: Message) -> dict[str, int]:
    """Where it can be copied from."""
    return {"chat_id": message.chat.id, "message_id": message.message_id}
