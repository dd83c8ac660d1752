"""May this address get words of this topic: the suppressions and the consent ledger, for a whole batch at once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking.facts import Person
from automations.definition.flow import Flow
from automations.gate.asked import Way
from bot import contacts
from bot.base import ids
from bot.base.config.sections import Automations
from bot.base.config.topics import GENERAL
from bot.base.database import table
from bot.contacts.consent import ANSWERS, EVERY_TOPIC
from bot.tables.people import Consent, Suppression

LEFT = frozenset({"unsubscribed", "unsubscribe"})
"""Reasons of a suppression that the person gave themselves: it ends a flow, where a bounce may be mended."""


@dataclass
class Permissions:
    """What is known of each address, by its keyed hash: suppressions by topic, the newest word on each topic."""

    marks: Mapping[Way, str] = field(default_factory=dict)
    suppressed: dict[tuple[str, str, str], str] = field(default_factory=dict)
    words: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def suppression(self, way: Way, topic: str) -> str | None:
        """Why nothing goes there, or None if it may."""
        mark = self.marks[way]
        for one in ("", topic, EVERY_TOPIC):
            if (way.channel, mark, one) in self.suppressed:
                return self.suppressed[way.channel, mark, one]
        return None

    def word(self, way: Way, topic: str) -> str | None:
        """`granted`, `withdrawn` or None, per address. Without a word on the topic that on marketing holds."""
        mark = self.marks[way]
        return self.words.get((way.channel, mark, topic)) or self.words.get((way.channel, mark, GENERAL))


async def load(
    session: AsyncSession, ways: Collection[Way], topics: Collection[str], secret: str, now: datetime
) -> Permissions:
    found = Permissions({way: _mark(way, secret) for way in ways})
    marks = sorted(set(found.marks.values()))
    channels = sorted({way.channel for way in ways})
    if not marks:
        return found
    stops, ledger = table(Suppression), table(Consent)
    rows = await session.execute(
        sa.select(stops.c.channel, stops.c.address_hash, stops.c.topic, stops.c.reason)
        .where(stops.c.channel.in_(channels), stops.c.address_hash.in_(marks))
        .where(sa.or_(stops.c.until.is_(None), stops.c.until > now))
    )
    found.suppressed = {(row.channel, row.address_hash, row.topic): row.reason for row in rows}
    said = await session.execute(
        sa.select(ledger.c.channel, ledger.c.address_hash, ledger.c.topic, ledger.c.action)
        .where(ledger.c.channel.in_(channels), ledger.c.address_hash.in_(marks))
        .where(ledger.c.topic.in_(sorted({*topics, GENERAL})), ledger.c.action.in_(ANSWERS))
        .order_by(ledger.c.at, ledger.c.id)
    )
    found.words = {(row.channel, row.address_hash, row.topic): row.action for row in said}  # the newest overwrites
    return found


def _mark(way: Way, secret: str) -> str:
    return ids.hash_address(contacts.normalise(way.channel, way.address) or way.address, secret)


def refusal(found: Permissions, settings: Automations, flow: Flow, person: Person, way: Way) -> str | None:
    """`unsubscribed`, `no_consent`, or None if there is consent or a basis that the shop has set.

    Such a basis is for mail alone: in a chat nobody is written to who did not ask for it.
    """
    word = found.word(way, flow.topic)
    if word == "granted":
        return None
    if word == "withdrawn":
        return "unsubscribed"
    if way.channel != "email":
        return "no_consent"
    if person.is_claimed:
        return "no_consent"  # anybody may have typed it: no other reason to write there is theirs
    if flow.basis == "checkout_reminder" and settings.checkout_reminder_without_consent:
        return None
    if settings.purchase_is_consent and any(order["paid_at"] for order in person.orders):
        return None
    return "no_consent"
