"""What waits: /queue, /mine and /overdue, in General and in any topic."""

import html

from sqlalchemy.ext.asyncio import AsyncSession

from bot.outbound import queue_delay, staff_group
from bot.support import typed
from bot.support.desk import Desk
from bot.support.routing import departments, lists
from bot.support.staff_room import saying

_NOTABLE = 2.0  # seconds that nobody would notice
_GROUPS = 4


async def _queue(session: AsyncSession, said: typed.Typed) -> None:
    late = [
        await _late(session, said.desk, one)
        for one in await queue_delay.queue_delay(session, said.now)
        if one.worst >= _NOTABLE
    ]
    await saying.html(session, said, await lists.queue(session, said.desk, said.now, late[:_GROUPS]))


async def _late(session: AsyncSession, desk: Desk, delay: queue_delay.Delay) -> str:
    """How late messages reach one group, named by the departments that work there."""
    config = desk.ground.config
    where = [
        departments.title(desk, name)
        for name in departments.names(desk)
        if delay.chat_id in await staff_group.of(session, config, name)
    ]
    text = desk.staff("staff.list.late", where=", ".join(where) or "?", seconds=round(delay.worst), n=delay.waiting)
    return html.escape(text, quote=False)


async def _mine(session: AsyncSession, said: typed.Typed) -> None:
    await saying.html(session, said, await lists.mine(session, said.desk, said.staff, said.now))


async def _overdue(session: AsyncSession, said: typed.Typed) -> None:
    await saying.html(session, said, await lists.overdue(session, said.desk, said.now))


COMMANDS = (
    typed.Command("queue", _queue, "anywhere"),
    typed.Command("mine", _mine, "anywhere"),
    typed.Command("overdue", _overdue, "anywhere"),
)
