"""/sla: in a topic the clocks of its ticket; in General how today's promises stand, and what is overdue."""

import html
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import post, typed
from bot.support.desk import Desk
from bot.support.escalation import burn_alarm
from bot.support.routing import lists
from bot.support.sla import attainment, explain, goals
from bot.support.sla.goals import Standing


async def told(session: AsyncSession, desk: Desk, now: datetime) -> str:
    """HTML: each goal today and in its own window, then the open tickets that are overdue."""
    today = attainment.days(desk, 1, now)
    parts = [desk.staff("staff.today", date=f"{now.astimezone(desk.timezone):%Y-%m-%d}")]
    for whole in await goals.standings(session, desk, now):
        of_today = await goals.standing(session, desk, whole.goal, today, now)
        lines = [burn_alarm.name(desk, whole.goal), _line(desk, of_today, "day")]
        if whole.goal.window == "day":
            lines[-1] += f", {burn_alarm.left(desk, whole)}" if whole.counted else ""
        elif whole.counted:
            lines.append(f"{_line(desk, whole, whole.goal.window)}, {burn_alarm.left(desk, whole)}")
        parts.append("\n".join(html.escape(line, quote=False) for line in lines))
    parts.append(await lists.overdue(session, desk, now))
    return "\n\n".join(parts)


def _line(desk: Desk, standing: Standing, window: str) -> str:
    of = desk.staff(f"staff.goal.{window}")
    if standing.share is None:
        return desk.staff("staff.today.nothing", window=of)
    few = desk.staff("staff.today.few") if standing.few else ""
    return desk.staff("staff.today.line", window=of, share=f"{standing.share * 100:.1f}", n=standing.counted) + few


async def _sla(session: AsyncSession, said: typed.Typed) -> str | None:
    if said.ticket is not None and not said.words.strip():
        return await explain.explain(session, said.desk, said.ticket, said.now)
    content = {"html": True, "text": await told(session, said.desk, said.now), "reply_to": said.message_id}
    key = f"said:{said.provider_key}"
    if said.ticket is not None:
        await post.to_topic(session, said.ticket, "notice", content, key, said.now, priority=30)
    else:
        await post.to_staff(session, said.chat_id, content, key, said.now)
    return None


COMMANDS = (typed.Command("sla", _sla, "anywhere"),)
