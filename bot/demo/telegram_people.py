"""People who use the stand-in for Telegram: a shopper in a private chat, a colleague in the staff group."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bot.demo.telegram_markup import units
from bot.demo.telegram_memory import ANONYMOUS_ADMIN, BOT, Chat, Json, Posted, shallow
from bot.demo.telegram_posting import quoted

if TYPE_CHECKING:
    from bot.demo.telegram import Telegram

_numbers = itertools.count(1)


class Person:
    """Somebody with a Telegram account. What they do reaches the bot as an update, where Telegram sends one.

    `toasts` are the answers they saw to buttons they pressed, `alerts` those of them that had to be closed.
    """

    def __init__(self, telegram: "Telegram", user: Json) -> None:
        self.telegram = telegram
        self.user = user
        self.id: int = user["id"]
        self.toasts: list[str] = []
        self.alerts: list[str] = []

    @property
    def chat(self) -> Chat:
        """Where they talk with the bot."""
        raise NotImplementedError

    @property
    def menu(self) -> list[str]:
        """The commands that they are offered there."""
        return [str(one["command"]) for one in self.telegram.chats.menus.shown(self.chat, self.user)]

    def edits(self, message_id: int, text: str) -> None:
        """Other words: of a text, or beside a file."""
        posted = self.chat.messages[message_id]
        self._edit(posted, {"text" if posted.kind == "text" else "caption": text})

    def edits_media(self, message_id: int, kind: str = "photo", caption: str = "") -> None:
        """Another file in place of the one in a message."""
        posted = self.chat.messages[message_id]
        for name in (posted.kind, "text", "entities", "caption", "caption_entities"):
            posted.json.pop(name, None)
        self._edit(posted, {kind: self._file(kind), **({"caption": caption} if caption else {})})

    def deletes(self, message_id: int) -> None:
        """No update tells of it."""
        del self.chat.messages[message_id]

    def reacts(self, message_id: int, *emojis: str) -> None:
        """With these emoji, or with none any more. A bot hears of it if it asked for `message_reaction`."""
        posted = self.chat.messages[message_id]
        old, posted.reacted[self.id] = posted.reacted.get(self.id, []), list(emojis)
        if not emojis:
            del posted.reacted[self.id]
        told: Json = {"chat": self.chat.json, "message_id": message_id, "user": self.user, "date": self._now()}
        told |= {"old_reaction": _reactions(old), "new_reaction": _reactions(emojis)}
        self.telegram.updates.add(message_reaction=told)
        self.telegram.changed()

    def pins(self, message_id: int) -> int:
        """A service message tells of it."""
        posted = self.chat.messages[message_id]
        posted.pinned = True
        return self._write({"pinned_message": shallow(posted.json)}, posted.thread_id)

    def press_raw(self, posted: Posted, data: str) -> str:
        """A press with any data, also of a button that nobody was shown (a changed client can send that)."""
        query = str(7_000_000 + next(_numbers))
        self.telegram.chats.toasts[query] = None
        self.telegram.chats.pressed_at[query] = self.telegram.clock()
        asked = {"id": query, "from": self.user, "chat_instance": "1", "data": data, "message": posted.json}
        self.telegram.updates.add(callback_query=asked)
        self.telegram.pressed_by[query] = self
        return query

    def _press(self, messages: list[Posted], button: str) -> str:
        """Presses the newest button of that text or data; returns the id of the query."""
        for posted in reversed(messages):
            for one in posted.buttons:
                if "callback_data" in one and (one["text"] == button or one["callback_data"] == button):
                    return self.press_raw(posted, one["callback_data"])
        shown = [one["text"] for posted in messages for one in posted.buttons]
        raise LookupError(f"no button {button!r} in chat {self.chat.id}; there are {shown}")

    def _write(self, content: Json, thread: int | None = None, sender: Json | None = None) -> int:
        chat = self.chat
        chat.reach = "open" if chat.reach == "fresh" else chat.reach
        posted = self.telegram.memory.post(chat, sender or self.user, content, thread)
        self.telegram.updates.add(message=posted.json)
        self.telegram.changed()
        return posted.message_id

    def _edit(self, posted: Posted, content: Json) -> None:
        posted.json |= {**content, "edit_date": max(self._now(), posted.json["date"] + 1)}
        posted.edits += 1
        self.telegram.updates.add(edited_message=posted.json)
        self.telegram.changed()

    def _text(self, text: str) -> Json:
        if not text.startswith("/"):
            return {"text": text}
        return {
            "text": text,
            "entities": [{"type": "bot_command", "offset": 0, "length": units(text.split(maxsplit=1)[0])}],
        }

    def _media(self, kind: str, caption: str, more: Json) -> Json:
        content: Json = {kind: self._file(kind), **more}
        return {**content, "caption": caption} if caption else content

    def _file(self, kind: str) -> Any:
        return self.telegram.memory.files.new(kind, file_id=f"{kind}-{self.id}-{next(_numbers)}")

    def _reply(self, reply_to: int | None, quote: str) -> Json:
        original = self.chat.messages.get(reply_to) if reply_to is not None else None
        if original is None:
            return {}
        if quote and quote not in original.text:
            raise LookupError(f"{quote!r} is not in the message {reply_to}")
        return {"reply_to_message": shallow(original.json), **(quoted(quote, original) if quote else {})}

    def _now(self) -> int:
        return int(self.telegram.clock())


class Shopper(Person):
    """A customer in a private chat with the bot."""

    @property
    def chat(self) -> Chat:
        return self.telegram.memory.chats[self.id]

    @property
    def received(self) -> list[Posted]:
        """What the bot wrote to this person."""
        return [one for one in self.chat.messages.values() if one.by_bot]

    def says(self, text: str, reply_to: int | None = None, quote: str = "") -> int:
        return self._write({**self._text(text), **self._reply(reply_to, quote)})

    def replies_to(self, message_id: int, text: str, quote: str = "") -> int:
        return self.says(text, message_id, quote)

    def starts(self, payload: str = "") -> int:
        return self.says(f"/start {payload}".strip())

    def sends(self, kind: str = "photo", caption: str = "", **more: Any) -> int:
        """A photo, voice, document, sticker, video …"""
        return self._write(self._media(kind, caption, more))

    def sends_photo(self, caption: str = "") -> int:
        return self.sends("photo", caption)

    def sends_voice(self, caption: str = "") -> int:
        return self.sends("voice", caption)

    def sends_sticker(self) -> int:
        return self.sends("sticker")

    def sends_file(self, name: str, content: bytes, caption: str = "") -> int:
        """A document that `getFile` and a download really give."""
        document = self.telegram.memory.files.new("document", content, name=name)
        return self._write({"document": document, **({"caption": caption} if caption else {})})

    def sends_album(self, count: int, caption: str = "", kinds: Sequence[str] = ("photo",)) -> list[int]:
        """Files that belong together: one update for each, the caption on the first. `kinds` take turns."""
        album = f"album-{next(_numbers)}"
        return [
            self.sends(kinds[item % len(kinds)], caption if item == 0 else "", media_group_id=album)
            for item in range(count)
        ]

    def presses(self, button: str) -> str:
        return self._press(list(self.chat.messages.values()), button)

    def blocks(self) -> None:
        self.chat.reach = "blocked"
        self._membership("member", "kicked")

    def unblocks(self) -> None:
        self.chat.reach = "open"
        self._membership("kicked", "member")

    def deletes_account(self) -> None:
        self.chat.reach = "gone"

    def _membership(self, old: str, new: str) -> None:
        self.telegram.updates.add(my_chat_member=membership(self.chat, self.user, old, new))


class Staff(Person):
    """A colleague in the staff group; `thread` is the topic, None is General."""

    other: Chat | None = None

    @property
    def chat(self) -> Chat:
        return self.group

    @property
    def group(self) -> Chat:
        return self.other or self.telegram.group

    def in_group(self, chat: Chat, status: str = "member") -> "Staff":
        """The same colleague in another group, which they join by that."""
        there = Staff(self.telegram, self.user)
        there.other = chat
        chat.members[self.id] = status
        return there

    def says(self, text: str, thread: int | None = None, reply_to: int | None = None, quote: str = "") -> int:
        return self._write({**self._text(text), **self._in_topic(thread, reply_to, quote)}, thread)

    def replies_to(self, message_id: int, text: str, quote: str = "") -> int:
        """In the topic of that message."""
        return self.says(text, self.chat.messages[message_id].thread_id, message_id, quote)

    def sends(self, kind: str, thread: int | None, caption: str = "", **more: Any) -> int:
        return self._write(self._media(kind, caption, {**more, **self._in_topic(thread)}), thread)

    def sends_album(self, count: int, thread: int | None, caption: str = "") -> list[int]:
        album = f"album-{next(_numbers)}"
        words = [caption, *[""] * count]
        return [self.sends("photo", thread, words[item], media_group_id=album) for item in range(count)]

    def says_anonymously(self, text: str, thread: int | None = None) -> int:
        """As an admin who hides behind the group's name."""
        content = {"text": text, "sender_chat": self.group.json, **self._in_topic(thread)}
        return self._write(content, thread, ANONYMOUS_ADMIN)

    def presses(self, button: str, thread: int | None = None) -> str:
        return self._press(self.telegram.messages(self.group.id, thread), button)

    def creates_topic(self, name: str, icon: str | None = None) -> int:
        """By hand; returns its thread."""
        topic = self.telegram.memory.create_topic(self.group, self.user, name, icon)
        self.telegram.updates.add(message=self.group.messages[topic.thread_id].json)
        return topic.thread_id

    def edits_topic(self, thread: int, name: str = "", icon: str | None = None) -> None:
        """Another name or icon; an empty icon takes it away."""
        topic = self.group.topics[thread]
        edited = {"name": name} if name else {}
        if icon is not None:
            edited["icon_custom_emoji_id"] = icon
        topic.name, topic.icon = name or topic.name, topic.icon if icon is None else icon or None
        self._write({"forum_topic_edited": edited, **self._in_topic(thread)}, thread)

    def closes(self, thread: int) -> None:
        self.group.topics[thread].closed = True
        self._write({"forum_topic_closed": {}, **self._in_topic(thread)}, thread)

    def reopens(self, thread: int) -> None:
        self.group.topics[thread].closed = False
        self._write({"forum_topic_reopened": {}, **self._in_topic(thread)}, thread)

    def deletes_topic(self, thread: int) -> None:
        """By hand: no update tells of it."""
        self.telegram.memory.delete_topic(self.group, thread)

    def leaves(self) -> None:
        """The group. A service message tells of it, and a `chat_member` update if the bot asked for those."""
        self._turns("left", {"left_chat_member": self.user})

    def joins(self, status: str = "member") -> None:
        self._turns(status, {"new_chat_members": [self.user]})

    def _turns(self, status: str, content: Json) -> None:
        old, self.group.members[self.id] = self.group.members.get(self.id, "left"), status
        told: Json = {"chat": self.group.json, "from": self.user, "date": self._now()}
        told |= {"old_chat_member": {"status": old, "user": self.user}}
        self.telegram.updates.add(chat_member={**told, "new_chat_member": {"status": status, "user": self.user}})
        self._write(content)

    def _in_topic(self, thread: int | None, reply_to: int | None = None, quote: str = "") -> Json:
        """In a topic even a message that replies to nothing names the topic's first message."""
        return self._reply(reply_to if reply_to is not None else thread, quote)


def membership(chat: Chat, by: Json, old: str, new: str) -> Json:
    """The content of a `my_chat_member` update: the bot's own standing in a chat changed."""

    def standing(status: str) -> Json:
        return {"status": status, "user": BOT, **({"until_date": 0} if status == "kicked" else {})}

    return {
        "chat": chat.json,
        "from": by,
        "date": 1,
        "old_chat_member": standing(old),
        "new_chat_member": standing(new),
    }


def _reactions(emojis: Sequence[str]) -> list[Json]:
    return [{"type": "emoji", "emoji": emoji} for emoji in emojis]
