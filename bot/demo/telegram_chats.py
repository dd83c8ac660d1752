"""The Bot API methods about the bot itself, its chats and their members, its menus, files, and pressed buttons."""

import re
from collections.abc import Mapping
from typing import Any

from bot.demo.telegram_faults import bad
from bot.demo.telegram_memory import BOT, Chat, Json, Memory
from bot.demo.telegram_menus import Menus
from bot.demo.telegram_posting import Method, number
from bot.demo.telegram_updates import Updates

_ACTIONS_AS_WORDS = (
    "typing upload_photo record_video upload_video record_voice upload_voice upload_document choose_sticker "
    "find_location record_video_note upload_video_note"
)
_ACTIONS = frozenset(_ACTIONS_AS_WORDS.split())
_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


class Chats:
    """Methods about everything but messages and topics.

    `toasts` are the answers to pressed buttons by callback query id (None: not answered yet); `alerts` the ids of those
    shown as an alert. `answer_within` is how many seconds a pressed button waits.
    """

    def __init__(self, memory: Memory, updates: Updates) -> None:
        self.memory = memory
        self.updates = updates
        self.menus = Menus(memory)
        self.toasts: dict[str, str | None] = {}
        self.alerts: set[str] = set()
        self.pressed_at: dict[str, float] = {}
        self.answer_within = 60.0
        self.sees_all_messages = True
        self.methods: dict[str, Method] = {
            "getMe": self._me,
            "getUpdates": self._updates,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._webhook_info,
            "getChat": self._chat,
            "getChatMember": self._member,
            "getChatMemberCount": self._count,
            "getChatAdministrators": self._administrators,
            "getFile": self._file,
            "sendChatAction": self._action,
            "answerCallbackQuery": self._answer_callback,
            **self.menus.methods,
        }

    @property
    def commands(self) -> dict[tuple[str, str], list[Json]]:
        """The menus by kind of scope and language; `menus` knows them by chat, too."""
        return {(scope.partition(":")[0], language): menu for (scope, language), menu in self.menus.known.items()}

    async def _me(self, values: Mapping[str, Any]) -> Json:
        about = {"can_join_groups": True, "can_read_all_group_messages": self.sees_all_messages}
        return {**BOT, **about, "supports_inline_queries": False}

    async def _updates(self, values: Mapping[str, Any]) -> list[Json]:
        limit = min(100, number(values, "limit") or 100)
        self.updates.allow(values.get("allowed_updates"))
        seconds = min(50.0, float(number(values, "timeout")))
        return await self.updates.get(number(values, "offset"), limit, seconds)

    async def _set_webhook(self, values: Mapping[str, Any]) -> bool:
        secret = str(values.get("secret_token") or "")
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
            raise bad("secret token contains unallowed characters")
        self.updates.allow(values.get("allowed_updates"))
        url = str(values.get("url") or "")
        if not url:
            return await self._delete_webhook(values)
        if values.get("drop_pending_updates"):
            self.updates.pending.clear()
        self.updates.set_webhook(url, secret)
        return True

    async def _delete_webhook(self, values: Mapping[str, Any]) -> bool:
        self.updates.delete_webhook(bool(values.get("drop_pending_updates")))
        return True

    async def _webhook_info(self, values: Mapping[str, Any]) -> Json:
        url = self.updates.webhook["url"] if self.updates.webhook else ""
        info: Json = {"url": url, "has_custom_certificate": False, "pending_update_count": len(self.updates.pending)}
        if self.updates.wanted is not None:
            info["allowed_updates"] = sorted(self.updates.wanted)
        return {**info, "last_error_message": self.updates.last_error} if self.updates.last_error else info

    async def _chat(self, values: Mapping[str, Any]) -> Json:
        chat = self.memory.readable(values.get("chat_id"))
        shown = {**chat.json, "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": _GIFTS}
        if chat.linked is not None:
            shown["linked_chat_id"] = chat.linked
        if chat.allowed_reactions is not None:
            allowed = sorted(chat.allowed_reactions)
            shown["available_reactions"] = [{"type": "emoji", "emoji": emoji} for emoji in allowed]
        pinned = [one for one in chat.messages.values() if one.pinned]
        return {**shown, "pinned_message": pinned[-1].json} if pinned else shown

    async def _member(self, values: Mapping[str, Any]) -> Json:
        chat, user_id = self.memory.readable(values.get("chat_id")), number(values, "user_id")
        if user_id not in self.memory.people:
            raise bad("PARTICIPANT_ID_INVALID" if user_id else "invalid user_id specified")
        if user_id == BOT["id"] and chat.kind != "private":
            return {"status": "administrator", "user": BOT, **rights(chat)}
        status = "member" if chat.kind == "private" else chat.members.get(user_id, "left")
        return {"status": status, "user": self.memory.people[user_id], "is_anonymous": False, **_more(status)}

    async def _count(self, values: Mapping[str, Any]) -> int:
        chat = self.memory.readable(values.get("chat_id"))
        return 2 if chat.kind == "private" else 1 + sum(one not in ("left", "kicked") for one in chat.members.values())

    async def _administrators(self, values: Mapping[str, Any]) -> list[Json]:
        """Other bots are not among them, and we ourselves are."""
        chat = self.memory.readable(values.get("chat_id"))
        if chat.kind == "private":
            raise bad("there are no administrators in the private chat")
        people = [user_id for user_id, status in chat.members.items() if status in ("creator", "administrator")]
        return [await self._member({"chat_id": chat.id, "user_id": user_id}) for user_id in [BOT["id"], *people]]

    async def _file(self, values: Mapping[str, Any]) -> Json:
        return self.memory.files.fetched(values.get("file_id"))

    async def _action(self, values: Mapping[str, Any]) -> bool:
        if str(values.get("action")) not in _ACTIONS:
            raise bad("wrong parameter action in request")
        self.memory.writable(values.get("chat_id"))
        return True  # also for deleted topics, as the real one does

    async def _answer_callback(self, values: Mapping[str, Any]) -> bool:
        """Once, and in time."""
        query, words = str(values.get("callback_query_id")), str(values.get("text") or "")
        asked = self.pressed_at.get(query, 0.0)
        if self.toasts.get(query, "") is not None or self.memory.clock() > asked + self.answer_within:
            raise bad(_TOO_OLD)
        if len(words) > 200:
            raise bad("MESSAGE_TOO_LONG")
        self.toasts[query] = words
        if values.get("show_alert"):
            self.alerts.add(query)
        return True


_GIFTS = dict.fromkeys(
    ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
)


def rights(chat: Chat) -> Json:
    """What the bot may do in a group."""
    names = "can_be_edited is_anonymous can_manage_chat can_delete_messages can_manage_video_chats can_restrict_members"
    names += " can_promote_members can_send_welcome_messages can_change_info can_invite_users can_post_stories"
    names += " can_edit_stories can_delete_stories"
    mine = {"can_pin_messages": chat.bot_pins, "can_manage_topics": chat.bot_manages_topics}
    return {**dict.fromkeys(names.split(), False), **mine, "can_delete_messages": chat.bot_deletes}


def _more(status: str) -> Json:
    """What Telegram tells of other administrators."""
    if status != "administrator":
        return {}
    every = rights(Chat(0, "supergroup"))
    return {**dict.fromkeys(every, True), "is_anonymous": False, "can_be_edited": False}
