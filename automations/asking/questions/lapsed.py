"""Questions about somebody who has stopped buying: are they back, do they still react, is something else going on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts
from automations.asking.conditions import condition
from automations.asking.facts import Person, loads
from automations.asking.matter import SKEW, Case
from bot.base.database import table
from bot.tables.automations import Enrolment

_rows = table(Enrolment)


@loads("inside")
async def _inside(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], _now: datetime) -> None:
    """`more["inside"]`: the flows that they are in."""
    for person in people.values():
        person.more["inside"] = set()
    active = sa.select(_rows.c.contact_id, _rows.c.flow).where(
        facts.among(_rows.c.contact_id, ids), _rows.c.status == "active"
    )
    for row in await session.execute(active):
        people[row.contact_id].more["inside"].add(row.flow)


@condition("inside", reason="in_another_flow")
def in_no_other_flow(person: Person, case: Case, _value: Any) -> bool:
    return not person.more["inside"] - {case.flow}


@condition("orders")
def bought_again(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: an order came since they entered. The one that they entered for does not count."""
    return any(order["ordered_at"] >= case.anchor_ts - SKEW for order in person.orders)


@condition("clicks", "orders", reason="engaged")
def not_engaged(person: Person, case: Case, _value: Any) -> bool:
    """Since they entered they neither clicked a mail (machines do not count), nor came to the shop, nor bought."""
    moments = [person.clicked_at, person.contact["last_seen_at"], *(order["ordered_at"] for order in person.orders[:1])]
    return all(moment is None or moment < case.anchor_ts for moment in moments)
