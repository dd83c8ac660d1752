"""What an import leaves behind: standings and segments that are right when it ends, and nobody in a flow by it.

Each batch is counted and placed in its own transaction: a program that runs meanwhile, and one that comes after a
crash, finds nobody who seems to have come in just now. What came since everybody was counted is remembered: the night
that counts it, while more comes or after all of it broke off, is as quiet as the end of an import.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences import segment_files
from automations.audiences.members import Members
from automations.audiences.standings import Standings
from bot.base import clock, logs
from bot.base.config import Config
from bot.base.database import Database, insert, table
from bot.shops import worth
from bot.tables.settings import Setting

_HOLD = timedelta(minutes=30)  # longer than counting takes; a crash ends it by itself


log = logs.get(__name__)

_CAME = "history came"
_settings = table(Setting)


async def history_came(session: AsyncSession, now: datetime) -> None:
    """What everybody is measured by the next time has a part that is news to nobody."""
    put = insert(session, _settings).values(name=_CAME, value="", changed_at=now)
    await session.execute(put.on_conflict_do_update(index_elements=[_settings.c.name], set_={"changed_at": now}))


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
        await history_came(session, now)

    async def night(self, database: Database) -> None:
        """Everybody is counted as each night; quietly if half of an import may be among what is counted."""
        async with database.reading() as session:
            came = await session.scalar(sa.select(_settings.c.name).where(_settings.c.name == _CAME))
        if came is None:
            await self.standings.nightly(database)
        else:
            log.info("history came since everybody was counted: nobody is told of this night")
            await self.at_end(database)

    async def at_end(self, database: Database) -> None:
        """Scores against all others, as after a night."""
        now = clock.now()
        await self.members.hold(database, now + _HOLD)
        try:
            await self.standings.nightly(database, now, tell=False)
            await self.members.look_quietly(database, now)
            async with database.transaction() as session:
                counted = sa.delete(_settings).where(_settings.c.name == _CAME, _settings.c.changed_at <= now)
                await session.execute(counted)
        finally:
            await self.members.hold(database, None)
