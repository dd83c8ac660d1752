from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from conftest import NOON
from fakes import RecordingSender
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import Database, table
from bot.outbound import outbox
from bot.outbound.outbox import Defer, Outbox, Outcome, Send, Skip
from bot.outbound.sender import DeliveryError, NotNow, Outgoing, Receipt
from bot.tables.outbox import Message

ROWS = table(Message)
LONG_AGO = NOON  # every message here is due at once


class Listener:
    """A stage that answers as told and remembers what it heard."""

    def __init__(self, *answers: Send | Skip | Defer) -> None:
        self.answers = list(answers)
        self.heard: list[tuple[int, Outcome]] = []

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: answer for row, answer in zip(rows, self.answers, strict=False)}

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
        self.heard.append((row["id"], outcome))


async def _queue(database: Database, text: str, **values: Any) -> int | None:
    given = {"channel": "chat", "purpose": "answer", "receiver": "anna", "key": text, "now": LONG_AGO, **values}
    async with database.transaction() as session:
        return await outbox.queue(session, payload={"text": text}, **given)


async def _rows(database: Database) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(sa.select(ROWS).order_by(ROWS.c.id))).mappings())


async def _all(box: Outbox, channel: str = "chat") -> None:
    while await box.deliver_due(channel):
        pass


async def test_messages_to_one_receiver_leave_in_the_order_they_were_queued(database: Database) -> None:
    sender = RecordingSender()
    for number in range(5):
        await _queue(database, f"m{number}", priority=50 - number)
    await _all(Outbox(database, {"chat": sender}, {}, worker=1))
    assert sender.texts == ["m0", "m1", "m2", "m3", "m4"]
    assert {row["status"] for row in await _rows(database)} == {"sent"}


async def test_the_same_key_is_queued_once(database: Database) -> None:
    assert await _queue(database, "hello") is not None
    assert await _queue(database, "hello") is None
    assert len(await _rows(database)) == 1


async def test_a_message_before_its_time_stays(database: Database) -> None:
    sender = RecordingSender()
    await _queue(database, "later", due_at=datetime(2999, 1, 1, tzinfo=NOON.tzinfo))
    assert await Outbox(database, {"chat": sender}, {}, worker=1).deliver_due("chat") == 0
    assert sender.sent == []


async def test_a_refusal_for_now_keeps_the_order_and_tries_again(database: Database) -> None:
    refusals = [DeliveryError("flood", retry_after=0.0)]

    def answer(message: Outgoing) -> Receipt:
        if refusals:
            raise refusals.pop()
        return Receipt(NOON, "1")

    sender = RecordingSender(answer=answer)
    await _queue(database, "first")
    await _queue(database, "second")
    await _all(Outbox(database, {"chat": sender}, {}, worker=1))
    assert sender.texts == ["first", "second"]


async def test_our_own_limit_costs_no_attempt(database: Database) -> None:
    def answer(message: Outgoing) -> Receipt:
        raise NotNow(30)

    await _queue(database, "patience")
    await Outbox(database, {"chat": RecordingSender(answer=answer)}, {}, worker=1).deliver_due("chat")
    (row,) = await _rows(database)
    assert (row["status"], row["attempts"], row["skip_reason"]) == ("deferred", 0, "rate_limit")


async def test_a_permanent_refusal_fails_and_its_stage_hears_why(database: Database) -> None:
    def answer(message: Outgoing) -> Receipt:
        raise DeliveryError("bot was blocked", permanent=True, reason="blocked")

    listener = Listener()
    await _queue(database, "x")
    await _all(Outbox(database, {"chat": RecordingSender(answer=answer)}, {"answer": listener}, worker=1))
    assert [outcome.reason for _, outcome in listener.heard] == ["blocked"]
    assert [row["status"] for row in await _rows(database)] == ["failed"]


async def test_a_stage_may_skip_defer_or_fill_in_the_content(database: Database) -> None:
    sender = RecordingSender(ordered=False)
    for text in ("skipped", "deferred", "filled"):
        await _queue(database, text)
    listener = Listener(
        Skip("no_consent"),
        Defer(NOON + timedelta(days=99_999), "quiet_hours"),
        Send({"text": "words"}, {"template": "t"}),
    )
    await _all(Outbox(database, {"chat": sender}, {"answer": listener}, worker=1))
    rows = await _rows(database)
    assert sender.texts == ["words"]
    assert [row["status"] for row in rows] == ["skipped", "deferred", "sent"]
    assert [row["skip_reason"] for row in rows] == ["no_consent", "quiet_hours", None]
    assert (rows[1]["defers"], rows[2]["template"]) == (1, "t")


