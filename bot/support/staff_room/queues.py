"""What waits: /queue, /mine and /overdue, in General and in any topic."""

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import typed
from bot.support.routing import lists
from bot.support.staff_room import saying


async def _queue(session: AsyncSession, said: typed.Typed) -> None:
    await saying.html(session, said, await lists.queue(session, said.desk, said.now))


async def _mine(session: AsyncSession, said: typed.Typed) -> None:
    await saying.html(session, said, await lists.mine(session, said.desk, said.staff, said.now))


async def _overdue(session: AsyncSession, said: typed.Typed) -> None:
    await saying.html(session, said, await lists.overdue(session, said.desk, said.now))


COMMANDS = (
    typed.Command("queue", _queue, "anywhere"),
    typed.Command("mine", _mine, "anywhere"),
    typed.Command("overdue", _overdue, "anywhere"),
)
