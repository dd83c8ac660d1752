"""What became of the flows: people, mails, clicks, orders and money, per flow."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.tables.automations import Click, Credit, Enrolment, FlowVersion
from bot.tables.outbox import Message

_enrolments = table(Enrolment)
_messages = table(Message)
_clicks = table(Click)
_credits = table(Credit)
_versions = table(FlowVersion)


@dataclass(frozen=True)
class FlowReport:
    """`enrolled` are all who entered; `waiting`, `finished`, `exited` (by reason) and `failed` say where they are.

    `skipped` counts mails by the reason they were not sent. `clicked` are mails with a human click. `revenue` is in
    the smallest unit by currency, `shadow` what people of the hold-out spent without mails.
    """

    flow: str
    enrolled: int = 0
    waiting: int = 0
    finished: int = 0
    failed: int = 0
    exited: Mapping[str, int] = field(default_factory=dict)
    planned: int = 0
    sent: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    withheld: int = 0
    unknown: int = 0
    undelivered: int = 0
    clicked: int = 0
    orders: int = 0
    revenue: Mapping[str, int] = field(default_factory=dict)
    shadow: Mapping[str, int] = field(default_factory=dict)
    unsubscribed: int = 0


class _Counts(dict[str, Any]):
    """Values of a report being counted: a number that is missing is 0, a mapping empty."""

    def __missing__(self, key: str) -> Any:
        return {} if key in ("exited", "skipped", "revenue", "shadow") else 0


async def flows(session: AsyncSession, since: datetime | None = None) -> list[FlowReport]:
    """One report per flow that anybody entered or that is published, by name. `since` leaves out what is older."""
    found: dict[str, dict[str, Any]] = defaultdict(_Counts)
    for name in await session.scalars(sa.select(_versions.c.flow).distinct()):
        found[name]["enrolled"] = 0
    await _people(session, found, since)
    await _mails(session, found, since)
    await _money(session, found, since)
    return [FlowReport(name, **values) for name, values in sorted(found.items())]


async def _people(session: AsyncSession, found: dict[str, dict[str, Any]], since: datetime | None) -> None:
    rows = sa.select(_enrolments.c.flow, _enrolments.c.status, _enrolments.c.exit_reason, sa.func.count().label("n"))
    rows = _since(rows, _enrolments.c.entered_at, since)
    rows = rows.group_by(_enrolments.c.flow, _enrolments.c.status, _enrolments.c.exit_reason)
    for row in await session.execute(rows):
        one = found[row.flow]
        one["enrolled"] += row.n
        if row.status == "exited":
            one["exited"] = {**one["exited"], row.exit_reason or "unknown": row.n}
            if row.exit_reason == "unsubscribed":
                one["unsubscribed"] += row.n
        else:
            one["waiting" if row.status == "active" else row.status] += row.n


async def _mails(session: AsyncSession, found: dict[str, dict[str, Any]], since: datetime | None) -> None:
    rows = sa.select(_messages.c.flow, _messages.c.status, _messages.c.skip_reason, sa.func.count().label("n"))
    rows = _since(rows.where(_messages.c.flow.is_not(None)), _messages.c.created_at, since)
    for row in await session.execute(rows.group_by(_messages.c.flow, _messages.c.status, _messages.c.skip_reason)):
        one = found[row.flow]
        if row.status == "skipped":
            one["skipped"] = {**one["skipped"], row.skip_reason or "unknown": row.n}
        else:
            known = {"sent": "sent", "withheld": "withheld", "unknown": "unknown", "failed": "undelivered"}
            one[known.get(row.status, "planned")] += row.n
    clicks = (
        sa.select(_messages.c.flow, sa.func.count(sa.distinct(_clicks.c.message_id)).label("n"))
        .join(_messages, _messages.c.id == _clicks.c.message_id)
        .where(_clicks.c.label == "human", _messages.c.flow.is_not(None))
        .group_by(_messages.c.flow)
    )
    for row in await session.execute(_since(clicks, _clicks.c.at, since)):
        found[row.flow]["clicked"] = row.n


async def _money(session: AsyncSession, found: dict[str, dict[str, Any]], since: datetime | None) -> None:
    rows = sa.select(
        _credits.c.flow, _credits.c.currency, _credits.c.shadow, sa.func.count().label("n"),
        sa.func.sum(_credits.c.amount).label("amount"),
    ).where(_credits.c.flow.is_not(None))  # fmt: skip
    rows = _since(rows, _credits.c.credited_at, since)
    for row in await session.execute(rows.group_by(_credits.c.flow, _credits.c.currency, _credits.c.shadow)):
        one = found[row.flow]
        kind = "shadow" if row.shadow else "revenue"
        one[kind] = {**one[kind], row.currency: int(row.amount)}
        if not row.shadow:
            one["orders"] += row.n


def _since(query: sa.Select[Any], column: sa.ColumnElement[Any], since: datetime | None) -> sa.Select[Any]:
    return query if since is None else query.where(column >= since)


async def people_by_step(session: AsyncSession, flow: str) -> dict[str, int]:
    """How many people stand at each step of the flow now."""
    rows = (
        sa.select(_enrolments.c.step_id, sa.func.count().label("n"))
        .where(_enrolments.c.flow == flow, _enrolments.c.status == "active")
        .group_by(_enrolments.c.step_id)
    )
    return {row.step_id: row.n for row in await session.execute(rows)}


async def people_by_flow(session: AsyncSession) -> dict[str, int]:
    rows = sa.select(_enrolments.c.flow, sa.func.count().label("n")).where(_enrolments.c.status == "active")
    found: Sequence[Any] = (await session.execute(rows.group_by(_enrolments.c.flow))).all()
    return {row.flow: row.n for row in found}
