"""How whoever leads can be told: in their own chat with the bot, else by mail; whom neither reaches is named.

Telegram lets a bot write to nobody who never opened a chat with it, or who blocked it.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.config import Config
from bot.base.database import table
from bot.outbound import lanes, outbox
from bot.support.desk import Desk
from bot.tables.people import Identity

_LINK = re.compile(r'<a href="(https://[^"]*)">(.*?)</a>', re.S)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Reach:
    """Leads by how they are told: in their chat, by mail (address by lead), or not at all."""

    chats: Sequence[int]
    mails: Mapping[int, str]
    nowhere: Sequence[int]


async def reach(session: AsyncSession, config: Config, asked: Sequence[int]) -> Reach:
    chats = await started(session, asked)
    known = {one.lead: one.mail for one in config.support.lead_mails} if config.mail.server is not None else {}
    others = [lead for lead in dict.fromkeys(asked) if lead not in chats]
    mails = {lead: known[lead] for lead in others if lead in known}
    return Reach(chats, mails, [lead for lead in others if lead not in mails])


async def unreachable(session: AsyncSession, config: Config) -> Sequence[int]:
    """The leads of the configuration whom nothing reaches."""
    if not config.telegram.token:
        return ()
    every = [lead for one in config.support.departments for lead in one.leads]
    return (await reach(session, config, every)).nowhere


async def started(session: AsyncSession, asked: Sequence[int]) -> list[int]:
    """Those who opened a chat with the bot and did not block it."""
    rows = table(Identity)
    known = sa.select(rows.c.value).where(
        rows.c.kind == "telegram", rows.c.value.in_([str(lead) for lead in asked]), rows.c.unreachable_at.is_(None)
    )
    found = set((await session.scalars(known)).all()) if asked else set()
    return [lead for lead in dict.fromkeys(asked) if str(lead) in found]


async def tell(
    session: AsyncSession, desk: Desk, asked: Sequence[int], content: Mapping[str, Any], key: str, now: datetime,
    *, ticket_id: int | None = None, subject: str = "",
) -> Reach:  # fmt: skip
    """`content` is what a chat gets; a mail gets its words. Once for each lead and `key`."""
    found = await reach(session, desk.ground.config, asked)
    for lead in found.chats:
        await outbox.queue(
            session, channel="telegram", purpose="notice", receiver=f"telegram:{lead}",
            payload={"chat_id": lead, **content}, key=f"{key}:{lead}", now=now, priority=lanes.ALERTS,
            ticket_id=ticket_id,
        )  # fmt: skip
    for lead, address in found.mails.items():
        await _mail(session, desk, address, content, f"{key}:{lead}:mail", now, ticket_id, subject)
    return found


async def refused(session: AsyncSession, desk: Desk, row: Mapping[str, Any], now: datetime) -> None:
    """Telegram did not take what a lead was to be told in their chat: they read it as a mail, where one is known."""
    payload = dict(row["payload"])
    lead = payload.pop("chat_id", None)
    address = next((one.mail for one in desk.ground.config.support.lead_mails if one.lead == lead), None)
    if address is not None and desk.ground.config.mail.server is not None:
        await _mail(session, desk, address, payload, f"{row['key']}:mail", now, row["ticket_id"])


async def _mail(
    session: AsyncSession, desk: Desk, address: str, content: Mapping[str, Any], key: str, now: datetime,
    ticket_id: int | None, subject: str = "",
) -> None:  # fmt: skip
    text = _plain(str(content["text"])) if content.get("html") else str(content["text"])
    ours = {name: value for name, value in content.items() if name not in ("text", "html", "buttons")}
    await outbox.queue(
        session, channel="email", purpose="notice", receiver=address, key=key, now=now, priority=lanes.ALERTS,
        payload={**ours, "to": address, "to_name": "", "from": "service", "text": text,
                 "subject": subject or desk.staff("staff.lead.mail")},
        ticket_id=ticket_id,
    )  # fmt: skip


def _plain(text: str) -> str:
    """Words of a chat without its signs; a link is read behind its words."""
    return html.unescape(_TAG.sub("", _LINK.sub(r"\2 (\1)", text)))
