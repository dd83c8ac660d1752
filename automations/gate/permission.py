"""May this address get mail of this topic: the suppressions and the consent ledger, for a whole batch at once."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking.facts import Person
from automations.definition.flow import Flow
from bot.base import ids
from bot.base.config.sections import Automations
from bot.base.database import table
from bot.tables.people import Consent, Suppression

CHANNEL = "email"
LEFT = frozenset({"unsubscribed", "unsubscribe"})
"""Reasons of a suppression that the person gave themselves: it ends a flow, where a bounce may be mended."""


@dataclass
class Permissions:
    """What is known of each address, by its keyed hash: suppressions by topic, the newest word on each topic."""

    secret: str
    suppressed: dict[tuple[str, str], str] = field(default_factory=dict)
    words: dict[tuple[str, str], str] = field(default_factory=dict)

    def suppression(self, address: str, topic: str) -> tuple[str, bool] | None:
        """Why nothing goes there, and whether for all topics; None if it may."""
        mark = ids.hash_address(address, self.secret)
        for one, everything in (("", True), (topic, False)):
            if (mark, one) in self.suppressed:
                return self.suppressed[mark, one], everything
        return None

    def word(self, address: str, topic: str) -> str | None:
        """`granted`, `withdrawn` or None: consent is per address."""
        return self.words.get((ids.hash_address(address, self.secret), topic))


async def load(
    session: AsyncSession, addresses: Collection[str], topics: Collection[str], secret: str, now: datetime
) -> Permissions:
    found = Permissions(secret)
    marks = sorted({ids.hash_address(address, secret) for address in addresses})
    if not marks:
        return found
    stops, ledger = table(Suppression), table(Consent)
    rows = await session.execute(
        sa.select(stops.c.address_hash, stops.c.topic, stops.c.reason)
        .where(stops.c.channel == CHANNEL, stops.c.address_hash.in_(marks))
        .where(sa.or_(stops.c.until.is_(None), stops.c.until > now))
    )
    found.suppressed = {(row.address_hash, row.topic): row.reason for row in rows}
    said = await session.execute(
        sa.select(ledger.c.address_hash, ledger.c.topic, ledger.c.action)
        .where(ledger.c.channel == CHANNEL, ledger.c.address_hash.in_(marks), ledger.c.topic.in_(sorted(topics)))
        .order_by(ledger.c.at, ledger.c.id)
    )
    found.words = {(row.address_hash, row.topic): row.action for row in said}  # the newest overwrites
    return found


def refusal(found: Permissions, settings: Automations, flow: Flow, person: Person, address: str) -> str | None:
    """`unsubscribed`, `no_consent`, or None if there is consent or a basis that the shop has set."""
    word = found.word(address, flow.topic)
    if word == "granted":
        return None
    if word == "withdrawn":
        return "unsubscribed"
    if flow.basis == "checkout_reminder" and settings.checkout_reminder_without_consent:
        return None
    if settings.purchase_is_consent and any(order["paid_at"] for order in person.orders):
        return None
    return "no_consent"
