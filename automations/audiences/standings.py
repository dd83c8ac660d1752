"""Keeps standings right: after each order for its customer, at night for everybody, soon for people who were merged."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences import rfm, stats, tiers
from automations.audiences.tiers import Ladder
from bot import events
from bot.base import clock, logs
from bot.base.config import Config
from bot.base.database import Database, table
from bot.events import Happened, NewEvent, names
from bot.events.apply import Handler
from bot.shops import worth
from bot.tables.audiences import CustomerStats, StandingChange
from bot.tables.shop import Order

log = logs.get(__name__)

SOLD = frozenset({"Order Completed", "Order Updated", "Order Paid", "Order Refunded", "Order Cancelled"})
_HISTORY = timedelta(hours=24)  # older than this when it reaches us, an event is history and nobody is told
_LOOK, _BATCH, _AGAIN, _STALE = 20_000, 2_000, 1_000, 200
"""Contacts at once: to look at, to write to by one statement, to count again, to look at one by one."""
_stats, _changes, _orders = table(CustomerStats), table(StandingChange), table(Order)


@dataclass(frozen=True)
class Standings:
    config: Config

    def behind(self, shop: Handler) -> Handler:
        """The shop's own handler, and then this: also when the order was told before, for it may say more now."""

        async def both(session: AsyncSession, happened: Happened, now: datetime) -> object:
            answer = await shop(session, happened, now)
            await self.on_event(session, happened, now)
            return answer

        return both

    async def on_event(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        if happened.name not in SOLD or happened.kind != "track":
            return
        order_id = names.text_id(happened.properties.get("order_id"))
        owner = await session.scalar(
            sa.select(_orders.c.contact_id).where(_orders.c.order_id == order_id, _orders.c.store == happened.store)
        )
        whose = {one for one in (owner, happened.contact_id) if one is not None}
        if whose:
            history = happened.received_at - happened.ts > _HISTORY
            await self.look_again(session, whose, "order", now, tell=not history)

    async def look_again(
        self, session: AsyncSession, whose: Collection[int], why: str, now: datetime, *, tell: bool = True
    ) -> None:
        """Count, score and place these contacts, by the bounds of the last night. `tell` of a new tier by an event."""
        spent = sa.select(_stats.c.contact_id, _stats.c.revenue).where(_stats.c.contact_id.in_(sorted(whose)))
        before = {row.contact_id: row.revenue for row in await session.execute(spent)}
        await stats.count(session, whose, now)
        bounds = await rfm.kept(session) or rfm.fixed(self.config.automations.rfm, self.config.shop.currency)
        ladder = Ladder.of(self.config)
        rows = await session.execute(sa.select(_stats).where(_stats.c.contact_id.in_(sorted(whose))))
        for row in [dict(one) for one in rows.mappings()]:
            back = row["revenue"] < before.get(row["contact_id"], 0)
            placed = ladder.now(row, now)
            reverted = tiers.taken_back(ladder, row, await _won(session, row), now) if back and not placed else {}
            changed = _scored(row, bounds, now) | placed | reverted
            if changed:
                mine = sa.update(_stats).where(_stats.c.contact_id == row["contact_id"])
                await session.execute(mine.values(**changed))
                reason = "reverted" if reverted else "refund" if back else why
                await self._note(session, row, changed, reason, now, tell=tell)

    async def _note(
        self, session: AsyncSession, row: Mapping[str, Any], changed: Mapping[str, Any], why: str, now: datetime, *,
        tell: bool,
    ) -> None:  # fmt: skip
        for kind in ("rfm", "tier"):
            if kind in changed and (row[kind] or kind == "tier") and changed[kind] != row[kind]:
                values = {"contact_id": row["contact_id"], "kind": kind, "before": row[kind], "after": changed[kind]}
                await session.execute(sa.insert(_changes).values(**values, why=why, at=now))
        if tell and "tier" in changed:
            await self._tell(session, row, changed["tier"], why, now)

    async def _tell(self, session: AsyncSession, row: Mapping[str, Any], tier: str, why: str, now: datetime) -> None:
        """`Tier Changed`, or `Tier Reverted` of a tier that was won by something that went back."""
        ladder, day = Ladder.of(self.config), _day(self.config, now)
        reverted = why == "reverted"
        up = ladder.rank(tier) > ladder.rank(row["tier"])
        about = row["tier"] if reverted else tier
        word = "reverted" if reverted else "up" if up else "down"
        since = _day(self.config, row["tier_since"]) if reverted and row["tier_since"] else day
        properties = {"tier": about, "previous": tier if reverted else row["tier"], "direction": word, "date": since}
        event = NewEvent(
            source="aftercart",
            message_id=f"tier:{row['contact_id']}:{about}:{since}{'' if word == 'up' else ':' + word}",
            kind="track",
            name="Tier Reverted" if reverted else "Tier Changed",
            ts=now,
            received_at=now,
            body={"properties": properties},
            contact_id=row["contact_id"],
            rank="shop",
        )
        await events.record(session, event)

    async def catch_up(self, database: Database, now: datetime | None = None) -> None:
        """Who was merged is counted again; a database that never had a night has one now."""
        moment = now or clock.now()
        async with database.reading() as session:
            first = await rfm.kept(session) is None
        if first:
            await self.nightly(database, moment)
        while True:
            async with database.transaction() as session:
                due = sa.select(_stats.c.contact_id).where(_stats.c.stale).order_by(_stats.c.contact_id).limit(_STALE)
                whose = (await session.scalars(due)).all()
                if not whose:
                    return
                await self.look_again(session, whose, "merged", moment)

    async def nightly(self, database: Database, now: datetime | None = None, *, tell: bool = True) -> None:
        """Everybody: orders that left the year, scores against all others, tiers whose grace is over (`tell` of it)."""
        moment = now or clock.now()
        own = self.config.shop
        filled = 1
        while filled:
            async with database.transaction() as session:
                filled = await worth.fill(session, worth.rates(own), own.currency)
        await self.recount(database, moment)
        await self.rescore(database, moment)
        await self._settle(database, moment, tell=tell)

    async def recount(self, database: Database, now: datetime) -> None:
        """Looking goes on beside the writers; only what has changed is counted again, a few at a time."""
        for part in await _parts(database, _LOOK):
            async with database.reading() as session:
                changed = await stats.differing(session, part, now)
            for start in range(0, len(changed), _AGAIN):
                async with database.transaction() as session:
                    await stats.count(session, changed[start : start + _AGAIN], now)

    async def rescore(self, database: Database, now: datetime) -> None:
        async with database.reading() as session:
            bounds = await rfm.measure(session, self.config.automations.rfm, self.config.shop.currency, now)
        async with database.transaction() as session:
            await rfm.keep(session, bounds, now)
            await tiers.publish(session, self.config, now)
        for part in await _parts(database, _LOOK):
            async with database.reading() as session:
                changed = await rfm.differing(session, bounds, part, now)
            for start in range(0, len(changed), _AGAIN):
                async with database.transaction() as session:
                    await rfm.score(session, bounds, changed[start : start + _AGAIN], now)

    async def _settle(self, database: Database, now: datetime, *, tell: bool) -> None:
        """Tiers of the night. Who climbs here did so by a changed configuration or an import, and hears nothing."""
        for part in await _parts(database):
            async with database.transaction() as session:
                await self._place(session, part, "nightly", now, tell=tell)

    async def count_history(self, session: AsyncSession, whose: Collection[int], now: datetime) -> None:
        """Count, score and place these contacts, and tell nobody: an import knows of them what is long past."""
        await stats.count(session, whose, now)
        bounds = await rfm.kept(session) or rfm.fixed(self.config.automations.rfm, self.config.shop.currency)
        await rfm.score(session, bounds, sorted(whose), now)
        await self._place(session, sorted(whose), "import", now, tell=False)

    async def _place(
        self, session: AsyncSession, whose: range | Collection[int], why: str, now: datetime, *, tell: bool
    ) -> None:
        ladder = Ladder.of(self.config)
        found = sa.select(_stats).where(stats.of(_stats.c.contact_id, whose), ladder.unsettled())
        for row in [dict(one) for one in (await session.execute(found)).mappings()]:
            changed = ladder.now(row, now, nightly=True)
            if not changed:
                continue
            mine = sa.update(_stats).where(_stats.c.contact_id == row["contact_id"])
            await session.execute(mine.values(**changed))
            down = "tier" in changed and ladder.rank(changed["tier"]) < ladder.rank(row["tier"])
            await self._note(session, row, changed, why, now, tell=tell and down)


def _scored(row: Mapping[str, Any], bounds: rfm.Bounds, now: datetime) -> dict[str, Any]:
    r, f, m = bounds.scores(row, now)
    group = rfm.GROUP_OF.get(f"{r}{f}{m}", "")
    changed: dict[str, Any] = {} if (r, f, m) == (row["r"], row["f"], row["m"]) else {"r": r, "f": f, "m": m}
    return changed | ({} if group == row["rfm"] else {"rfm": group, "rfm_since": now})


async def _won(session: AsyncSession, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The last change of their tier."""
    mine = sa.select(_changes).where(_changes.c.contact_id == row["contact_id"], _changes.c.kind == "tier")
    newest = mine.order_by(_changes.c.at.desc(), _changes.c.id.desc()).limit(1)
    found = (await session.execute(newest)).mappings().first()
    return dict(found) if found else None


def _day(settings: Config, at: datetime) -> str:
    return at.astimezone(ZoneInfo(settings.shop.timezone)).date().isoformat()


async def _parts(database: Database, size: int = _BATCH) -> list[range]:
    """All contacts in ranges that one short transaction can take."""
    async with database.reading() as session:
        last = await stats.ids_up_to(session)
    return [range(start, start + size) for start in range(1, last + 1, size)]
