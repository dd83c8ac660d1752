"""What a person may ask of us about their data: a copy, and to be forgotten; and how long words are kept."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from deskwork import Stage, seconds
from forgotten import Touched, browsers, holding
from intake import Intake
from sqlmodel import SQLModel, col, select

from bot import contacts
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.contacts import export, retention
from bot.support.privacy import forgetting
from bot.support.privacy.exporting import Exports
from bot.support.privacy.requested import Requests
from bot.tables.events import Event, RejectedEvent
from bot.tables.outbox import Message
from bot.tables.people import ClaimedIdentity, Contact, Identity, Suppression
from bot.tables.privacy import PrivacyTask
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


ADDRESS = "ada@example.org"


class Killed(BaseException):
    """The process is gone: nothing catches it."""


async def _ada(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        known: dict[str, Any] = {"contact_id": stage.contact.id, "created_at": NOON}
        session.add(Identity(**known, kind="email", value=ADDRESS, proven=True))


async def _forget(stage: Stage) -> contacts.Browsers:
    async with stage.database.transaction() as session:
        return await forgetting.forget(session, stage.desk, stage.contact.id or 0, "operator", seconds(5))


async def _end(stage: Stage, worker: int = 1, at: float = 10) -> None:
    while await Requests(stage.database, stage.desk, worker).run(seconds(at)):
        pass


@pytest.mark.parametrize("proven", [True, False])
async def test_of_thousands_that_claim_to_be_somebody_no_transaction_takes_more_than_some(
    stage: Stage, proven: bool
) -> None:
    database = stage.database
    names = [f"browser-{number:04}" for number in range(2000)]
    await browsers(database, names, ADDRESS)
    await browsers(database, ["others-0001"], "bob@example.org")
    if proven:
        await _talk(stage)
        await _ada(stage)
    with Touched(database) as touched:
        if proven:
            gone = await _forget(stage)
            assert await holding(database, SECRET_WORDS) == [], "their own words go first"
        else:
            async with database.transaction() as session:
                gone = await contacts.erase_claimed(session, "secret", "email", ADDRESS, seconds(5))
        assert (gone.erased, gone.left) == (0, 2000)
        await _end(stage)
    assert max(touched.counts) < 2000 < sum(touched.counts)
    assert await holding(database, "browser-", ADDRESS) == []
    assert "others-0001: rejectedevent.body" in " ".join(await holding(database, "others-0001"))
    async with database.reading() as session:
        task = (await session.scalars(select(PrivacyTask))).one()
        assert (task.status, task.due_at, task.asked, task.known) == ("done", None, {"erased": 2000}, [])
        erased = select(sa.func.count()).select_from(Contact).where(Contact.status == "erased")
        assert await session.scalar(erased) == 2000 + proven
        told = select(AuditEntry.data).where(AuditEntry.action == "forget").order_by(col(AuditEntry.id).desc())
        assert (await session.scalars(told)).first() == {"browsers": 2000}
        for name in (names[0], names[-1]):
            secret = stage.desk.ground.secret
            assert await contacts.suppressed(session, secret, "anonymous_id", name, "", NOON) == "erased"


async def test_killed_again_and_again_it_goes_on_after_each_start(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _ada(stage)
    names = [f"browser-{number:04}" for number in range(600)]
    await browsers(stage.database, names, ADDRESS)
    await _forget(stage)
    step, kills = contacts.erase_some, 0

    async def killed(*given: Any) -> bool:
        nonlocal kills
        through = await step(*given)
        if kills % 2 == 0:
            kills += 1
            raise Killed  # before this step is committed
        kills += 1
        return through

    monkeypatch.setattr(contacts, "erase_some", killed)
    worker, after = 1, 10.0
    while True:
        try:
            await _end(stage, worker, after)
            break
        except Killed:
            worker, after = worker + 1, after + 600
    assert kills > 6
    assert await holding(stage.database, "browser-", ADDRESS) == []
    async with stage.database.reading() as session:
        task = (await session.scalars(select(PrivacyTask))).one()
        assert (task.status, task.asked) == ("done", {"erased": 600})


async def test_who_claims_the_address_while_it_is_forgotten_does_not_stay(stage: Stage) -> None:
    await _ada(stage)
    await browsers(stage.database, [f"browser-{number:04}" for number in range(300)], ADDRESS)
    await _forget(stage)
    requests, intake = Requests(stage.database, stage.desk, 1), Intake(stage.database)
    await requests.run(seconds(10))
    await intake.tell(
        "identify", rank="page", ts=seconds(11), anonymousId="browser-new", traits={"email": " Ada@Example.org"}
    )
    await intake.tell("Product Viewed", {"product_id": "1"}, rank="page", ts=seconds(11), anonymousId="others-new")
    await browsers(stage.database, ["browser-late"], ADDRESS)  # applied a moment before
    async with stage.database.transaction() as session:
        session.add(RejectedEvent(source="page", reason="x", body=f'{{"e": "{ADDRESS}"', received_at=seconds(11)))
    await _end(stage, at=20)
    assert await holding(stage.database, "browser-", ADDRESS) == []
    assert await holding(stage.database, "others-new") != []
    async with stage.database.reading() as session:
        assert (await session.scalars(select(Event.status).where(Event.kind == "identify"))).all() == ["erased"]
    await intake.tell("identify", rank="page", ts=seconds(60), anonymousId="browser-again", traits={"email": ADDRESS})
    assert len(await intake.rows(ClaimedIdentity)) == 1, "who comes back afterwards is somebody new"


async def test_staff_hear_how_many_claim_to_be_the_customer_and_when_all_are_erased(stage: Stage) -> None:
    await _talk(stage)
    await _ada(stage)
    await browsers(stage.database, [f"browser-{number:04}" for number in range(30)], ADDRESS)
    await stage.staff_writes("/forget", seconds(30))
    (asked,) = await _heard(stage)
    await stage.staff_presses(f"1:forget:{(await stage.ticket()).id}:yes", seconds(31))
    (told,) = await _heard(stage)
    assert " 30 browser(s)" in asked and " 30 browser(s)" in told
    await _end(stage, at=60)
    assert "Done: 30 browser(s)" in (await _heard(stage))[-1]


async def _heard(stage: Stage) -> list[str]:
    async with stage.database.reading() as session:
        every = await session.scalars(select(Message.payload).order_by(col(Message.id)))
        return [row["text"] for row in every if "browser(s)" in str(row.get("text"))]
