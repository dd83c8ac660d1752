"""The Bot API methods about menus of commands, and which of them a person sees."""

import re
from collections.abc import Mapping
from typing import Any

from bot.demo.telegram_faults import bad
from bot.demo.telegram_memory import Chat, Json, Memory
from bot.demo.telegram_posting import Method

_SCOPES = ("default", "all_private_chats", "all_group_chats", "all_chat_administrators")
_OF_CHATS = ("chat", "chat_administrators", "chat_member")


class Menus:
    """`known` has them by scope (such as `chat:-100123`) and language."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.known: dict[tuple[str, str], list[Json]] = {}
        self.methods: dict[str, Method] = {
            "setMyCommands": self._set,
            "getMyCommands": self._get,
            "deleteMyCommands": self._delete,
        }

    async def _set(self, values: Mapping[str, Any]) -> bool:
        commands = values.get("commands")
        if not isinstance(commands, list):
            raise bad("expected an Array of BotCommand")
        if len(commands) > 100:
            raise bad("BOT_COMMANDS_TOO_MUCH")
        for one in commands:
            if not isinstance(one, dict) or set(one) - {"command", "description"}:
                raise bad("can't parse BotCommand: expected an Object with command and description")
            if not re.fullmatch(r"[a-z0-9_]{1,32}", str(one.get("command", "")).removeprefix("/")):
                raise bad("BOT_COMMAND_INVALID")
            if not 1 <= len(str(one.get("description", ""))) <= 256:
                raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
        self.known[self._key(values)] = list(commands)
        return True

    async def _get(self, values: Mapping[str, Any]) -> list[Json]:
        return self.known.get(self._key(values), [])

    async def _delete(self, values: Mapping[str, Any]) -> bool:
        self.known.pop(self._key(values), None)
        return True

    def _key(self, values: Mapping[str, Any]) -> tuple[str, str]:
        scope, language = values.get("scope") or {"type": "default"}, str(values.get("language_code") or "")
        kind = scope.get("type") if isinstance(scope, dict) else None
        if language and not re.fullmatch(r"[a-z]{2}", language):
            raise bad("invalid language code specified")
        if kind in _SCOPES:
            return str(kind), language
        if kind not in _OF_CHATS:
            raise bad("can't parse BotCommandScope: unsupported type specified")
        chat = self.memory.chat(scope.get("chat_id"))
        if kind != "chat" and chat.kind == "private":
            raise bad("can't use the scope in a private chat")
        return f"{kind}:{chat.id}" + (f":{scope.get('user_id')}" if kind == "chat_member" else ""), language

    def shown(self, chat: Chat, user: Json) -> list[Json]:
        """The menu that this person sees there: the narrowest that was set, in their language before in none."""
        language = str(user.get("language_code") or "")[:2]
        if chat.kind == "private":
            scopes = [f"chat:{chat.id}", "all_private_chats", "default"]
        else:
            admin = chat.members.get(user["id"]) in ("creator", "administrator")
            scopes = [f"chat_member:{chat.id}:{user['id']}", f"chat_administrators:{chat.id}", f"chat:{chat.id}"]
            scopes += ["all_chat_administrators", "all_group_chats", "default"]
            scopes = [one for one in scopes if admin or "administrators" not in one]
        places = [(scope, spoken) for scope in scopes for spoken in (language, "")]
        return next((self.known[place] for place in places if place in self.known), [])
