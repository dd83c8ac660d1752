"""What a person may ask of us about their data: a copy, and to be forgotten; and how long words are kept."""

import io
import json
import zipfile
from datetime import timedelta

import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from deskwork import Stage, seconds
from sqlmodel import SQLModel, col, select

from bot import contacts
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.contacts import export, retention
from bot.support.privacy.exporting import Exports
from bot.tables.outbox import Message
from bot.tables.people import Contact, Suppression
from bot.tables.staff_room import AuditEntry
from bot.tables.support import Ticket, TicketMessage

SECRET_WORDS = "my parcel was left at number 12"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts)


async def _talk(stage: Stage) -> None:
    await stage.customer_says(f"I want to speak to a person: {SECRET_WORDS}", NOON)
    await stage.staff_takes(seconds(5))
    await stage.staff_says("Sorry Ada, we look into it", seconds(10))
    await stage.arrive(seconds(15))
    await stage.staff_notes("she is angry", seconds(20))


async def _leave(stage: Stage) -> None:
    """Everything that waits has left."""
    rows = table(Message)
    async with stage.database.transaction() as session:
        await session.execute(sa.update(rows).values(due_at=None, status="sent", settled_at=seconds(61)))


async def test_the_copy_holds_both_sides_of_the_talk_and_no_note(stage: Stage) -> None:
    await _talk(stage)
    async with stage.database.reading() as session:
        data = await export.zipped(session, stage.contact.id or 0, "", seconds(60))
    archive = zipfile.ZipFile(io.BytesIO(data))
    talk = archive.read("conversation.txt").decode()
    assert SECRET_WORDS in talk and "we look into it" in talk and "angry" not in talk
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"angry" not in everything
    assert json.loads(archive.read("tickets.json"))[0]["number"] == 1001


async def test_the_file_is_made_when_it_leaves_and_never_stored(stage: Stage) -> None:
    await _talk(stage)
    await stage.staff_writes("/export", seconds(30))
    (row,) = await stage.queued("export")
    assert SECRET_WORDS not in str(row["payload"])
    async with stage.database.reading() as session:
        words = await Exports(stage.desk).prepare(session, [row], seconds(31))
    document = words[row["id"]].payload["document"]  # type: ignore[union-attr]
    assert zipfile.ZipFile(io.BytesIO(document["data"])).namelist()[0] == "README.txt"
    async with stage.database.reading() as session:
        assert (await session.scalars(select(AuditEntry.action))).all() == ["export"]


async def test_forgetting_asks_first_and_no_means_no(stage: Stage) -> None:
    await _talk(stage)
    await stage.staff_writes("/forget", seconds(30))
    await stage.staff_presses(f"1:forget:{(await stage.ticket()).id}:no", seconds(31))
    async with stage.database.reading() as session:
        assert (await session.get_one(Contact, stage.contact.id)).status == "active"


async def test_whoever_is_forgotten_leaves_no_word_in_any_table(stage: Stage) -> None:
    await _talk(stage)
    await stage.staff_writes("/forget", seconds(30))
    await stage.staff_presses(f"1:forget:{(await stage.ticket()).id}:yes", seconds(31))
    async with stage.database.reading() as session:
        for name, one in SQLModel.metadata.tables.items():
            rows = [str(dict(row)) for row in (await session.execute(sa.select(one))).mappings()]
            for word in (SECRET_WORDS, "we look into it", "angry", "Ada"):
                assert not [row for row in rows if word in row], name
        assert (await session.get_one(Contact, stage.contact.id)).status == "erased"
        assert await session.scalar(select(sa.func.count()).select_from(Suppression)) == 1
        gone = select(Message.payload).where(col(Message.due_at).is_not(None), Message.channel == "staff_topic")
        waiting = (await session.scalars(gone)).all()
    assert [one["topic"] for one in waiting if one.get("topic")] == ["delete"]


async def test_words_older_than_the_shop_keeps_go_and_the_ticket_stays(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support={"retention": {"conversations": "30d", "messages": "30d"}})
    await _talk(stage)
    await stage.staff_closes(seconds(60))
    await _leave(stage)
    config = stage.desk.ground.config
    assert await retention.run(database, config, NOON + timedelta(days=29)) == {"conversations": 0, "messages": 0}
    done = await retention.run(database, config, NOON + timedelta(days=31))
    assert done["conversations"] >= 3 and done["messages"] >= 3
    async with database.reading() as session:
        assert set((await session.scalars(select(TicketMessage.text))).all()) == {""}
        assert (await session.scalars(select(Ticket.status))).all() == ["resolved"]
    assert await retention.run(database, config, NOON + timedelta(days=32)) == {"conversations": 0, "messages": 0}


async def test_an_open_ticket_keeps_its_words_however_old(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, support={"retention": {"conversations": "30d"}})
    await _talk(stage)
    assert (await retention.run(database, stage.desk.ground.config, NOON + timedelta(days=400)))["conversations"] == 0


async def test_nothing_is_forgotten_unless_the_shop_says_so(stage: Stage) -> None:
    await _talk(stage)
    assert await retention.run(stage.database, stage.desk.ground.config, NOON + timedelta(days=9999)) == {}


async def test_a_copy_of_somebody_merged_holds_both_of_them(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts)
    await _talk(stage)
    async with database.transaction() as session:
        other = await make.contact(session)
        await contacts.merge(session, other.id or 0, stage.contact.id or 0, seconds(90))
    async with database.reading() as session:
        found = await export.collect(session, other.id or 0, "")
    assert any(SECRET_WORDS in line.get("text", "") for line in found["conversation"])
