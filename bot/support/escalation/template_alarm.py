"""A template whose mails are not sent any more: whoever leads hears of it once, as does `[support] alarm_mails`."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids
from bot.outbound import costly_templates, staff_group
from bot.support.desk import Desk
from bot.support.escalation import alarms, group_alarm
from bot.support.routing import departments


async def look(session: AsyncSession, desk: Desk, now: datetime) -> int:
    """Tell of those that nobody heard of yet, and forget those that were changed. Returns how many were told."""
    kept = await costly_templates.every(session)
    await costly_templates.forget(session, [one.key for one in kept if one.is_changed()])
    new = [one for one in kept if not one.told and not one.is_changed()]
    for one in new:
        text = desk.staff("staff.template.given_up", template=one.key, file=one.place, why=one.words)
        key = ids.stable("template", one.key, *(str(at) for _, at in one.files), now.isoformat())
        alarm = alarms.Alarm(key, desk.staff("staff.template.mail"), text)
        await tell_everybody(session, desk, alarm, now)
        await costly_templates.mark_told(session, one, now)
    return len(new)


async def tell_everybody(session: AsyncSession, desk: Desk, alarm: alarms.Alarm, now: datetime) -> None:
    """Of what belongs to no department."""
    await alarms.tell(session, desk, alarm, _leads(desk), await _general(session, desk), now)


def _leads(desk: Desk) -> list[int]:
    """Of every department."""
    return list(dict.fromkeys(lead for name in departments.names(desk) for lead in departments.leads(desk, name)))


async def _general(session: AsyncSession, desk: Desk) -> int | None:
    """The first staff group in which the bot is."""
    known = await group_alarm.in_trouble(session)
    every = await staff_group.every(session, desk.ground.config)
    return next((one for one in every if group_alarm.UNSEEN not in known.get(str(one), [])), None)
