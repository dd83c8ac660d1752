"""Promises: a timer row per ticket and metric, judged from timestamps; the loop only warns and notices breaches.

Rules S, R, V and A of the SLA. Today `first_response` starts by itself; another metric is one more call of `start`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import clock, due, logs, work
from bot.base.config import SlaPolicy
from bot.base.database import Database, table
from bot.support import history, hours, post, typed
from bot.support.desk import Desk, span
from bot.tables.support import SlaTimer, Ticket

log = logs.get(__name__)

FIRST_RESPONSE = "first_response"
UNREACHABLE = ("blocked", "deactivated", "bad_address")
"""Reasons with which a channel refuses a person for good."""

_TIMERS = table(SlaTimer)
_CLAIM = due.Claim(_TIMERS, limit=100)
_OLDEST_BELIEVED = timedelta(hours=24)
_INSTANT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Verdict:
    """`state` is met or breached; `cause` names a breach that is not the staff's."""

    state: str
    cause: str | None = None


def counted_at(at: datetime, received_at: datetime) -> datetime:
    """The provider's time of a message, or ours when the provider's is from the future or a day old."""
    return received_at if at > received_at or received_at - at > _OLDEST_BELIEVED else at


def policy_for(desk: Desk, ticket: Ticket) -> SlaPolicy | None:
    """The first policy of the file that fits the ticket."""
    for policy in desk.ground.config.support.sla:
        if (
            policy.channel in (None, ticket.channel)
            and policy.priority in (None, ticket.priority)
            and policy.language in (None, ticket.language)
        ):
            return policy
    return None


def fractions(desk: Desk, timer: SlaTimer) -> Sequence[float]:
    """Parts of the budget at which staff are warned: its policy's, else 50 % and 80 %, up to a minute 50 %."""
    named = next((policy for policy in desk.ground.config.support.sla if policy.name == timer.policy), None)
    if named and named.warn_at is not None:
        return sorted(named.warn_at)
    return (0.5,) if timer.target_seconds <= 60 else (0.5, 0.8)


def calendar_of(desk: Desk, timer: SlaTimer) -> hours.Calendar:
    return hours.ALWAYS if timer.always_open else desk.calendar


def judge(target_at: datetime, answered_at: datetime, agent_at: datetime | None) -> Verdict:
    """Equality is met; an answer that staff gave in time and we delivered late is our delay."""
    if answered_at <= target_at:
        return Verdict("met")
    return Verdict("breached", "delivery_delay" if agent_at and agent_at <= target_at else None)


async def happened(
    session: AsyncSession,
    desk: Desk,
    ticket: Ticket,
    actor: str,
    name: str,
    now: datetime,
    /,
    *,
    at: datetime | None = None,
    **data: Any,
) -> None:
    """Write it into the history of the ticket, and let its clocks follow. `at` when it counts (else `now`)."""
    assert ticket.id is not None
    counts = at or now
    await history.write(session, ticket.id, counts, actor, name, **data)
    match name:
        case "opened" if data.get("origin", "customer") == "customer":
            await start(session, desk, ticket, FIRST_RESPONSE, counts)
        case "answered":
            agent_at = clock.parse(data["agent_at"])
            await _answered(session, ticket.id, counts, agent_at, data.get("staff"), now)
            ticket.answered_at = ticket.answered_at or counts
        case "not_delivered" if data.get("why") in UNREACHABLE:
            await _unreachable(session, ticket.id, clock.parse(data["agent_at"]), now)
        case "status_changed" if data["new"] == "resolved":
            await closed(session, ticket.id, counts)


async def start(session: AsyncSession, desk: Desk, ticket: Ticket, metric: str, at: datetime) -> SlaTimer | None:
    """Start the clock of `metric` at the customer's message of `at`. None when no policy promises it."""
    policy = policy_for(desk, ticket)
    target: timedelta | None = getattr(policy, metric) if policy else None
    if policy is None or target is None or ticket.id is None or await of_ticket(session, ticket.id, metric):
        return None
    calendar = hours.ALWAYS if policy.always_open else desk.calendar
    timer = SlaTimer(
        ticket_id=ticket.id,
        metric=metric,
        policy=policy.name,
        channel=ticket.channel,
        target_seconds=int(target.total_seconds()),
        always_open=policy.always_open,
        start_at=at,
        target_at=hours.due(calendar, at, target),
    )
    timer.due_at = next_look(desk, timer)
    session.add(timer)
    await session.flush()
    work.kick(session, "timers")
    return timer