async def test_a_lost_answer_ends_a_once_message_as_unknown_and_repeats_a_support_answer(database: Database) -> None:
    losses = ["mail", "answer"]

    def answer(message: Outgoing) -> Receipt:
        if message.payload["text"] in losses:
            losses.remove(str(message.payload["text"]))
            raise DeliveryError("connection lost", uncertain=True, retry_after=0.0)
        return Receipt(NOON, "1")

    sender = RecordingSender(ordered=False, answer=answer)
    await _queue(database, "mail", once=True)
    await _queue(database, "answer")
    await _all(Outbox(database, {"chat": sender}, {}, worker=1))
    assert sender.texts == ["answer"]
    assert [row["status"] for row in await _rows(database)] == ["unknown", "sent"]


async def test_after_a_crash_a_handed_once_message_is_unknown_and_a_claimed_one_leaves(database: Database) -> None:
    for text in ("handed", "claimed"):
        await _queue(database, text, once=True)
    async with database.transaction() as session:
        for text in ("handed", "claimed"):
            await session.execute(sa.update(ROWS).where(ROWS.c.key == text).values(status=text, lease_until=LONG_AGO))
    sender = RecordingSender(ordered=False)
    await _all(Outbox(database, {"chat": sender}, {}, worker=2))
    assert sender.texts == ["claimed"]
    assert [row["status"] for row in await _rows(database)] == ["unknown", "sent"]


async def test_one_poisonous_message_stops_nobody_else(database: Database) -> None:
    def answer(message: Outgoing) -> Receipt:
        if message.payload["text"] == "poison":
            raise ZeroDivisionError
        return Receipt(NOON, "1")

    sender = RecordingSender(ordered=False, answer=answer)
    await _queue(database, "poison", receiver="a")
    await _queue(database, "fine", receiver="b")
    await _all(Outbox(database, {"chat": sender}, {}, worker=1))
    assert sender.texts == ["fine"]
    assert [row["status"] for row in await _rows(database)] == ["deferred", "sent"]


async def test_a_fault_after_the_hand_over_does_not_send_it_again(database: Database) -> None:
    class Faulty(Listener):
        async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
            raise ValueError("a fault of ours")

    sender, now = RecordingSender(), [NOON]
    await _queue(database, "answer")
    box = Outbox(database, {"chat": sender}, {"answer": Faulty()}, worker=1, now=lambda: now[0])
    await box.deliver_due("chat")
    now[0] += timedelta(minutes=5)
    await _all(box)
    assert sender.texts == ["answer"]
    assert [row["status"] for row in await _rows(database)] == ["sent"]


async def test_what_waits_for_somebody_to_mend_it_is_not_given_up(database: Database) -> None:
    now = [NOON]

    def answer(message: Outgoing) -> Receipt:
        if now[0] < NOON + timedelta(hours=60):
            raise DeliveryError("the staff group does not let us write", retry_after=60.0)
        return Receipt(now[0], "1")

    sender = RecordingSender(answer=answer)
    await _queue(database, "help")
    box = Outbox(database, {"chat": sender}, {}, worker=1, now=lambda: now[0])
    for _ in range(62):
        await box.deliver_due("chat")
        now[0] += timedelta(hours=1)
    assert sender.texts == ["help"]


