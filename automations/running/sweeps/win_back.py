"""People who used to buy and have stopped: once a night, counted from their last order and their own pace."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking.facts import Person
from automations.definition.flow import Trigger
from automations.running.sweeps.turn import Turn
from bot.base import clock
from bot.base.database import table
from bot.contacts import consent
from bot.tables.audiences import CustomerStats
from bot.tables.people import Contact
from bot.tables.shop import Order

_SCANNED = 5_000
_LONGEST = timedelta(days=3 * 365)
"""Whoever bought last before that is not asked back any more, whatever their pace was."""

_contacts, _stats, _orders = table(Contact), table(CustomerStats), table(Order)


async def sweep(turn: Turn) -> int:
    zone = clock.zone(turn.starter.ground.config.shop.timezone) or ZoneInfo("UTC")
    if turn.last is not None and turn.now.astimezone(zone).date() <= turn.last.astimezone(zone).date():
        return 0
    entered, after = 0, 0
    while True:
        async with turn.database.reading() as session:
            rows = await _quiet(session, turn.flow.trigger, after, turn.now)
            likely = [row["contact_id"] for row in rows if _may_be(row, turn.flow.trigger, turn.now)]
            lapsed = await _lapsed(session, likely, turn.flow.trigger, turn.now)
        entered += await turn.enrol(lapsed, (), partial(_about, lapsed), partial(_may_be_mailed, turn))
        if len(rows) < _SCANNED:
            return entered
        after = rows[-1]["contact_id"]


def _about(lapsed: Mapping[int, Mapping[str, str]], person: Person) -> Iterator[Mapping[str, Any]]:
    yield lapsed[person.id]


async def _may_be_mailed(turn: Turn, session: AsyncSession, people: Collection[Person]) -> Collection[int]:
    """Whoever does not allow it does not enter, so that nobody comes to its end without having been written to."""
    ground = turn.starter.ground
    addresses = {person.id: person.email for person in people if person.email}
    said = await consent.words(session, ground.secret, "email", set(addresses.values()), turn.flow.topic)
    bought = "granted" if ground.config.automations.purchase_is_consent else None  # everybody here has
    return {one for one, address in addresses.items() if said.get(address, bought) == "granted"}


async def _quiet(session: AsyncSession, trigger: Trigger, after: int, now: datetime) -> Sequence[Mapping[str, Any]]:
    """The next customers by id whose last order, paid and not sent back, is long ago."""
    columns = [_stats.c[name] for name in ("contact_id", "paid_orders", "first_at", "last_at")]
    found = (
        sa.select(*columns)
        .join(_contacts, _contacts.c.id == _stats.c.contact_id)
        .where(_stats.c.contact_id > after, _contacts.c.status == "active")
        .where(_stats.c.last_at <= now - trigger.quiet, _stats.c.last_at > now - _LONGEST)
    )
    rows = await session.execute(found.order_by(_stats.c.contact_id).limit(_SCANNED))
    return [dict(row) for row in rows.mappings()]


def _may_be(row: Mapping[str, Any], trigger: Trigger, now: datetime) -> bool:
    """What the counts alone can rule out. At least half of the gaps are no shorter than the median, so it is at most
    twice the mean: nobody's orders have to be read who stopped longer ago than that allows.
    """
    gaps = max(0, row["paid_orders"] - 1)
    most = (row["last_at"] - row["first_at"]) / -(-gaps // 2) if gaps else timedelta(0)
    return bool(row["last_at"] > now - max(trigger.quiet, 2 * most) - trigger.window)


async def _lapsed(
    session: AsyncSession, contact_ids: Collection[int], trigger: Trigger, now: datetime
) -> dict[int, Mapping[str, str]]:
    """By contact, the last order of those who are late now: by twice the pace they used to have, `quiet` at least."""
    paid = sa.select(_orders.c.contact_id, _orders.c.store, _orders.c.order_id, _orders.c.ordered_at).where(
        _orders.c.contact_id.in_(sorted(contact_ids)), _orders.c.status == "paid"
    )
    orders: dict[int, list[tuple[datetime, Mapping[str, str]]]] = defaultdict(list)
    for row in await session.execute(paid.order_by(_orders.c.ordered_at, _orders.c.id)):
        about = {"order_id": row.order_id, **({"store": row.store} if row.store else {})}
        orders[row.contact_id].append((row.ordered_at, about))
    return {
        contact_id: mine[-1][1] for contact_id, mine in orders.items() if _late([at for at, _ in mine], trigger, now)
    }


def _late(bought: Sequence[datetime], trigger: Trigger, now: datetime) -> bool:
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(bought)]
    due = bought[-1] + max(trigger.quiet, timedelta(seconds=2 * median(gaps) if gaps else 0))
    return due <= now < due + trigger.window
