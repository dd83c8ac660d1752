"""The Bot API methods about forum topics."""

from collections.abc import Mapping
from typing import Any

from bot.demo.telegram_faults import bad
from bot.demo.telegram_markup import units
from bot.demo.telegram_memory import BOT, GENERAL, ICONS, Chat, Json, Memory, Topic
from bot.demo.telegram_methods import unpin
from bot.demo.telegram_posting import Method, number

LONGEST_NAME = 128
_COLORS = frozenset({7322096, 16766590, 13338331, 9367192, 16749490, 16478047})


class Topics:
    """Topics of forums. What the bot made it may also change without the right to manage topics."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.methods: dict[str, Method] = {
            "getForumTopicIconStickers": self._icons,
            "createForumTopic": self._create,
            "editForumTopic": self._edit,
            "closeForumTopic": self._close,
            "reopenForumTopic": self._reopen,
            "deleteForumTopic": self._delete,
            "unpinAllForumTopicMessages": self._unpin,
            "editGeneralForumTopic": self._edit_general,
            "closeGeneralForumTopic": self._close_general,
            "reopenGeneralForumTopic": self._reopen_general,
            "hideGeneralForumTopic": self._hide_general,
            "unhideGeneralForumTopic": self._unhide_general,
            "unpinAllGeneralForumTopicMessages": self._unpin_general,
        }
        self.hidden: set[int] = set()
        """Forums whose General is hidden."""

    async def _icons(self, values: Mapping[str, Any]) -> list[Json]:
        shape = {"type": "custom_emoji", "width": 100, "height": 100, "is_animated": True, "is_video": False}
        return [
            {"file_id": f"icon-{key}", "file_unique_id": key, **shape, "emoji": emoji, "custom_emoji_id": key}
            for key, emoji in ICONS.items()
        ]

    def _forum(self, values: Mapping[str, Any]) -> Chat:
        chat = self.memory.writable(values.get("chat_id"))
        if not chat.is_forum:
            raise bad("the chat is not a forum")
        return chat

    def _topic(self, values: Mapping[str, Any], wish: str) -> tuple[Chat, Topic]:
        chat, thread = self._forum(values), number(values, "message_thread_id")
        topic = chat.topics.get(thread)
        if not chat.bot_manages_topics and (topic is None or topic.maker != BOT["id"]):
            raise bad(f"not enough rights to {wish} the topic")
        if thread in chat.gone_topics:
            raise bad("TOPIC_DELETED")
        if topic is None:
            raise bad("TOPIC_ID_INVALID")
        return chat, topic

    def _general(self, values: Mapping[str, Any], wish: str) -> Chat:
        chat = self._forum(values)
        if not chat.bot_manages_topics:
            raise bad(f"not enough rights to {wish} the topic")
        return chat

    async def _create(self, values: Mapping[str, Any]) -> Json:
        chat = self._forum(values)
        if not chat.bot_manages_topics:
            raise bad("not enough rights to create a topic")
        name, icon = _name(values), _icon(values)
        color = number(values, "icon_color") or 7322096
        if color not in _COLORS:
            raise bad("invalid icon color specified")
        topic = self.memory.create_topic(chat, BOT, name, icon)
        made: Json = {"message_thread_id": topic.thread_id, "name": topic.name, "icon_color": color}
        return {**made, "icon_custom_emoji_id": icon} if icon else made

    async def _edit(self, values: Mapping[str, Any]) -> bool:
        """What is not given stays; an empty icon takes it away."""
        _, topic = self._topic(values, "edit")
        name = _name(values) if values.get("name") else topic.name
        icon = _icon(values) if "icon_custom_emoji_id" in values else topic.icon
        if not values.get("name") and "icon_custom_emoji_id" not in values:
            return True
        if (name, icon) == (topic.name, topic.icon):
            raise bad("TOPIC_NOT_MODIFIED")
        topic.name, topic.icon = name, icon
        return True

    async def _close(self, values: Mapping[str, Any]) -> bool:
        return _turn(self._topic(values, "close or open")[1], closed=True)

    async def _reopen(self, values: Mapping[str, Any]) -> bool:
        return _turn(self._topic(values, "close or open")[1], closed=False)

    async def _delete(self, values: Mapping[str, Any]) -> bool:
        chat, topic = self._topic(values, "delete")
        self.memory.delete_topic(chat, topic.thread_id)
        return True

    async def _unpin(self, values: Mapping[str, Any]) -> bool:
        chat, topic = self._topic(values, "edit")
        unpin(one for one in chat.messages.values() if one.thread_id == topic.thread_id)
        return True

    async def _edit_general(self, values: Mapping[str, Any]) -> bool:
        general, name = self._general(values, "edit").general, _name(values)
        if general.name == name:
            raise bad("TOPIC_NOT_MODIFIED")
        general.name = name
        return True

    async def _close_general(self, values: Mapping[str, Any]) -> bool:
        return _turn(self._general(values, "close or open").general, closed=True)

    async def _reopen_general(self, values: Mapping[str, Any]) -> bool:
        chat = self._general(values, "close or open")
        self.hidden.discard(chat.id)
        return _turn(chat.general, closed=False)

    async def _hide_general(self, values: Mapping[str, Any]) -> bool:
        """Hiding also closes it."""
        chat = self._general(values, "close or open")
        if chat.id in self.hidden:
            raise bad("TOPIC_NOT_MODIFIED")
        self.hidden.add(chat.id)
        chat.general.closed = True
        return True

    async def _unhide_general(self, values: Mapping[str, Any]) -> bool:
        chat = self._general(values, "close or open")
        if chat.id not in self.hidden:
            raise bad("TOPIC_NOT_MODIFIED")
        self.hidden.discard(chat.id)
        return True

    async def _unpin_general(self, values: Mapping[str, Any]) -> bool:
        messages = self._general(values, "edit").messages.values()
        unpin(one for one in messages if one.thread_id in (None, GENERAL))
        return True


def _turn(topic: Topic, closed: bool) -> bool:
    if topic.closed == closed:
        raise bad("TOPIC_NOT_MODIFIED")
    topic.closed = closed
    return True


def _name(values: Mapping[str, Any]) -> str:
    """The real one cuts a long name off; that is refused here, so that nobody wonders where the end has gone."""
    name = str(values.get("name") or "").strip()
    if not name:
        raise bad("name must be non-empty")
    if units(name) > LONGEST_NAME:
        raise bad("invalid forum topic name specified")
    return name


def _icon(values: Mapping[str, Any]) -> str | None:
    icon = str(values.get("icon_custom_emoji_id") or "")
    if icon and icon not in ICONS:
        raise bad("DOCUMENT_INVALID")
    return icon or None
