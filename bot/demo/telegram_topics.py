"""The Bot API methods about the bot itself, chats, forum topics and pressed buttons."""

from collections.abc import Mapping
from typing import Any

from bot.demo.telegram_faults import Refused
from bot.demo.telegram_memory import BOT, Chat, Json, Memory, Topic
from bot.demo.telegram_methods import Method
from bot.demo.telegram_updates import Updates

_ICONS = {
    "5312536423851630001": "💡",
    "5312016608254762256": "⚡️",
    "5377498341074542641": "⁉️",
    "5237699328843200968": "✅",
}


class Chats:
    """Methods about everything but messages. `toasts` are the answers to pressed buttons, by callback query id."""

    def __init__(self, memory: Memory, updates: Updates) -> None:
        self.memory = memory
        self.updates = updates
        self.toasts: dict[str, str | None] = {}
        self.commands: dict[tuple[str, str], list[Json]] = {}
        self.sees_all_messages = True
        self.methods: dict[str, Method] = {
            "getMe": self._me,
            "getUpdates": self._updates,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._webhook_info,
            "getChat": self._chat,
            "getChatMember": self._member,
            "sendChatAction": self._action,
            "setMyCommands": self._set_commands,
            "answerCallbackQuery": self._answer_callback,
            "getForumTopicIconStickers": self._icons,
            "createForumTopic": self._create_topic,
            "editForumTopic": self._edit_topic,
            "closeForumTopic": self._close_topic,
            "reopenForumTopic": self._reopen_topic,
            "deleteForumTopic": self._delete_topic,
        }

    async def _me(self, values: Mapping[str, Any]) -> Json:
        about = {"can_join_groups": True, "can_read_all_group_messages": self.sees_all_messages}
        return {**BOT, **about, "supports_inline_queries": False}

    async def _updates(self, values: Mapping[str, Any]) -> list[Json]:
        limit = min(100, int(values.get("limit") or 100))
        return await self.updates.get(
            int(values.get("offset") or 0), limit, min(50.0, float(values.get("timeout") or 0))
        )

    async def _set_webhook(self, values: Mapping[str, Any]) -> bool:
        self.updates.set_webhook(str(values["url"]), str(values.get("secret_token") or ""))
        return True

    async def _delete_webhook(self, values: Mapping[str, Any]) -> bool:
        self.updates.delete_webhook(bool(values.get("drop_pending_updates")))
        return True

    async def _webhook_info(self, values: Mapping[str, Any]) -> Json:
        url = self.updates.webhook["url"] if self.updates.webhook else ""
        info: Json = {"url": url, "has_custom_certificate": False, "pending_update_count": len(self.updates.pending)}
        return {**info, "last_error_message": self.updates.last_error} if self.updates.last_error else info

    async def _chat(self, values: Mapping[str, Any]) -> Json:
        chat = self.memory.chat(values.get("chat_id"))
        return {**chat.json, "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": _GIFTS}

    async def _member(self, values: Mapping[str, Any]) -> Json:
        chat, user_id = self.memory.chat(values.get("chat_id")), int(values.get("user_id") or 0)
        if user_id not in self.memory.people:
            raise Refused(400, "Bad Request: PARTICIPANT_ID_INVALID")
        if user_id == BOT["id"] and chat.kind != "private":
            return {"status": "administrator", "user": BOT, **_rights(chat)}
        return {"status": chat.members.get(user_id, "left"), "user": self.memory.people[user_id], "is_anonymous": False}

    async def _action(self, values: Mapping[str, Any]) -> bool:
        self.memory.writable(values.get("chat_id"))
        return True  # also for deleted topics, as the real one does

    async def _set_commands(self, values: Mapping[str, Any]) -> bool:
        scope = values.get("scope") or {}
        self.commands[scope.get("type", "default"), values.get("language_code") or ""] = list(values["commands"])
        return True

    async def _answer_callback(self, values: Mapping[str, Any]) -> bool:
        query = str(values.get("callback_query_id"))
        if query not in self.toasts:
            words = "query is too old and response timeout expired or query ID is invalid"
            raise Refused(400, f"Bad Request: {words}")
        if len(str(values.get("text") or "")) > 200:
            raise Refused(400, "Bad Request: MESSAGE_TOO_LONG")
        self.toasts[query] = str(values.get("text") or "")
        return True

    async def _icons(self, values: Mapping[str, Any]) -> list[Json]:
        shape = {"type": "custom_emoji", "width": 100, "height": 100, "is_animated": True, "is_video": False}
        return [
            {"file_id": f"icon-{key}", "file_unique_id": key, **shape, "emoji": emoji, "custom_emoji_id": key}
            for key, emoji in _ICONS.items()
        ]

    def _forum(self, values: Mapping[str, Any], wish: str) -> Chat:
        chat = self.memory.writable(values.get("chat_id"))
        if not chat.is_forum:
            raise Refused(400, "Bad Request: the chat is not a forum")
        if not chat.bot_manages_topics:
            raise Refused(400, f"Bad Request: not enough rights to {wish} the topic")
        return chat

    def _topic(self, values: Mapping[str, Any], wish: str) -> Topic:
        chat, thread = self._forum(values, wish), int(values.get("message_thread_id") or 0)
        if thread in chat.gone_topics:
            raise Refused(400, "Bad Request: TOPIC_DELETED")
        if thread not in chat.topics:
            raise Refused(400, "Bad Request: TOPIC_ID_INVALID")
        return chat.topics[thread]

    async def _create_topic(self, values: Mapping[str, Any]) -> Json:
        chat, name = self._forum(values, "create"), _name(values)
        topic = self.memory.create_topic(chat, BOT, name, values.get("icon_custom_emoji_id"))
        return {"message_thread_id": topic.thread_id, "name": topic.name, "icon_color": 7322096}

    async def _edit_topic(self, values: Mapping[str, Any]) -> bool:
        topic = self._topic(values, "edit")
        name, icon = _name(values, topic.name), values.get("icon_custom_emoji_id") or topic.icon
        if (name, icon) == (topic.name, topic.icon):
            raise Refused(400, "Bad Request: TOPIC_NOT_MODIFIED")
        topic.name, topic.icon = name, icon
        return True

    async def _close_topic(self, values: Mapping[str, Any]) -> bool:
        return self._turn(self._topic(values, "close"), closed=True)

    async def _reopen_topic(self, values: Mapping[str, Any]) -> bool:
        return self._turn(self._topic(values, "reopen"), closed=False)

    def _turn(self, topic: Topic, closed: bool) -> bool:
        if topic.closed == closed:
            raise Refused(400, "Bad Request: TOPIC_NOT_MODIFIED")
        topic.closed = closed
        return True

    async def _delete_topic(self, values: Mapping[str, Any]) -> bool:
        topic = self._topic(values, "delete")
        self.memory.delete_topic(self.memory.chat(values["chat_id"]), topic.thread_id)
        return True


_GIFTS = dict.fromkeys(
    ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
)


def _rights(chat: Chat) -> Json:
    names = "can_be_edited is_anonymous can_manage_chat can_delete_messages can_manage_video_chats can_restrict_members"
    names += " can_promote_members can_send_welcome_messages can_change_info can_invite_users can_post_stories"
    names += " can_edit_stories can_delete_stories"
    rights: Json = dict.fromkeys(names.split(), False)
    return {**rights, "can_pin_messages": True, "can_manage_topics": chat.bot_manages_topics}


def _name(values: Mapping[str, Any], default: str = "") -> str:
    name = str(values.get("name") or default)
    if not 1 <= len(name) <= 128:
        raise Refused(400, "Bad Request: invalid forum topic name specified")
    return name
