"""The Bot API methods that copy and forward messages, alone or up to a hundred at once."""

import itertools
from collections.abc import Mapping
from typing import Any

from bot.demo import telegram_checks, telegram_posting
from bot.demo.telegram_faults import bad
from bot.demo.telegram_files import KINDS
from bot.demo.telegram_memory import BOT, Chat, Json, Memory, Posted
from bot.demo.telegram_methods import CAPTIONED
from bot.demo.telegram_posting import Method, found, place, post

_CONTENTS = ("text", *KINDS, "location", "contact", "venue", "dice", "poll")
_WORDS = ("entities", "caption", "caption_entities", "show_caption_above_media", "has_media_spoiler")


class Copies:
    """A copy looks as if the bot had written it; a forwarded message says where it is from."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._albums = itertools.count(1)
        self.methods: dict[str, Method] = {
            "copyMessage": self._copy,
            "copyMessages": self._copy_several,
            "forwardMessage": self._forward,
            "forwardMessages": self._forward_several,
        }

    async def _copy(self, values: Mapping[str, Any]) -> Json:
        chat, thread = place(self.memory, values, gone="TOPIC_DELETED")
        source = self.memory.readable(values.get("from_chat_id"))
        original = found(source, values, "copy")
        if original.kind not in _CONTENTS:
            raise bad("message can't be copied")
        content = _content(original)
        if "caption" in values and original.kind in CAPTIONED:  # also an empty one takes the place of the old
            content = {original.kind: content[original.kind], **telegram_checks.caption(values)}
        elif original.kind in CAPTIONED:
            telegram_checks.caption({"caption": content.get("caption")})  # of a Premium customer it may be longer
        copy = post(self.memory, chat, thread, values, content)
        copy.copied_from = (source.id, original.message_id)
        return {"message_id": copy.message_id}

    async def _forward(self, values: Mapping[str, Any]) -> Json:
        chat, thread = place(self.memory, values)
        source = self.memory.readable(values.get("from_chat_id"))
        original = found(source, values, "forward")
        if not _may_be_forwarded(original):
            raise bad("message can't be forwarded")
        return self._forwarded(chat, thread, source, original, {}).json

    async def _copy_several(self, values: Mapping[str, Any]) -> list[Json]:
        chat, thread = place(self.memory, values)
        source, originals = self._several(values)
        originals = [one for one in originals if one.kind in _CONTENTS]
        answer = []
        for original, album in self._grouped(originals):
            content = _content(original) | album
            if values.get("remove_caption"):
                content = {key: value for key, value in content.items() if not key.startswith("caption")}
            copy = self.memory.post(chat, BOT, content, thread)
            copy.copied_from = (source.id, original.message_id)
            answer.append({"message_id": copy.message_id})
        return answer

    async def _forward_several(self, values: Mapping[str, Any]) -> list[Json]:
        chat, thread = place(self.memory, values)
        source, originals = self._several(values)
        originals = [one for one in originals if _may_be_forwarded(one)]
        pairs = self._grouped(originals)
        sent = [self._forwarded(chat, thread, source, original, album) for original, album in pairs]
        return [{"message_id": one.message_id} for one in sent]

    def _several(self, values: Mapping[str, Any]) -> tuple[Chat, list[Posted]]:
        """The messages that are there; the others are passed over."""
        ids = telegram_posting.numbers(values)
        if any(later <= earlier for earlier, later in itertools.pairwise(ids)):
            raise bad("message identifiers must be in a strictly increasing order")
        source = self.memory.readable(values.get("from_chat_id"))
        originals = [source.messages[one] for one in ids if one in source.messages]
        if not originals:
            raise bad("there are no messages to forward")
        return source, originals

    def _grouped(self, originals: list[Posted]) -> list[tuple[Posted, Json]]:
        """Each with the new id of its album: what was together stays together."""
        if not originals:
            raise bad("messages can't be forwarded")
        new: dict[str, str] = {}
        pairs: list[tuple[Posted, Json]] = []
        for one in originals:
            if one.album and one.album not in new:
                new[one.album] = f"copied-album-{next(self._albums)}"
            pairs.append((one, {"media_group_id": new[one.album]} if one.album else {}))
        return pairs

    def _forwarded(self, chat: Chat, thread: int | None, source: Chat, original: Posted, album: Json) -> Posted:
        origin = original.json.get("forward_origin") or {
            "type": "user",
            "sender_user": original.json["from"],
            "date": original.json["date"],
        }
        forwarded = self.memory.post(chat, BOT, {**_content(original), **album, "forward_origin": origin}, thread)
        forwarded.copied_from = (source.id, original.message_id)
        return forwarded


def _may_be_forwarded(original: Posted) -> bool:
    return original.kind in _CONTENTS and not original.json.get("has_protected_content")


def _content(original: Posted) -> Json:
    names = (original.kind, *_WORDS)
    return {name: original.json[name] for name in names if name in original.json}
