"""A flow with a throttle sends so many mails in a time, whoever sends them: each that may leave takes the next turn.

Its next free turn stands in a row that is locked while a batch is judged. Turns are as far apart as the throttle says;
whoever has to wait is given one that nobody else gets.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition.flow import Flow
from automations.definition.parts import Rate
from automations.gate.asked import Asked
from bot.base import clock
from bot.base.database import insert, table
from bot.tables.broadcasts import FlowTurn

KEPT = "turn"
"""Where the verdicts keep the turn that a mail was given."""

_TOGETHER = timedelta(seconds=5)
_LONGEST_LATE = timedelta(minutes=1)
_turns = table(FlowTurn)


@dataclass
class Turns:
    """The next free turn of each flow that has a throttle; `taken` are flows that gave one away, `used` the mails that
    took one and may leave with it now.
    """

    next: dict[str, datetime] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    used: set[int] = field(default_factory=set)

    def wait(self, asked: Asked) -> datetime | None:
        """When it is this mail's turn; None: now. A turn that it was given holds while it is about that time."""
        rate, name, now = asked.flow.throttle, asked.flow.name, asked.now
        if rate is None or name not in self.next:
            return None
        given = asked.row["verdicts"].get(KEPT)
        if given and timedelta(0) <= now - clock.parse(given) <= _share(rate, _LONGEST_LATE):
            return None
        # What was not used of the last seconds may be: mails are looked at a few at a time.
        turn = max(self.next[name], now - _share(rate, _TOGETHER))
        self.next[name] = turn + rate.gap
        self.taken.add(name)
        if turn > now:
            return turn
        self.used.add(asked.row["id"])
        return None

    def put_back(self, asked: Asked) -> None:
        """It does not leave after all: whoever comes next may."""
        if asked.row["id"] in self.used and asked.flow.throttle is not None:
            self.used.discard(asked.row["id"])
            self.next[asked.flow.name] -= asked.flow.throttle.gap


def _share(rate: Rate, at_most: timedelta) -> timedelta:
    """So short that what comes at once makes no more than a twentieth of what the throttle allows."""
    return min(at_most, rate.within / 20)


async def load(session: AsyncSession, flows: Iterable[Flow], now: datetime) -> Turns:
    names = sorted({flow.name for flow in flows if flow.throttle is not None})
    if not names:
        return Turns()
    new = insert(session, _turns).on_conflict_do_nothing()
    await session.execute(new, [{"flow": name, "next_at": now} for name in names])
    mine = sa.select(_turns.c.flow, _turns.c.next_at).where(_turns.c.flow.in_(names)).order_by(_turns.c.flow)
    return Turns({row.flow: row.next_at for row in await session.execute(mine.with_for_update())})


async def keep(session: AsyncSession, turns: Turns) -> None:
    for name in sorted(turns.taken):
        await session.execute(sa.update(_turns).where(_turns.c.flow == name).values(next_at=turns.next[name]))
