"""The Bot API methods that write, change and take back messages, with Telegram's checks and words."""

import itertools
import re
from collections.abc import Awaitable, Callable, Mapping
from html.parser import HTMLParser
from typing import Any

from bot.demo.telegram_faults import Refused
from bot.demo.telegram_memory import BOT, Chat, Json, Memory, Posted

Method = Callable[[Mapping[str, Any]], Awaitable[Any]]
_TAGS = frozenset("b strong i em u ins s strike del a code pre blockquote tg-spoiler tg-emoji span".split(" "))  # noqa: SIM905
_MEDIA = ("photo", "voice", "document", "sticker", "video", "audio", "animation", "video_note")


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise Refused(400, f'Bad Request: can\'t parse entities: Unsupported start tag "{tag}" at byte offset 0')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise Refused(400, "Bad Request: can't parse entities: Unexpected end tag at byte offset 0")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def plain(text: str, parse_mode: str | None) -> str:
    """What remains of a text when its markup was read. Only HTML is known here."""
    if not parse_mode:
        return text
    if parse_mode.lower() != "html":
        raise Refused(400, "Bad Request: unsupported parse_mode")
    parser = _Plain()
    parser.feed(text)
    parser.close()
    if parser.open:
        raise Refused(
            400, f"Bad Request: can't parse entities: Can't find end tag corresponding to \"{parser.open[-1]}\""
        )
    return "".join(parser.words)


def units(text: str) -> int:
    """UTF-16 code units, which is how Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def checked_text(values: Mapping[str, Any]) -> str:
    text = plain(str(values.get("text") or ""), values.get("parse_mode"))
    if not text.strip():
        raise Refused(400, "Bad Request: message text is empty")
    if units(text) > 4096:
        raise Refused(400, "Bad Request: message is too long")
    return text


def checked_caption(values: Mapping[str, Any], default: str = "") -> str:
    caption = plain(str(values.get("caption") or default), values.get("parse_mode"))
    if units(caption) > 1024:
        raise Refused(400, "Bad Request: message caption is too long")
    return caption


def checked_markup(values: Mapping[str, Any]) -> Json:
    markup = values.get("reply_markup") or {}
    for row in markup.get("inline_keyboard", []):
        for button in row:
            if not button.get("text"):
                raise Refused(400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed here")
            if not 1 <= len(str(button.get("callback_data", "x")).encode()) <= 64:
                raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
            if "url" in button and not re.match(r"(https?|tg)://\S+$", button["url"]):
                raise Refused(400, f"Bad Request: inline keyboard button URL '{button['url']}' is invalid")
            if not {"callback_data", "url"} & set(button):
                raise Refused(400, "Bad Request: BUTTON_TYPE_INVALID")
    return {"reply_markup": markup} if markup.get("inline_keyboard") else {}


class Messages:
    """Methods about messages. `after` hears of every change."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._files = itertools.count(1)
        self.methods: dict[str, Method] = {
            "sendMessage": self._send_message,
            "copyMessage": self._copy_message,
            "editMessageText": self._edit_text,
            "editMessageReplyMarkup": self._edit_markup,
            "deleteMessage": self._delete,
            "pinChatMessage": self._pin,
            "unpinChatMessage": self._unpin,
            "setMessageReaction": self._react,
        }
        for kind in _MEDIA:
            name = "".join(part.capitalize() for part in kind.split("_"))
            self.methods[f"send{name}"] = self._sender_of(kind)

    async def _send_message(self, values: Mapping[str, Any]) -> Json:
        chat, place = self._place(values)
        return self._post(chat, values, {"text": checked_text(values)}, place).json

    def _sender_of(self, kind: str) -> Method:
        async def send(values: Mapping[str, Any]) -> Json:
            chat, place = self._place(values)
            if not values.get(kind):
                raise Refused(400, f"Bad Request: there is no {kind} in the request")
            content = {kind: media(kind, f"file-{next(self._files)}")}
            if caption := checked_caption(values):
                content["caption"] = caption
            return self._post(chat, values, content, place).json

        return send

    async def _copy_message(self, values: Mapping[str, Any]) -> Json:
        chat, place = self._place(values, gone="TOPIC_DELETED")
        source = self.memory.chat(values.get("from_chat_id"))
        original = source.messages.get(_number(values, "message_id"))
        if original is None:
            raise Refused(400, "Bad Request: message to copy not found")
        if original.kind not in ("text", *_MEDIA):
            raise Refused(400, "Bad Request: message can't be copied")
        content = {original.kind: original.json[original.kind]}
        if original.kind != "text" and (caption := checked_caption(values, original.json.get("caption", ""))):
            content["caption"] = caption
        copy = self._post(chat, values, content, place)
        copy.copied_from = (source.id, original.message_id)
        return {"message_id": copy.message_id}

    def _place(self, values: Mapping[str, Any], gone: str = "message thread not found") -> tuple[Chat, int | None]:
        """The chat and topic to write into. Thread 1 (General) is refused, as Telegram does."""
        chat = self.memory.writable(values.get("chat_id"))
        thread = _number(values, "message_thread_id") or None
        if thread is None:
            return chat, None
        topic = chat.topics.get(thread)
        if topic is None:
            words = gone if thread in chat.gone_topics else "message thread not found"
            raise Refused(400, f"Bad Request: {words}")
        if topic.closed and not chat.bot_posts_in_closed:
            raise Refused(400, "Bad Request: TOPIC_CLOSED")
        return chat, thread

    def _post(self, chat: Chat, values: Mapping[str, Any], content: Json, thread: int | None) -> Posted:
        content = {**content, **checked_markup(values)}
        reply = values.get("reply_parameters") or {}
        if "message_id" in reply:
            original = chat.messages.get(int(reply["message_id"]))
            if original is not None:
                content["reply_to_message"] = shallow(original.json)
            elif not reply.get("allow_sending_without_reply"):
                raise Refused(400, "Bad Request: message to be replied not found")
        return self.memory.post(chat, BOT, content, thread)

    def _mine(self, values: Mapping[str, Any], what: str) -> Posted:
        chat = self.memory.writable(values.get("chat_id"))
        found = chat.messages.get(_number(values, "message_id"))
        if found is None:
            raise Refused(400, f"Bad Request: message to {what} not found")
        if what == "edit" and not found.by_bot:
            raise Refused(400, "Bad Request: message can't be edited")
        return found

    async def _edit_text(self, values: Mapping[str, Any]) -> Json:
        found, text, markup = self._mine(values, "edit"), checked_text(values), checked_markup(values)
        if found.kind != "text":
            raise Refused(400, "Bad Request: there is no text in the message to edit")
        return self._change(found, {"text": text}, markup)

    async def _edit_markup(self, values: Mapping[str, Any]) -> Json:
        return self._change(self._mine(values, "edit"), {}, checked_markup(values))

    def _change(self, found: Posted, content: Json, markup: Json) -> Json:
        before = {key: value for key, value in found.json.items() if key != "edit_date"}
        changed = {**before, **content}
        changed.pop("reply_markup", None)
        changed |= markup
        if changed == before:
            words = "message is not modified: specified new message content and reply markup are exactly the same"
            raise Refused(400, f"Bad Request: {words} as a current content and reply markup of the message")
        found.json.pop("reply_markup", None)
        found.json |= {**content, **markup, "edit_date": found.json["date"]}
        found.edits += 1
        return found.json

    async def _delete(self, values: Mapping[str, Any]) -> bool:
        found = self._mine(values, "delete")
        del self.memory.chat(values["chat_id"]).messages[found.message_id]
        return True

    async def _pin(self, values: Mapping[str, Any]) -> bool:
        self._mine(values, "pin").pinned = True
        return True

    async def _unpin(self, values: Mapping[str, Any]) -> bool:
        self._mine(values, "unpin").pinned = False
        return True

    async def _react(self, values: Mapping[str, Any]) -> bool:
        emojis = [str(one.get("emoji")) for one in values.get("reaction") or []]
        if any(emoji not in REACTIONS for emoji in emojis):
            raise Refused(400, "Bad Request: REACTION_INVALID")
        self._mine(values, "react").reactions = emojis
        return True


