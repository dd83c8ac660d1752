"""What a shop tells of what is long past: rows become what its webhooks would have made of them, nobody hears it."""

import dataclasses
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, due
from bot.base.ground import Ground
from bot.events import Happened, NewEvent, happened, names, people
from bot.events.apply import APPLYING
from bot.shops import inbox, phone_numbers, record, worth
from bot.tables.people import Contact


async def take(session: AsyncSession, ground: Ground, store: str, told: Iterable[NewEvent], now: datetime) -> set[int]:
    """Write down what these events tell. Returns the contacts that they are about.

    No event is kept and no handler called: flows, credit, messages and webhooks of the shop begin with news.
    """
    await due.take_turns(session, APPLYING)
    own, found = ground.config.shop, set[int]()
    zone = clock.zone(own.timezone)
    rates = worth.rates(own)
    for new in _states_once(told):
        readable = phone_numbers.readable(new, own.own_country)
        event = await inbox.of_store(session, readable, store)
        row = {**happened.values(event), "id": 0}
        contact_id = event.contact_id
        if contact_id is None:
            whose = await people.whose(session, ground.secret, row, now)
            if whose.erased:
                continue
            contact_id = whose.contact_id
        said = happened.of_row(row, contact_id, history=True)
        if contact_id is not None:
            said = await _without_what_is_known(session, said)
            await people.hear(session, ground.secret, said, now, zone=zone)
            found.add(contact_id)
        await record.apply(session, said, now, currency=own.currency, rates=rates)
        await session.flush()
    session.expunge_all()
    return found


def _states_once(told: Iterable[NewEvent]) -> list[NewEvent]:
    """An order tells its state as completed and as updated: of history once is enough."""
    events = list(told)
    updated = {_order_of(one) for one in events if one.name == "Order Updated"}
    return [one for one in events if one.name != "Order Completed" or _order_of(one) not in updated]


def _order_of(event: NewEvent) -> str:
    return names.text_id((event.body.get("properties") or {}).get("order_id"))


async def _without_what_is_known(session: AsyncSession, said: Happened) -> Happened:
    """An order of long ago has the name of then: of the person it adds what nobody told."""
    if said.kind != "track" or not said.traits or said.contact_id is None:
        return said
    contact = await session.get_one(Contact, said.contact_id)
    return dataclasses.replace(said, traits={key: one for key, one in said.traits.items() if key not in contact.traits})
