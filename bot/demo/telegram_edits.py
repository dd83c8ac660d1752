"""The Bot API methods that change what the bot has sent: text, caption, media, buttons."""

from collections.abc import Mapping
from typing import Any

from bot.demo import telegram_checks
from bot.demo.telegram_faults import bad
from bot.demo.telegram_files import KINDS
from bot.demo.telegram_memory import Json, Memory, Posted
from bot.demo.telegram_methods import CAPTIONED, input_media
from bot.demo.telegram_posting import Method, found

_WORDS = ("text", "entities", "caption", "caption_entities")


class Edits:
    """Only messages of the bot itself may be changed, and a change must change something."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.methods: dict[str, Method] = {
            "editMessageText": self._text,
            "editMessageCaption": self._caption,
            "editMessageMedia": self._media,
            "editMessageReplyMarkup": self._markup,
        }

    async def _text(self, values: Mapping[str, Any]) -> Json:
        text, posted = telegram_checks.text(values), self._mine(values)
        if posted.kind != "text":
            raise bad("there is no text in the message to edit")
        return self._change(posted, text, values)

    async def _caption(self, values: Mapping[str, Any]) -> Json:
        caption, posted = telegram_checks.caption(values), self._mine(values)
        if posted.kind not in CAPTIONED:
            raise bad("there is no caption in the message to edit")
        return self._change(posted, caption, values)

    async def _media(self, values: Mapping[str, Any]) -> Json:
        posted = self._mine(values)
        if posted.kind not in ("text", *CAPTIONED):
            raise bad("message media can't be edited")
        content = input_media(self.memory, values.get("media"), values)
        kind = next(name for name in content if name in KINDS)
        if posted.album and kind != posted.kind and {kind, posted.kind} - {"photo", "video"}:
            raise bad("message content type can't be used in an album")
        return self._change(posted, content, values, without=(posted.kind,))

    async def _markup(self, values: Mapping[str, Any]) -> Json:
        posted = self._mine(values)
        kept = {name: posted.json[name] for name in _WORDS if name in posted.json}
        return self._change(posted, kept, values)

    def _mine(self, values: Mapping[str, Any]) -> Posted:
        chat = self.memory.writable(values.get("chat_id"))
        posted = found(chat, values, "edit")
        if not posted.by_bot or posted.kind not in ("text", *KINDS) or "forward_origin" in posted.json:
            raise bad("message can't be edited")
        return posted

    def _change(self, posted: Posted, content: Json, values: Mapping[str, Any], without: tuple[str, ...] = ()) -> Json:
        """Buttons that are not given go."""
        replaced = {*_WORDS, "reply_markup", *without}
        before = {key: value for key, value in posted.json.items() if key != "edit_date"}
        kept = {key: value for key, value in before.items() if key not in replaced}
        changed = {**kept, **content, **telegram_checks.markup(values, inline_only=True)}
        if changed == before:
            words = "message is not modified: specified new message content and reply markup are exactly the same"
            raise bad(f"{words} as a current content and reply markup of the message")
        posted.json.clear()
        posted.json |= {**changed, "edit_date": int(self.memory.clock())}
        posted.edits += 1
        return posted.json