_ONE_SIGN = "👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈"
_ONE_SIGN += "😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾🤷😡"
REACTIONS = frozenset(_ONE_SIGN) | {"❤\u200d🔥", "👨\u200d💻", "🤷\u200d♂", "🤷\u200d♀"}
"""What a bot may react with; anything else, such as a lock, is REACTION_INVALID."""


def media(kind: str, file_id: str) -> Any:
    """The part of a message that names a file."""
    one = {"file_id": file_id, "file_unique_id": f"u-{file_id}", "file_size": 1024}
    more: dict[str, Json] = {
        "photo": {"width": 90, "height": 60},
        "sticker": {"width": 512, "height": 512, "type": "regular", "is_animated": False, "is_video": False},
        "voice": {"duration": 3, "mime_type": "audio/ogg"},
        "video": {"duration": 3, "width": 90, "height": 60},
        "audio": {"duration": 3},
        "animation": {"duration": 3, "width": 90, "height": 60},
        "video_note": {"duration": 3, "length": 60},
        "document": {"file_name": "file.pdf", "mime_type": "application/pdf"},
    }
    whole = {**one, **more.get(kind, {})}
    return [whole] if kind == "photo" else whole


def shallow(message: Json) -> Json:
    """A message as another one carries it: without what it replied to."""
    return {key: value for key, value in message.items() if key != "reply_to_message"}


def _number(values: Mapping[str, Any], name: str) -> int:
    try:
        return int(values.get(name) or 0)
    except (TypeError, ValueError):
        raise Refused(400, f"Bad Request: {name} must be a number") from None
