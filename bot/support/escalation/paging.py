"""Whoever leads hears of a promise that nobody keeps: in their own chat with the bot or by mail, and in the staff group
where no chat is open."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support.desk import Desk
from bot.support.escalation import leads as reaching
from bot.support.escalation import told
from bot.support.escalation.case import Case
from bot.support.routing import departments
from bot.support.tickets import pointing, relay
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket

KEY = "ladder:"
"""How the keys of pages begin; one is not sent any more once its promise is settled."""


@dataclass(frozen=True)
class Told:
    """The names of the leads who are told in their own chat, and whether the staff group is."""

    directly: Sequence[str]
    group: bool


async def page(session: AsyncSession, desk: Desk, case: Case, step: str, now: datetime) -> Told:
    """Each lead of the department, once for the step; all of them in General who never opened a chat with the bot.

    A page that Telegram refuses goes to General after all (`refused`).
    """
    ticket = case.ticket
    leads = departments.leads(desk, ticket.department)
    names = await _names(session, leads)
    key = f"{KEY}{case.timer_id}:{step}"
    words = html.escape(told.promise(desk, ticket, case.clock, now), quote=False)
    text = f"{words}\n{desk.staff('staff.ladder.page', ticket=await pointing.to(session, ticket))}"
    content = {"text": text, "html": True, "timer_id": case.timer_id}
    reached = (await reaching.tell(session, desk, leads, content, key, now, ticket_id=ticket.id)).chats
    if not reached:
        await _to_group(session, desk, ticket, case.timer_id, text, leads, key, now)
    return Told([names.get(lead, desk.staff("staff.ladder.lead")) for lead in reached], group=not reached)


async def alarm(session: AsyncSession, desk: Desk, ticket: Ticket, text: str, key: str, now: datetime) -> None:
    """`text` (HTML) to the staff group and to every lead in their own chat or by mail, at any hour."""
    leads = departments.leads(desk, ticket.department)
    await reaching.tell(session, desk, leads, {"text": text, "html": True}, key, now, ticket_id=ticket.id)
    await _to_group(session, desk, ticket, None, text, leads, key, now)


async def refused(
    session: AsyncSession, desk: Desk, ticket: Ticket, payload: dict[str, object], key: str, now: datetime
) -> None:
    """A page did not reach a lead in their own chat: the staff group hears it."""
    lead = int(str(payload["chat_id"]))
    await _to_group(session, desk, ticket, payload["timer_id"], str(payload["text"]), (lead,), f"{key}:group", now)


async def _to_group(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    timer_id: object,
    text: str,
    leads: Sequence[int],
    key: str,
    now: datetime,
) -> None:
    names = await _names(session, leads)
    calls = " ".join(mention(lead, names.get(lead, desk.staff("staff.ladder.lead"))) for lead in leads)
    content = {"text": f"{calls} {text}".strip(), "html": True, "timer_id": timer_id}
    await relay.to_group(session, desk, ticket, content, key, now)


async def every_lead(session: AsyncSession, desk: Desk) -> str:
    """Mentions of all who lead anything, as HTML; empty where nobody does."""
    leads = [lead for one in desk.ground.config.support.departments for lead in one.leads]
    names = await _names(session, leads)
    return " ".join(mention(lead, names.get(lead, desk.staff("staff.ladder.lead"))) for lead in dict.fromkeys(leads))


def mention(telegram_id: int, name: str) -> str:
    return f'<a href="tg://user?id={telegram_id}">{html.escape(name, quote=False)}</a>'


async def _names(session: AsyncSession, leads: Sequence[int]) -> dict[int, str]:
    rows = table(StaffMember)
    if not leads:
        return {}
    known = sa.select(rows.c.telegram_id, rows.c.name).where(rows.c.telegram_id.in_(leads))
    return {row[0]: row[1] for row in await session.execute(known)}
