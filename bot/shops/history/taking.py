"""What a shop tells of what is long past: rows become what its webhooks would have made of them, nobody hears it.

Nearly all of a batch is clear from a few queries and written by a few statements. Where that is not so (two contacts
turn out to be one, a file knew the order by its number) the things until there are written, and that one goes the way
of webhooks, event by event.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, due
from bot.base.ground import Ground
from bot.events import Happened, NewEvent, happened, names, people
from bot.events.apply import APPLYING
from bot.shops import inbox, phone_numbers, record, worth
from bot.shops.history.batches import Batch, Told
from bot.tables.people import Contact


def read(ground: Ground, store: str, things: Iterable[Sequence[NewEvent]]) -> list[list[Told]]:
    """The events of these things, ready to be taken: before anybody else waits for the database."""
    country = ground.config.shop.own_country
    return [[_told(new, store, country) for new in _states_once(events)] for events in things]


async def take(
    session: AsyncSession, ground: Ground, store: str, things: Sequence[Sequence[Told]], now: datetime
) -> set[int]:
    """Write down what these things tell. Returns the contacts that they are about.

    No event is kept and no handler called: flows, credit, messages and webhooks of the shop begin with news.
    """
    await due.take_turns(session, APPLYING)
    left, found = list(things), set[int]()
    while left:
        batch = await Batch.of(session, ground, store, [one for events in left for one in events], now)
        whole, begun = batch.hear(left)
        found |= await batch.write(session)
        left = left[whole:]
        if left:
            found |= await _one_by_one(session, ground, left.pop(0)[begun:], now)
        await session.flush()
        session.expunge_all()  # what comes next starts with fresh rows
    return found


def _told(new: NewEvent, store: str, country: str | None) -> Told:
    event = inbox.scoped(phone_numbers.readable(new, country), store)
    return Told(event, {**happened.values(event), "id": 0})


async def _one_by_one(session: AsyncSession, ground: Ground, told: Sequence[Told], now: datetime) -> set[int]:
    own, found = ground.config.shop, set[int]()
    zone, rates = clock.zone(own.timezone), worth.rates(own)
    for one in told:
        contact_id = (await inbox.with_owner(session, one.event)).contact_id
        if contact_id is None:
            whose = await people.whose(session, ground.secret, one.row, now)
            if whose.erased:
                continue
            contact_id = whose.contact_id
        said = happened.of_row(one.row, contact_id, history=True)
        if contact_id is not None:
            said = await _without_what_is_known(session, said)
            await people.hear(session, ground.secret, said, now, zone=zone)
            found.add(contact_id)
        await record.apply(session, said, now, currency=own.currency, rates=rates)
        await session.flush()
    return found


def _states_once(told: Sequence[NewEvent]) -> list[NewEvent]:
    """An order tells its state as completed and as updated: of history once is enough."""
    updated = {_order_of(one) for one in told if one.name == "Order Updated"}
    return [one for one in told if one.name != "Order Completed" or _order_of(one) not in updated]


def _order_of(event: NewEvent) -> str:
    return names.text_id((event.body.get("properties") or {}).get("order_id"))


async def _without_what_is_known(session: AsyncSession, said: Happened) -> Happened:
    """An order of long ago has the name of then: of the person it adds what nobody told."""
    if said.kind != "track" or not said.traits or said.contact_id is None:
        return said
    contact = await session.get_one(Contact, said.contact_id)
    return dataclasses.replace(said, traits={key: one for key, one in said.traits.items() if key not in contact.traits})
