"""May the bot still work in each staff group, and staff alone in it: asked again and again, as admins change that
without a word to us.

What staff are to read waits meanwhile and is not lost; whoever leads is told once, and once more when it works again.
"""

from collections.abc import Mapping
from datetime import datetime

from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    TelegramAPIError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.methods import GetChat, GetChatMember, GetMe

from bot.base import clock, logs
from bot.base.database import Database
from bot.outbound import staff_group
from bot.outbound.telegram_bot import ask, field
from bot.support.desk import Desk
from bot.support.escalation import group_alarm

log = logs.get(__name__)


async def troubles(bot: Bot, chat_id: int, me: int, reads_all: bool) -> Mapping[str, str]:
    """What keeps the bot from working in a staff group: `unseen`, `no_topics`, `no_rights` or `private`; or lets
    others in: `public` or `linked`. Each in words for whoever runs it. Raises aiogram's errors when Telegram does not
    answer."""
    try:
        chat = await ask(bot, GetChat(chat_id=chat_id))
        standing = await ask(bot, GetChatMember(chat_id=chat_id, user_id=me))
    except (TelegramNetworkError, TelegramServerError, TelegramRetryAfter, TelegramUnauthorizedError):
        raise
    except TelegramAPIError as error:
        return {"unseen": f"the bot cannot see the chat {chat_id}; add it to the staff group ({error.message})"}
    found = {}
    if not field(chat, "is_forum"):
        found["no_topics"] = f"topics are off in the group {chat_id}; switch them on in its settings"
    admin = field(standing, "status") == "administrator"
    if not admin or not field(standing, "can_manage_topics"):
        found["no_rights"] = f"the bot may not manage topics in the group {chat_id}; make it an admin with that right"
    if not admin and not reads_all:
        found["private"] = "privacy mode hides what staff write; switch it off with BotFather's /setprivacy"
    if name := field(chat, "username") or next(iter(field(chat, "active_usernames") or ()), ""):
        found["public"] = f"everybody can read the group {chat_id} and write there (@{name}); make it private"
    if field(chat, "linked_chat_id"):
        found["linked"] = f"comments of a channel land in the group {chat_id}; unlink the channel in its settings"
    return found


class GroupHealth:
    def __init__(self, database: Database, bot: Bot, desk: Desk) -> None:
        self.database = database
        self.bot = bot
        self.desk = desk

    async def look(self, now: datetime | None = None) -> None:
        """Ask about every staff group, and tell whoever leads what is new."""
        moment = now or clock.now()
        async with self.database.reading() as session:
            groups = await staff_group.every(session, self.desk.ground.config)
        if not groups:
            return
        try:
            me = await ask(self.bot, GetMe())
            my_id, reads_all = int(field(me, "id")), bool(field(me, "can_read_all_group_messages"))
            found = {group: await troubles(self.bot, group, my_id, reads_all) for group in groups}
        except AiogramError as error:  # nobody knows: the next time tells
            log.info("the staff groups could not be looked at", reason=logs.clean(str(error))[:200])
            return
        for group, trouble in found.items():
            async with self.database.transaction() as session:
                known = (await group_alarm.in_trouble(session)).get(str(group), [])
                for name, words in trouble.items():
                    if name not in known:
                        log.error("a staff group is not as it must be", reason=words, chat_id=group)
                await group_alarm.found(session, self.desk, group, trouble, moment)
