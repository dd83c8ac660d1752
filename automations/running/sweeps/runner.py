"""The hourly job: one look for each flow that has a sweep, and what is learned of one person between two of them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition.flow import Flow
from automations.running.starts import Starter
from automations.running.sweeps import anniversary, birthday, win_back, yearly
from automations.running.sweeps.turn import Turn
from automations.running.sweeps.yearly import Yearly
from bot.base import clock, logs
from bot.base.database import Database, insert, table
from bot.tables.settings import Setting

log = logs.get(__name__)
_settings = table(Setting)

_YEARLY: Mapping[str, Yearly] = {
    one.kind: one for one in (birthday.BIRTHDAY, anniversary.FIRST_ORDER, anniversary.SIGN_UP)
}
_SWEEPS: Mapping[str, Callable[[Turn], Awaitable[int]]] = {
    **{kind: partial(yearly.sweep, yearly=one) for kind, one in _YEARLY.items()},
    "win_back": win_back.sweep,
}
"""By the word that a flow writes after `sweep`."""


@dataclass(frozen=True)
class Sweeps:
    """`flows` are all flows in use; those without a sweep are left alone."""

    database: Database
    starter: Starter
    flows: Iterable[Flow]

    async def run(self, now: datetime | None = None) -> int:
        """Returns how many people entered a flow."""
        moment = now or clock.now()
        flows = [flow for flow in self.flows if flow.enabled and flow.trigger.sweep]
        last = await self._looked(flows)
        entered, done = 0, list[Flow]()
        for flow in flows:
            try:
                entered += await self._sweep(flow, last.get(_name(flow)), moment)
                done.append(flow)
            except Exception:  # one flow of a loop: it looks again in an hour, from where it stood
                log.exception("a sweep failed", flow=flow.name)
        await self._remember(done, moment)
        return entered

    async def would(self, flow: Flow, now: datetime) -> int:
        """How many the starter would take if this flow was looked at now."""
        assert flow.trigger.sweep is not None
        last = (await self._looked([flow])).get(_name(flow))
        return await _SWEEPS[flow.trigger.sweep](Turn(self.database, self.starter, flow, last, now))

    async def _sweep(self, flow: Flow, last: datetime | None, now: datetime) -> int:
        assert flow.trigger.sweep is not None
        entered = await _SWEEPS[flow.trigger.sweep](Turn(self.database, self.starter, flow, last, now))
        if entered:
            log.info("people entered a flow by the calendar", flow=flow.name, entered=entered)
        return entered

    async def _looked(self, flows: Sequence[Flow]) -> dict[str, datetime]:
        """When each was looked at last."""
        known = sa.select(_settings.c.name, _settings.c.value).where(_settings.c.name.in_([*map(_name, flows)]))
        async with self.database.reading() as session:
            return {row.name: clock.parse(row.value) for row in await session.execute(known)}

    async def _remember(self, flows: Sequence[Flow], now: datetime) -> None:
        if not flows:
            return
        rows = [{"name": _name(flow), "value": now.isoformat(), "changed_at": now} for flow in flows]
        async with self.database.transaction() as session:
            put = insert(session, _settings).values(rows)
            changed = {"value": put.excluded.value, "changed_at": now}
            await session.execute(put.on_conflict_do_update(index_elements=["name"], set_=changed))


def _name(flow: Flow) -> str:
    return f"sweep.{flow.name}"


async def learned(session: AsyncSession, starter: Starter, flow: Flow, contact_id: int, now: datetime) -> int:
    """Something about this person was told: their birthday may have been, or when they signed up."""
    found = _YEARLY.get(flow.trigger.sweep or "")
    if found is None or not found.learned:
        return 0
    return await yearly.one(session, starter, flow, found, contact_id, now)
