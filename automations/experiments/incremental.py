"""What mails bring beyond what would have come anyway: those who got them beside those who were held back."""

import math
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.experiments import outcomes, statistics
from automations.experiments.outcomes import Window
from automations.experiments.statistics import Comparison, Span
from automations.experiments.verdicts import Tally
from bot.base.database import table
from bot.tables.outbox import Message

_messages = table(Message)
TREATED, HELD = "treated", "held"
SHOP, FLOW = "shop", "flow"

_whose = sa.case((_messages.c.verdicts["not_held_out"]["of"].as_string() == FLOW, FLOW), else_=SHOP)
"""Whose hold-out kept a message back, as the gate wrote down."""


@dataclass(frozen=True)
class Gain:
    """An amount in the smallest unit, with its interval; infinitely wide where there is too little to go by."""

    amount: float
    span: Span

    @classmethod
    def of(cls, comparison: Comparison, times: float) -> "Gain":
        if not times:
            return cls(0.0, Span(-math.inf, math.inf))
        return cls(comparison.difference * times, Span(comparison.span.low * times, comparison.span.high * times))


@dataclass(frozen=True)
class Incremental:
    """Of one flow, or of all (`flow` empty). `mails` were sent to the treated.

    `orders` and `money` compare a person of each side. `total` is what all the mails brought together and
    `per_thousand` what a thousand of them did, from the money that people spent. `by_orders` is the total from how many
    ordered, times what an order is worth on average: narrower, and right as long as mails change who orders but not how
    much. `of` says whose hold-out it is: of the shop, whose people get nothing of any flow, or of this flow alone.
    """

    flow: str
    of: str
    treated: Tally
    held: Tally
    mails: int
    orders: Comparison
    money: Comparison
    total: Gain
    per_thousand: Gain
    by_orders: Gain


async def report(
    session: AsyncSession, window: Window, now: datetime, since: datetime | None = None
) -> list[Incremental]:
    """All flows together if the shop holds people back, then every flow that held somebody back (since then)."""
    rows = sa.select(_messages.c.flow, _whose.label("of")).where(
        _messages.c.status == "withheld", _messages.c.flow.is_not(None)
    )
    if since is not None:
        rows = rows.where(_messages.c.settled_at >= since)
    kinds = {(row.flow, row.of) for row in await session.execute(rows.distinct())}
    everything = [("", SHOP)] if any(of == SHOP for _, of in kinds) else []
    return [await _of(session, flow, of, window, now, since) for flow, of in (*everything, *sorted(kinds))]


async def _of(
    session: AsyncSession, flow: str, of: str, window: Window, now: datetime, since: datetime | None
) -> Incremental:
    people = _people(flow, of, now - window.length, since)
    found = await outcomes.tallies(session, people, flow or None, window)
    treated, held = found.get(TREATED, Tally()), found.get(HELD, Tally())
    sent = (
        sa.select(sa.func.count())
        .select_from(_messages)
        .join(people, people.c.contact_id == _messages.c.contact_id)
        .where(_of_flow(flow), _messages.c.handed_at >= people.c.at, people.c.arm == TREATED)
    )
    mails = await session.scalar(sent) or 0
    orders = statistics.compare(held.arm("order"), treated.arm("order"))
    money = statistics.compare(held.arm("revenue"), treated.arm("revenue"))
    ordered = held.order + treated.order
    average = (held.spent + treated.spent) / ordered if ordered else 0.0
    return Incremental(
        flow, of, treated, held, mails, orders, money,
        total=Gain.of(money, treated.n),
        per_thousand=Gain.of(money, 1000 * treated.n / mails if mails else 0.0),
        by_orders=Gain.of(orders, treated.n * average),
    )  # fmt: skip


def _of_flow(flow: str) -> sa.ColumnElement[bool]:
    return _messages.c.flow == flow if flow else _messages.c.flow.is_not(None)


def _people(flow: str, of: str, until: datetime, since: datetime | None) -> sa.Subquery:
    """Everybody at their first mail of the flow, sent or held back: from then on both sides have the same time.

    Only who came there by `until`: the window of the others is not over. Whoever another hold-out kept back is on
    neither side.
    """
    kept_back = sa.and_(_messages.c.status == "withheld", _whose == of)
    firsts = (
        sa.select(
            _messages.c.contact_id,
            sa.func.min(sa.case((kept_back, _messages.c.settled_at))).label("held_at"),
            sa.func.min(_messages.c.handed_at).label("sent_at"),
        )
        .where(_of_flow(flow), _messages.c.contact_id.is_not(None), _messages.c.purpose == "marketing")
        .group_by(_messages.c.contact_id)
        .subquery()
    )
    was_held = sa.and_(
        firsts.c.held_at.is_not(None), sa.or_(firsts.c.sent_at.is_(None), firsts.c.held_at < firsts.c.sent_at)
    )
    at = sa.case((was_held, firsts.c.held_at), else_=firsts.c.sent_at)
    arm = sa.case((was_held, sa.literal(HELD)), else_=sa.literal(TREATED)).label("arm")
    query = sa.select(firsts.c.contact_id, arm, at.label("at")).where(at <= until)
    return (query if since is None else query.where(at >= since)).subquery()
