"""What is wrong with the house, told to whoever can hear it: leads, General, and `[support] alarm_mails` by mail."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.outbound import lanes, outbox
from bot.support import post
from bot.support.desk import Desk
from bot.support.escalation import leads as reaching


@dataclass(frozen=True)
class Alarm:
    """`key` makes it told once; `subject` is that of the mail. `about` says when it is of no use any more."""

    key: str
    subject: str
    text: str
    about: Mapping[str, Any] = field(default_factory=dict)


async def tell(
    session: AsyncSession, desk: Desk, alarm: Alarm, leads: Collection[int], general: int | None, now: datetime
) -> None:
    """Leads hear it in their chat with the bot or by mail; `general` is the staff group that reads it, if any."""
    content = {"text": alarm.text, **alarm.about}
    told = await reaching.tell(session, desk, list(leads), content, alarm.key, now, subject=alarm.subject)
    await post.to_staff(session, general, content, f"{alarm.key}:general", now)
    await _by_mail(session, desk, alarm, now, but=told.mails.values())


async def _by_mail(session: AsyncSession, desk: Desk, alarm: Alarm, now: datetime, *, but: Collection[str]) -> None:
    config = desk.ground.config
    if config.mail.server is None:
        return
    for address in config.support.alarm_mails:
        if address in but:
            continue
        payload = {"to": address, "to_name": "", "from": "service", "subject": alarm.subject, "text": alarm.text}
        await outbox.queue(
            session,
            channel="email",
            purpose="notice",
            receiver=address,
            payload=payload,
            key=f"{alarm.key}:{address}",
            now=now,
            priority=lanes.ALERTS,
        )
