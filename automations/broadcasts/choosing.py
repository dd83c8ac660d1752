"""Which arm of a test goes to the rest: the one that did best so far. That uses what is known; it proves nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking.facts import HANDED
from automations.broadcasts.broadcast import Broadcast, Trial
from automations.experiments import outcomes
from automations.experiments.outcomes import Window
from automations.experiments.verdicts import Tally
from bot.base.database import table
from bot.tables.automations import Enrolment
from bot.tables.outbox import Message

FEWEST = 5
"""People of the best arm who did it; with less, chance alone decides, and the first arm goes."""

_rows, _messages = table(Enrolment), table(Message)


def choose(test: Trial, tallies: Mapping[str, Tally]) -> dict[str, Any]:
    """`arm` goes to the rest, `why` is best, tie or too_little; `arms` has what each was chosen by."""
    seen = {arm.name: tallies.get(arm.name, Tally()) for arm in test.variants}
    first = test.variants[0].name
    rates = {name: _rate(test, tally) for name, tally in seen.items()}
    most = max(rates.values())
    best = [name for name, rate in rates.items() if rate == most]
    did = max(_did(test, seen[name]) for name in best)
    why = "too_little" if did < FEWEST else "tie" if len(best) > 1 else "best"
    return {
        "arm": best[0] if why == "best" else first,
        "why": why,
        "metric": test.metric,
        "arms": {
            name: {"people": tally.n, "did": _did(test, tally), "spent": tally.spent, "rate": rates[name]}
            for name, tally in seen.items()
        },
    }


def _did(test: Trial, tally: Tally) -> int:
    return tally.click if test.metric == "click" else tally.order


def _rate(test: Trial, tally: Tally) -> float:
    """Of each person: the share that did it, or money in its smallest unit."""
    if not tally.n:
        return 0.0
    return (tally.spent if test.metric == "revenue" else _did(test, tally)) / tally.n


async def tallies(session: AsyncSession, broadcast: Broadcast, currency: str) -> dict[str, Tally]:
    """What those who got it did in the time that the test gives them."""
    assert broadcast.test is not None
    people = (
        sa.select(_messages.c.contact_id, _rows.c.variant.label("arm"), _messages.c.handed_at.label("at"))
        .join(_rows, _rows.c.id == _messages.c.enrolment_id)
        .where(_messages.c.flow == broadcast.flow, _messages.c.status.in_(HANDED[:3]))
        .where(_messages.c.handed_at.is_not(None), _rows.c.variant.in_(list(broadcast.test.weights)))
    )
    return await outcomes.tallies(session, people.subquery(), broadcast.flow, Window(broadcast.test.wait, currency))


async def through(session: AsyncSession, broadcast: Broadcast, version_id: int) -> tuple[bool, datetime | None]:
    """Whether everybody of the test has got it (or does not), and when the last of them did."""
    assert broadcast.test is not None
    arms = list(broadcast.test.weights)
    of_test = [_rows.c.version_id == version_id, _rows.c.variant.in_(arms)]
    waiting = sa.select(_rows.c.id).where(*of_test, _rows.c.status == "active").limit(1)
    last = sa.select(sa.func.max(_messages.c.handed_at)).where(_messages.c.flow == broadcast.flow)
    return await session.scalar(waiting) is None, await session.scalar(last)
