"""The icon of a topic shows what state its ticket is in: five of those that every bot may set, asked for once.

Where Telegram does not offer all five, or does not answer, the name of the topic shows the state by a sign instead.
"""

import time
from collections.abc import Mapping

from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.methods import GetForumTopicIconStickers

from bot.base import logs
from bot.outbound.telegram_bot import ask, field

log = logs.get(__name__)

STATES: Mapping[str, tuple[str, ...]] = {
    "new": ("⚡", "🆒", "💡"),
    "waiting_us": ("❗", "❓", "💡"),
    "waiting_customer": ("💬", "🗣", "💻"),
    "overdue": ("🔥", "‼", "⁉"),
    "solved": ("✅", "🏁"),
}
"""The states, and the emoji that show each: the first that is offered."""

_ASK_AGAIN = 600.0  # seconds
_VARIANT = "\ufe0f"  # asks for a picture of the sign; whether it stands there says nothing


class Icons:
    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self._ids: dict[str, str] = {}
        self._ask_at = 0.0

    async def of(self, state: str) -> str | None:
        """The custom emoji id that shows the state. None: there are no icons to use, or no such state."""
        if not self._ids and time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + _ASK_AGAIN
            self._ids = chosen(await self._offered())
        return self._ids.get(state)

    async def _offered(self) -> dict[str, str]:
        try:
            stickers = await ask(self.bot, GetForumTopicIconStickers())
        except AiogramError as error:
            log.warning("no topic icons for now: names carry a sign instead", reason=logs.clean(str(error)))
            return {}
        return {
            str(field(one, "emoji")).replace(_VARIANT, ""): str(field(one, "custom_emoji_id")) for one in stickers or ()
        }


def chosen(offered: Mapping[str, str]) -> dict[str, str]:
    """An icon for every state, all of them different, or none at all. `offered` are ids by emoji."""
    found: dict[str, str] = {}
    for state, emojis in STATES.items():
        free = (offered[emoji] for emoji in emojis if emoji in offered and offered[emoji] not in found.values())
        if (icon := next(free, None)) is None:
            return {}
        found[state] = icon
    return found
