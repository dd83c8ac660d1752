"""Questions before we ask what somebody thinks of an order: what is left to review, how they felt, when we asked last.

`more["reviewed"]` has what they reviewed, `more["mailed"]` the mails of flows that they got in the last weeks, each
with whether a person (and no machine) clicked it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts, matter
from automations.asking.conditions import condition
from automations.asking.facts import HANDED, Person, Row, loads
from automations.asking.matter import Case
from automations.asking.service import Rated
from bot.base import clock
from bot.base.database import table
from bot.tables.automations import Click, Enrolment
from bot.tables.events import Event
from bot.tables.feedback import SurveyAnswer
from bot.tables.outbox import Message

_LOOK_BACK = timedelta(days=400)
_MAILED = timedelta(days=120)
_events, _messages, _enrolments = table(Event), table(Message), table(Enrolment)
_clicks, _answers = table(Click), table(SurveyAnswer)


@dataclass(frozen=True)
class Mailed:
    """A mail of a flow. `anchor_ts` names the enrolment together with the flow; `survey` is the kind that it asked."""

    flow: str
    anchor_ts: datetime
    order_id: str
    survey: str
    at: datetime
    clicked: bool


@loads("reviewed")
async def _reviewed(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    for person in people.values():
        person.more["reviewed"] = []
    told = sa.select(_events.c.contact_id, _events.c.ts, _events.c.store, _events.c.body).where(
        facts.among(_events.c.contact_id, ids), _events.c.name == "Product Reviewed", _events.c.ts > now - _LOOK_BACK
    )
    for row in await session.execute(told):
        product_id = str((row.body.get("properties") or {}).get("product_id") or "")
        people[row.contact_id].more["reviewed"].append({"product_id": product_id, "store": row.store, "at": row.ts})


@loads("mailed")
async def _mailed(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], now: datetime) -> None:
    for person in people.values():
        person.more["mailed"] = []
    clicked = sa.exists().where(_clicks.c.message_id == _messages.c.id, _clicks.c.label == "human")
    columns = [_messages.c[name] for name in ("contact_id", "flow", "payload", "verdicts", "handed_at")]
    mine = (
        sa.select(*columns, _enrolments.c.anchor_ts, _enrolments.c.context, clicked.label("clicked"))
        .join(_enrolments, _enrolments.c.id == _messages.c.enrolment_id)
        .where(facts.among(_messages.c.contact_id, ids), _messages.c.handed_at > now - _MAILED)
        .where(_messages.c.status.in_(HANDED))
    )
    for row in await session.execute(mine):
        # The payload, which retention empties, is where older mails have it.
        survey = row.verdicts.get("survey") or (row.payload.get("survey") or {}).get("kind") or ""
        order_id = str(row.context.get("order_id") or "")
        one = Mailed(row.flow, row.anchor_ts, order_id, survey, row.handed_at, bool(row.clicked))
        people[row.contact_id].more["mailed"].append(one)


@loads("answers")
async def _answered(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], _now: datetime) -> None:
    for person in people.values():
        person.more["answers"] = []
    columns = [_answers.c[name] for name in ("contact_id", "survey", "order_id", "store", "score")]
    given = sa.select(*columns)
    found = await session.execute(given.where(facts.among(_answers.c.contact_id, ids)))
    for row in found.mappings():
        people[row["contact_id"]].more["answers"].append(dict(row))


def to_review(person: Person, case: Case) -> list[Row]:
    """The lines of the order that were kept and not reviewed since, each product once."""
    order = person.order(case.context)
    if order is None:
        return []
    done = [one for one in person.more["reviewed"] if one["at"] >= order["ordered_at"]]
    left = {str(item.get("product_id") or ""): item for item in reversed(matter.kept(order))}
    return [item for item in reversed(left.values()) if not any(matter.same(one, item, "product_id") for one in done)]


@condition("orders", reason="refunded")
def something_kept(person: Person, case: Case, _value: Any) -> bool:
    order = person.order(case.context)
    return bool(order and matter.kept(order))


@condition("orders", "reviewed", reason="reviewed")
def something_to_review(person: Person, case: Case, _value: Any) -> bool:
    """A line of the order was kept, and its product not reviewed since."""
    return bool(to_review(person, case))


@condition("orders", "reviewed")
def all_reviewed(person: Person, case: Case, _value: Any) -> bool:
    """For `exit`: every product of the order that was kept is reviewed."""
    return something_kept(person, case, None) and not to_review(person, case)


@condition("service", reason="low_rating", value=int)
def rated_at_least(person: Person, case: Case, least: int) -> bool:
    """Their last rating of our service is not lower, or old, or settled since. Who never rated is asked."""
    rated = person.more.get("rated")
    return not (isinstance(rated, Rated) and rated.hurts(least - 1, case.now))


@condition("mailed", reason="surveyed", value=clock.duration)
def not_surveyed_in(person: Person, case: Case, within: timedelta) -> bool:
    """No other survey was sent to them in that time. The reminder of this one is none."""
    return not any(one.survey and one.at > case.now - within and not _same(one, case) for one in _mails(person))


@condition("mailed", reason="clicked")
def not_clicked(person: Person, case: Case, _value: Any) -> bool:
    """No person clicked a mail of this enrolment; what machines follow does not count."""
    return not any(one.clicked for one in _mails(person) if _same(one, case))


@condition("answers", reason="answered")
def not_answered(person: Person, case: Case, _value: Any) -> bool:
    """They did not answer the survey about this order."""
    order_id = str(case.context.get("order_id") or "")
    return not any(
        (given["survey"], given["order_id"]) == (case.flow, order_id) and facts.of_one_store(given, case.context)
        for given in person.more["answers"]
    )


def _same(one: Mailed, case: Case) -> bool:
    return one.flow == case.flow and one.anchor_ts == case.anchor_ts


def _mails(person: Person) -> Sequence[Mailed]:
    found: Sequence[Mailed] = person.more["mailed"]
    return found
