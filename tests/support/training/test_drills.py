"""Practice: a scripted customer writes, answers are measured, and no report ever hears of it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import NOON
from deskwork import Stage, seconds
from sqlmodel import col, select

from bot.base.database import Database, table
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.outbound.outbox import Outcome
from bot.outbound.sender import Receipt
from bot.support import scripts
from bot.support.sla import attainment
from bot.support.stages import stages
from bot.support.training import checklist
from bot.tables.outbox import Message
from bot.tables.staff_room import Drill
from bot.tables.support import SlaTimer, Ticket, TicketMessage

GOOD = (
    "I am so sorry! What is your order number?",
    "Thanks. I have just asked the carrier to look for it, and you hear from me by tomorrow.",
    "Then I send it to you again, or you get your money back.",
)


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts)


async def _leave(stage: Stage, at: datetime) -> None:
    """Whatever waits on the channel of practice arrives."""
    rows = table(Message)
    async with stage.database.transaction() as session:
        due = sa.select(rows).where(rows.c.channel == "drill", rows.c.due_at.is_not(None)).order_by(rows.c.id)
        for row in (await session.execute(due)).mappings().all():
            await session.execute(sa.update(rows).where(rows.c.id == row["id"]).values(due_at=None, status="sent"))
            stage_of = stages(stage.desk)[row["purpose"]]
            await stage_of.settled(session, row, Outcome("sent", at, receipt=Receipt(at)))


async def _answer(stage: Stage, text: str, at: datetime) -> None:
    await stage.staff_says(text, at)
    await _leave(stage, at + timedelta(seconds=5))  # the answer
    await _leave(stage, at + timedelta(seconds=9))  # what the customer says to it


async def _drill(stage: Stage) -> Drill:
    async with stage.database.reading() as session:
        return (await session.scalars(select(Drill))).one()


async def _said(stage: Stage) -> list[str]:
    async with stage.database.reading() as session:
        asked = select(TicketMessage.text).where(TicketMessage.author == "customer").order_by(col(TicketMessage.id))
        return list((await session.scalars(asked)).all())


async def test_the_customer_writes_the_next_message_only_after_an_answer(stage: Stage) -> None:
    await stage.staff_writes("/drill late_parcel", NOON, general=True)
    script = scripts.of(scripts.shipped(), "late_parcel", "en")
    assert script is not None
    assert await _said(stage) == [script.says[0]]
    await _answer(stage, GOOD[0], seconds(12))
    assert await _said(stage) == list(script.says[:2])


async def test_good_answers_in_time_score_full_and_end_with_the_model_answer(stage: Stage) -> None:
    await stage.staff_writes("/drill late_parcel", NOON, general=True)
    at = seconds(10)
    for text in GOOD:
        await _answer(stage, text, at)
        at += timedelta(seconds=20)
    drill = await _drill(stage)
    assert drill.score == 100 and all(drill.points["made"].values()) and len(drill.points["waits"]) == 3
    assert (await stage.ticket()).status == "resolved"
    told = (await stage.texts("notice"))[-1]
    assert "100 of 100" in told and "#1042 left us on the 2nd" in told


async def test_slow_and_empty_answers_score_little_and_say_what_was_missed(stage: Stage) -> None:
    await stage.staff_writes("/drill late_parcel", NOON, general=True)
    for minute in (2, 4, 6):
        await _answer(stage, "please wait", NOON + timedelta(minutes=minute))
    assert (await _drill(stage)).score == 0
    assert "❌ Says sorry" in (await stage.texts("notice"))[-1]


async def test_a_drill_starts_no_clock_asks_for_no_rating_and_is_in_no_report(stage: Stage) -> None:
    await stage.staff_writes("/drill wrong_size", NOON, general=True)
    await _answer(stage, "Sure", seconds(90))
    await stage.staff_writes("/drill stop", seconds(200))
    async with stage.database.reading() as session:
        assert (await session.scalars(select(SlaTimer))).all() == []
        end = seconds(300)
        assert await attainment.by(session, stage.desk, "channel", NOON - timedelta(days=1), end, end) == []
    assert await stage.queued("rating") == []


async def test_nothing_of_a_drill_leaves_to_telegram_people_or_by_mail(stage: Stage) -> None:
    await stage.staff_writes("/drill angry_refund", NOON, general=True)
    await _answer(stage, "I am sorry", seconds(10))
    async with stage.database.reading() as session:
        channels = set((await session.scalars(select(Message.channel))).all())
    assert channels == {"staff_topic", "drill"}


async def test_stopping_ends_it_with_what_was_answered_and_nobody_writes_on(stage: Stage) -> None:
    await stage.staff_writes("/drill late_parcel", NOON, general=True)
    await stage.staff_says(GOOD[0], seconds(10))
    await _leave(stage, seconds(15))
    await stage.staff_writes("/drill stop", seconds(16))
    assert (await _drill(stage)).ended_at is not None
    before = await _said(stage)
    await _leave(stage, seconds(30))
    assert await _said(stage) == before


async def test_one_practice_at_a_time_and_the_list_names_all_five(stage: Stage) -> None:
    listed = await stage.staff_writes("/drill", NOON, general=True)
    assert listed is not None and listed.count("/drill ") - listed.count("/drill s") == 5
    await stage.staff_writes("/drill care_question", NOON, general=True)
    again = await stage.staff_writes("/drill wrong_size", seconds(1), general=True)
    assert again is not None and "already" in again
    async with stage.database.reading() as session:
        assert await session.scalar(select(sa.func.count()).select_from(Ticket)) == 1


@pytest.mark.parametrize("key", sorted(scripts.shipped()))
def test_the_model_answer_makes_every_point_of_its_own_script(key: tuple[str, str]) -> None:
    script = scripts.shipped()[key]
    assert [name for name, made in checklist.made(script, [script.model]).items() if not made] == []


def test_every_script_is_there_in_both_languages() -> None:
    names = scripts.names(scripts.shipped())
    assert len(names) == 5 and {(name, lang) for name in names for lang in ("en", "zh_CN")} == set(scripts.shipped())


def test_typos_and_words_in_between_still_make_the_point_and_other_words_do_not() -> None:
    script = scripts.shipped()["late_parcel", "en"]
    made = checklist.made(script, ["i appologise, we will send you a brand new one"])
    assert made["Says sorry"] and made["Offers a new one or the money back"]
    assert not made["Names a time at which they hear again"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("target = 'soon'\n", "target"),
        ("[en]\ntitle = 'x'\n", "en.says"),
        ("[fr]\ntitle = 'x'\n", "fr"),
        ("[en\n", "not valid TOML"),
        ("[en]\ntitle='a'\nshopper='b'\nsays=['c']\nmodel='d'\npoints=[]\n", "en.points"),
    ],
)
def test_a_wrong_script_names_the_file_and_the_key(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "drills").mkdir()
    (tmp_path / "drills" / "mine.toml").write_text(text, "utf-8")
    with pytest.raises(FindingsError) as caught:
        scripts.load([tmp_path])
    told = " ".join(str(finding) for finding in caught.value.findings)
    assert "mine.toml" in told and words in told
