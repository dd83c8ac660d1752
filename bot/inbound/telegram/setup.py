"""Before the first update: is the bot who we think, may it manage topics; its menu of commands; its webhook."""

from collections.abc import Collection, Sequence

from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramNotFound, TelegramUnauthorizedError
from aiogram.methods import GetMe, SetMyCommands, SetWebhook
from aiogram.types import BotCommand, BotCommandScopeAllPrivateChats, BotCommandScopeChat

from bot.base import logs
from bot.base.errors import Finding
from bot.base.texts import Texts
from bot.inbound.telegram import group_health, webhook
from bot.outbound.telegram_bot import ask, field

log = logs.get(__name__)

STAFF_COMMANDS = (
    "take", "note", "m", "suggest", "snooze", "prio", "noreply", "close", "orders", "whois", "sla", "history", "undo",
    "queue", "mine", "away", "back", "help",
)  # fmt: skip
"""The useful ones; /help names them all."""


async def check(bot: Bot, staff_chat_id: int | None, departments: Collection[int] = ()) -> list[Finding]:
    """What stands between this configuration and a working desk in Telegram. Empty when all is well.

    `departments` are the staff groups beside the main one.
    """
    try:
        me = await ask(bot, GetMe())
        groups = dict.fromkeys(departments, "support.departments")
        if staff_chat_id is not None:
            groups[staff_chat_id] = "telegram.staff_chat_id"
        if not groups:
            return [_finding("not set: questions that need a human reach nobody", "staff_chat_id", warning=True)]
        my_id, reads_all = int(field(me, "id")), bool(field(me, "can_read_all_group_messages"))
        return [
            Finding(words, key=key)
            for group, key in groups.items()
            for words in (await group_health.troubles(bot, group, my_id, reads_all)).values()
        ]
    except (TelegramUnauthorizedError, TelegramNotFound):
        return [_finding("Telegram does not know this token; ask BotFather for a new one", "token")]
    except AiogramError as error:
        return [_finding(f"no useful answer from the Bot API: {logs.clean(str(error))[:200]}", "api_base")]


def _finding(message: str, key: str, *, warning: bool = False) -> Finding:
    return Finding(message, key=f"telegram.{key}", warning=warning)


async def set_commands(bot: Bot, texts: Texts, groups: Collection[int]) -> None:
    """The menus of commands, for customers and for the staff groups, in every language. A failure is only logged."""
    try:
        for language in texts.languages:
            code = None if language == "en" else language.partition("_")[0]
            await bot(
                SetMyCommands(
                    commands=_commands(texts, language, ["start", "preferences"]),
                    scope=BotCommandScopeAllPrivateChats(),
                    language_code=code,
                )
            )
            for group in groups:
                scope = BotCommandScopeChat(chat_id=group)
                menu = _commands(texts, language, STAFF_COMMANDS)
                await bot(SetMyCommands(commands=menu, scope=scope, language_code=code))
    except AiogramError as error:
        log.warning("the menu of commands was not set", reason=logs.clean(str(error))[:200])


def _commands(texts: Texts, language: str, names: Sequence[str]) -> list[BotCommand]:
    return [BotCommand(command=name, description=texts.say(language, f"command.{name}")) for name in names]


async def announce_webhook(bot: Bot, public_url: str, secret: str, kinds: Sequence[str]) -> None:
    """Tell Telegram where to post. It is not taken back at the end: updates wait for us at Telegram for a day."""
    url = public_url.rstrip("/") + webhook.path(secret)
    await bot(SetWebhook(url=url, secret_token=secret, allowed_updates=list(kinds)))
