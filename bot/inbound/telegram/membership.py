"""The bot's own standing: blocked and unblocked by customers, put out of the staff group."""

from collections.abc import Collection
from datetime import datetime

from aiogram import F, Router
from aiogram.types import ChatMemberUpdated
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import logs
from bot.support.desk import Desk
from bot.support.escalation import group_alarm

log = logs.get(__name__)


def router() -> Router:
    made = Router(name="membership")
    made.my_chat_member.register(in_private, F.chat.type == "private")
    made.my_chat_member.register(in_a_group)
    return made


async def in_private(change: ChatMemberUpdated, session: AsyncSession, now: datetime) -> None:
    if change.new_chat_member.status == "kicked":
        await contacts.mark_unreachable(session, "telegram", change.chat.id, "blocked", now)
    else:
        await contacts.mark_reachable(session, "telegram", change.chat.id)


async def in_a_group(
    change: ChatMemberUpdated, groups: Collection[int], session: AsyncSession, desk: Desk, now: datetime
) -> None:
    group, member = change.chat.id, change.new_chat_member
    if group not in groups:
        log.info("the bot's standing in a group that is no staff group changed", chat_id=group)
        return
    lost = set()
    if member.status in ("left", "kicked"):
        lost = {group_alarm.UNSEEN}
        log.error(
            "the bot was put out of a staff group: nothing reaches staff there until it is let in again", chat_id=group
        )
    elif member.status != "administrator" or not getattr(member, "can_manage_topics", None):
        lost = {group_alarm.NO_RIGHTS}
        log.error("the bot is no admin of a staff group: make it one, let it manage topics", chat_id=group)
    known = (await group_alarm.in_trouble(session)).get(str(group), [])
    await group_alarm.found(session, desk, group, {*known} - group_alarm.STANDING | lost, now)
