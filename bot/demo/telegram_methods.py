"""The Bot API methods that write messages and take them back, pin them and react to them, with Telegram's checks."""

import itertools
from collections.abc import Mapping
from typing import Any

from bot.demo import telegram_checks, telegram_posting
from bot.demo.telegram_faults import bad
from bot.demo.telegram_files import KINDS
from bot.demo.telegram_memory import Chat, Json, Memory, Posted
from bot.demo.telegram_posting import Method, found, place, post

CAPTIONED = frozenset(KINDS) - {"sticker", "video_note"}
"""What may have words beside it."""

_DELETABLE_FOR = 48 * 3600
_IN_ALBUMS = frozenset({"photo", "video", "audio", "document"})
_ALONE_IN_ALBUMS = ("audio", "document")
_ALBUM_NAMES_AS_WORDS = (
    "type media caption parse_mode caption_entities thumbnail width height duration performer title cover "
    "start_timestamp supports_streaming disable_content_type_detection show_caption_above_media has_spoiler"
)
_ALBUM_NAMES = frozenset(_ALBUM_NAMES_AS_WORDS.split())


class Messages:
    """Methods about one message or one album."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._albums = itertools.count(1)
        self.methods: dict[str, Method] = {
            "sendMessage": self._send_message,
            "sendMediaGroup": self._send_album,
            "deleteMessage": self._delete,
            "deleteMessages": self._delete_several,
            "pinChatMessage": self._pin,
            "unpinChatMessage": self._unpin,
            "unpinAllChatMessages": self._unpin_all,
            "setMessageReaction": self._react,
        }
        for kind in KINDS:
            name = "".join(part.capitalize() for part in kind.split("_"))
            self.methods[f"send{name}"] = self._sender_of(kind)

    async def _send_message(self, values: Mapping[str, Any]) -> Json:
        text = telegram_checks.text(values)
        chat, thread = place(self.memory, values)
        return post(self.memory, chat, thread, values, text).json

    def _sender_of(self, kind: str) -> Method:
        async def send(values: Mapping[str, Any]) -> Json:
            chat, thread = place(self.memory, values)
            content = {kind: self.memory.files.given(kind, values.get(kind), values.get("files", {}))}
            if kind in CAPTIONED:
                content |= telegram_checks.caption(values)
            return post(self.memory, chat, thread, values, content).json

        return send

    async def _send_album(self, values: Mapping[str, Any]) -> list[Json]:
        items = values.get("media")
        if not isinstance(items, list):
            raise bad("expected an Array of InputMedia")
        self._check_album(items)
        chat, thread = place(self.memory, values)
        contents = [input_media(self.memory, item, values) for item in items]
        album = {"media_group_id": f"bot-album-{next(self._albums)}"} if len(items) > 1 else {}
        return [post(self.memory, chat, thread, values, {**content, **album}).json for content in contents]

    def _check_album(self, items: list[Any]) -> None:
        if not items:
            raise bad("there are no messages to send")
        if len(items) > 10:
            raise bad("too many messages to send as an album")
        kinds = {str(item.get("type")) if isinstance(item, dict) else "" for item in items}
        if kinds - _IN_ALBUMS:
            raise bad("invalid message content type")
        if len(kinds) > 1 and (alone := [kind for kind in _ALONE_IN_ALBUMS if kind in kinds]):
            raise bad(f"{alone[0].capitalize()} can't be mixed with other media types")

    async def _delete(self, values: Mapping[str, Any]) -> bool:
        chat = self.memory.writable(values.get("chat_id"))
        posted = found(chat, values, "delete")
        self._check_deletable(chat, posted)
        del chat.messages[posted.message_id]
        return True

    async def _delete_several(self, values: Mapping[str, Any]) -> bool:
        """What is not there is passed over; what must stay stops all."""
        chat, ids = self.memory.writable(values.get("chat_id")), telegram_posting.numbers(values)
        there = [chat.messages[one] for one in ids if one in chat.messages]
        for posted in there:
            self._check_deletable(chat, posted)
        for posted in there:
            chat.messages.pop(posted.message_id, None)
        return True

    def _check_deletable(self, chat: Chat, posted: Posted) -> None:
        old = self.memory.clock() >= posted.json["date"] + _DELETABLE_FOR
        if chat.kind == "private":
            if old:
                raise bad("message can't be deleted for everyone")
            return
        foreign = not posted.by_bot and not chat.bot_deletes
        if old or foreign or posted.kind in ("forum_topic_created", "migrate_from_chat_id"):
            raise bad("message can't be deleted")

    async def _pin(self, values: Mapping[str, Any]) -> bool:
        chat = self._pinning(values)
        posted = found(chat, values, "pin")
        if posted.kind not in ("text", *KINDS):
            raise bad("service messages can't be pinned")
        posted.pinned = True
        return True

    async def _unpin(self, values: Mapping[str, Any]) -> bool:
        """Without a message: the newest pinned one."""
        chat = self._pinning(values)
        if values.get("message_id"):
            found(chat, values, "unpin").pinned = False
            return True
        pinned = [one for one in chat.messages.values() if one.pinned]
        if not pinned:
            raise bad("message to unpin not found")
        pinned[-1].pinned = False
        return True

    async def _unpin_all(self, values: Mapping[str, Any]) -> bool:
        unpin(self._pinning(values).messages.values())
        return True

    def _pinning(self, values: Mapping[str, Any]) -> Chat:
        chat = self.memory.writable(values.get("chat_id"))
        if not chat.bot_pins and chat.kind != "private":
            raise bad("not enough rights to manage pinned messages in the chat")
        return chat

    async def _react(self, values: Mapping[str, Any]) -> bool:
        chat = self.memory.writable(values.get("chat_id"))
        posted = found(chat, values, "react")
        posted.reactions = telegram_checks.reactions(values, chat.allowed_reactions)
        return True


def unpin(messages: Any) -> None:
    for posted in messages:
        posted.pinned = False


def input_media(memory: Memory, item: Any, values: Mapping[str, Any]) -> Json:
    """The content of a message out of an InputMedia: its file and caption."""
    if not isinstance(item, dict):
        raise bad("can't parse InputMedia: expected an Object")
    if unknown := sorted(set(item) - _ALBUM_NAMES):
        raise bad(f"unknown parameter {unknown[0]!r} of InputMedia; the real Bot API would ignore it")
    kind = str(item.get("type") or "")
    if kind not in (*_IN_ALBUMS, "animation"):
        raise bad(f"can't parse InputMedia: type {kind!r} is unsupported" if kind else "media not found")
    content: Json = {kind: memory.files.given(kind, item.get("media"), values.get("files", {}))}
    return content | telegram_checks.caption(item)
