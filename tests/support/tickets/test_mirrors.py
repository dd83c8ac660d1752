"""Decisions about what may change on the other side, without Telegram."""

from datetime import datetime
from typing import Any

import pytest
from conftest import NOON
from deskwork import GROUP, Stage, seconds
from sqlmodel import select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.stage import Send, Skip
from bot.support.stages import stages
from bot.support.tickets import albums, edits, marks, mirrors
from bot.tables.support import MessageRevision, TicketMessage


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    """Ada's ticket, which Anna has taken."""
    made = await Stage.set(database, texts)
    await made.customer_says("I want to talk to a human")
    await made.staff_takes()
    return made


def edited(key: str, text: str, at: datetime, update_id: int = 1, **attachment: Any) -> edits.Edited:
    return edits.Edited(key, text, at, update_id, attachment)


async def staff_edits(stage: Stage, number: int, text: str, at: datetime, update_id: int = 1) -> str | None:
    async with stage.database.transaction() as session:
        change = edited(f"telegram:{GROUP}:{number}", text, at, update_id)
        return await edits.staff_edited(session, stage.desk, stage.anna, change, at)


async def lines(stage: Stage) -> list[TicketMessage]:
    async with stage.database.reading() as session:
        return list(await session.scalars(select(TicketMessage).order_by(TicketMessage.id)))


async def revisions(stage: Stage) -> list[tuple[int, str]]:
    async with stage.database.reading() as session:
        found = await session.scalars(select(MessageRevision).order_by(MessageRevision.number))
        return [(one.number, one.text) for one in found]


async def looked_at(stage: Stage, purpose: str) -> Send | Skip | Any:
    """What the stage of that purpose says of its newest row."""
    row = (await stage.queued(purpose))[-1]
    async with stage.database.transaction() as session:
        return (await stages(stage.desk)[purpose].prepare(session, [row], NOON))[row["id"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("//no", "no"),
        ("  // no ", "no"),
        ("／／no", "no"),
        ("/note no", "no"),
        ("/NOTE@aftercart_bot no", "no"),
        ("//", ""),
        ("/notes no", None),
        ("no // no", None),
        ("", None),
    ],
)
def test_a_mark_makes_a_note(text: str, words: str | None) -> None:
    assert marks.noted(text) == words


async def test_an_older_change_that_comes_late_is_none(stage: Stage) -> None:
    await stage.staff_says("one", number=50)
    await staff_edits(stage, 50, "three", seconds(20), 12)
    await staff_edits(stage, 50, "two", seconds(10), 11)
    await staff_edits(stage, 50, "two", seconds(20), 11)
    assert (await revisions(stage), (await lines(stage))[-1].text) == ([(1, "one")], "three")
    await staff_edits(stage, 50, "four", seconds(20), 13)
    assert await revisions(stage) == [(1, "one"), (2, "three")]


async def test_what_waits_leaves_in_its_new_words_and_needs_no_change_after(stage: Stage) -> None:
    await stage.staff_says("Monday", number=50)
    await staff_edits(stage, 50, "Tuesday", seconds(2))
    word = await looked_at(stage, "answer")
    assert word.payload["text"] == "Tuesday"
    assert await stage.queued("mirror") == []


async def test_what_became_a_note_is_stopped_right_before_it_leaves(stage: Stage) -> None:
    await stage.staff_says("She is angry", number=50)
    async with stage.database.transaction() as session:
        line = await mirrors.by_key(session, f"telegram:{GROUP}:50", hold=True)
        assert line is not None
        line.author = "note"
    assert await looked_at(stage, "answer") == Skip("note")


async def test_files_go_to_telegram_only_and_staff_are_told(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        (await stage._ticket(session)).channel = "widget"
    photo = {"kind": "photo", "file_id": "p", "name": "", "unique": "u"}
    await stage.staff_writes("the blue one", seconds(1), attachment=photo)
    assert any("Files cannot go out by widget" in text for text in await stage.texts("notice"))


async def test_what_went_out_by_another_channel_is_not_changed(stage: Stage) -> None:
    await stage.staff_says("Monday", number=50)
    await stage.arrive(seconds(1))
    async with stage.database.transaction() as session:
        (await stage._ticket(session)).channel = "email"
    assert "cannot be changed" in str(await staff_edits(stage, 50, "Tuesday", seconds(9)))
    assert await revisions(stage) == []


async def test_a_colleague_who_wrote_to_a_closed_question_of_a_note_sends_nothing(stage: Stage) -> None:
    await stage.staff_notes("she is angry")
    answer = await staff_edits(stage, stage.number, "she is angry now", seconds(5))
    assert "stays a note" in str(answer)
    assert await stage.queued("answer") == []


async def test_the_files_of_an_album_are_found_together(stage: Stage) -> None:
    for number in (60, 61, 62):
        photo = {"kind": "photo", "file_id": str(number), "name": "", "album": "a" if number < 62 else "b"}
        await stage.customer_says("", seconds(number - 60), number=number, attachment=photo)
    async with stage.database.reading() as session:
        line = await mirrors.by_key(session, "telegram:501:61")
        assert line is not None
        assert [one.provider_key for one in await albums.of(session, line)] == ["telegram:501:60", "telegram:501:61"]
        assert not await albums.leads(session, line)
