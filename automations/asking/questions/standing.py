"""Questions about where a customer stands: what they bought in all, their RFM group, their tier, their segments."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking.conditions import condition
from automations.asking.facts import Person, loads
from automations.asking.matter import Case
from automations.audiences import place, rfm
from automations.audiences.place import Place
from bot.base import money
from bot.base.database import table
from bot.base.toml_source import near
from bot.tables.audiences import SegmentMember

_members = table(SegmentMember)


@loads("standing")
async def _standing(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], _now: datetime) -> None:
    for contact_id, found in (await place.of(session, ids)).items():
        if contact_id in people:
            people[contact_id].more["standing"] = found


@loads("segments")
async def _segments(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], _now: datetime) -> None:
    for person in people.values():
        person.more["segments"] = set()
    mine = sa.select(_members.c.contact_id, _members.c.segment).where(_members.c.contact_id.in_(ids))
    for row in await session.execute(mine):
        if row.contact_id in people:
            people[row.contact_id].more["segments"].add(row.segment)


def of(person: Person) -> Place:
    """Where they stand; the question (or subject) needs "standing"."""
    found = person.more["standing"]
    assert isinstance(found, Place)
    return found


def _group(word: str) -> str:
    name = word.strip()
    if name not in rfm.GROUPS:
        raise ValueError(f"no RFM group {name!r}; {near(name, rfm.GROUPS)}")
    return name


def _amount(word: str) -> Decimal:
    try:
        found = Decimal(word.strip())
    except InvalidOperation:
        raise ValueError(f"{word!r} is not an amount; write it in your currency, such as 200 or 19.90") from None
    return found


def _number(word: str) -> int:
    if not word.strip().isdigit():
        raise ValueError(f"{word!r} is not a number of orders; write it like 2")
    return int(word)


@condition("standing", reason="other_rfm", value=_group)
def rfm_in(person: Person, _case: Case, group: str) -> bool:
    return of(person).rfm == group


@condition("standing", reason="rfm", value=_group)
def rfm_not_in(person: Person, _case: Case, group: str) -> bool:
    return of(person).rfm != group


@condition("standing", reason="other_tier", value=str.strip)
def tier_is(person: Person, _case: Case, tier: str) -> bool:
    return of(person).tier == tier


@condition("standing", reason="lower_tier", value=str.strip)
def tier_at_least(person: Person, _case: Case, tier: str) -> bool:
    stands = of(person)
    return stands.rank >= stands.rank_of(tier) > 0


@condition("standing", reason="spent_less", value=_amount)
def spent_more(person: Person, _case: Case, amount: Decimal) -> bool:
    """More than so much in their life as a customer, in the shop's currency, refunds taken off."""
    stands = of(person)
    return bool(stands.stats["revenue"] > money.to_minor(amount, stands.ladder.currency))


@condition("standing", reason="fewer_orders", value=_number)
def orders_at_least(person: Person, _case: Case, number: int) -> bool:
    """So many paid orders, those that went back in full left out."""
    return bool(of(person).stats["paid_orders"] >= number)


@condition("segments", reason="not_in_segment", value=str.strip)
def in_segment(person: Person, _case: Case, segment: str) -> bool:
    """As of the last look at the segment, a few minutes ago at most."""
    return segment in person.more["segments"]


@condition("segments", reason="in_segment", value=str.strip)
def not_in_segment(person: Person, _case: Case, segment: str) -> bool:
    return segment not in person.more["segments"]
