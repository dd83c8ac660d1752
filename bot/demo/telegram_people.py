"""People who use the stand-in for Telegram: a shopper in a private chat, a colleague in the staff group."""

import itertools
from typing import TYPE_CHECKING, Any

from bot.demo.telegram_memory import ANONYMOUS_ADMIN, BOT, Chat, Json, Posted
from bot.demo.telegram_methods import media, shallow

if TYPE_CHECKING:
    from bot.demo.telegram import Telegram

_numbers = itertools.count(1)


class Person:
    """Somebody with a Telegram account. What they do reaches the bot as an update."""

    def __init__(self, telegram: "Telegram", user: Json) -> None:
        self.telegram = telegram
        self.user = user
        self.id: int = user["id"]
        self.toasts: list[str] = []

    def _write(self, chat: Chat, content: Json, thread: int | None = None, sender: Json | None = None) -> int:
        chat.reach = "open" if chat.reach == "fresh" else chat.reach
        posted = self.telegram.memory.post(chat, sender or self.user, content, thread)
        self.telegram.updates.add(message=posted.json)
        self.telegram.changed()
        return posted.message_id

    def _edit(self, chat: Chat, message_id: int, text: str) -> None:
        posted = chat.messages[message_id]
        posted.json |= {"text": text, "edit_date": posted.json["date"] + 1}
        posted.edits += 1
        self.telegram.updates.add(edited_message=posted.json)

    def _press(self, messages: list[Posted], button: str, chat: Chat) -> str:
        """Presses the newest button of that text or data; returns the id of the query."""
        for posted in reversed(messages):
            for one in posted.buttons:
                if "callback_data" in one and (one["text"] == button or one["callback_data"] == button):
                    return self.press_raw(posted, one["callback_data"])
        shown = [one["text"] for posted in messages for one in posted.buttons]
        raise LookupError(f"no button {button!r} in chat {chat.id}; there are {shown}")

    def press_raw(self, posted: Posted, data: str) -> str:
        """A press with any data, also of a button that nobody was shown (a changed client can send that)."""
        query = str(7_000_000 + next(_numbers))
        self.telegram.chats.toasts[query] = None
        asked = {"id": query, "from": self.user, "chat_instance": "1", "data": data, "message": posted.json}
        self.telegram.updates.add(callback_query=asked)
        self.telegram.pressed_by[query] = self
        return query


class Shopper(Person):
    """A customer in a private chat with the bot."""

    @property
    def chat(self) -> Chat:
        return self.telegram.memory.chats[self.id]

    @property
    def received(self) -> list[Posted]:
        """What the bot wrote to this person."""
        return [one for one in self.chat.messages.values() if one.by_bot]

    def says(self, text: str, reply_to: int | None = None) -> int:
        content: Json = {"text": text}
        if text.startswith("/"):
            length = len(text.split(maxsplit=1)[0])
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        if reply_to is not None:
            content["reply_to_message"] = shallow(self.chat.messages[reply_to].json)
        return self._write(self.chat, content)

    def starts(self, payload: str = "") -> int:
        return self.says(f"/start {payload}".strip())

    def sends(self, kind: str = "photo", caption: str = "", **more: Any) -> int:
        """A photo, voice, document, sticker, video …"""
        content: Json = {kind: media(kind, f"{kind}-{self.id}-{next(_numbers)}"), **more}
        return self._write(self.chat, {**content, "caption": caption} if caption else content)

    def sends_photo(self, caption: str = "") -> int:
        return self.sends("photo", caption)

    def sends_album(self, count: int, caption: str = "") -> list[int]:
        """Photos that belong together: one update for each, the caption on the first."""
        album = f"album-{next(_numbers)}"
        return [self.sends("photo", caption if item == 0 else "", media_group_id=album) for item in range(count)]

    def edits(self, message_id: int, text: str) -> None:
        self._edit(self.chat, message_id, text)

    def presses(self, button: str) -> str:
        return self._press(list(self.chat.messages.values()), button, self.chat)

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

    @property
    def group(self) -> Chat:
        return self.telegram.group

    def says(self, text: str, thread: int | None = None, reply_to: int | None = None) -> int:
        return self._write(self.group, {"text": text, **self._reply(thread, reply_to)}, thread)

    def sends(self, kind: str, thread: int | None, caption: str = "") -> int:
        content = {kind: media(kind, f"{kind}-{self.id}-{next(_numbers)}"), **self._reply(thread, None)}
        return self._write(self.group, {**content, "caption": caption} if caption else content, thread)

    def says_anonymously(self, text: str, thread: int | None = None) -> int:
        """As an admin who hides behind the group's name."""
        content = {"text": text, "sender_chat": self.group.json, **self._reply(thread, None)}
        return self._write(self.group, content, thread, ANONYMOUS_ADMIN)

    def edits(self, message_id: int, text: str) -> None:
        self._edit(self.group, message_id, text)

    def presses(self, button: str, thread: int | None = None) -> str:
        return self._press(self.telegram.messages(self.group.id, thread), button, self.group)

    def closes(self, thread: int) -> None:
        self.group.topics[thread].closed = True
        self._write(self.group, {"forum_topic_closed": {}}, thread)

    def reopens(self, thread: int) -> None:
        self.group.topics[thread].closed = False
        self._write(self.group, {"forum_topic_reopened": {}}, thread)

    def deletes_topic(self, thread: int) -> None:
        """By hand: no update tells of it."""
        self.telegram.memory.delete_topic(self.group, thread)

    def _reply(self, thread: int | None, reply_to: int | None) -> Json:
        """In a topic even a message that replies to nothing names the topic's first message."""
        first = reply_to if reply_to is not None else thread
        original = self.group.messages.get(first) if first is not None else None
        return {"reply_to_message": shallow(original.json)} if original else {}


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
