"""Who is here: /away, /back and /who, in General and in any topic."""

import html
import re

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import typed
from bot.support.desk import Desk
from bot.support.routing import leaving, lists, presence, turn
from bot.support.staff_room import saying
from bot.support.tickets import times
from bot.tables.chat import StaffMember

_UNTIL = re.compile(r"^(?:until|till|for|bis|到|直到)\s*", re.IGNORECASE)
_MOST = 40


async def _away(session: AsyncSession, said: typed.Typed) -> str | None:
    """`/away`, `/away 2h`, `/away until 14:00`."""
    asked, desk, now = _UNTIL.sub("", said.words.strip()), said.desk, said.now
    until = times.parse(asked, now, desk.timezone) if asked else None
    if asked and until is None:
        return desk.staff("staff.away.how")
    passed = await leaving.away(session, desk, said.staff, until, now)
    name = "staff.away.done" if until else "staff.away.open"
    words = desk.staff(name, who=said.staff.name, until=desk.when(until, now)[:-3] if until else "")
    return f"{words}\n{desk.staff('staff.away.passed', n=passed)}" if passed else words


async def _back(session: AsyncSession, said: typed.Typed) -> str | None:
    await leaving.back(session, said.desk, said.staff, said.now)
    count = await lists.open_of(session, said.staff)
    return said.desk.staff("staff.back.done", who=said.staff.name, n=count)


async def _who(session: AsyncSession, said: typed.Typed) -> str | None:
    people = await presence.everybody(session)
    if not people:
        return said.desk.staff("staff.who.nobody")
    having = await turn.having(session)
    ordered = sorted(people, key=lambda one: (not presence.is_here(one, said.now), one.name.casefold()))
    lines = [_line(said.desk, one, having.get(one.id or 0, 0), said) for one in ordered[:_MOST]]
    if len(ordered) > _MOST:
        lines.append(said.desk.staff("staff.list.more", n=len(ordered) - _MOST))
    await saying.html(session, said, "\n".join([f"<b>{said.desk.staff('staff.who.title')}</b>", *lines]))
    return None


def _line(desk: Desk, one: StaffMember, count: int, said: typed.Typed) -> str:
    name = html.escape(one.name, quote=False)
    if presence.is_here(one, said.now):
        since = one.away_until if one.presence == presence.AWAY else one.presence_at
        if since is None:
            return desk.staff("staff.who.here_plain", name=name, n=count)
        return desk.staff("staff.who.here", name=name, n=count, at=desk.when(since, said.now)[:-3])
    if one.away_until is not None:
        until = desk.when(one.away_until, said.now)[:-3]
        return desk.staff("staff.who.away_until", name=name, n=count, at=until)
    at = desk.when(one.presence_at, said.now)[:-3] if one.presence_at else "?"
    return desk.staff("staff.who.away", name=name, n=count, at=at)


COMMANDS = (
    typed.Command("away", _away, "anywhere"),
    typed.Command("back", _back, "anywhere"),
    typed.Command("who", _who, "anywhere"),
)
