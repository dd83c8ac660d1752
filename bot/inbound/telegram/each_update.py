"""One update on its way in: read, handed to the first handler that wants it, in one transaction with all it causes.

Handlers get by name: `session`, `desk`, `now`, `received_at`, `groups` (ids of the staff groups), `toast`, `member`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.exceptions import AiogramError
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import Chat, Message, Update
from aiogram.types.update import UpdateTypeLookupError
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import logs
from bot.base.database import Database
from bot.inbound.telegram import buttons, customer, membership, staff
from bot.inbound.telegram.inbox import Opened, Unreadable
from bot.inbound.telegram.members import Members
from bot.outbound import staff_group
from bot.support.desk import Desk

log = logs.get(__name__)


class EachUpdate:
    """The door of the inbox. `kinds` are the kinds of update that anybody here wants."""

    def __init__(self, database: Database, bot: Bot, desk: Desk) -> None:
        self.database = database
        self.bot = bot
        self.desk = desk
        self.members = Members(bot)
        self.dispatcher = Dispatcher(disable_fsm=True)
        for part in (customer, staff, buttons, membership):
            self.dispatcher.include_router(part.router())
        self.kinds = self.dispatcher.resolve_used_update_types()

    async def open(self, body: Mapping[str, Any]) -> Opened:
        try:
            update = Update.model_validate(body, context={"bot": self.bot})
        except ValidationError as error:
            raise Unreadable(f"not as the Bot API describes it: {error.error_count()} fields") from None
        return _One(self, update, await self._is_member(update))

    async def _is_member(self, update: Update) -> bool:
        """Whether who wrote, pressed a button or reacted in a group belongs to it: a public one is open to everybody.

        That is asked in staff groups only: in others the bot may hear a thousand people, and each answer costs a call.
        """
        message = update.message or update.edited_message
        if message is not None:
            return await self._is_colleague(message)
        query, change = update.callback_query, update.message_reaction
        if change is not None and change.user is not None:
            return await self._is_in(change.chat, change.user.id)
        if query is None or query.message is None:
            return False
        return await self._is_in(query.message.chat, query.from_user.id)

    async def _is_colleague(self, message: Message) -> bool:
        for turned in (message.left_chat_member, *(message.new_chat_members or ())):
            if turned is not None:
                self.members.forget(message.chat.id, turned.id)
        if message.from_user is None or not staff.counts(message):
            return False
        return await self._is_in(message.chat, message.from_user.id)

    async def _is_in(self, chat: Chat, user_id: int) -> bool:
        if chat.type == "private":
            return False
        async with self.database.reading() as session:
            groups = await staff_group.every(session, self.desk.ground.config)
        return chat.id in groups and await self.members.include(chat.id, user_id)


@dataclass
class _One:
    door: EachUpdate
    update: Update
    member: bool
    toast: buttons.Toast = field(default_factory=buttons.Toast)

    async def act(self, session: AsyncSession, received_at: datetime, now: datetime) -> bool:
        try:
            kind = self.update.event_type
        except UpdateTypeLookupError:
            log.info("an update of a kind that is not known here", update_id=self.update.update_id)
            return False
        result = await self.door.dispatcher.feed_update(
            self.door.bot,
            self.update,
            session=session,
            desk=self.door.desk,
            now=now,
            received_at=received_at,
            groups=await staff_group.every(session, self.door.desk.ground.config),
            member=self.member,
            toast=self.toast,
        )
        if result is UNHANDLED:
            log.debug("nobody wants this update", update_id=self.update.update_id, kind=kind)
        return result is not UNHANDLED

    async def finish(self) -> None:
        """Without an answer the button of whoever pressed it turns for a long time."""
        if self.update.callback_query is None:
            return
        words = (self.toast.words or "")[:200]
        try:
            await self.door.bot(
                AnswerCallbackQuery(callback_query_id=self.update.callback_query.id, text=words or None),
                request_timeout=5,
            )
        except AiogramError as error:
            log.info("a press was not answered", update_id=self.update.update_id, reason=logs.clean(str(error))[:200])
