"""May the bot still work in each staff group: asked again and again, as admins change rights without a word to us.

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
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, ids, logs
from bot.base.database import Database, insert, table
from bot.outbound import outbox, staff_group
from bot.outbound.telegram_bot import ask, field
from bot.support.desk import Desk
from bot.support.routing import departments
from bot.tables.settings import Setting

log = logs.get(__name__)

_REMEMBERED = "staff_groups_in_trouble"


async def troubles(bot: Bot, chat_id: int, me: int, reads_all: bool) -> Mapping[str, str]:
    """What keeps the bot from working in a staff group: `unseen`, `no_topics`, `no_rights` or `private`, and in words
    for whoever runs it. Raises aiogram's errors when Telegram does not answer."""
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
        async with self.database.transaction() as session:
            before = await _remembered(session)
            for group, trouble in found.items():
                if sorted(trouble) != before.get(str(group), []):
                    await self._tell(session, group, trouble, moment)
            await _remember(session, {str(group): sorted(trouble) for group, trouble in found.items()}, moment)

    async def _tell(self, session: AsyncSession, group: int, trouble: Mapping[str, str], now: datetime) -> None:
        for words in trouble.values():
            log.error("a staff group does not work", reason=words, chat_id=group)
        if not trouble:
            log.info("a staff group works again", chat_id=group)
        lines = [self.desk.staff(f"staff.group.{name}") for name in trouble] or [self.desk.staff("staff.group.well")]
        text = "\n".join([self.desk.staff("staff.group.trouble", chat=group), *lines])
        for lead in await self._leads(session, group):
            await outbox.queue(
                session,
                channel="telegram",
                purpose="notice",
                receiver=f"telegram:{lead}",
                payload={"chat_id": lead, "text": text},
                key=ids.stable("group", group, lead, *sorted(trouble), now.isoformat()),
                now=now,
                priority=30,
            )

    async def _leads(self, session: AsyncSession, group: int) -> list[int]:
        """Who leads a department that lives in this group. They hear it if they ever opened a chat with the bot."""
        found: dict[int, None] = {}
        for name in departments.names(self.desk):
            if group in await staff_group.of(session, self.desk.ground.config, name):
                found |= dict.fromkeys(departments.leads(self.desk, name))
        return list(found)


async def _remembered(session: AsyncSession) -> dict[str, list[str]]:
    row = await session.get(Setting, _REMEMBERED)
    return row.value if row is not None and isinstance(row.value, dict) else {}


async def _remember(session: AsyncSession, value: dict[str, list[str]], now: datetime) -> None:
    rows = table(Setting)
    kept = insert(session, rows).values(name=_REMEMBERED, value=value, changed_at=now)
    await session.execute(
        kept.on_conflict_do_update(index_elements=[rows.c.name], set_={"value": value, "changed_at": now})
    )
