"""What stays among staff, what is asked about, what can be called back."""

from typing import Any

import pytest
import sqlalchemy as sa
from deskwork import Stage, seconds

from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.support.stages import stages
from bot.support.tickets import unsent
from bot.tables.outbox import Message

_ROWS = table(Message)
PICTURE = {"kind": "photo", "file_id": "f", "name": "", "album": "a1"}


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    stage = await Stage.set(database, texts)
    await stage.customer_says("My lamp is broken, I want to talk to a person")
    return stage


@pytest.mark.parametrize(
    "text", ["//psst", "/note psst", "／／psst", "  // psst", "/note@shop_bot psst", "/note\npsst"]
)
async def test_marked_words_stay_inside_and_get_a_sign(stage: Stage, text: str) -> None:
    await stage.staff_takes()
    assert await stage.staff_writes(text) is None
    assert await stage.texts("answer") == []
    assert any(row["payload"].get("react", {}).get("emoji") == "✍" for row in await stage.queued("notice"))


async def test_words_that_cannot_be_read_never_leave_as_they_might_be_a_note(stage: Stage) -> None:
    await stage.staff_takes()
    assert await stage.staff_writes("", attachment={"kind": "rich_message", "file_id": "", "name": ""})
    assert await stage.texts("answer") == []


async def test_an_answer_to_a_note_is_a_note_and_so_is_the_answer_to_that(stage: Stage) -> None:
    await stage.staff_takes()
    await stage.staff_writes("//psst")
    await stage.staff_writes("what?", reply_to=stage.number)
    await stage.staff_writes("nothing", reply_to=stage.number, who=stage.ben)
    assert await stage.texts("answer") == []


async def test_a_word_with_a_slash_is_never_sent_and_the_near_command_is_named(stage: Stage) -> None:
    await stage.staff_takes()
    assert "/snooze" in str(await stage.staff_writes("/snoze 2h"))
    assert "/close" in str(await stage.staff_writes("/cl"))
    assert "Nothing was sent" in str(await stage.staff_writes("/5€ is what I think"))
    assert await stage.texts("answer") == []


async def test_what_was_kept_cannot_be_sent_by_an_old_button(stage: Stage) -> None:
    await stage.staff_writes("She sounds angry")
    ask = (await stage.queued("notice"))[-2]["payload"]["buttons"][0]
    await stage.staff_presses(ask[1]["data"])
    assert await stage.staff_presses(ask[0]["data"], who=stage.ben) == "Kept as a note."
    assert await stage.texts("answer") == []


async def test_what_was_called_back_cannot_be_sent_by_an_old_button(stage: Stage) -> None:
    await stage.staff_writes("On its way!")
    ask = (await stage.queued("notice"))[-2]["payload"]["buttons"][0]
    await stage.staff_presses(ask[0]["data"], seconds(1))
    assert await stage.staff_writes("/undo", seconds(3)) == "Called back; it stays here as a note."
    assert await stage.staff_presses(ask[0]["data"], seconds(4)) == "Kept as a note."
    await stage.arrive(seconds(9))
    assert (await stage.ticket()).answered_at is None


async def test_undo_in_answer_to_words_calls_those_back_and_too_late_says_so(stage: Stage) -> None:
    await stage.staff_takes()
    await stage.staff_says("First", seconds(1))
    first = stage.number
    await stage.staff_says("Second", seconds(2))
    assert await stage.staff_writes("/undo", seconds(3), reply_to=first) == "Called back; it stays here as a note."
    await stage.arrive(seconds(8))
    assert await stage.staff_writes("/undo", seconds(9)) == "Too late, the customer has it."
    assert "nothing of yours" in str(await stage.staff_writes("/undo", seconds(9), who=stage.ben))


@pytest.mark.parametrize("marked", [0, 1, 2])
async def test_one_marked_picture_keeps_its_whole_album_inside(stage: Stage, marked: int) -> None:
    await stage.staff_takes()
    for place in range(3):
        text = "//broken on purpose?" if place == marked else ""
        await stage.staff_writes(text, attachment={**PICTURE, "file_id": f"f{place}"})
    waiting = [row for row in await stage.queued("answer") if row["due_at"] is not None]
    assert waiting == []


async def test_one_question_is_asked_about_an_album_and_sends_it_whole(stage: Stage) -> None:
    for place in range(3):
        await stage.staff_writes("Look" if place == 0 else "", attachment={**PICTURE, "file_id": f"f{place}"})
    asks = [row for row in await stage.queued("notice") if row["key"].startswith("ask:")]
    assert len(asks) == 1
    await stage.staff_presses(asks[0]["payload"]["buttons"][0][0]["data"])
    assert len(await stage.queued("answer")) == 3


async def _reminder(stage: Stage) -> Any:
    """What becomes of the reminder when its time has come."""
    async with stage.database.transaction() as session:
        row = (await session.execute(sa.select(_ROWS).where(_ROWS.c.key.startswith("unsent:")))).mappings().one()
        assert row["due_at"] == seconds(60) and not row["receiver"].startswith("ticket:")
        looks = await stages(stage.desk)["notice"].prepare(session, [row], seconds(60))
        return looks[row["id"]]


async def test_unanswered_questions_are_recalled_once_while_the_customer_waits(stage: Stage) -> None:
    await stage.staff_writes("On its way!")
    look = await _reminder(stage)
    assert look.payload["text"].startswith("⚠️ Not sent yet") and "unsent" not in look.payload


@pytest.mark.parametrize("verb", ["send", "keep"])
async def test_a_decided_question_is_not_recalled(stage: Stage, verb: str) -> None:
    await stage.staff_writes("On its way!")
    ask = next(row for row in await stage.queued("notice") if row["key"].startswith("ask:"))
    await stage.staff_presses(next(one["data"] for one in ask["payload"]["buttons"][0] if f":{verb}:" in one["data"]))
    assert (await _reminder(stage)).reason == "settled"


async def test_nobody_is_reminded_when_the_customer_was_answered_since(stage: Stage) -> None:
    await stage.staff_writes("Or should we ask first?")
    await stage.staff_takes(seconds(5))
    await stage.staff_says("We look into it.", seconds(6))
    assert (await _reminder(stage)).reason == "settled"
    async with stage.database.reading() as session:
        assert not await unsent.still_unsent(session, 99)
