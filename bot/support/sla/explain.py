"""/sla: the clocks of a ticket in words, so that nobody has to trust a verdict: start, open time, pauses, due, why."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.support import hours
from bot.support.desk import Desk, span
from bot.support.sla import rows
from bot.tables.support import SlaTimer, Ticket

_MOST = 4
"""Clocks that fit onto a phone; the open ones and the newest are told."""
_MOST_PAUSES = 3


async def explain(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> str:
    """Per timer: policy and hours, state, start, open time used, pauses with their cost, due, why; for staff."""
    mine = select(SlaTimer).where(SlaTimer.ticket_id == ticket.id).order_by(col(SlaTimer.start_at), col(SlaTimer.id))
    timers = list((await session.scalars(mine)).all())
    if not timers:
        return desk.staff("staff.sla.none", number=ticket.number)
    calendars = await rows.versions(session, desk, {timer.calendar_version for timer in timers})
    shown = sorted(timers, key=lambda timer: (timer.settled_at is None, timer.settled_at or timer.start_at))[-_MOST:]
    told = [
        _explained(desk, ticket, timer, hours.ALWAYS if timer.always_open else calendars[timer.calendar_version], now)
        for timer in timers
        if timer in shown
    ]
    if len(timers) > len(shown):
        told.insert(0, desk.staff("staff.sla.more", many=len(timers) - len(shown)))
    return "\n\n".join(told)


def _explained(desk: Desk, ticket: Ticket, timer: SlaTimer, calendar: hours.Calendar, now: datetime) -> str:
    state = "overdue" if timer.state == "running" and now > timer.target_at else timer.state
    until = timer.answered_at or timer.settled_at or now
    pauses = [(start, min(end or until, until)) for start, end in rows.instants(timer.pauses)]
    count = hours.working_days if timer.in_days else hours.elapsed
    used = count(calendar, timer.start_at, until, pauses).total_seconds()
    target = desk.target(timer.target_seconds, in_days=timer.in_days)
    where = desk.staff("staff.sla.always_open") if timer.always_open else timer.calendar
    lines = [
        desk.staff(f"staff.sla.metric.{timer.metric}", number=ticket.number, policy=timer.policy)
        + (f" · {where}" if where else "")
        + (f" · {timer.cycle}" if timer.cycle > 1 else ""),
        desk.staff(f"staff.sla.state.{state}"),
        desk.staff("staff.sla.start", at=desk.when(timer.start_at, now)),
        desk.staff("staff.sla.used_days", used=f"{used / 86400:.2f}", target=target)
        if timer.in_days
        else desk.staff("staff.sla.used", used=span(used), target=target),
        *_paused(desk, calendar, timer, pauses, now),
    ]
    if timer.state != "paused":
        lines.append(desk.staff("staff.sla.due", at=desk.when(timer.target_at, now)))
    return "\n".join([*lines, *_ended(desk, timer, now)])


def _paused(
    desk: Desk, calendar: hours.Calendar, timer: SlaTimer, pauses: list[hours.Interval], now: datetime
) -> list[str]:
    """Each pause with the open time that it kept from counting; one at night kept nothing."""
    lines = []
    for start, end in pauses[-_MOST_PAUSES:]:
        cost = hours.elapsed(calendar, max(start, timer.start_at), end)
        times = {"start": desk.when(start, now), "end": desk.when(end, now)}
        lines.append(desk.staff("staff.sla.pause", **times, cost=span(cost.total_seconds())))
    if len(pauses) > _MOST_PAUSES:
        whole = sum((hours.elapsed(calendar, max(one[0], timer.start_at), one[1]) for one in pauses), timedelta())
        lines.append(desk.staff("staff.sla.pauses", many=len(pauses), cost=span(whole.total_seconds())))
    return lines


def _ended(desk: Desk, timer: SlaTimer, now: datetime) -> list[str]:
    lines = []
    if timer.answered_at:
        name = "answered" if timer.metric in ("first_response", "next_response") else "reached"
        lines.append(desk.staff(f"staff.sla.{name}", at=desk.when(timer.answered_at, now)))
    if timer.agent_at and timer.agent_at != timer.answered_at:
        lines.append(desk.staff("staff.sla.agent", at=desk.when(timer.agent_at, now)))
    if timer.state == "breached" and timer.breached_at and timer.breached_at != timer.target_at:
        lines.append(desk.staff("staff.sla.breached_at", at=desk.when(timer.breached_at, now)))
    if why := timer.cause or timer.reason:
        lines.append(desk.staff(f"staff.sla.why.{why}"))
    return lines