def warn_at(desk: Desk, timer: SlaTimer, fraction: float) -> datetime:
    return hours.due(calendar_of(desk, timer), timer.start_at, timedelta(seconds=timer.target_seconds * fraction))


def next_look(desk: Desk, timer: SlaTimer) -> datetime:
    """When somebody must look at a running timer: its next warning, or just after its promise ran out."""
    for fraction in fractions(desk, timer):
        if fraction not in timer.warned:
            return min(warn_at(desk, timer, fraction), timer.target_at + _INSTANT)
    return timer.target_at + _INSTANT


async def of_ticket(session: AsyncSession, ticket_id: int, metric: str = FIRST_RESPONSE) -> SlaTimer | None:
    """The newest timer of the metric."""
    newest = select(SlaTimer).where(SlaTimer.ticket_id == ticket_id, SlaTimer.metric == metric)
    return (await session.scalars(newest.order_by(col(SlaTimer.cycle).desc()).limit(1))).first()


async def _answered(
    session: AsyncSession,
    ticket_id: int,
    accepted_at: datetime,
    agent_at: datetime,
    staff_id: int | None,
    now: datetime,
) -> None:
    """A human answer was accepted by the channel at `accepted_at`: the first one gives the verdict."""
    timer = await of_ticket(session, ticket_id)
    if timer is None or timer.answered_at is not None or not _open_for(timer, agent_at):
        return
    verdict = judge(timer.target_at, accepted_at, agent_at)
    timer.answered_at, timer.agent_at, timer.staff_id = accepted_at, agent_at, staff_id
    _settle(timer, verdict.state, now, cause=verdict.cause)
    await history.write(session, ticket_id, now, "clock", "timer_settled", metric=timer.metric, state=timer.state)


def _open_for(timer: SlaTimer, agent_at: datetime) -> bool:
    """Open, breached without an answer, or closed while the answer was on its way."""
    on_its_way = (
        timer.reason == "closed_without_reply" and timer.settled_at is not None and agent_at <= timer.settled_at
    )
    return timer.state in ("running", "breached") or on_its_way


async def _unreachable(session: AsyncSession, ticket_id: int, agent_at: datetime, now: datetime) -> None:
    """The channel refused the customer for good: excluded if staff tried in time, else breached."""
    timer = await of_ticket(session, ticket_id)
    # A breach that the loop noticed while the answer was on its way is judged again: when we looked changes nothing.
    if timer is None or timer.answered_at is not None or timer.state not in ("running", "breached"):
        return
    timer.agent_at = timer.agent_at or agent_at
    if timer.agent_at <= timer.target_at:
        _settle(timer, "cancelled", now, reason="unreachable")
    else:
        _settle(timer, "breached", now)


async def closed(session: AsyncSession, ticket_id: int, now: datetime) -> None:
    """Resolved without an answer: excluded before it was due, breached after."""
    running = select(SlaTimer).where(SlaTimer.ticket_id == ticket_id, SlaTimer.state == "running")
    for timer in await session.scalars(running):
        if now <= timer.target_at:
            _settle(timer, "cancelled", now, reason="closed_without_reply")
        else:
            _settle(timer, "breached", now)


def _settle(timer: SlaTimer, state: str, now: datetime, *, reason: str | None = None, cause: str | None = None) -> None:
    timer.state, timer.reason, timer.cause = state, reason, cause
    timer.due_at = timer.lease_until = timer.lease_by = None
    timer.settled_at = now
    if state == "breached" and timer.detected_at is None:
        timer.detected_at = now  # the breach itself happened at target_at, however late anybody looked


