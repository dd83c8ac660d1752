"""The content of an outbox row as calls of the Bot API: text, copies, edits, buttons, reactions."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import (
    CopyMessage,
    EditMessageReplyMarkup,
    EditMessageText,
    SendDocument,
    SendMessage,
    SetMessageReaction,
)
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    ReactionTypeEmoji,
    ReplyParameters,
)

from bot.outbound import telegram_limits
from bot.outbound.telegram_bot import ask, field
from bot.outbound.telegram_errors import says
from bot.outbound.telegram_sizes import CAPTION, TEXT, below_caption, parts, quotation, units, without_markup


@dataclass(frozen=True)
class Place:
    """A chat, or a topic in it."""

    chat_id: int
    thread_id: int | None = None


async def put(bot: Bot, place: Place, payload: Mapping[str, Any]) -> list[int]:
    """Do what the payload says there. Returns the ids of the messages that came of it. Raises aiogram's errors.

    Keys: `text`, or `copy` with its caption as `text` (`caption` takes the place of the one it has); `html`, `buttons`,
    `edit`; `reply_to` with `quote`, words out of that message; `lead`, words ahead of a copy; `react` with
    `{message_id, emoji, otherwise}`: an empty emoji takes the reaction away, `otherwise` is said where it may not be.
    """
    if react := payload.get("react"):
        shown = await _react(bot, place, react)
        if not has_content(payload):
            return shown
    try:
        return await _put(bot, place, payload)
    except TelegramBadRequest as error:
        if not payload.get("quote") or not says(error, "quote_text_invalid"):
            raise
        return await _put(bot, place, _quoted_in_words(payload))  # they stand otherwise there, or were changed since


async def _put(bot: Bot, place: Place, payload: Mapping[str, Any]) -> list[int]:
    if payload.get("edit"):
        return await _edit(bot, place, payload)
    if payload.get("copy"):
        return await _copy(bot, place, payload)
    if payload.get("document"):
        return await _document(bot, place, payload)
    return await _text(bot, place, payload)


async def _document(bot: Bot, place: Place, payload: Mapping[str, Any]) -> list[int]:
    """A file that we made: `{name, data}`; the data is in memory only, rows of the outbox never hold it."""
    file = payload["document"]
    send = SendDocument(
        chat_id=place.chat_id,
        message_thread_id=place.thread_id,
        document=BufferedInputFile(file["data"], filename=file["name"]),
        caption=str(payload.get("text") or "")[:CAPTION] or None,
        parse_mode=None,
        reply_parameters=reply(payload),
    )
    return [int(field(await ask(bot, send), "message_id"))]


def _quoted_in_words(payload: Mapping[str, Any]) -> dict[str, Any]:
    words = quotation(str(payload["quote"]))
    kept = {key: value for key, value in payload.items() if key != "quote"}
    if payload.get("copy"):
        return {**kept, "lead": words}
    return {**kept, "text": f"{html.escape(words) if payload.get('html') else words}\n{payload.get('text') or ''}"}


def has_content(payload: Mapping[str, Any]) -> bool:
    """Whether a message comes of it, not only a reaction or a change of the topic."""
    return bool(payload.get("text") or payload.get("copy") or payload.get("edit") or payload.get("document"))


async def _text(bot: Bot, place: Place, payload: Mapping[str, Any]) -> list[int]:
    text, as_html = str(payload.get("text") or ""), bool(payload.get("html"))
    if as_html and units(text) > TEXT:
        text, as_html = without_markup(text), False  # cut in the middle, markup would not close
    pieces = parts(text, TEXT)
    try:
        return await _pieces(bot, place, payload, pieces, as_html)
    except TelegramBadRequest as error:
        if as_html and says(error, "can't parse entities"):
            return await _pieces(bot, place, payload, parts(without_markup(text), TEXT), as_html=False)
        if says(error, "button_url_invalid", "keyboard button url"):  # such as an address inside the house
            return await _pieces(bot, place, *_links_as_text(payload, text, as_html), as_html)
        raise


async def _pieces(bot: Bot, place: Place, payload: Mapping[str, Any], pieces: list[str], as_html: bool) -> list[int]:
    numbers = []
    for index, piece in enumerate(pieces):
        if index == 1:
            telegram_limits.half_done()
        sent = await ask(
            bot,
            SendMessage(
                chat_id=place.chat_id,
                message_thread_id=place.thread_id,
                text=piece,
                parse_mode="HTML" if as_html else None,
                reply_parameters=reply(payload) if index == 0 else None,
                reply_markup=markup(payload) if index == len(pieces) - 1 else None,
            ),
        )
        numbers.append(int(field(sent, "message_id")))
    return numbers


async def _copy(bot: Bot, place: Place, payload: Mapping[str, Any]) -> list[int]:
    source = payload["copy"]
    if payload.get("lead"):
        await _text(bot, place, {"text": payload["lead"], "reply_to": payload.get("reply_to")})
        telegram_limits.half_done()
    copy = CopyMessage(
        chat_id=place.chat_id,
        message_thread_id=place.thread_id,
        from_chat_id=int(source["chat_id"]),
        message_id=int(source["message_id"]),
        # A space: the client leaves out what is empty, and then the copy would keep the caption that it has.
        caption=(str(payload["caption"]) or " ") if "caption" in payload else None,
        parse_mode=None,
        reply_parameters=reply(payload),
        reply_markup=markup(payload),
    )
    text = str(payload.get("text") or "")
    try:
        return [int(field(await ask(bot, copy), "message_id"))]
    except TelegramBadRequest as error:
        if says(error, "caption is too long", "media_caption_too_long"):
            # Premium customers may write longer captions than a bot: the rest follows as a text.
            caption, *rest = below_caption(text)
            sent = await ask(bot, copy.model_copy(update={"caption": caption}))
            telegram_limits.half_done()
            later = await _pieces(bot, place, {}, rest, as_html=False)
            return [int(field(sent, "message_id")), *later]
        raise


async def _edit(bot: Bot, place: Place, payload: Mapping[str, Any]) -> list[int]:
    number, text = int(payload["edit"]), str(payload.get("text") or "")
    try:
        if text:
            await ask(bot, _edited(place, number, text, payload))
        else:
            await ask(
                bot,
                EditMessageReplyMarkup(chat_id=place.chat_id, message_id=number, reply_markup=markup(payload)),
            )
    except TelegramBadRequest as error:
        if says(error, "message is not modified"):
            return [number]
        if text and says(error, "message to edit not found", "can't be edited", "no text in the message"):
            return await _text(bot, place, payload)
        raise
    return [number]


def _edited(place: Place, number: int, text: str, payload: Mapping[str, Any]) -> EditMessageText:
    as_html = bool(payload.get("html"))
    if units(text) > TEXT:
        text, as_html = parts(without_markup(text) if as_html else text, TEXT - 1)[0] + "…", False
    return EditMessageText(
        chat_id=place.chat_id,
        message_id=number,
        text=text,
        parse_mode="HTML" if as_html else None,
        reply_markup=markup(payload),
    )


async def _react(bot: Bot, place: Place, react: Mapping[str, Any]) -> list[int]:
    number, emoji = int(react["message_id"]), str(react["emoji"])
    sign = SetMessageReaction(
        chat_id=place.chat_id, message_id=number, reaction=[ReactionTypeEmoji(emoji=emoji)] if emoji else []
    )
    try:
        await ask(bot, sign)
    except TelegramBadRequest as error:
        # A sign on a message that is gone, or that the group does not allow, is nothing lost.
        if not says(error, "message to react not found", "reaction_invalid", "message_id_invalid"):
            raise
        if react.get("otherwise"):
            return await _text(bot, place, {"text": react["otherwise"], "reply_to": number})
    return [number]


def markup(payload: Mapping[str, Any]) -> InlineKeyboardMarkup | None:
    rows = [[_button(button) for button in row] for row in payload.get("buttons") or [] if row]
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None


def _button(button: Mapping[str, str]) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=button["text"], callback_data=button.get("data"), url=button.get("url"))


def reply(payload: Mapping[str, Any]) -> ReplyParameters | None:
    """What it answers; where that is gone it is sent all the same."""
    number = payload.get("reply_to")
    if not number:
        return None
    quote = payload.get("quote") or None
    return ReplyParameters(message_id=int(number), allow_sending_without_reply=True, quote=quote, quote_parse_mode=None)


def _links_as_text(payload: Mapping[str, Any], text: str, as_html: bool) -> tuple[dict[str, Any], list[str]]:
    """The payload without its link buttons, and the text with these links below."""
    rows = [row for row in payload.get("buttons") or [] if row]
    links = [f"{button['text']}: {button['url']}" for row in rows for button in row if button.get("url")]
    kept = [[button for button in row if not button.get("url")] for row in rows]
    below = "\n".join(html.escape(link, quote=False) if as_html else link for link in links)
    return {**payload, "buttons": kept}, parts(f"{text}\n\n{below}", TEXT)
