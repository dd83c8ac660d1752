"""The mailbox is read: everything is stored once and only then put away, whatever the server or the network do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import letters
import pytest
from imap_stand_in import Mailbox, serving
from sqlmodel import col, select
from working import until

from bot.base.config.mailbox import Mailbox as Settings
from bot.base.database import Database
from bot.inbound.mailbox import imap, reading, store
from bot.inbound.mailbox.reading import Reading
from bot.tables.mail import ReceivedMail


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with serving() as mailbox:
        yield mailbox


def _reading(database: Database, box: Mailbox, worker: int = 1, **settings: Any) -> Reading:
    made = Settings.model_validate({"imap_url": box.url, "poll": "1s", **settings})
    return Reading(database, made, worker, pauses=(0.05,))


@asynccontextmanager
async def _at_work(*readers: Reading) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(one.read(stop)) for one in readers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 10)


async def _stored(database: Database) -> list[ReceivedMail]:
    async with database.reading() as session:
        return list(await session.scalars(select(ReceivedMail).order_by(col(ReceivedMail.id))))


async def _until_stored(database: Database, count: int) -> list[ReceivedMail]:
    async with asyncio.timeout(10):
        while len(found := await _stored(database)) < count or not all(one.put_away for one in found):
            await asyncio.sleep(0.02)
    return found


async def test_new_mail_is_stored_and_marked_at_once(database: Database, box: Mailbox) -> None:
    first = box.add(letters.letter(message_id="<1@x.example>"))
    async with _at_work(_reading(database, box, poll="60s")):
        await _until_stored(database, 1)
        box.add(letters.letter(message_id="<2@x.example>"))  # the server tells of it: nobody polls for a minute
        found = await _until_stored(database, 2)
    assert [one.message_id for one in found] == ["1@x.example", "2@x.example"]
    assert found[0].raw == first.raw and found[0].received_at == first.at
    assert [one.status for one in found] == ["new", "new"] and all(one.due_at for one in found)
    assert all("\\Seen" in one.flags for one in box.inbox)


@pytest.mark.parametrize(
    ("command", "forgetful"), [("SELECT", False), ("UID SEARCH", False), ("UID STORE", False), ("IDLE", True)]
)
async def test_mail_that_comes_while_we_are_busy_does_not_wait_for_the_next_look(
    database: Database, box: Mailbox, command: str, forgetful: bool
) -> None:
    box.forgetful = forgetful
    box.add(letters.letter(message_id="<1@x.example>"))
    box.comes_with = {command: letters.letter(message_id="<2@x.example>")}
    async with _at_work(_reading(database, box, poll="60s")):
        await _until_stored(database, 2)  # within ten seconds


async def test_a_server_without_idle_is_polled(database: Database, box: Mailbox) -> None:
    box.capabilities = "IMAP4rev1"
    async with _at_work(_reading(database, box)):
        await asyncio.sleep(0.2)
        box.add(letters.letter())
        await _until_stored(database, 1)
    assert "NOOP" in box.said


@pytest.mark.parametrize("capabilities", ["IMAP4rev1 IDLE MOVE", "IMAP4rev1 IDLE UIDPLUS", "IMAP4rev1 IDLE"])
async def test_what_was_taken_is_moved_and_never_deleted(database: Database, box: Mailbox, capabilities: str) -> None:
    box.capabilities = capabilities
    for number in range(3):
        box.add(letters.letter(message_id=f"<{number}@x.example>"))
    async with _at_work(_reading(database, box, done_folder="Taken")):
        await _until_stored(database, 3)
    assert len(box.folders["Taken"]) == 3
    marked = [one for one in box.inbox if "\\Deleted" in one.flags]
    assert len(box.inbox) == len(marked) == (0 if "MOVE" in capabilities or "UIDPLUS" in capabilities else 3)
    assert not any(words.startswith("EXPUNGE") for words in box.said)


async def test_the_connection_breaks_between_storing_and_marking(database: Database, box: Mailbox) -> None:
    box.add(letters.letter())
    box.drop_after = ["!UID STORE"]
    async with _at_work(_reading(database, box)):
        found = await _until_stored(database, 1)
    assert len(found) == 1
    assert box.inbox[0].flags == {"\\Seen"}
    assert sum(words.startswith("UID FETCH 1 (UID BODY") for words in box.said) == 1


async def test_the_connection_breaks_in_the_middle_of_everything(database: Database, box: Mailbox) -> None:
    for number in range(5):
        box.add(letters.letter(message_id=f"<{number}@x.example>"))
    box.drop_after = ["!LOGIN", "SELECT", "!UID SEARCH", "UID FETCH 1 ", "!UID FETCH 3 ", "UID STORE"]
    async with _at_work(_reading(database, box)):
        found = await _until_stored(database, 5)
    assert len(found) == 5 and box.drop_after == []


async def test_the_same_mail_under_other_numbers_is_taken_once(database: Database, box: Mailbox) -> None:
    raw = letters.letter(message_id="<1@x.example>")
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    box.add(raw, later)
    box.add(b"Received: by another way\r\n" + raw, later)
    async with _at_work(_reading(database, box)):
        found = await _until_stored(database, 2)
    assert [one.status for one in found] == ["new", "known"]
    box.uid_validity, box.next_uid = 2, 1  # the mailbox was made anew, as after a move to another server
    for held in box.inbox:
        held.uid += 100
    async with _at_work(_reading(database, box)):
        found = await _until_stored(database, 4)
    assert [one.status for one in found] == ["new", "known", "known", "known"]


async def test_like_words_of_two_people_without_a_message_id_are_two_mails(database: Database, box: Mailbox) -> None:
    box.add(letters.letter("ok", message_id="", sender="ada@example.org"))
    box.add(letters.letter("ok", message_id="", sender="bob@example.org"))
    async with _at_work(_reading(database, box)):
        found = await _until_stored(database, 2)
    assert [one.status for one in found] == ["new", "new"]


async def test_a_copy_that_a_stranger_sends_first_keeps_nobodys_mail_back(database: Database, box: Mailbox) -> None:
    for sender in ("mallory@example.net", "ada@example.org"):
        box.add(letters.letter("Where is my lamp?", message_id="<1@x.example>", sender=sender))
    async with _at_work(_reading(database, box)):
        found = await _until_stored(database, 2)
    assert [one.status for one in found] == ["new", "new"]


async def test_what_was_kept_before_its_digest_said_who_wrote_is_not_taken_again(database: Database) -> None:
    raw, now = letters.letter("Where is my lamp?", message_id="<1@x.example>"), datetime.now(UTC)
    async with database.transaction() as session:
        assert await store.keep(session, "INBOX", 1, store.Fetched(7, raw, len(raw), now), now)
        message_id, digest, before = store.identity(raw, len(raw))
        kept = (await session.scalars(select(ReceivedMail))).one()
        assert (kept.message_id, kept.digest) == (message_id, digest) and before != digest
        kept.digest = before
        await session.flush()
        # The server gave all of its mails new numbers.
        assert not await store.keep(session, "INBOX", 2, store.Fetched(1, raw, len(raw), now), now)


async def test_at_the_first_start_only_unread_mail_of_the_week_is_taken(database: Database, box: Mailbox) -> None:
    now = datetime.now(UTC)
    box.add(letters.letter(message_id="<old@x.example>"), now - timedelta(days=30))
    box.add(letters.letter(message_id="<read@x.example>"), now - timedelta(days=2), seen=True)
    box.add(letters.letter(message_id="<unread@x.example>"), now - timedelta(days=2))
    async with _at_work(_reading(database, box)):
        await _until_stored(database, 1)
        # From now on mail counts even if somebody looked at it before us.
        box.add(letters.letter(message_id="<new@x.example>"), now + timedelta(seconds=2), seen=True)
        found = await _until_stored(database, 2)
    assert [one.message_id for one in found] == ["unread@x.example", "new@x.example"]
    assert box.inbox[0].flags == set()


async def test_of_a_huge_mail_only_the_beginning_is_taken(database: Database, box: Mailbox) -> None:
    raw = letters.letter("x" * 70 + "\n", message_id="<1@x.example>") + b"y" * 1_200_000
    box.add(raw)
    async with _at_work(_reading(database, box, largest=1)):
        (found,) = await _until_stored(database, 1)
    assert found.cut and found.size == len(raw) and len(found.raw) == 512 * 1024


async def test_a_mail_that_the_server_cannot_read_keeps_no_other_back(database: Database, box: Mailbox) -> None:
    box.add(letters.letter(message_id="<1@x.example>"))
    box.add(letters.letter(message_id="<2@x.example>"))
    box.refuse["UID FETCH 1 (UID BODY"] = "NO [SERVERBUG] internal error"
    async with _at_work(_reading(database, box)):
        found = await _until_stored(database, 2)
    assert [(one.message_id, len(one.raw) > 0) for one in found] == [("", False), ("2@x.example", True)]
    assert box.inbox[0].flags == set()  # people still see that nobody read it


async def test_two_processes_take_turns_and_take_nothing_twice(database: Database, box: Mailbox) -> None:
    for number in range(4):
        box.add(letters.letter(message_id=f"<{number}@x.example>"))
    async with _at_work(_reading(database, box, 1), _reading(database, box, 2)):
        found = await _until_stored(database, 4)
    assert [one.status for one in found] == ["new"] * 4
    assert sum(words.startswith("LOGIN") for words in box.said) == 1


async def test_a_wrong_password_is_an_error_and_no_storm(
    database: Database, box: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    box.refuse["LOGIN"] = "NO [AUTHENTICATIONFAILED] wrong"
    async with _at_work(_reading(database, box)):
        await until(lambda: any(words.startswith("LOGIN") for words in box.said))
        await asyncio.sleep(0.3)
    assert sum(words.startswith("LOGIN") for words in box.said) == 1


def test_names_and_times_as_imap_writes_them() -> None:
    assert imap.mailbox_name("Erledigt & Söhne") == "Erledigt &- S&APY-hne"
    assert imap.mailbox_name("已完成") == "&XfJbjGIQ-"
    assert imap.quoted('a"b\\c') == '"a\\"b\\\\c"'
    assert imap.moment(" 4-Mar-2026 13:00:00 +0100") == datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert imap.moment("nonsense") is None
    with pytest.raises(ValueError, match="line break"):
        imap.quoted("a\r\nb")
    assert reading.LANE == "mailbox"