async def look(session: AsyncSession, desk: Desk, timer: SlaTimer, now: datetime) -> None:
    """What a due timer needs: a warning in the topic, or the note that its promise ran out."""
    ticket = await session.get(Ticket, timer.ticket_id)
    if ticket is None or timer.state != "running":
        timer.due_at = timer.lease_until = timer.lease_by = None
        return
    if now > timer.target_at:
        timer.state, timer.detected_at, timer.due_at = "breached", now, None
        await history.write(session, timer.ticket_id, now, "clock", "timer_breached", metric=timer.metric)
        await _notice(session, desk, ticket, timer, "breached", now)
    else:
        reached = [part for part in fractions(desk, timer) if warn_at(desk, timer, part) <= now]
        opens = hours.opens_at(calendar_of(desk, timer), now)
        if reached and set(reached) - set(timer.warned) and opens < timer.target_at and opens - now > _INSTANT:
            timer.due_at = opens  # found late, at night: nobody is warned while the desk is closed
        else:
            if set(reached) - set(timer.warned):
                await _notice(session, desk, ticket, timer, "warning", now)
            timer.warned = sorted({*timer.warned, *reached})
            timer.due_at = next_look(desk, timer)
    timer.lease_until = timer.lease_by = None
    await session.flush()


async def _notice(session: AsyncSession, desk: Desk, ticket: Ticket, timer: SlaTimer, what: str, now: datetime) -> None:
    text = desk.staff(f"staff.sla.{what}", number=ticket.number, due=desk.when(timer.target_at, now))
    what = f"{what}:{len(timer.warned)}"
    await post.to_topic(
        session, ticket, "notice", {"text": text, "timer_id": timer.id}, f"sla:{timer.id}:{what}", now, priority=30
    )


class Timers:
    """Looks at timers whose time has come. One loop sleeps until the next one, so a 30 s promise warns at 15 s."""

    def __init__(self, database: Database, desk: Desk, worker: int) -> None:
        self.database = database
        self.desk = desk
        self.worker = worker

    def kind(self) -> work.Kind:
        return work.Kind("timers", self.run, self.next_due)

    async def run(self, now: datetime | None = None) -> int:
        """Claims and does one batch; returns how many rows it took."""
        moment = now or clock.now()
        async with self.database.transaction() as session:
            rows = await due.claim(session, _CLAIM, self.worker, moment)
            for row in rows:
                await self._one(session, row, moment)
        return len(rows)

    async def _one(self, session: AsyncSession, row: dict[str, Any], now: datetime) -> None:
        try:
            async with session.begin_nested():
                timer = await session.get(SlaTimer, row["id"], populate_existing=True)
                if timer is not None:
                    await look(session, self.desk, timer, now)
        except Exception:  # one row of a loop: it alone moves away
            log.exception("timer could not be looked at", timer_id=row["id"])
            again = sa.update(_TIMERS).where(_TIMERS.c.id == row["id"])
            await session.execute(again.values(due_at=due.later(row["attempts"], now), lease_until=None, lease_by=None))

    async def next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            return await due.next_due(session, _TIMERS)


async def explain(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> str:
    """For /sla: start, open time used, when it is due, how it stands and why, in the language of the staff."""
    timers = (
        await session.scalars(select(SlaTimer).where(SlaTimer.ticket_id == ticket.id).order_by(col(SlaTimer.id)))
    ).all()
    if not timers:
        return desk.staff("staff.sla.none", number=ticket.number)
    return "\n\n".join(_explained(desk, ticket, timer, now) for timer in timers)


def _explained(desk: Desk, ticket: Ticket, timer: SlaTimer, now: datetime) -> str:
    state = "overdue" if timer.state == "running" and now > timer.target_at else timer.state
    used = hours.elapsed(calendar_of(desk, timer), timer.start_at, timer.answered_at or timer.settled_at or now)
    lines = [
        desk.staff(f"staff.sla.metric.{timer.metric}", number=ticket.number, policy=timer.policy),
        desk.staff(f"staff.sla.state.{state}"),
        desk.staff("staff.sla.start", at=desk.when(timer.start_at, now)),
        desk.staff("staff.sla.used", used=span(used.total_seconds()), target=span(timer.target_seconds)),
        desk.staff("staff.sla.due", at=desk.when(timer.target_at, now)),
    ]
    if timer.answered_at:
        lines.append(desk.staff("staff.sla.answered", at=desk.when(timer.answered_at, now)))
    if timer.agent_at and timer.agent_at != timer.answered_at:
        lines.append(desk.staff("staff.sla.agent", at=desk.when(timer.agent_at, now)))
    if why := timer.cause or timer.reason:
        lines.append(desk.staff(f"staff.sla.why.{why}"))
    return "\n".join(lines)


async def _explain_typed(session: AsyncSession, said: typed.Typed) -> str:
    return await explain(session, said.desk, said.case, said.now)


COMMANDS = (typed.Command("sla", _explain_typed),)
