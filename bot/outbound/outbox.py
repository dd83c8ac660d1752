"""The one way out: rows queued with the change that caused them, claimed by lease, handed over, recorded.

Support is sent at least once (a lost answer is tried again, with the same key); `once` messages at most once: lost
between hand-over and answer means `unknown`, and nobody sends it again by itself.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, due, logs, work
from bot.base.database import Database, insert, table
from bot.outbound.sender import DeliveryError, NotNow, Outgoing, Receipt, Sender
from bot.tables.outbox import Message

log = logs.get(__name__)

GIVE_UP_AFTER = timedelta(hours=48)
_LEASE = timedelta(seconds=60)
_LANE_LEASE = timedelta(seconds=15)
_OUR_FAULT = (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.ProgrammingError)
_rows = table(Message)


@dataclass(frozen=True)
class Send:
    """Let it leave, with this content. `values` are columns to keep with the row (template, revision, …)."""

    payload: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Skip:
    """Do not send: `reason` is kept. `status` is skipped, or withheld for a hold-out."""

    reason: str
    status: str = "skipped"
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Defer:
    """Not now: look again at `until`."""

    until: datetime
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a message ended: `status` is sent, failed, unknown, skipped or withheld; `reason` in one word."""

    status: str
    at: datetime
    reason: str = ""
    receipt: Receipt | None = None


class Stage(Protocol):
    """Whoever queued messages of a purpose: asked right before they leave, told how they ended.

    Both run inside the outbox's transaction and never commit.
    """

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]: ...

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None: ...


async def queue(
    session: AsyncSession,
    *,
    channel: str,
    purpose: str,
    receiver: str,
    payload: Mapping[str, Any],
    key: str,
    now: datetime,
    due_at: datetime | None = None,
    priority: int = 50,
    once: bool = False,
    **references: Any,
) -> int | None:
    """Put a message into the caller's transaction; it leaves after the commit. Lower `priority` leaves first.

    `references` are columns of the row: contact_id, ticket_id, said_id, enrolment_id, flow, step_id, template.
    Returns its id, or None if a message with this `key` (or of this enrolment and step) is there already.
    """
    values = _planned(
        channel=channel, purpose=purpose, receiver=receiver, payload=payload, key=key, now=now, due_at=due_at,
        priority=priority, once=once, **references,
    )  # fmt: skip
    added = insert(session, _rows).values(values).on_conflict_do_nothing().returning(_rows.c.id)
    row_id: int | None = await session.scalar(added)
    if row_id is not None:
        work.kick(session, f"messages:{channel}")
    return row_id


async def queue_many(session: AsyncSession, messages: Sequence[Mapping[str, Any]]) -> None:
    """`queue` for a batch, in one round to the database: each mapping has its keyword arguments, all the same ones."""
    if messages:
        await session.execute(insert(session, _rows).on_conflict_do_nothing(), [_planned(**one) for one in messages])
        for channel in {one["channel"] for one in messages}:
            work.kick(session, f"messages:{channel}")


def _planned(
    *,
    channel: str,
    purpose: str,
    receiver: str,
    payload: Mapping[str, Any],
    key: str,
    now: datetime,
    due_at: datetime | None = None,
    priority: int = 50,
    once: bool = False,
    **references: Any,
) -> dict[str, Any]:
    return {
        "key": key,
        "channel": channel,
        "purpose": purpose,
        "receiver": receiver,
        "payload": dict(payload),
        "priority": priority,
        "once": once,
        "due_at": due_at or now,
        "planned_at": due_at or now,
        "created_at": now,
        "status": "planned",
        "attempts": 0,
        "defers": 0,
        "verdicts": {},
        **references,
    }


