"""The one way out: rows queued with the change that caused them, claimed by lease, handed over, recorded.

Support is sent at least once (a lost answer is tried again, with the same key); `once` messages at most once: lost
between hand-over and answer means `unknown`, and nobody sends it again by itself.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, due, logs, work
from bot.base.database import Database, UtcDateTime, insert, table
from bot.outbound import lanes
from bot.outbound import stage as stages
from bot.outbound.sender import DeliveryError, NotNow, Outgoing, Receipt, Sender
from bot.outbound.side_by_side import send_all
from bot.outbound.stage import Defer, Outcome, Send, Skip, Stage
from bot.tables.outbox import Message

__all__ = [
    "GIVE_UP_AFTER", "HELD", "UNWRITTEN", "Defer", "Outbox", "Outcome", "Send", "Skip", "Stage", "ask_again", "queue",
    "queue_many",
]  # fmt: skip

log = logs.get(__name__)

GIVE_UP_AFTER = timedelta(hours=48)
_LEASE = timedelta(seconds=60)
_LANE_LEASE = timedelta(seconds=15)
_LINGER = 0.2  # seconds that a look waits for what it sent off: who must wait longer holds nobody up
ALONE = "alone"
"""Kept with a row that was refused together with others: it is not joined with any again."""

_BEYOND = timedelta(days=366)  # nothing is put off for so long: it is held since a backup was restored
UNCERTAIN = "answer_lost"
HELD = "held_by_service"
"""Marketing that waits until customer service has made something good."""
UNWRITTEN = "render_error"
"""Marketing that waits until its template is mended."""
_rows = table(Message)


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


async def ask_again(session: AsyncSession, contact_id: int | None, reason: str, now: datetime) -> None:
    """What was put off for that reason is looked at now: its cause may be gone. `contact_id` None: of everybody."""
    mine = () if contact_id is None else (_rows.c.contact_id == contact_id,)
    again = sa.update(_rows).where(
        *mine, _rows.c.status == "deferred", _rows.c.skip_reason == reason, _rows.c.due_at > now,
        _rows.c.due_at < now + _BEYOND,
    )  # fmt: skip
    channels = (await session.scalars(again.values(due_at=now).returning(_rows.c.channel))).all()
    for channel in set(channels):
        work.kick(session, f"messages:{channel}")


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
        self._claims = {channel: lanes.claim(channel, sender, _LEASE) for channel, sender in senders.items()}
        self._flights: dict[asyncio.Task[None], set[int]] = {}

    def kinds(self) -> list[work.Kind]:
        return [self._kind(channel) for channel in self.senders]

    def _kind(self, channel: str) -> work.Kind:
        async def run() -> int:
            return await self.deliver_due(channel)

        async def next_due() -> datetime | None:
            async with self.database.reading() as session:
                at: datetime | None = await session.scalar(lanes.next_due(channel, self.senders[channel]))
                return at

        return work.Kind(f"messages:{channel}", run, next_due)

    async def deliver_due(self, channel: str) -> int:
        """Claim one batch of the channel and see it through. Returns how many rows were taken.

        In an ordered channel each message is on its way by itself: one that waits for its turn (a group has had its
        share, or Telegram asked for silence there) is not waited for. `landed` waits for those.
        """
        sender = self.senders[channel]
        taken, ready = await self._take(channel, sender, self.now())
        parts = [ready[start : start + sender.batch] for start in range(0, len(ready), sender.batch)]
        if not sender.ordered:
            for part in parts:
                await self._hand_over(sender, part)
        elif parts:
            await asyncio.wait([self._fly(sender, part) for part in parts], timeout=_LINGER)
        return taken

    def _fly(self, sender: Sender, part: list[Outgoing]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._hand_over(sender, part))
        self._flights[task] = {message.id for message in part}
        task.add_done_callback(self._flights.pop)
        return task

    async def landed(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109
        """Wait for what is on its way; after `timeout` seconds it is broken off. False: there was nothing."""
        flights = list(self._flights)
        if flights:
            _, late = await asyncio.wait(flights, timeout=timeout)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return bool(flights)

    async def _take(self, channel: str, sender: Sender, now: datetime) -> tuple[int, list[Outgoing]]:
        async with self.database.transaction() as session:
            lane = f"messages:{channel if sender.exclusive is True else sender.exclusive}"
            if sender.exclusive and not await due.hold_lane(session, lane, self.worker, now, _LANE_LEASE):
                return 0, []
            rows = await due.claim(session, self._claims[channel], self.worker, now)
            flying = set().union(*self._flights.values())  # a lease ran out meanwhile: it was just renewed
            fresh = [row for row in rows if row["id"] not in flying]
            fresh = [row for row in fresh if not await self._ended_before(session, row, now)]
            ready = await self._prepare(session, fresh, now)
            if ids := [row["id"] for message in ready for row in (message.row, *message.riders)]:
                held = {"status": "claimed", "lease_by": self.worker, "lease_until": now + _LEASE}
                await session.execute(sa.update(_rows).where(_rows.c.id.in_(ids)).values(held))
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
            words = await stages.look(stage, session, mine, now) if stage else {}
            for row in mine:
                word = words.get(row["id"]) or Send(row["payload"])
                if isinstance(word, Send):
                    ready[row["id"]] = _outgoing({**row, **word.values}, word)
                if word.values:
                    await session.execute(sa.update(_rows).where(_rows.c.id == row["id"]).values(**word.values))
                if isinstance(word, Skip):
                    await self._settle(session, row, Outcome(word.status, now, word.reason))
                elif isinstance(word, Defer):
                    await _again(session, row, word.until, word.reason, defers=row["defers"] + 1)
        return [ready[row["id"]] for row in rows if row["id"] in ready]

    async def _hand_over(self, sender: Sender, messages: Sequence[Outgoing]) -> None:
        try:
            messages = await self._handed(sender, messages)
            await send_all(sender, messages, self._recorded)
        except Exception:  # our own failure: whoever looks next may have them, there is no lease to wait for
            log.exception("messages could not be seen through", message_ids=[message.id for message in messages])
            await self._let_go(messages)
            if not sender.ordered:
                raise

    async def _handed(self, sender: Sender, messages: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """From here on a crash means "unknown" for `once` messages: the row says so before the first byte leaves.

        What was claimed too long ago (those before it took their time) goes back: its stage said yes for that while,
        and where several processes send side by side another one may have it by now.
        """
        now = self.now()
        rows = {one.id: one.row for one in messages if one.row["once"] or not sender.exclusive}
        if not rows:
            return messages
        fresh = [row_id for row_id, row in rows.items() if row["lease_until"] > now]
        async with self.database.transaction() as session:
            ours = sa.update(_rows).where(_rows.c.status == "claimed", _rows.c.lease_by == self.worker)
            going = ours.where(_rows.c.id.in_(fresh), _rows.c.lease_until > now).returning(_rows.c.id)
            once = _rows.c.once.is_(True)
            handed = {
                "status": sa.case((once, "handed"), else_=_rows.c.status),
                "handed_at": sa.case((once, sa.literal(now, UtcDateTime())), else_=_rows.c.handed_at),
                "lease_until": now + _LEASE,
            }
            still_ours = set((await session.scalars(going.values(handed))).all())
            if late := sorted(rows.keys() - still_ours):
                back = {"status": "planned", "attempts": _rows.c.attempts - 1, "lease_until": None, "lease_by": None}
                await session.execute(ours.where(_rows.c.id.in_(late)).values(back))
                for channel in {rows[row_id]["channel"] for row_id in late}:
                    work.kick(session, f"messages:{channel}")
        return [message for message in messages if message.id not in rows or message.id in still_ours]

    async def _recorded(self, ends: Sequence[tuple[Outgoing, Receipt | Exception]]) -> None:
        """What became of them is known to us alone until it is written: a database that gives way is asked again."""
        for pause in (0.1, 0.5, 2.0, None):
            try:
                async with self.database.transaction() as session:
                    for message, result in ends:
                        await self._record(session, message, result, self.now())
                return
            except sa.exc.DBAPIError:
                if pause is None:
                    raise
                log.exception("the end of messages is not written yet", message_ids=[one.id for one, _ in ends])
            await asyncio.sleep(pause)

    async def _let_go(self, messages: Sequence[Outgoing]) -> None:
        ids = [row["id"] for message in messages for row in (message.row, *message.riders)]
        later = due.later(1, self.now())
        mine = sa.update(_rows).where(_rows.c.id.in_(ids), _rows.c.lease_by == self.worker, _rows.c.due_at.is_not(None))
        try:
            async with self.database.transaction() as session:
                await session.execute(mine.values(lease_until=None, lease_by=None, due_at=later))
        except sa.exc.DBAPIError:  # then they come back when the lease ends
            log.exception("messages stay leased", message_ids=ids)

    async def _record(
        self, session: AsyncSession, message: Outgoing, result: Receipt | Exception, now: datetime
    ) -> None:
        """A message and its riders end alike; refused for good may be one of them only, so each goes alone then."""
        refused = isinstance(result, DeliveryError) and result.permanent
        for row in (message.row, *message.riders):
            if message.riders and refused:
                await _again(session, row, now, ALONE)
            elif isinstance(result, NotNow):
                why = UNCERTAIN if message.uncertain else "rate_limit"
                tried = max(0, row["attempts"] - 1)
                await _again(session, row, now + timedelta(seconds=result.seconds), why, attempts=tried)
            else:
                await self._end(session, row, result, now)
        if self.senders[message.row["channel"]].ordered:
            work.kick(session, f"messages:{message.row['channel']}")  # others may leave now, or this one later

    async def _end(
        self, session: AsyncSession, row: Mapping[str, Any], result: Receipt | Exception, now: datetime
    ) -> None:
        if isinstance(result, Receipt):
            await self._settle(session, row, Outcome("sent", now, receipt=result))
        elif isinstance(result, DeliveryError) and result.permanent and result.uncertain:
            await self._settle(session, row, Outcome("unknown", now, UNCERTAIN), error=str(result))
        elif isinstance(result, DeliveryError) and result.permanent:
            await self._settle(session, row, Outcome("failed", now, result.reason or "rejected"), error=str(result))
        elif row["once"] and (not isinstance(result, DeliveryError) or result.uncertain):
            await self._settle(session, row, Outcome("unknown", now, UNCERTAIN), error=str(result))
        else:
            await self._later(session, row, result, now)

    async def _later(self, session: AsyncSession, row: Mapping[str, Any], result: Exception, now: datetime) -> None:
        wait = result.retry_after if isinstance(result, DeliveryError) else None
        until = now + timedelta(seconds=wait) if wait is not None else due.later(row["attempts"], now)
        if row["once"] and row["created_at"] < now - GIVE_UP_AFTER:
            await self._settle(session, row, Outcome("failed", now, "gave_up"), error=str(result))
            return
        log.warning("message not taken, will try again", message_id=row["id"], reason=str(result))
        # Where we were told when to come back nobody gives up: staff may need a long weekend to let us in again.
        counted = row["attempts"] if wait is None else max(0, row["attempts"] - 1)
        lost = not isinstance(result, DeliveryError) or result.uncertain or row["skip_reason"] == UNCERTAIN
        why = UNCERTAIN if lost else "provider"
        await _again(session, row, until, why, error=logs.clean(str(result))[:500], attempts=counted)

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
        if self.senders[row["channel"]].ordered:
            work.kick(session, f"messages:{row['channel']}")  # the next to this receiver may leave now
        if outcome.status in ("failed", "unknown"):
            log.warning("message ended", message_id=row["id"], status=outcome.status, reason=outcome.reason)
        stage = self.stages.get(row["purpose"])
        if stage:
            try:
                async with session.begin_nested():
                    await stage.settled(session, row, outcome)
            except Exception as fault:  # one row of a loop: what has left must not leave again for a fault behind it
                if stages.gave_way(fault):
                    raise
                log.exception("the end of a message was not heard", message_id=row["id"], purpose=row["purpose"])


def _outgoing(row: Mapping[str, Any], word: Send) -> Outgoing:
    # Claimed before, and nobody wrote what became of it: its worker vanished, or the answer was lost.
    uncertain = row["status"] == "claimed" or row["skip_reason"] == UNCERTAIN
    about = (row["id"], row["key"], row["purpose"], row["priority"], row["receiver"])
    return Outgoing(*about, word.payload, row, word.riders, uncertain)


async def _again(session: AsyncSession, row: Mapping[str, Any], until: datetime, reason: str, **values: Any) -> None:
    """Unless it was ended meanwhile: what its receiver must not get any more never comes back."""
    await session.execute(
        sa.update(_rows)
        .where(_rows.c.id == row["id"], _rows.c.due_at.is_not(None))
        .values(status="deferred", skip_reason=reason, due_at=until, lease_until=None, lease_by=None, **values)
    )
