"""What the stand-in for Telegram remembers: people, chats, topics and messages, as the Bot API shows them."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.demo.telegram_faults import Refused

Json = dict[str, Any]
BOT: Json = {"id": 424242, "is_bot": True, "first_name": "Aftercart demo", "username": "aftercart_demo_bot"}
ANONYMOUS_ADMIN: Json = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}


@dataclass
class Topic:
    thread_id: int
    name: str
    icon: str | None = None
    closed: bool = False


@dataclass
class Posted:
    """A message in a chat. `json` is what an update or a result would carry."""

    message_id: int
    thread_id: int | None
    json: Json
    edits: int = 0
    pinned: bool = False
    reactions: list[str] = field(default_factory=list)
    copied_from: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        return str(self.json.get("text") or self.json.get("caption") or "")

    @property
    def by_bot(self) -> bool:
        return bool(self.json["from"]["id"] == BOT["id"])

    @property
    def kind(self) -> str:
        """`text`, `photo`, `voice`, … or a service message such as `forum_topic_created`."""
        about = {"message_id", "from", "chat", "date", "reply_to_message", "reply_markup", "caption", "edit_date"}
        about |= {"message_thread_id", "is_topic_message", "media_group_id", "sender_chat"}
        return next((key for key in self.json if key not in about), "text")

    @property
    def buttons(self) -> list[Json]:
        return [button for row in self.json.get("reply_markup", {}).get("inline_keyboard", []) for button in row]


@dataclass
class Chat:
    """A private chat, a group or a supergroup. `reach` of a person is fresh, open, blocked or gone."""

    id: int
    kind: str
    title: str = ""
    is_forum: bool = False
    reach: str = "open"
    moved_to: int | None = None
    bot_manages_topics: bool = True
    bot_posts_in_closed: bool = True
    topics: dict[int, Topic] = field(default_factory=dict)
    gone_topics: set[int] = field(default_factory=set)
    messages: dict[int, Posted] = field(default_factory=dict)
    members: dict[int, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    @property
    def json(self) -> Json:
        if self.kind == "private":
            return {"id": self.id, "type": self.kind, "first_name": self.title}
        shown: Json = {"id": self.id, "type": self.kind, "title": self.title}
        return {**shown, "is_forum": True} if self.is_forum else shown


class Memory:
    """Every chat and person that the stand-in knows."""

    def __init__(self) -> None:
        self.chats: dict[int, Chat] = {}
        self.people: dict[int, Json] = {BOT["id"]: BOT}

    def chat(self, chat_id: Any) -> Chat:
        """The chat, or the refusal that Telegram gives."""
        try:
            found = self.chats[int(chat_id)]
        except (KeyError, TypeError, ValueError):
            raise Refused(400, "Bad Request: chat not found") from None
        if found.moved_to:
            raise Refused(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": found.moved_to},
            )
        return found

    def writable(self, chat_id: Any) -> Chat:
        """The chat if the bot may write into it."""
        found = self.chat(chat_id)
        refusals = {
            "fresh": "Forbidden: bot can't initiate conversation with a user",
            "blocked": "Forbidden: bot was blocked by the user",
            "gone": "Forbidden: user is deactivated",
            "kicked": "Forbidden: bot was kicked from the supergroup chat",
        }
        if found.reach in refusals:
            raise Refused(403, refusals[found.reach])
        return found

    def post(self, chat: Chat, sender: Json, content: Json, thread_id: int | None = None) -> Posted:
        """A new message; content is the part that differs (text, photo, a service message, …)."""
        number = next(chat.numbers)
        body: Json = {"message_id": number, "from": sender, "chat": chat.json, "date": int(time.time())}
        if thread_id is not None:
            body |= {"message_thread_id": thread_id, "is_topic_message": True}
        posted = Posted(number, thread_id, {**body, **content})
        chat.messages[number] = posted
        return posted

    def create_topic(self, chat: Chat, maker: Json, name: str, icon: str | None = None) -> Topic:
        created = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        first = self.post(chat, maker, created)
        first.thread_id = first.message_id
        first.json |= {"message_thread_id": first.message_id, "is_topic_message": True}
        topic = Topic(first.message_id, name, icon)
        chat.topics[topic.thread_id] = topic
        return topic

    def delete_topic(self, chat: Chat, thread_id: int) -> None:
        """Topic and messages vanish, and no update tells of it."""
        del chat.topics[thread_id]
        chat.gone_topics.add(thread_id)
        for number in [number for number, one in chat.messages.items() if one.thread_id == thread_id]:
            del chat.messages[number]