class Outbox:
    """Delivers what is due. `stages` hears of its purposes; a purpose without one is simply sent."""

    def __init__(
        self,
        database: Database,
        senders: Mapping[str, Sender],
        stages: Mapping[str, Stage],
        worker: int,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.database = database
        self.senders = senders
        self.stages = stages
        self.worker = worker
        self.now = now
        self._claims = {channel: _claim(channel, sender) for channel, sender in senders.items()}

    def kinds(self) -> list[work.Kind]:
        return [self._kind(channel) for channel in self.senders]

    def _kind(self, channel: str) -> work.Kind:
        async def run() -> int:
            return await self.deliver_due(channel)

        async def next_due() -> datetime | None:
            async with self.database.reading() as session:
                return await due.next_due(session, _rows, channel=channel)

        return work.Kind(f"messages:{channel}", run, next_due)

    async def deliver_due(self, channel: str) -> int:
        """Claim one batch of the channel and see it through. Returns how many rows were taken."""
        sender = self.senders[channel]
        taken, ready = await self._take(channel, sender, self.now())
        parts = [ready[start : start + sender.batch] for start in range(0, len(ready), sender.batch)]
        if sender.ordered:
            await asyncio.gather(*(self._hand_over(sender, part) for part in parts))
        else:
            for part in parts:
                await self._hand_over(sender, part)
        return taken

    async def _take(self, channel: str, sender: Sender, now: datetime) -> tuple[int, list[Outgoing]]:
        async with self.database.transaction() as session:
            lane = f"messages:{channel if sender.exclusive is True else sender.exclusive}"
            if sender.exclusive and not await due.hold_lane(session, lane, self.worker, now, _LANE_LEASE):
                return 0, []
            rows = await due.claim(session, self._claims[channel], self.worker, now)
            fresh = [row for row in rows if not await self._ended_before(session, row, now)]
            ready = await self._prepare(session, fresh, now)
            if ready:
                await session.execute(
                    sa.update(_rows).where(_rows.c.id.in_([message.id for message in ready])).values(status="claimed")
                )
        return len(rows), ready

    async def _ended_before(self, session: AsyncSession, row: Mapping[str, Any], now: datetime) -> bool:
        """A row whose worker vanished after the hand-over, or that has been tried for too long, ends here."""
        if row["once"] and row["status"] == "handed":
            await self._settle(session, row, Outcome("unknown", now, "worker_lost"))
        elif not row["once"] and row["created_at"] < now - GIVE_UP_AFTER and row["attempts"] > 5:
            await self._settle(session, row, Outcome("failed", now, "gave_up"))
        else:
            return False
        return True

    async def _prepare(self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime) -> list[Outgoing]:
        ready: dict[int, Outgoing] = {}
        for purpose in {row["purpose"] for row in rows}:
            mine = [row for row in rows if row["purpose"] == purpose]
            stage = self.stages.get(purpose)
            words = await stage.prepare(session, mine, now) if stage else {}
            for row in mine:
                word = words.get(row["id"]) or Send(row["payload"])
                if isinstance(word, Send):
                    ready[row["id"]] = _outgoing({**row, **word.values}, word.payload)
                if word.values:
                    await session.execute(sa.update(_rows).where(_rows.c.id == row["id"]).values(**word.values))
                if isinstance(word, Skip):
                    await self._settle(session, row, Outcome(word.status, now, word.reason))
                elif isinstance(word, Defer):
                    await _again(session, row, word.until, word.reason, defers=row["defers"] + 1)
        return [ready[row["id"]] for row in rows if row["id"] in ready]

    async def _hand_over(self, sender: Sender, messages: Sequence[Outgoing]) -> None:
        once = [message.id for message in messages if message.row["once"]]
        if once:
            # From here on a crash means "unknown" for these: the row says so before the first byte leaves.
            async with self.database.transaction() as session:
                held = sa.update(_rows).where(
                    _rows.c.id.in_(once), _rows.c.status == "claimed", _rows.c.lease_by == self.worker
                )
                result = await session.execute(held.values(status="handed", handed_at=self.now()).returning(_rows.c.id))
                still_ours = set(result.scalars())
            messages = [message for message in messages if not message.row["once"] or message.id in still_ours]
        results = await asyncio.gather(*(_send(sender, message) for message in messages))
        async with self.database.transaction() as session:
            for message, result in zip(messages, results, strict=True):
                await self._record(session, message, result, self.now())

    async def _record(
        self, session: AsyncSession, message: Outgoing, result: Receipt | Exception, now: datetime
    ) -> None:
        row = message.row
        if isinstance(result, Receipt):
            await self._settle(session, row, Outcome("sent", now, receipt=result))
        elif isinstance(result, NotNow):
            await _again(
                session, row, now + timedelta(seconds=result.seconds), "rate_limit", attempts=row["attempts"] - 1
            )
        elif isinstance(result, DeliveryError) and result.permanent:
            await self._settle(session, row, Outcome("failed", now, result.reason or "rejected"), error=str(result))
        elif row["once"] and (not isinstance(result, DeliveryError) or result.uncertain):
            await self._settle(session, row, Outcome("unknown", now, "answer_lost"), error=str(result))
        else:
            wait = result.retry_after if isinstance(result, DeliveryError) else None
            until = now + timedelta(seconds=wait) if wait is not None else due.later(row["attempts"], now)
            if row["once"] and row["created_at"] < now - GIVE_UP_AFTER:
                await self._settle(session, row, Outcome("failed", now, "gave_up"), error=str(result))
                return
            log.warning("message not taken, will try again", message_id=message.id, reason=str(result))
            # Where we were told when to come back nobody gives up: staff may need a long weekend to let us in again.
            counted = row["attempts"] if wait is None else row["attempts"] - 1
            await _again(session, row, until, "provider", error=logs.clean(str(result))[:500], attempts=counted)

    async def _settle(
        self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome, error: str | None = None
    ) -> None:
        receipt = outcome.receipt
        await session.execute(
            sa.update(_rows)
            .where(_rows.c.id == row["id"])
            .values(
                status=outcome.status,
                skip_reason=outcome.reason or None,
                error=logs.clean(error)[:500] if error else None,
                provider_id=receipt.provider_id if receipt else None,
                settled_at=receipt.accepted_at if receipt else outcome.at,
                due_at=None,
                lease_until=None,
                lease_by=None,
            )
        )
        if row["channel"] in self.senders and self.senders[row["channel"]].ordered:
            work.kick(session, f"messages:{row['channel']}")  # the next to this receiver may leave now
        if outcome.status in ("failed", "unknown"):
            log.warning("message ended", message_id=row["id"], status=outcome.status, reason=outcome.reason)
        stage = self.stages.get(row["purpose"])
        if stage:
            try:
                async with session.begin_nested():
                    await stage.settled(session, row, outcome)
            except Exception as fault:  # one row of a loop: what has left must not leave again for a fault behind it
                if isinstance(fault, sa.exc.DBAPIError) and not isinstance(fault, _OUR_FAULT):
                    raise  # the database gave way (a deadlock, a lost connection): once more with the whole row
                log.exception("the end of a message was not heard", message_id=row["id"], purpose=row["purpose"])


def _claim(channel: str, sender: Sender) -> due.Claim:
    where = [_rows.c.channel == channel]
    if sender.ordered:
        earlier = _rows.alias("earlier")
        where.append(
            ~sa.exists().where(
                earlier.c.channel == channel,
                earlier.c.receiver == _rows.c.receiver,
                earlier.c.due_at.is_not(None),
                earlier.c.id < _rows.c.id,
            )
        )
    return due.Claim(_rows, sender.claim, _LEASE, where, [_rows.c.priority, _rows.c.due_at, _rows.c.id])


def _outgoing(row: Mapping[str, Any], payload: Mapping[str, Any]) -> Outgoing:
    return Outgoing(row["id"], row["key"], row["purpose"], row["priority"], row["receiver"], payload, row)


async def _send(sender: Sender, message: Outgoing) -> Receipt | Exception:
    try:
        return await sender.send(message)
    except (DeliveryError, NotNow) as error:
        return error
    except Exception as error:  # one row of a loop: it alone moves away
        log.exception("sending failed", message_id=message.id)
        return error


async def _again(session: AsyncSession, row: Mapping[str, Any], until: datetime, reason: str, **values: Any) -> None:
    await session.execute(
        sa.update(_rows)
        .where(_rows.c.id == row["id"])
        .values(status="deferred", skip_reason=reason, due_at=until, lease_until=None, lease_by=None, **values)
    )
