"""What Telegram checks in a bot's message before it is sent: text, caption, buttons, reactions."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.demo import telegram_markup, telegram_parameters
from bot.demo.telegram_faults import bad
from bot.demo.telegram_markup import units
from bot.demo.telegram_memory import Json

TEXT = 4096
CAPTION = 1024
_MOST_BUTTONS = 100
_MARKUPS = ("inline_keyboard", "keyboard", "remove_keyboard", "force_reply")

_ONE_SIGN = "👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈"
_ONE_SIGN += "😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾🤷😡"
REACTIONS = frozenset(_ONE_SIGN) | {"❤\u200d🔥", "👨\u200d💻", "🤷\u200d♂", "🤷\u200d♀"}
"""What a bot may react with; anything else, such as a lock, is REACTION_INVALID."""


def text(values: Mapping[str, Any]) -> Json:
    """`text` and `entities` of the message."""
    words, entities = telegram_markup.read(
        str(values.get("text") or ""), values.get("parse_mode"), values.get("entities")
    )
    if not words.strip():
        raise bad("message text is empty")
    if units(words) > TEXT:
        raise bad("message is too long")
    return {"text": words, **({"entities": entities} if entities else {})}


def caption(values: Mapping[str, Any]) -> Json:
    """`caption` and `caption_entities` of the message; nothing of an empty one."""
    words, entities = telegram_markup.read(
        str(values.get("caption") or ""), values.get("parse_mode"), values.get("caption_entities")
    )
    if units(words) > CAPTION:
        raise bad("message caption is too long")
    return ({"caption": words} if words else {}) | ({"caption_entities": entities} if entities else {})


def markup(values: Mapping[str, Any], *, inline_only: bool = False) -> Json:
    """`reply_markup` of the message: inline keyboards only, as in Telegram's answers."""
    given = values.get("reply_markup") or {}
    if not isinstance(given, dict):
        raise bad("object expected as reply markup")
    if given and (not set(_MARKUPS) & set(given) or (inline_only and "inline_keyboard" not in given)):
        raise bad("inline keyboard expected" if inline_only else "object expected as reply markup")
    rows = given.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    rows = [row for row in rows if row]
    for row in rows:
        for button in row:
            _button(button)
    if sum(len(row) for row in rows) > _MOST_BUTTONS:
        raise bad("reply markup is too long")
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}


def _button(button: Any) -> None:
    if not isinstance(button, dict):
        raise bad("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    telegram_parameters.check_button(button)
    if not button.get("text"):
        raise bad("can't parse inline keyboard button: Can't find field \"text\"")
    does = set(button) - {"text", "style", "icon_custom_emoji_id"}
    if not does:
        words = "Text buttons are unallowed in the inline keyboard"
        raise bad(f"can't parse inline keyboard button: {words}")
    if "callback_data" in button and not 1 <= len(str(button["callback_data"]).encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    if "url" in button and not _is_address(str(button["url"])):
        raise bad(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")


def _is_address(url: str) -> bool:
    """Telegram takes web addresses with a dot in their host (so not localhost), and its own tg://."""
    if re.match(r"(tg|ton)://\S+$", url):
        return True
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "." in (parts.hostname or "") and not re.search(r"\s", url)


def reactions(values: Mapping[str, Any], allowed: frozenset[str] | None) -> list[str]:
    """The emoji of `reaction`: one at most, of the fixed set, and one that the chat allows."""
    given = values.get("reaction") or []
    if not isinstance(given, list):
        raise bad("expected an Array of ReactionType")
    if any(not isinstance(one, dict) or one.get("type") not in ("emoji", "custom_emoji", "paid") for one in given):
        raise bad("can't parse ReactionType: invalid reaction type specified")
    if any(one["type"] == "paid" for one in given):
        raise bad("REACTION_INVALID")
    if len(given) > 1:
        raise bad("REACTIONS_TOO_MANY")
    emojis = [str(one.get("emoji") or one.get("custom_emoji_id")) for one in given]
    if any(emoji not in REACTIONS or (allowed is not None and emoji not in allowed) for emoji in emojis):
        raise bad("REACTION_INVALID")
    return emojis
