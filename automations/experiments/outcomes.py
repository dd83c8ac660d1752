"""What people did in the time after they came into an arm: clicked, ordered, spent, left, complained.

Everybody counts in the arm they came into, whatever they got then, and all that they ordered counts, not only what
followed a click: so the arms stay as alike as chance made them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.experiments.verdicts import Tally
from bot.base.database import table
from bot.tables.automations import Click
from bot.tables.outbox import Message
from bot.tables.people import Consent
from bot.tables.shop import Order

_clicks = table(Click)
_messages = table(Message)
_orders = table(Order)
_consents = table(Consent)


@dataclass(frozen=True)
class Window:
    """How long after it something counts, and the currency that money is added up in."""

    length: timedelta
    currency: str


@dataclass
class _Person:
    arm: str
    clicked: bool = False
    ordered: bool = False
    spent: int = 0
    unsubscribed: bool = False
    complained: bool = False
    refunded: bool = False


@dataclass
class _People:
    window: timedelta
    known: dict[int, _Person] = field(default_factory=dict)

    def find(self, row: sa.Row[*tuple[Any, ...]]) -> _Person | None:
        """Whose row it is (contact_id, arm, at, and when it happened), if it happened inside their window."""
        contact_id, arm, at, happened = row[0], row[1], row[2], row[3]
        if happened > at + self.window:
            return None
        known: _Person = self.known.setdefault(contact_id, _Person(arm))
        return known


async def tallies(session: AsyncSession, people: sa.Subquery, flow: str | None, window: Window) -> dict[str, Tally]:
    """By arm, of `people`: rows of contact_id, arm and `at`, one for each person.

    Only clicks in mails of `flow` count (None: of any flow). Only rows of those who did something are fetched.
    """
    counted = await session.execute(sa.select(people.c.arm, sa.func.count()).group_by(people.c.arm))
    sizes: dict[str, int] = {row[0]: row[1] for row in counted}
    found = _People(window.length)
    await _clicked(session, people, flow, found)
    await _ordered(session, people, window.currency, found)
    await _left(session, people, found)
    did: dict[str, list[_Person]] = defaultdict(list)
    for person in found.known.values():
        did[person.arm].append(person)
    return {arm: _tally(n, did[arm]) for arm, n in sizes.items()}


def _tally(n: int, did: Iterable[_Person]) -> Tally:
    total = Tally(n)
    for one in did:
        total = replace(
            total,
            click=total.click + one.clicked,
            order=total.order + one.ordered,
            spent=total.spent + one.spent,
            squares=total.squares + float(one.spent) ** 2,
            unsubscribed=total.unsubscribed + one.unsubscribed,
            complained=total.complained + one.complained,
            refunded=total.refunded + one.refunded,
        )
    return total


async def _clicked(session: AsyncSession, people: sa.Subquery, flow: str | None, found: _People) -> None:
    """Of a human: what scanners do says nothing. Opens are not asked: machines open mails."""
    rows = (
        sa.select(people.c.contact_id, people.c.arm, people.c.at, sa.func.min(_clicks.c.at))
        .join(_clicks, sa.and_(_clicks.c.contact_id == people.c.contact_id, _clicks.c.at >= people.c.at))
        .join(_messages, _messages.c.id == _clicks.c.message_id)
        .where(_clicks.c.label == "human", _messages.c.purpose == "marketing")
        .group_by(people.c.contact_id, people.c.arm, people.c.at)
    )
    for row in await session.execute(rows if flow is None else rows.where(_messages.c.flow == flow)):
        if person := found.find(row):
            person.clicked = True


async def _ordered(session: AsyncSession, people: sa.Subquery, currency: str, found: _People) -> None:
    """Paid orders, net of refunds. One whose worth in the shop's currency is not known counts as an order only."""
    rows = (
        sa.select(
            people.c.contact_id, people.c.arm, people.c.at, _orders.c.ordered_at, _orders.c.revenue,
            _orders.c.refunded, _orders.c.refunded_net, _orders.c.currency, _orders.c.net,
        )
        .join(_orders, sa.and_(_orders.c.contact_id == people.c.contact_id, _orders.c.ordered_at >= people.c.at))
        .where(_orders.c.paid_at.is_not(None), _orders.c.status != "cancelled")
    )  # fmt: skip
    for row in await session.execute(rows):
        if person := found.find(row):
            person.ordered = True
            person.refunded |= row.refunded > 0
            if row.net is not None:
                person.spent += max(0, row.net)
            elif row.currency == currency:
                person.spent += max(0, row.revenue - row.refunded_net)


async def _left(session: AsyncSession, people: sa.Subquery, found: _People) -> None:
    rows = (
        sa.select(people.c.contact_id, people.c.arm, people.c.at, _consents.c.at, _consents.c.source)
        .join(_consents, sa.and_(_consents.c.contact_id == people.c.contact_id, _consents.c.at >= people.c.at))
        .where(_consents.c.action == "withdrawn")
    )
    for row in await session.execute(rows):
        if person := found.find(row):
            person.complained |= row.source == "complaint"
            person.unsubscribed |= row.source != "complaint"