class Refusing(Listener):
    """Cannot look at messages of that text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        if any(row["payload"]["text"] == self.text for row in rows):
            raise KeyError(self.text)
        return {}


async def test_a_message_that_cannot_be_looked_at_holds_no_other_one_up(database: Database) -> None:
    sender = RecordingSender()
    for number in range(3):
        await _queue(database, f"m{number}", receiver=f"person {number}")
    await _all(Outbox(database, {"chat": sender}, {"answer": Refusing("m1")}, worker=1))
    assert sorted(sender.texts) == ["m0", "m2"]
    (moved,) = [row for row in await _rows(database) if row["status"] != "sent"]
    assert (moved["status"], moved["skip_reason"]) == ("deferred", "fault") and moved["due_at"] is not None


async def test_a_message_that_was_dropped_on_its_way_does_not_come_back(database: Database) -> None:
    """Its receiver was forgotten while Telegram let us wait."""
    await _queue(database, "hello")

    class Slow(RecordingSender):
        async def send(self, message: Outgoing) -> Receipt:
            async with database.transaction() as session:
                gone = {"status": "skipped", "skip_reason": "erased", "due_at": None, "payload": {}}
                await session.execute(sa.update(ROWS).values(**gone, lease_until=None, lease_by=None))
            raise NotNow(0.0)

    await Outbox(database, {"chat": Slow()}, {}, worker=1).deliver_due("chat")
    (row,) = await _rows(database)
    assert (row["status"], row["skip_reason"], row["due_at"]) == ("skipped", "erased", None)


def _told(rows: Sequence[Any]) -> list[Any]:
    return [(row["status"], row["attempts"], row["lease_by"]) for row in rows]


async def test_behind_a_slow_relay_nothing_leaves_that_was_judged_longer_than_a_lease_ago(database: Database) -> None:
    now, judged, gaps = [NOON], dict[int, datetime](), list[timedelta]()

    class Judge(Listener):
        async def prepare(
            self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], at: datetime
        ) -> Mapping[int, Send | Skip | Defer]:
            judged.update({row["id"]: at for row in rows})
            return {}

    class Slow(RecordingSender):
        async def send(self, message: Outgoing) -> Receipt:
            gaps.append(now[0] - judged[message.id])
            if len(self.sent) % self.batch == self.batch - 1:
                now[0] += timedelta(seconds=40)
            return await super().send(message)

    sender = Slow(ordered=False)
    for number in range(32):
        await _queue(database, f"m{number}", once=True)
    box = Outbox(database, {"chat": sender}, {"answer": Judge()}, worker=1, now=lambda: now[0])
    assert await box.deliver_due("chat") == 32
    assert len(sender.sent) == 16
    assert _told(await _rows(database))[16:] == [("planned", 0, None)] * 16
    await _all(box)
    assert max(gaps) == timedelta(seconds=40)
    assert sorted(sender.texts) == sorted(f"m{number}" for number in range(32))
    assert {row["status"] for row in await _rows(database)} == {"sent"}


async def test_a_late_hand_over_leaves_to_another_worker_what_it_has_taken(database: Database) -> None:
    now = [NOON]
    mine, theirs = RecordingSender(ordered=False), RecordingSender(ordered=False)
    mine.batch = 1
    second = Outbox(database, {"chat": theirs}, {}, worker=2, now=lambda: now[0])

    def answer(message: Outgoing) -> Receipt:
        now[0] += timedelta(seconds=61)
        return Receipt(now[0], "1")

    async def send(message: Outgoing) -> Receipt:
        receipt = answer(message)
        await second._take("chat", theirs, now[0])
        mine.sent.append(message)
        return receipt

    mine.send = send  # type: ignore[method-assign]
    await _queue(database, "long", once=True)
    await _queue(database, "behind", once=True)
    await Outbox(database, {"chat": mine}, {}, worker=1, now=lambda: now[0]).deliver_due("chat")
    assert mine.texts == ["long"]
    assert ("claimed", 2, 2) in _told(await _rows(database))


async def test_the_lease_of_what_is_handed_over_begins_then(database: Database) -> None:
    """So that nobody takes its worker for lost while it still waits for the answer."""
    now, leases = [NOON], list[Any]()

    class Slow(RecordingSender):
        async def send(self, message: Outgoing) -> Receipt:
            async with database.reading() as session:
                found = await session.scalar(sa.select(ROWS.c.lease_until).where(ROWS.c.id == message.id))
            leases.append(found - now[0])
            now[0] += timedelta(seconds=50)
            return await super().send(message)

    sender = Slow(ordered=False)
    sender.batch = 1
    for number in range(2):
        await _queue(database, f"m{number}", once=True)
    await Outbox(database, {"chat": sender}, {}, worker=1, now=lambda: now[0]).deliver_due("chat")
    assert leases == [timedelta(seconds=60)] * 2
