"""What the stand-in for Telegram remembers: people, chats, topics and messages, as the Bot API shows them."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.demo.telegram_faults import Refused, bad
from bot.demo.telegram_files import Files
from bot.demo.telegram_limits import Clock

Json = dict[str, Any]
BOT: Json = {"id": 424242, "is_bot": True, "first_name": "Aftercart demo", "username": "aftercart_demo_bot"}
ANONYMOUS_ADMIN: Json = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
GENERAL = 1
ICONS = {
    "5312536423851630001": "💡",
    "5312016608254762256": "⚡️",
    "5377498341074542641": "⁉️",
    "5237699328843200968": "✅",
    "5312241539987020022": "🔥",
    "5379748062124056162": "❗️",
    "5418085807791545980": "🔝",
    "5350554349074391003": "💻",
}
"""What `getForumTopicIconStickers` offers, by custom emoji id: the only icons that every bot may set."""

_ABOUT_AS_WORDS = (
    "message_id from chat date edit_date reply_to_message external_reply quote reply_markup message_thread_id "
    "is_topic_message media_group_id sender_chat forward_origin has_protected_content entities caption "
    "caption_entities has_media_spoiler show_caption_above_media"
)
_ABOUT = frozenset(_ABOUT_AS_WORDS.split())
_REACHES = {
    "fresh": (403, "Forbidden: bot can't initiate conversation with a user"),
    "blocked": (403, "Forbidden: bot was blocked by the user"),
    "gone": (403, "Forbidden: user is deactivated"),
    "kicked": (403, "Forbidden: bot was kicked from the supergroup chat"),
    "left": (403, "Forbidden: bot is not a member of the supergroup chat"),
    "muted": (400, "Bad Request: not enough rights to send text messages to the chat"),
}


@dataclass
class Topic:
    """`maker` is the id of whoever created it; `icon` a custom emoji id."""

    thread_id: int
    name: str
    icon: str | None = None
    closed: bool = False
    maker: int = 0

    @property
    def emoji(self) -> str:
        """The icon as people see it; empty for none."""
        return ICONS.get(self.icon or "", "")


@dataclass
class Posted:
    """A message in a chat. `json` is what an update or a result would carry; `reactions` are the bot's."""

    message_id: int
    thread_id: int | None
    json: Json
    edits: int = 0
    pinned: bool = False
    reactions: list[str] = field(default_factory=list)
    reacted: dict[int, list[str]] = field(default_factory=dict)
    """What people reacted with, by user id."""
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
        return next((key for key in self.json if key not in _ABOUT), "text")

    @property
    def buttons(self) -> list[Json]:
        return [button for row in self.json.get("reply_markup", {}).get("inline_keyboard", []) for button in row]

    @property
    def reply_to(self) -> int | None:
        """The message it replies to. In a topic that is its first one when it replies to nothing."""
        other = self.json.get("reply_to_message") or self.json.get("external_reply") or {}
        return other.get("message_id")

    @property
    def quote(self) -> str:
        """The words of the other message that it replies to."""
        return str(self.json.get("quote", {}).get("text", ""))

    @property
    def edited(self) -> bool:
        return "edit_date" in self.json

    @property
    def album(self) -> str | None:
        return self.json.get("media_group_id")

    @property
    def file_id(self) -> str | None:
        """Of the file in it, if it has one."""
        inside = self.json.get(self.kind)
        inside = inside[-1] if isinstance(inside, list) and inside else inside
        return inside.get("file_id") if isinstance(inside, dict) else None


@dataclass
class Chat:
    """A private chat, a group or a supergroup.

    `reach` of a person is fresh, open, blocked or gone; of a group open, muted, left or kicked. `allowed_reactions`
    None means all. A group with a `username` is public; `linked` is the channel whose comments stand in it.
    """

    id: int
    kind: str
    title: str = ""
    is_forum: bool = False
    username: str = ""
    linked: int | None = None
    reach: str = "open"
    moved_to: int | None = None
    bot_manages_topics: bool = True
    bot_posts_in_closed: bool = True
    bot_pins: bool = True
    bot_deletes: bool = True
    allowed_reactions: frozenset[str] | None = None
    topics: dict[int, Topic] = field(default_factory=dict)
    gone_topics: set[int] = field(default_factory=set)
    general: Topic = field(default_factory=lambda: Topic(GENERAL, "General"))
    messages: dict[int, Posted] = field(default_factory=dict)
    members: dict[int, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    @property
    def json(self) -> Json:
        if self.kind == "private":
            return {"id": self.id, "type": self.kind, "first_name": self.title}
        shown: Json = {"id": self.id, "type": self.kind, "title": self.title}
        if self.username:
            shown["username"] = self.username
        return {**shown, "is_forum": True} if self.is_forum else shown


class Memory:
    """Every chat, person and file that the stand-in knows."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.clock = clock or Clock()
        self.chats: dict[int, Chat] = {}
        self.people: dict[int, Json] = {BOT["id"]: BOT}
        self.files = Files()

    def chat(self, chat_id: Any) -> Chat:
        """The chat, or the refusal that Telegram gives."""
        if chat_id in (None, ""):
            raise bad("chat_id is empty")
        try:
            found = self.chats[int(chat_id)]
        except (KeyError, TypeError, ValueError):
            raise bad("chat not found") from None
        if found.moved_to:
            words = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refused(400, words, {"migrate_to_chat_id": found.moved_to})
        return found

    def writable(self, chat_id: Any) -> Chat:
        """The chat if the bot may write into it."""
        found = self.chat(chat_id)
        if found.reach in _REACHES:
            raise Refused(*_REACHES[found.reach])
        return found

    def readable(self, chat_id: Any) -> Chat:
        """The chat if the bot may look into it: also one where it must not write."""
        found = self.chat(chat_id)
        if found.reach in ("kicked", "left"):
            raise Refused(*_REACHES[found.reach])
        return found

    def post(self, chat: Chat, sender: Json, content: Json, thread_id: int | None = None) -> Posted:
        """A new message; content is the part that differs (text, photo, a service message, …)."""
        number = next(chat.numbers)
        body: Json = {"message_id": number, "from": sender, "chat": chat.json, "date": int(self.clock())}
        if thread_id is not None:
            body |= {"message_thread_id": thread_id, "is_topic_message": True}
        posted = Posted(number, thread_id, {**body, **content})
        chat.messages[number] = posted
        return posted

    def create_topic(self, chat: Chat, maker: Json, name: str, icon: str | None = None) -> Topic:
        created: Json = {"name": name, "icon_color": 7322096}
        if icon:
            created["icon_custom_emoji_id"] = icon
        first = self.post(chat, maker, {"forum_topic_created": created})
        first.thread_id = first.message_id
        first.json |= {"message_thread_id": first.message_id, "is_topic_message": True}
        topic = Topic(first.message_id, name, icon, maker=maker["id"])
        chat.topics[topic.thread_id] = topic
        return topic

    def delete_topic(self, chat: Chat, thread_id: int) -> None:
        """Topic and messages vanish, and no update tells of it."""
        del chat.topics[thread_id]
        chat.gone_topics.add(thread_id)
        for number in [number for number, one in chat.messages.items() if one.thread_id == thread_id]:
            del chat.messages[number]


def shallow(message: Json) -> Json:
    """A message as another one carries it: without what it replied to."""
    return {key: value for key, value in message.items() if key not in ("reply_to_message", "quote", "external_reply")}
