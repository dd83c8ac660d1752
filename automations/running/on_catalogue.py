"""What happens in the catalogue and concerns the flows: requests to be told, stock that came back, prices that changed.

A change is only written down here as a watch; `shelves` looks again when it has held for a while.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.definition.flow import Flow
from automations.definition.goods import Drop, Restock
from automations.running import alerts
from bot import contacts
from bot.base import work
from bot.base.database import insert, table
from bot.base.ground import Ground
from bot.events import Happened
from bot.shops import lines
from bot.tables.catalogue import CatalogueWatch

KIND = "catalogue"
"""The kind of due rows, for a kick."""

HISTORY = timedelta(hours=24)
"""A change that reaches us later than this is history: nobody is told of it."""

_watches = table(CatalogueWatch)


class OnCatalogue:
    """The handler. It comes behind the shop's own, and before the one that starts and stops flows."""

    def __init__(self, ground: Ground, flows: Iterable[Flow]) -> None:
        self.ground = ground
        self.flows = flows

    async def __call__(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        if happened.kind in ("identify", "alias") and happened.contact_id is not None:
            await alerts.named(session, self.ground.secret, happened)
        if happened.kind != "track":
            return
        if happened.name == "Product Price Changed":
            await self._price(session, happened, now)
        elif happened.name == "Product Stock Changed":
            await self._stock(session, happened, now)
        elif happened.name == "Product Deleted":
            await alerts.product_gone(session, happened.store, lines.text(happened.properties.get("product_id")))
        elif happened.contact_id is not None:
            await self._somebody(session, happened, now)

    async def hinted(self, session: AsyncSession, happened: Happened, _now: datetime) -> None:
        """A page tells that they bought it, or do not want to hear of it: its own browser waits no more."""
        if happened.contact_id is None:
            return
        if happened.name == "Order Completed":
            await alerts.bought(session, happened)
        elif happened.name != "Unsubscribed" or await contacts.is_proven(session, happened.contact_id):
            return
        elif _left(happened):
            await alerts.cancel_all(session, happened.contact_id)

    async def _somebody(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        assert happened.contact_id is not None
        if happened.name == "Back In Stock Requested":
            rule = restock(self.flows) or Restock()
            await alerts.ask(session, self.ground.secret, happened, rule.expires, now)
        elif happened.name == "Back In Stock Cancelled":
            await alerts.cancel(session, happened)
        elif happened.name == "Unsubscribed" and _left(happened):
            await alerts.cancel_all(session, happened.contact_id)
        elif happened.name in ("Order Completed", "Order Paid"):
            await alerts.bought(session, happened)

    async def _price(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        """Whichever way it went: people are told of what they saw and what holds when it is looked at again."""
        rule = drop(self.flows)
        if rule is not None and _timely(happened):
            named = {**happened.properties, "store": happened.store}
            await watch(session, "price", named, happened.ts, max(now, happened.ts + rule.debounce))

    async def _stock(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        rule = restock(self.flows)
        if rule is None:
            return
        said = {**happened.properties, "store": happened.store}
        before, after = level(said.get("from")), level(said.get("to"))
        if before < rule.minimum <= after and _timely(happened):
            due = max(now, happened.ts + rule.sustained)
            await watch(session, "restock", said, happened.ts, due, unless_running=True)
        elif after < rule.minimum:
            await _unwatch(session, said, told_already=after > 0)


def restock(flows: Iterable[Flow]) -> Restock | None:
    return next((flow.restock for flow in flows if flow.enabled and flow.about == "back_in_stock"), None)


def drop(flows: Iterable[Flow]) -> Drop | None:
    return next((flow.drop for flow in flows if flow.enabled and flow.about == "price_drop"), None)


def level(stock: object) -> float:
    """How many there are; without end where the shop does not count."""
    if stock is None:
        return float("inf")
    return float(stock) if isinstance(stock, int | float) and not isinstance(stock, bool) else 0.0


async def watch(
    session: AsyncSession, kind: str, named: Mapping[str, Any], since: datetime, due: datetime, *,
    unless_running: bool = False, rounds: int = 0,
) -> None:  # fmt: skip
    """Look at this product or variant at `due`. `unless_running` leaves a look that is planned already as it is.

    `rounds` above 0: some were told already, and whatever is left is enough to tell more.
    """
    put = insert(session, _watches).values(
        kind=kind, store=lines.text(named.get("store")), product_id=lines.text(named.get("product_id")),
        variant_id=lines.text(named.get("variant_id")), since=since, rounds=rounds, after=0, attempts=0, due_at=due,
    )  # fmt: skip
    names = ("since", "rounds", "after", "attempts", "due_at")
    changed = {name: put.excluded[name] for name in names} | {"lease_until": None, "lease_by": None}
    await session.execute(
        put.on_conflict_do_update(
            index_elements=["kind", "product_id", "variant_id", "store"], set_=changed,
            where=_watches.c.due_at.is_(None) if unless_running else None,
        )
    )  # fmt: skip
    work.kick(session, KIND)


async def _unwatch(session: AsyncSession, named: Mapping[str, Any], *, told_already: bool) -> None:
    """It sold out again before anybody was told. With `told_already` people who are being told go on being told."""
    mine = sa.update(_watches).where(
        _watches.c.kind == "restock", _watches.c.store == lines.text(named.get("store")),
        _watches.c.product_id == lines.text(named.get("product_id")),
        _watches.c.variant_id == lines.text(named.get("variant_id")),
    )  # fmt: skip
    if told_already:
        mine = mine.where(_watches.c.rounds == 0)
    await session.execute(mine.values(due_at=None, lease_until=None, lease_by=None))


def _left(happened: Happened) -> bool:
    """Whether they want no such mail any more; `topics` has every topic that was left at once."""
    said = happened.properties
    listed = said.get("topics")
    return said.get("topic") in (None, "", alerts.TOPIC) or (isinstance(listed, list) and alerts.TOPIC in listed)


def _timely(happened: Happened) -> bool:
    return happened.received_at - happened.ts <= HISTORY
