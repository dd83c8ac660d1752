"""What an outbox row may ask of Telegram beside one message: albums, changes in place, taking messages back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import (
    CopyMessages,
    DeleteMessage,
    DeleteMessages,
    EditMessageCaption,
    EditMessageMedia,
    EditMessageText,
    SendMediaGroup,
    TelegramMethod,
)
from aiogram.types import (
    InputMediaAnimation,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
)

from bot.outbound import telegram_content
from bot.outbound.sender import Receipt
from bot.outbound.telegram_bot import ask, field
from bot.outbound.telegram_content import Place
from bot.outbound.telegram_errors import says

_MEDIA = {
    "photo": InputMediaPhoto,
    "video": InputMediaVideo,
    "document": InputMediaDocument,
    "audio": InputMediaAudio,
    "animation": InputMediaAnimation,
}


async def put(bot: Bot, place: Place, payload: Mapping[str, Any]) -> list[int]:
    """Do what the payload says there. Returns the ids of the messages that came of it. Raises aiogram's errors.

    Keys beside those of `telegram_content.put`:
    `album` {chat_id, message_ids}: copied together, in increasing order. What Telegram passes over has no id.
    `files` [{kind, file_id, caption, source}]: sent together, with `reply_to`; `source` is the id of the original.
    `edits` [{message_id, text, form, media}]: changed in place or not at all; `form` is text or caption.
    `delete` [ids]: taken back, after `edits`.
    """
    if payload.get("edits") or payload.get("delete"):
        changed = [await _edit(bot, place, edit) for edit in payload.get("edits") or ()]
        return [*changed, *await _delete(bot, place, [int(number) for number in payload.get("delete") or ()])]
    if payload.get("files"):
        return await _send_together(bot, place, payload)
    if payload.get("album"):
        return await _copy_together(bot, place, payload["album"])
    return await telegram_content.put(bot, place, payload)


def has_content(payload: Mapping[str, Any]) -> bool:
    """Whether a message comes of it, not only a change of what stands there."""
    return bool(payload.get("album") or payload.get("files")) or telegram_content.has_content(payload)


def is_new(payload: Mapping[str, Any]) -> bool:
    """Whether it is a message of its own, not a change of one that stands there."""
    return has_content(payload) and not payload.get("edit")


def asks_for_something(payload: Mapping[str, Any]) -> bool:
    return has_content(payload) or any(payload.get(key) for key in ("react", "edits", "delete"))


def receipt(place: Place, payload: Mapping[str, Any], numbers: Sequence[int], now: datetime) -> Receipt:
    """`provider_id` is the last message; in `extra`, `message_ids` are all of them in order, and of an album `sources`
    the originals in the same order."""
    extra: dict[str, Any] = {"chat_id": place.chat_id, "thread_id": place.thread_id, "message_ids": list(numbers)}
    if payload.get("files"):
        extra["sources"] = [int(one["source"]) for one in payload["files"]]
    elif payload.get("album"):
        extra["sources"] = [int(number) for number in payload["album"]["message_ids"]]
    return Receipt(now, str(numbers[-1]) if numbers else "", extra)


async def _copy_together(bot: Bot, place: Place, album: Mapping[str, Any]) -> list[int]:
    copies = CopyMessages(
        chat_id=place.chat_id,
        message_thread_id=place.thread_id,
        from_chat_id=int(album["chat_id"]),
        message_ids=[int(number) for number in album["message_ids"]],
    )
    return [int(field(one, "message_id")) for one in await ask(bot, copies)]


async def _send_together(bot: Bot, place: Place, payload: Mapping[str, Any]) -> list[int]:
    """Files that Telegram has already, by the ids under which we know them."""
    group = SendMediaGroup(
        chat_id=place.chat_id,
        message_thread_id=place.thread_id,
        media=[_media(one["kind"], one["file_id"], one.get("caption") or "") for one in payload["files"]],
        reply_parameters=telegram_content.reply(payload),
    )
    return [int(field(one, "message_id")) for one in await ask(bot, group)]


def _media(kind: str, file_id: str, caption: str) -> Any:
    return _MEDIA[kind](media=file_id, caption=caption or None, parse_mode=None)


async def _edit(bot: Bot, place: Place, edit: Mapping[str, Any]) -> int:
    number = int(edit["message_id"])
    try:
        await ask(bot, _change(place.chat_id, number, edit))
    except TelegramBadRequest as error:
        if not says(error, "message is not modified"):
            raise
    return number


def _change(chat_id: int, number: int, edit: Mapping[str, Any]) -> TelegramMethod[Any]:
    text = str(edit.get("text") or "")
    if media := edit.get("media"):
        content = _media(media["kind"], media["file_id"], text)
        return EditMessageMedia(chat_id=chat_id, message_id=number, media=content)
    if edit.get("form") == "caption":
        return EditMessageCaption(chat_id=chat_id, message_id=number, caption=text or None, parse_mode=None)
    return EditMessageText(chat_id=chat_id, message_id=number, text=text, parse_mode=None)


async def _delete(bot: Bot, place: Place, numbers: list[int]) -> list[int]:
    """What is gone already is as it should be."""
    if not numbers:
        return []
    try:
        if len(numbers) == 1:
            await ask(bot, DeleteMessage(chat_id=place.chat_id, message_id=numbers[0]))
        else:
            await ask(bot, DeleteMessages(chat_id=place.chat_id, message_ids=numbers))
    except TelegramBadRequest as error:
        if not says(error, "message to delete not found"):
            raise
    return numbers
