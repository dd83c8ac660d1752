"""From a segment to one SQL condition about a contact, however its conditions are nested.

The same condition finds all members, says whether one contact is one, and tells which parts hold of whom. Parts that
cost least stand first: the database asks the others of those who are left.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from automations.audiences import portable
from automations.audiences.segment import Bought, Consented, Counted, Event, Rule, Segment, Trait, When, Within
from automations.audiences.segment_files import Segments
from automations.audiences.stats import YEAR
from bot.base import clock, money
from bot.base.config import Config
from bot.base.config.topics import GENERAL
from bot.base.database import table
from bot.contacts.consent import ANSWERS
from bot.tables import automations, events, people, shop
from bot.tables.audiences import CustomerStats

contacts, stats = table(people.Contact), table(CustomerStats)
_consents, _suppressions = table(people.Consent), table(people.Suppression)
_identities, _tags, _clicks = table(people.Identity), table(people.ContactTag), table(automations.Click)
_events, _orders = table(events.Event), table(shop.Order)

Clause = sa.ColumnElement[bool]
_COSTS = (
    ("language", "country", "joined", "seen"),
    ("rfm", "tier", "tier_at_least", "first_order", "last_order", "orders", "revenue", "trait"),
    ("tag", "reachable", "clicked", "segment"),
    ("consent",),
    ("event",),
    ("bought",),
)
_COST = {kind: cost for cost, kinds in enumerate(_COSTS) for kind in kinds}
_KIND = {"email": "email", "telegram": "telegram", "whatsapp": "phone", "sms": "phone"}


@dataclass(frozen=True)
class Compiler:
    segments: Segments
    config: Config
    now: datetime

    def members(self, segment: Segment) -> sa.Select[Any]:
        """The ids of everybody in it; merged and forgotten contacts are in none."""
        return sa.select(contacts.c.id).select_from(SOURCE).where(self.clause(segment))

    def clause(self, segment: Segment) -> Clause:
        """About a row of SOURCE."""
        return sa.and_(contacts.c.status == "active", self._whole(segment))

    def rule(self, rule: Rule) -> Clause:
        if rule.kind in ("all", "any"):
            return self._combined(rule.kind, rule.value)
        if rule.kind == "not":
            return sa.not_(sa.func.coalesce(self.rule(rule.value), sa.false()))
        ask: Callable[[Any], Clause] = getattr(self, f"_{rule.kind}")
        return ask(rule.value)

    def _whole(self, segment: Segment) -> Clause:
        parts = [Rule(all=segment.all)] if segment.all else []
        parts += [Rule(any=segment.any)] if segment.any else []
        parts += [Rule.model_validate({"not": segment.no})] if segment.no else []
        return self._combined("all", parts)

    def _combined(self, kind: str, rules: Sequence[Rule]) -> Clause:
        clauses = [self.rule(rule) for rule in sorted(rules, key=_cost)]
        return sa.and_(*clauses) if kind == "all" else sa.or_(*clauses)

    # -- the contact itself ----------------------------------------------------------------------------------------

    def _language(self, words: Sequence[str]) -> Clause:
        spoken = contacts.c.language.in_(words)
        default = self.config.shop.language in words  # who never told is written to in the shop's own
        return sa.or_(spoken, contacts.c.language.is_(None)) if default else spoken

    def _country(self, words: Sequence[str]) -> Clause:
        return contacts.c.country.in_(words)

    def _joined(self, when: When) -> Clause:
        return self._when(contacts.c.created_at, when)

    def _seen(self, when: When) -> Clause:
        return self._when(contacts.c.last_seen_at, when)

    def _trait(self, trait: Trait) -> Clause:
        parts: list[Clause] = []
        if trait.is_ is not None:
            words = [word for one in trait.is_ for word in _as_text(one)]
            parts.append(portable.text(contacts.c.traits, trait.name).in_(words))
        known = portable.number(contacts.c.traits, trait.name)
        if trait.at_least is not None:
            parts.append(known >= trait.at_least)
        if trait.at_most is not None:
            parts.append(known <= trait.at_most)
        return sa.and_(*(parts or [portable.text(contacts.c.traits, trait.name).is_not(None)]))

    def _tag(self, words: Sequence[str]) -> Clause:
        return _exists(_tags, _tags.c.tag.in_(words))

    def _reachable(self, channel: str) -> Clause:
        return _exists(_identities, _identities.c.kind == _KIND[channel], _identities.c.unreachable_at.is_(None))

    # -- what they bought ------------------------------------------------------------------------------------------

    def _orders(self, counted: Counted) -> Clause:
        if counted.within is None:
            return _within(_nought(stats.c.paid_orders), counted)
        if counted.within == YEAR:
            return _within(_nought(stats.c.orders_365), counted)
        return _within(self._of_orders(sa.func.count(), counted.within), counted)

    def _revenue(self, counted: Counted) -> Clause:
        own = self.config.shop.currency

        def minor(amount: Decimal | None) -> Decimal | None:
            return None if amount is None else Decimal(money.to_minor(amount, own))

        wanted = Counted(at_least=minor(counted.at_least), at_most=minor(counted.at_most))
        if counted.within is None:
            return _within(_nought(stats.c.revenue), wanted)
        if counted.within == YEAR:
            return _within(_nought(stats.c.revenue_365), wanted)
        return _within(_nought(self._of_orders(sa.func.sum(_orders.c.net), counted.within)), wanted)

    def _of_orders(self, what: sa.ColumnElement[Any], within: timedelta) -> sa.ColumnElement[Any]:
        since = _orders.c.ordered_at > self.now - within
        mine = sa.select(what).where(_orders.c.contact_id == contacts.c.id, _orders.c.status == "paid", since)
        return mine.correlate(contacts).scalar_subquery()

    def _first_order(self, when: When) -> Clause:
        return self._when(stats.c.first_at, when)

    def _last_order(self, when: When) -> Clause:
        return self._when(stats.c.last_at, when)

    def _bought(self, bought: Bought) -> Clause:
        rows, line = portable.elements(_orders.c["items"])
        if bought.category is not None:
            found: Clause = sa.func.lower(portable.text(line, "category")).in_([one.lower() for one in bought.category])
        else:
            found = sa.or_(*(portable.text(line, key).in_(bought.product or ()) for key in ("product_id", "sku")))
        since = [] if bought.within is None else [_orders.c.ordered_at > self.now - bought.within]
        mine = sa.select(sa.literal(1)).select_from(_orders.join(rows, sa.true()))
        mine = mine.where(_orders.c.contact_id == contacts.c.id, _orders.c.status == "paid", *since, found)
        return mine.correlate(contacts).exists()

    def _rfm(self, words: Sequence[str]) -> Clause:
        return stats.c.rfm.in_(words)

    def _tier(self, words: Sequence[str]) -> Clause:
        return stats.c.tier.in_(words)

    def _tier_at_least(self, word: str) -> Clause:
        names = [tier.name for tier in self.config.automations.tiers]
        return stats.c.tier.in_(names[names.index(word) :])

    # -- what they did and allow -----------------------------------------------------------------------------------

    def _event(self, event: Event) -> Clause:
        mine = [_events.c.name == event.name, _events.c.status != "hint"]
        if event.within is not None:
            mine.append(_events.c.ts > self.now - event.within)
        if event.name.startswith(("Order ", "Checkout ", "Cart ")):
            mine.append(_events.c.status != "known")  # told by two sources, done once
        for name, value in event.where.items():
            mine.append(portable.text(_events.c.body["properties"], name).in_(_as_text(value)))
        if event.at_most is None and event.at_least in (None, 1):
            return _exists(_events, *mine)
        if event.at_most == 0 and not event.at_least:
            return ~_exists(_events, *mine)
        often = sa.select(sa.func.count()).where(_events.c.contact_id == contacts.c.id, *mine)
        return _within(often.correlate(contacts).scalar_subquery(), event)

    def _clicked(self, lately: Within) -> Clause:
        return _exists(_clicks, _clicks.c.label == "human", _clicks.c.at > self.now - lately.within)

    def _consent(self, consented: Consented) -> Clause:
        """Without a word on the topic that on marketing holds, as at the gate."""
        own = self._granted(consented, consented.topic)
        if consented.topic == GENERAL:
            return own
        other = _consents.alias()
        spoken = sa.exists().where(
            other.c.address_hash == _consents.c.address_hash, other.c.channel == _consents.c.channel,
            other.c.topic == consented.topic, other.c.action.in_(ANSWERS),
        )  # fmt: skip
        return sa.or_(own, self._granted(consented, GENERAL, ~spoken))

    def _granted(self, consented: Consented, topic: str, *more: Clause) -> Clause:
        newer, stop = _consents.alias(), _suppressions
        same = (_consents.c.address_hash, _consents.c.channel, _consents.c.topic)
        later = sa.or_(newer.c.at > _consents.c.at, sa.and_(newer.c.at == _consents.c.at, newer.c.id > _consents.c.id))
        outdone = sa.exists().where(*(newer.c[column.name] == column for column in same), later,
                                    newer.c.action.in_(ANSWERS))  # fmt: skip
        stopped = sa.exists().where(
            stop.c.address_hash == _consents.c.address_hash, stop.c.channel == _consents.c.channel,
            stop.c.topic.in_(("", "*", consented.topic)), sa.or_(stop.c.until.is_(None), stop.c.until > self.now),
        )  # fmt: skip
        given = [_consents.c.channel == consented.channel, _consents.c.topic == topic,
                 _consents.c.action == "granted"]  # fmt: skip
        return _exists(_consents, *given, ~outdone, ~stopped, *more)

    def _segment(self, name: str) -> Clause:
        return self._whole(self.segments.by_name[name])

    # -- moments ---------------------------------------------------------------------------------------------------

    def _when(self, moment: sa.ColumnElement[Any], when: When) -> Clause:
        parts = [] if when.before is None else [moment < self._instant(when.before)]
        parts += [] if when.after is None else [moment >= self._instant(when.after)]
        return sa.and_(*parts)

    def _instant(self, ago: timedelta | date) -> datetime:
        if isinstance(ago, timedelta):
            return self.now - ago
        if isinstance(ago, datetime):
            return ago if ago.tzinfo else ago.replace(tzinfo=UTC)
        return clock.instant(ago, time(0), ZoneInfo(self.config.shop.timezone))


SOURCE = contacts.outerjoin(stats, stats.c.contact_id == contacts.c.id)
"""The rows that a condition is about: contacts, with their counts where there are any."""


def _cost(rule: Rule) -> int:
    if rule.kind in ("all", "any"):
        return max(_cost(one) for one in rule.value)
    return _cost(rule.value) if rule.kind == "not" else _COST[rule.kind]


def _exists(rows: sa.Table, *where: Clause) -> Clause:
    return sa.select(sa.literal(1)).where(rows.c.contact_id == contacts.c.id, *where).correlate(contacts).exists()


def _nought(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(value, 0)


def _within(value: sa.ColumnElement[Any], counted: Counted) -> Clause:
    least = 1 if counted.at_least is None and counted.at_most is None else counted.at_least
    parts = [] if least is None else [value >= math.ceil(least)]
    parts += [] if counted.at_most is None else [value <= math.floor(counted.at_most)]
    return sa.and_(*parts)


def _as_text(value: str | int | bool) -> tuple[str, ...]:
    """How the databases write it out: SQLite says 1 where PostgreSQL says true."""
    if isinstance(value, bool):
        return ("true", "1") if value else ("false", "0")
    return (str(value),)


def words(rule: Rule) -> str:
    """A condition as a person reads it: `event Product Viewed at_least 3 within 30d`."""
    value = rule.value
    if isinstance(value, tuple):
        return f"{rule.kind} {' or '.join(value)}"
    if isinstance(value, str):
        return f"{rule.kind} {value}"
    assert not isinstance(value, Rule)
    told: Mapping[str, Any] = value.model_dump(exclude_defaults=True, by_alias=True)
    return " ".join(
        [rule.kind, *(f"{'' if name == 'name' else name + ' '}{_plain(one)}" for name, one in told.items())]
    )


def _plain(value: Any) -> str:
    if isinstance(value, timedelta):
        days, hours = divmod(int(value.total_seconds()) // 3600, 24)
        return f"{days}d" if not hours else f"{days * 24 + hours}h"
    if isinstance(value, tuple):
        return " or ".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{key}={one}" for key, one in value.items())
    return str(value)
