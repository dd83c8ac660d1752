"""Every point at which a talk with a relay can end, with the state of the mail, against a relay that counts."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import make
import pytest
import sqlalchemy as sa
from scripted_relay import BROKEN, GARBAGE, HANG_UP, RESET, SILENCE, Scripted, scripted

from bot.base import clock
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.outbound import outbox
from bot.outbound.email.sender import EmailSender
from bot.outbound.email.smtp import Patience
from bot.outbound.outbox import Outbox
from bot.outbound.sender import DeliveryError, Outgoing
from bot.tables.outbox import Message

ROWS = table(Message)
PATIENT = Patience()
HASTY = Patience(connected=1.5, answered=0.8, kept_answered=0.5, asked=2.0, sent=2.5, taken=3.0)

LONG = "a line of a long mail\n" * 250_000  # more than the system takes from us before the relay reads it
LOST = (HANG_UP, RESET, SILENCE, GARBAGE, BROKEN)
BUSY, LATER, NEVER = "421 4.3.2 closing", "451 4.3.0 later", "550 5.3.0 no"
BEFORE = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA")
ABOUT_US = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL")

Case = tuple[str, str, str, str]


def _cases() -> list[Case]:
    """(step, how, marketing, support): what the row says after the talk."""
    cases: list[Case] = []
    for step in BEFORE:
        cases += [(step, how, "deferred", "deferred") for how in (*LOST, BUSY, LATER)]
        never = "deferred" if step in ABOUT_US else "failed"
        cases.append((step, NEVER, never, never))
    cases += [("BODY", how, "deferred", "deferred") for how in (*LOST, BUSY, LATER)]
    cases.append(("BODY", "552 5.3.4 too big", "failed", "failed"))
    cases += [("DOT", how, "unknown", "deferred") for how in (*LOST, "354 go on", "199 hm")]
    cases += [("DOT", how, "deferred", "deferred") for how in (BUSY, LATER)]
    cases.append(("DOT", "554 5.7.1 spam", "failed", "failed"))
    cases += [("QUIT", how, "sent", "sent") for how in (*LOST, BUSY, NEVER)]
    return cases


@pytest.fixture
async def relay() -> AsyncIterator[Scripted]:
    async with scripted() as made:
        yield made


def _sender(
    texts: Texts, relay: Scripted, step: str = "", patience: Patience = PATIENT, first_pause: float = 0.0
) -> EmailSender:
    if step == "STARTTLS":
        relay.offers = (*relay.offers, "STARTTLS")
    url = relay.url("starttls" if step == "STARTTLS" else "none", "shop:pw@" if step == "AUTH" else "")
    ground = make.ground(texts, mail={"smtp_url": url, "from": "Juniper & Oak <help@shop.example>"})
    return EmailSender(ground, first_pause=first_pause, patience=patience)


async def _queue(database: Database, *, once: bool, text: str = "Hi\n", key: str = "one") -> None:
    async with database.transaction() as session:
        await outbox.queue(
            session, channel="email", purpose="marketing" if once else "answer", receiver="ada@example.org",
            payload={"to": "ada@example.org", "from": "service", "subject": "Hello", "text": text}, key=key,
            now=clock.now(), once=once,
        )  # fmt: skip


async def _row(database: Database) -> Any:
    async with database.reading() as session:
        return (await session.execute(sa.select(ROWS).order_by(ROWS.c.id.desc()).limit(1))).mappings().one()


async def _comes_again(database: Database, box: Outbox) -> Any:
    """All that is due again leaves, as often as that."""
    for _ in range(4):
        async with database.transaction() as session:
            await session.execute(sa.update(ROWS).where(ROWS.c.due_at.is_not(None)).values(due_at=clock.now()))
        await box.deliver_due("email")
    return await _row(database)


async def _ends(
    database: Database, texts: Texts, relay: Scripted, case: Case, *, once: bool
) -> tuple[str, int, str, list[str]]:
    """What the row says after the talk that ended; how much the relay had then; how it ended; all that it got."""
    step, how, _, _ = case
    relay.end = (step, how)
    sender = _sender(texts, relay, step, HASTY if how == SILENCE else PATIENT)
    await _queue(database, once=once, text=LONG if step == "BODY" else "Hi\n")
    box = Outbox(database, {"email": sender}, {}, worker=1)
    await box.deliver_due("email")
    if step == "QUIT":
        await sender.close()
    assert relay.ended == 1
    status, then = (await _row(database))["status"], len(relay.taken)
    await sender.close()
    sender = _sender(texts, relay)
    last = (await _comes_again(database, Outbox(database, {"email": sender}, {}, worker=1)))["status"]
    await sender.close()
    return status, then, last, relay.taken


@pytest.mark.parametrize("case", _cases(), ids=lambda case: f"{case[0]}: {case[1]}")
async def test_marketing_is_at_the_relay_once_wherever_the_talk_ends(
    database: Database, texts: Texts, relay: Scripted, case: Case
) -> None:
    status, _, last, taken = await _ends(database, texts, relay, case, once=True)
    assert status == case[2]
    assert last == ("sent" if status == "deferred" else status)
    assert len(taken) == (0 if status == "failed" else 1)


@pytest.mark.parametrize("case", _cases(), ids=lambda case: f"{case[0]}: {case[1]}")
async def test_support_reaches_the_relay_and_twice_only_if_its_answer_to_the_dot_was_lost(
    database: Database, texts: Texts, relay: Scripted, case: Case
) -> None:
    status, then, last, taken = await _ends(database, texts, relay, case, once=False)
    assert status == case[3]
    assert last == ("failed" if status == "failed" else "sent")
    assert len(taken) == (0 if status == "failed" else then + (status == "deferred"))
    assert then <= (case[0] in ("DOT", "QUIT"))
    assert len(set(taken)) <= 1  # the same Message-ID: mail programs show it once


async def _kept(texts: Texts, relay: Scripted, patience: Patience = PATIENT) -> EmailSender:
    """A sender that keeps a connection over which a mail has gone."""
    sender = _sender(texts, relay, patience=patience)
    await sender.send(_message())
    assert (relay.connections, len(relay.taken)) == (1, 1)
    return sender


def _message(number: int = 1, *, uncertain: bool = False) -> Outgoing:
    payload = {"to": "ada@example.org", "from": "service", "subject": "Hello", "text": "Hi\n"}
    return Outgoing(number, f"key-{number}", "answer", 80, "", payload, {"once": True}, (), uncertain)


@pytest.mark.parametrize("how", [HANG_UP, RESET, SILENCE, GARBAGE, BROKEN, "421 4.4.2 idle too long"])
async def test_a_kept_connection_that_died_of_old_age_is_replaced_at_once(
    texts: Texts, relay: Scripted, how: str
) -> None:
    sender = await _kept(texts, relay, HASTY if how == SILENCE else PATIENT)
    relay.end = ("MAIL", how)
    receipt = await sender.send(_message(2))
    assert receipt.extra["reply"] == "2.0.0 taken"
    assert (relay.ended, relay.connections, len(relay.taken)) == (1, 2, 2)
    await sender.close()


async def test_a_relay_that_is_busy_says_so_to_a_kept_connection_too(texts: Texts, relay: Scripted) -> None:
    sender = await _kept(texts, relay)
    relay.end = ("MAIL", "421 4.7.0 slow down")
    with pytest.raises(DeliveryError) as told:
        await sender.send(_message(2))
    assert (told.value.uncertain, told.value.permanent, relay.connections) == (False, False, 1)


async def test_a_short_mail_that_may_have_left_whole_is_in_doubt_and_marketing_stays_there(
    database: Database, texts: Texts, relay: Scripted
) -> None:
    """The relay goes in the middle of it, but all of it had left us: that cannot be told from a lost answer."""
    relay.end = ("BODY", RESET)
    sender = _sender(texts, relay)
    await _queue(database, once=True)
    box = Outbox(database, {"email": sender}, {}, worker=1)
    await box.deliver_due("email")
    assert (await _row(database))["status"] == "unknown"
    assert (await _comes_again(database, box))["status"] == "unknown"
    assert relay.taken == []
    await sender.close()


async def test_a_relay_that_never_answers_in_time_gets_a_support_mail_twice_and_not_for_ever(
    database: Database, texts: Texts, relay: Scripted
) -> None:
    relay.end, relay.times = ("DOT", HANG_UP), 100
    sender = _sender(texts, relay)
    await _queue(database, once=False)
    row = await _comes_again(database, Outbox(database, {"email": sender}, {}, worker=1))
    assert (row["status"], row["skip_reason"]) == ("unknown", "answer_lost")
    assert len(relay.taken) == 2
    await sender.close()


async def test_what_is_tried_again_is_tried_later_and_later(database: Database, texts: Texts, relay: Scripted) -> None:
    relay.end, relay.times = ("CONNECT", HANG_UP), 100
    sender, waits = _sender(texts, relay, first_pause=0.02), []
    for _ in range(4):
        with pytest.raises(DeliveryError) as told:
            await sender.send(_message())
        assert told.value.retry_after is not None
        waits.append(told.value.retry_after)
        await asyncio.sleep(told.value.retry_after)
    assert waits[0] < waits[1] < waits[2] < waits[3]
    sender = _sender(texts, relay)
    relay.end = ("RCPT", HANG_UP)
    await _queue(database, once=True)
    box, distances = Outbox(database, {"email": sender}, {}, worker=1), []
    for _ in range(4):
        row = await _comes_again(database, box)
        distances.append((row["due_at"] - clock.now()).total_seconds())
    assert distances[0] < distances[1] < distances[3]
    assert relay.taken == []


async def _stopped_when(box: Outbox, relay: Scripted, *, ended: int, taken: int) -> None:
    work = asyncio.create_task(box.deliver_due("email"))
    async with asyncio.timeout(20):
        while relay.ended < ended or len(relay.taken) < taken:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_a_mail_that_the_relay_cannot_have_when_the_program_is_stopped_comes_again(
    database: Database, texts: Texts, relay: Scripted
) -> None:
    relay.end = ("RCPT", SILENCE)
    sender = _sender(texts, relay)
    await _queue(database, once=True)
    box = Outbox(database, {"email": sender}, {}, worker=1)
    await _stopped_when(box, relay, ended=1, taken=0)
    assert (await _row(database))["status"] == "deferred"
    assert (await _comes_again(database, box))["status"] == "sent"
    assert len(relay.taken) == 1
    await sender.close()


async def test_a_mail_in_doubt_when_the_program_is_stopped_takes_none_of_its_fellows_with_it(
    database: Database, texts: Texts, relay: Scripted
) -> None:
    relay.end = ("DOT", SILENCE)
    sender = _sender(texts, relay)
    await _queue(database, once=True, key="one")
    await _queue(database, once=True, key="other")
    box = Outbox(database, {"email": sender}, {}, worker=1)
    await _stopped_when(box, relay, ended=1, taken=2)
    async with database.reading() as session:
        assert sorted(await session.scalars(sa.select(ROWS.c.status))) == ["handed", "sent"]
    async with database.transaction() as session:  # its worker is gone
        await session.execute(sa.update(ROWS).values(lease_until=None, lease_by=None))
    await _comes_again(database, Outbox(database, {"email": sender}, {}, worker=2))
    async with database.reading() as session:
        assert sorted(await session.scalars(sa.select(ROWS.c.status))) == ["sent", "unknown"]
    assert len(relay.taken) == 2
    await sender.close()


async def test_a_mail_that_cannot_be_written_never_left(database: Database, texts: Texts, relay: Scripted) -> None:
    async with database.transaction() as session:
        await outbox.queue(
            session, channel="email", purpose="marketing", receiver="ada@example.org",
            payload={"to": "ada@example.org"}, key="no subject", now=clock.now(), once=True,
        )  # fmt: skip
    sender = _sender(texts, relay)
    await Outbox(database, {"email": sender}, {}, worker=1).deliver_due("email")
    row = await _row(database)
    assert (row["status"], row["error"]) == ("deferred", "it could not be written: KeyError")
    assert relay.connections == 0


def test_it_is_as_exact_in_the_loop_that_the_program_runs_in(texts: Texts) -> None:
    """uvloop's transports keep what has not left by themselves."""
    uvloop = pytest.importorskip("uvloop")

    async def middle() -> DeliveryError:
        async with scripted() as relay:
            relay.end = ("BODY", SILENCE)
            sender = _sender(texts, relay, patience=HASTY)
            message = _message()
            with pytest.raises(DeliveryError) as told:
                await sender.send(replace(message, payload={**message.payload, "text": LONG}))
            return told.value

    with asyncio.Runner(loop_factory=uvloop.Loop) as runner:
        told = runner.run(middle())
    assert (told.uncertain, told.permanent) == (False, False)
