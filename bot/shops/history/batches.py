"""A batch of history in memory: what the database holds of it is read at once, changed, and written at once."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock
from bot.base.ground import Ground
from bot.events import Happened, NewEvent, happened, people
from bot.shops import record, worth
from bot.shops.history.consents import Consents, address, is_consent
from bot.shops.history.goods import Goods, is_of_product
from bot.shops.history.orders import Orders, is_of_order
from bot.shops.history.people import Answer, People, Somebody


@dataclass(frozen=True)
class Told:
    """An event with its store, and the row that it would be."""

    event: NewEvent
    row: Mapping[str, Any]


@dataclass
class Batch:
    people: People
    orders: Orders
    goods: Goods
    consents: Consents
    now: datetime
    zone: tzinfo | None
    said: list[tuple[Mapping[str, Any], Happened, Somebody | None]] = field(default_factory=list)

    @classmethod
    async def of(
        cls, session: AsyncSession, ground: Ground, store: str, told: Sequence[Told], now: datetime
    ) -> "Batch":
        own, rows = ground.config.shop, [one.row for one in told]
        return cls(
            await People.of(
                session,
                ground.secret,
                rows,
                [found[1:] for row in rows if is_consent(row) and (found := address(row))],
                now,
            ),
            await Orders.of(session, store, rows, own.currency, worth.rates(own)),
            await Goods.of(session, store, rows, own.currency),
            await Consents.of(session, ground.secret, rows),
            now,
            clock.zone(own.timezone),
        )

    def hear(self, things: Sequence[Sequence[Told]]) -> tuple[int, int]:
        """Hear things as long as they are clear: how many in whole, and how many events of the next one."""
        for at, told in enumerate(things):
            for begun, one in enumerate(told):
                if not self._hear(one.row):
                    return at, begun
        return len(things), 0

    def _hear(self, row: Mapping[str, Any]) -> bool:
        if not self._is_clear(row):
            return False
        whose = self.people.whose(row)
        if whose is Answer.UNCLEAR:
            return False
        if whose is not Answer.ERASED:
            said = happened.of_row(row, None, history=True)
            if isinstance(whose, Somebody):
                said = _without_what_is_known(whose, said)
                self.people.hear(whose, said, self.zone)
                if is_consent(row):
                    self.consents.hear(row, said, whose, self.people)
            if is_of_product(row):
                self.goods.take(said)
            self.said.append((row, said, whose if isinstance(whose, Somebody) else None))
        return True

    def _is_clear(self, row: Mapping[str, Any]) -> bool:
        if row["kind"] == "identify":
            return self.people.is_clear(row)
        if is_consent(row):
            return self.consents.is_clear(row)
        if is_of_product(row):
            return self.goods.is_clear(row) and not people.names_of(row)
        return is_of_order(row) and self.orders.is_clear(row)

    async def write(self, session: AsyncSession) -> set[int]:
        """Returns the contacts that it was about."""
        await self.people.write(session)
        found = set[int]()
        for row, said, somebody in self.said:
            contact_id = somebody.contact.id if somebody else None
            if contact_id is not None:
                found.add(contact_id)
            record.warn_of_amounts(said)
            if is_of_order(row):
                self.orders.take(dataclasses.replace(said, contact_id=contact_id))
        await self.consents.write(session)
        await self.orders.write(session)
        await self.goods.write(session)
        return found


def _without_what_is_known(whose: Somebody, said: Happened) -> Happened:
    if said.kind != "track" or not said.traits:
        return said
    held = whose.contact.traits
    return dataclasses.replace(said, traits={key: one for key, one in said.traits.items() if key not in held})
