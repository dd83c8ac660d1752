"""Each customer is told once what became of their wish: where they asked, by day, in their language, if they like."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import make
import pytest
from conftest import NOON
from deskwork import Stage, seconds
from fakes import RecordingSender, accepted
from sqlmodel import col, select

from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.outbox import Outbox
from bot.outbound.sender import DeliveryError, Outgoing, Receipt
from bot.support import conversation
from bot.support.feedback import board, heard
from bot.support.feedback.board import Said
from bot.support.stages import stages
from bot.tables.feedback import Improvement, Rating, Voice
from bot.tables.people import Contact, Identity
from bot.tables.support import TicketMessage

SECRET_NOTE = "margin is too thin, do not say so"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts)


async def _wish(stage: Stage, *people: Contact, title: str = "Gift wrapping") -> Improvement:
    """A card with the voices of these people, each with their own words."""
    async with stage.database.transaction() as session:
        card = await board.put_up(session, "suggestion", "", title, "staff:1", NOON)
        for person in people:
            said = TicketMessage(
                contact_id=person.id, channel="telegram", author="customer", text=f"please wrap gifts, {person.id}",
                provider_key=f"telegram:{person.id}:{card.number}", at=NOON, received_at=NOON,
            )  # fmt: skip
            session.add(said)
            await session.flush()
            voice = Said(person.id or 0, "telegram", person.language or "en", said.id)
            await board.raise_voice(session, card, voice, "staff:1", NOON)
    return card


async def _people(stage: Stage, count: int, **fields: Any) -> list[Contact]:
    async with stage.database.transaction() as session:
        first = 600 + stage.number
        stage.number += count
        return [await make.telegram_contact(session, first + number, **fields) for number in range(count)]


async def _decide(stage: Stage, card: Improvement, status: str = "shipped", at: datetime = NOON) -> Mapping[str, Any]:
    """Press the status, then the button of the preview. Returns the preview."""
    await stage.staff_presses(f"1:idea_to:{card.id}:{status}", at)
    preview: Mapping[str, Any] = (await stage.queued("notice"))[-1]["payload"]
    await stage.staff_presses(preview["buttons"][0][0]["data"], at)
    return preview


async def _voices(stage: Stage) -> list[Voice]:
    async with stage.database.reading() as session:
        return list((await session.scalars(select(Voice).order_by(col(Voice.id)))).all())


async def _told(stage: Stage) -> list[str]:
    return [voice.told for voice in await _voices(stage)]


async def _deliver(stage: Stage, at: datetime, sender: RecordingSender | None = None, workers: int = 1) -> list[str]:
    """What left for customers, delivered by so many workers at once."""
    sender = sender or RecordingSender(answer=lambda message: accepted(at, str(message.id)))
    senders = {"telegram": sender, "email": sender}
    asked = stages(stage.desk)
    boxes = [Outbox(stage.database, senders, asked, worker + 1, now=lambda: at) for worker in range(workers)]

    async def empty(box: Outbox) -> None:
        for channel in senders:
            while await box.deliver_due(channel):
                pass

    await asyncio.gather(*(empty(box) for box in boxes))
    return [str(message.payload.get("text")) for message in sender.sent if message.purpose == "told"]


async def test_nothing_moves_before_staff_have_seen_what_customers_will_read(stage: Stage) -> None:
    people = await _people(stage, 2)
    chinese = await _people(stage, 1, language="zh_CN")
    card = await _wish(stage, *people, *chinese)
    await stage.staff_writes("/tell 1 We wrap gifts from Monday on.", NOON, general=True)
    await stage.staff_presses(f"1:idea_to:{card.id}:shipped", NOON)
    preview = (await stage.queued("notice"))[-1]["payload"]
    assert "Will tell 3 customers" in preview["text"]
    assert "en (2)\nWe wrap gifts from Monday on." in preview["text"]
    assert "zh_CN (1) (our usual words)\n好消息" in preview["text"]
    assert await _told(stage) == ["", "", ""] and await stage.queued("told") == []
    await stage.staff_writes("/tell 1 zh 我们周一起提供礼品包装。", NOON, general=True)
    assert "zh_CN (1)\n我们周一起提供礼品包装。" in (await stage.queued("notice"))[-1]["payload"]["text"]


async def test_each_is_told_in_their_language_by_name_with_their_own_words(stage: Stage) -> None:
    (ada,) = await _people(stage, 1)
    (li,) = await _people(stage, 1, first_name="丽", language="zh_CN")
    card = await _wish(stage, ada, li)
    await stage.staff_writes("/tell 1 We wrap gifts from Monday on.", NOON, general=True)
    await _decide(stage, card)
    first, second = await _deliver(stage, NOON)
    assert first.splitlines() == [
        "Hello Ada,", f"you once wrote to us: “please wrap gifts, {ada.id}”", "We wrap gifts from Monday on."
    ]  # fmt: skip
    assert second.startswith("丽，您好！") and "好消息：我们做到了" in second and "Monday" not in second
    assert await _told(stage) == ["told", "told"]


async def test_two_workers_and_replays_tell_each_customer_once(stage: Stage) -> None:
    people = await _people(stage, 12)
    card = await _wish(stage, *people)
    await stage.staff_presses(f"1:idea_to:{card.id}:shipped", NOON)
    end = f"1:idea_end:{card.id}:shipped"
    await asyncio.gather(*(stage.staff_presses(end, NOON) for _ in range(4)))
    sender = RecordingSender()
    await _deliver(stage, NOON, sender, workers=2)
    await stage.staff_presses(end, seconds(60))
    await _decide(stage, card, "declined", seconds(70))
    await _deliver(stage, seconds(80), sender, workers=2)
    told = [message.payload["chat_id"] for message in sender.sent]
    assert len(told) == len(set(told)) == 12
    assert set(await _told(stage)) == {"told"}


async def test_an_answer_that_was_lost_is_not_sent_again_and_not_counted_as_told(stage: Stage) -> None:
    card = await _wish(stage, *await _people(stage, 1))
    await _decide(stage, card)

    def lost(_message: Outgoing) -> Receipt:
        raise DeliveryError("no answer", uncertain=True)

    await _deliver(stage, NOON, RecordingSender(answer=lost))
    assert await _told(stage) == ["unknown"]
    await _decide(stage, card, at=seconds(50))
    assert await _deliver(stage, seconds(60)) == []


async def test_notes_titles_and_the_words_of_others_never_leave(stage: Stage) -> None:
    people = await _people(stage, 3)
    card = await _wish(stage, *people, title="Wrap gifts (asked by Mrs Lindt of room 4)")
    async with stage.database.transaction() as session:
        note = TicketMessage(
            contact_id=people[0].id, channel="telegram", author="note", text=SECRET_NOTE, provider_key="telegram:1:1",
            at=NOON, received_at=NOON,
        )  # fmt: skip
        session.add(note)
        await session.flush()
        for voice in await session.scalars(select(Voice).order_by(col(Voice.id))):
            if voice.contact_id != people[2].id:
                voice.said_id = note.id  # a note of theirs, and a note about somebody else
    await stage.staff_writes(f"/idea note 1 {SECRET_NOTE}", NOON, general=True)
    await _decide(stage, card)
    texts = await _deliver(stage, NOON)
    assert len(texts) == 3
    for text in texts:
        assert SECRET_NOTE not in text and "Lindt" not in text
    assert sum("you once told us what we could do better." in text for text in texts) == 2


async def test_who_opts_out_between_is_refused_and_counted(stage: Stage) -> None:
    ada, ben = await _people(stage, 2)
    first = await _wish(stage, ada, ben)
    second = await _wish(stage, ada, ben, title="An app for phones")
    await _decide(stage, first)
    sender = RecordingSender()
    await _deliver(stage, NOON, sender)
    off = sender.sent[0].payload["buttons"][0][0]
    assert off["text"] == "Do not tell me such things"
    await _decide(stage, second)  # queued, and then they press
    async with stage.database.transaction() as session:
        await conversation.customer_pressed(session, stage.desk, ada.id or 0, off["data"], seconds(10))
    await _deliver(stage, seconds(20), sender)
    assert [message.payload["chat_id"] for message in sender.sent if message.purpose == "told"] == [600, 601, 601]
    voices = await _voices(stage)
    assert [(voice.told, voice.why) for voice in voices[2:]] == [("refused", "opted_out"), ("told", "")]
    third = await _wish(stage, ada, title="Send to Norway")
    preview = await _decide(stage, third)
    assert "Will tell 0 customers" in preview["text"] and "Not told: do not want it 1" in preview["text"]
    back = next(row for row in await stage.queued("auto_answer") if row["key"].startswith("tell:"))
    async with stage.database.transaction() as session:
        await conversation.customer_pressed(
            session, stage.desk, ada.id or 0, back["payload"]["buttons"][0][0]["data"], seconds(30)
        )
    await _decide(stage, third, at=seconds(40))
    assert (await _told(stage))[-1] == "queued"


async def test_a_stranger_cannot_opt_somebody_else_out(stage: Stage) -> None:
    ada, ben = await _people(stage, 2)
    await _wish(stage, ada)
    (voice,) = await _voices(stage)
    async with stage.database.transaction() as session:
        data = f"1:tell:{voice.id}:off"
        words = await conversation.customer_pressed(session, stage.desk, ben.id or 0, data, NOON)
        assert words == "This button is not in use any more."
        assert await contacts.allowed(session, stage.desk.ground.secret, "telegram", "600", "feedback") is None


NIGHT = datetime(2026, 3, 4, 15, tzinfo=UTC)  # 23:00 in Shanghai, afternoon in Berlin


async def test_each_is_told_by_day_where_they_live(stage: Stage) -> None:
    (li,) = await _people(stage, 1, timezone="Asia/Shanghai")
    (ada,) = await _people(stage, 1, timezone="Europe/Berlin")
    card = await _wish(stage, li, ada)
    await _decide(stage, card, at=NIGHT)
    assert len(await _deliver(stage, NIGHT)) == 1
    waiting = next(row for row in await stage.queued("told") if row["due_at"])
    morning = datetime(2026, 3, 5, 0, tzinfo=UTC)
    assert morning <= waiting["due_at"] < morning + timedelta(minutes=15)
    assert len(await _deliver(stage, morning + timedelta(minutes=16))) == 1
    assert await _told(stage) == ["told", "told"]


async def test_one_that_was_held_up_until_night_waits_for_the_day(stage: Stage) -> None:
    (li,) = await _people(stage, 1, timezone="Asia/Shanghai")
    await _decide(stage, await _wish(stage, li), at=NOON)  # 20:00 there
    assert await _deliver(stage, NIGHT) == []
    (row,) = await stage.queued("told")
    assert row["skip_reason"] == "quiet_hours" and row["due_at"] >= datetime(2026, 3, 5, 0, tzinfo=UTC)


async def test_what_waits_for_the_morning_holds_no_answer_up(stage: Stage) -> None:
    (li,) = await _people(stage, 1, timezone="Asia/Shanghai")
    await _decide(stage, await _wish(stage, li), at=NIGHT)
    stage.contact = li
    async with stage.database.transaction() as session:
        await conversation.greet(session, stage.desk, li.id or 0, "telegram", NIGHT)
    sender = RecordingSender()
    await _deliver(stage, NIGHT, sender)
    assert [message.purpose for message in sender.sent] == ["auto_answer"]


async def test_a_card_that_moved_back_stops_what_waits_and_tells_later(stage: Stage) -> None:
    card = await _wish(stage, *await _people(stage, 1))
    await _decide(stage, card)
    await stage.staff_presses(f"1:idea_to:{card.id}:in_progress", seconds(1))
    assert await _deliver(stage, seconds(2)) == []
    assert await _told(stage) == [""]
    await _decide(stage, card, at=seconds(60))
    assert len(await _deliver(stage, seconds(61))) == 1
    await _decide(stage, card, at=seconds(70))
    assert await _deliver(stage, seconds(71)) == []


async def test_a_card_that_went_into_another_tells_its_customers_with_that_one(stage: Stage) -> None:
    ada, ben = await _people(stage, 2)
    first, second = await _wish(stage, ada), await _wish(stage, ada, ben)
    await _decide(stage, second)
    await stage.staff_writes("/idea merge 2 1", seconds(1), general=True)
    assert await _deliver(stage, seconds(2)) == []
    await _decide(stage, first, at=seconds(10))
    sender = RecordingSender()
    await _deliver(stage, seconds(11), sender)
    assert sorted(message.payload["chat_id"] for message in sender.sent) == [600, 601]
    assert await _told(stage) == ["told", "told"]


@pytest.mark.parametrize("reason", ["blocked", "erased", "unreachable", "suppressed"])
async def test_who_cannot_or_must_not_be_told_is_refused_with_the_reason(stage: Stage, reason: str) -> None:
    (ada,) = await _people(stage, 1)
    card = await _wish(stage, ada)
    secret = stage.desk.ground.secret
    async with stage.database.transaction() as session:
        if reason == "blocked":
            (await session.get_one(Contact, ada.id)).blocked_at = NOON
        elif reason == "erased":
            await contacts.erase(session, secret, ada.id or 0, NOON)
        elif reason == "unreachable":
            await contacts.mark_unreachable(session, "telegram", "600", "blocked", NOON)
        else:
            await contacts.suppress(session, secret, "telegram", "600", "complaint", NOON, topic="feedback")
    preview = await _decide(stage, card)
    assert "Will tell 0 customers" in preview["text"] and "Not told:" in preview["text"]
    assert [(voice.told, voice.why) for voice in await _voices(stage)] == [("refused", reason)]


async def test_nobody_needs_to_be_told(stage: Stage) -> None:
    card = await _wish(stage, *await _people(stage, 1))
    await stage.staff_presses(f"1:idea_quiet:{card.id}:declined", NOON)
    assert await _told(stage) == [""] and await stage.queued("told") == []
    async with stage.database.reading() as session:
        assert (await session.get_one(Improvement, card.id)).status == "declined"


async def test_who_left_the_chat_is_told_by_mail_at_a_proven_address(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, mail={"smtp_url": "smtp://127.0.0.1:25?tls=none"})
    ada, ben = await _people(stage, 2)
    async with stage.database.transaction() as session:
        for person, proven in ((ada, True), (ben, False)):
            session.add(
                Identity(
                    contact_id=person.id, kind="email", value=f"{person.id}@x.example", proven=proven, created_at=NOON
                )
            )
        for chat in ("600", "601"):
            await contacts.mark_unreachable(session, "telegram", chat, "blocked", NOON)
    await _decide(stage, await _wish(stage, ada, ben))
    sender = RecordingSender()
    await _deliver(stage, NOON, sender)
    (mail,) = sender.sent
    assert (mail.payload["to"], mail.payload["from"]) == (f"{ada.id}@x.example", "service")
    assert f"please wrap gifts, {ada.id}" in mail.payload["text"] and "/u/" in mail.payload["list_unsubscribe"]
    assert [(voice.told, voice.why) for voice in await _voices(stage)] == [("told", ""), ("refused", "unreachable")]
    (row,) = await stage.queued("told")
    assert "text" not in row["payload"] and row["payload"]["list_id"].startswith("feedback.")


async def test_the_report_tells_asked_told_and_the_ratings_before_and_after(stage: Stage) -> None:
    ada, ben = await _people(stage, 2)
    card = await _wish(stage, ada, ben)
    async with stage.database.transaction() as session:
        await contacts.withdraw(session, stage.desk.ground.secret, ben.id, "telegram", "601", "feedback", "x", NOON)
        for number, (person, score, at) in enumerate(
            ((ada, 2, NOON - timedelta(days=1)), (ada, 5, NOON + timedelta(days=1)), (ben, 1, NOON + timedelta(days=1)))
        ):
            ticket = await make.ticket(session, 2000 + number, contact_id=person.id)
            session.add(
                Rating(ticket_id=ticket.id, contact_id=person.id, asked_at=at, rated_at=at, score=score, comment="")
            )
    await _decide(stage, card)
    await _deliver(stage, NOON)
    async with stage.database.reading() as session:
        (row,) = await heard.report(session)
    assert (row.asked, row.told, row.refused, row.waiting) == (2, 1, 1, 0)
    assert (row.before, row.after, row.rated_after) == (2.0, 5.0, 1)
