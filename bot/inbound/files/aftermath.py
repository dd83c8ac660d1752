"""What an import leaves behind: standings and segments that are right when it ends, and nobody in a flow by it.

Each batch is counted and placed in its own transaction: a program that runs meanwhile, and one that comes after a
crash, finds nobody who seems to have come in just now.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences import segment_files
from automations.audiences.members import Members
from automations.audiences.standings import Standings
from bot.base import clock
from bot.base.config import Config
from bot.base.database import Database
from bot.shops import worth

_HOLD = timedelta(minutes=30)  # longer than counting takes; a crash ends it by itself


@dataclass(frozen=True)
class Aftermath:
    config: Config
    standings: Standings
    members: Members

    @classmethod
    def of(cls, config: Config) -> "Aftermath":
        known, _wrong = segment_files.sound(config)
        return cls(config, Standings(config), Members(config, known, lambda: sorted(known)))

    async def after_batch(self, session: AsyncSession, whose: Collection[int], now: datetime) -> None:
        """These contacts came, or their orders did: counted, and in their segments, in the same transaction."""
        if not whose:
            return
        own = self.config.shop
        while await worth.fill(session, worth.rates(own), own.currency):
            pass
        await self.standings.count_history(session, whose, now)
        await self.members.settle_quietly(session, sorted(whose), now)

    async def at_end(self, database: Database) -> None:
        """Scores against all others, as after a night."""
        now = clock.now()
        await self.members.hold(database, now + _HOLD)
        try:
            await self.standings.nightly(database, now)
            await self.members.look_quietly(database, now)
        finally:
            await self.members.hold(database, None)
