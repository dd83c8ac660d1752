"""Pressed buttons. Who may press is decided here and by the desk, never by what the message shows."""

from dataclasses import dataclass
from datetime import datetime

from aiogram import F, Router
from aiogram.types import CallbackQuery
from sqlalchemy.ext.asyncio import AsyncSession

from bot.inbound.telegram import customer, staff
from bot.support import conversation
from bot.support.desk import Desk
from bot.support.staff_room import registry
from bot.support.typed import Pressed


@dataclass
class Toast:
    """What whoever pressed reads in passing; said after the commit."""

    words: str | None = None


def router() -> Router:
    made = Router(name="buttons")
    made.callback_query.register(by_customer, F.data, F.message.chat.type == "private")
    made.callback_query.register(by_staff, F.data, staff.in_group)
    made.callback_query.register(by_nobody)
    return made


async def by_customer(query: CallbackQuery, session: AsyncSession, desk: Desk, now: datetime, toast: Toast) -> None:
    contact = await customer.contact_of(session, query.from_user, now)
    assert contact.id is not None and query.data is not None
    at = query.message.message_id if query.message is not None else 0
    toast.words = await conversation.customer_pressed(session, desk, contact.id, query.data, now, message_id=at)


async def by_staff(
    query: CallbackQuery, session: AsyncSession, desk: Desk, now: datetime, toast: Toast, member: bool
) -> None:
    if not member:
        toast.words = desk.staff("group.not_a_member")
        return
    assert query.message is not None and query.data is not None
    place = query.message.chat.id, query.message.message_id
    colleague = await staff.member(session, query.from_user, now, place[0])
    toast.words = await registry.press(session, query.data, Pressed(desk, colleague, "", 0, "", *place, now))


async def by_nobody(query: CallbackQuery) -> None:
    """A button of another time or place: it stops turning, and nothing happens."""
