"""Who may read the files that people's words stand in, and what is left in them of somebody who was forgotten."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import NOON

from bot import contacts, start
from bot.base import config as settings
from bot.base import private
from bot.base.database import Database, table
from bot.checks import files as findings_of_files
from bot.tables.events import Event
from bot.tables.people import Contact, Identity

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no such rights")
WORD = "Quetzalcoatlus"


@pytest.fixture(params=[0o000, 0o022, 0o277], ids=["open", "usual", "odd"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_folders_are_closed_to_others_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder, file, there = tmp_path / "a" / "b", tmp_path / "new.csv", tmp_path / "there.zip"
    there.touch()
    there.chmod(0o644)
    private.make_folder(folder)
    private.write_text(file, "ä")
    private.write_bytes(there, b"x")
    assert [_mode(one) for one in (folder, folder.parent, file, there)] == [0o700, 0o700, 0o600, 0o600]
    assert (file.read_text("utf-8"), there.read_bytes()) == ("ä", b"x")


async def test_the_database_and_what_sqlite_puts_beside_it_are_closed_to_others(tmp_path: Path, umask: int) -> None:
    config = settings.load(None, {"AFTERCART_DATABASE__URL": f"sqlite:///{tmp_path}/shop.db"})
    async with start.ready(config) as (database, _):
        async with database.transaction() as session:
            session.add(Contact(first_name="Ada", created_at=NOON))
        async with database.reading() as session:
            assert await session.scalar(sa.select(sa.func.count()).select_from(table(Contact))) == 1
        found = {file.name: _mode(file) for file in tmp_path.iterdir()}
    assert found == {"shop.db": 0o600, "shop.db-wal": 0o600, "shop.db-shm": 0o600}


def test_check_names_each_file_that_others_may_read_with_the_command_that_mends_it(tmp_path: Path) -> None:
    file, log = tmp_path / "shop.db", tmp_path / "shop.db-wal"
    config = settings.load(None, {"AFTERCART_DATABASE__URL": f"sqlite:///{file}"})
    tmp_path.chmod(0o700)
    for one in (file, log):
        private.write_bytes(one, b"")
    assert not [found for found in findings_of_files(config) if "chmod" in found.message]
    file.chmod(0o644)
    log.chmod(0o640)
    tmp_path.chmod(0o777)
    told = [found.message for found in findings_of_files(config) if "chmod" in found.message]
    assert [f"chmod 600 {file}" in told[0], f"chmod 600 {log}" in told[1]] == [True, True]
    assert f"chmod 700 {tmp_path}" in told[2]


async def _person(database: Database) -> int:
    async with database.transaction() as session:
        contact = Contact(first_name=WORD, traits={"note": WORD * 40}, created_at=NOON)
        session.add(contact)
        await session.flush()
        assert contact.id is not None
        email = f"{WORD.lower()}@example.org"
        session.add(Identity(contact_id=contact.id, kind="email", value=email, rank="shop", created_at=NOON))
        for number in range(200):
            session.add(
                Event(
                    source="shop", message_id=str(number), name="x", ts=NOON, received_at=NOON, contact_id=contact.id,
                    body={"properties": {"text": WORD * 20}}, rank="shop", status="done",
                )
            )  # fmt: skip
    return contact.id


def _bytes(folder: Path) -> int:
    return sum(file.read_bytes().lower().count(WORD.lower().encode()) for file in folder.iterdir())


async def test_no_byte_of_a_forgotten_person_is_left_in_the_database_or_its_log(tmp_path: Path) -> None:
    config = settings.load(None, {"AFTERCART_DATABASE__URL": f"sqlite:///{tmp_path}/shop.db"})
    async with start.ready(config) as (database, ground):
        contact_id = await _person(database)
        assert _bytes(tmp_path) > 1000
        async with database.transaction() as session:
            await contacts.erase(session, ground.secret, contact_id, NOON)
        assert _bytes(tmp_path) == 0
    assert _bytes(tmp_path) == 0


async def test_somebody_who_still_reads_the_old_state_delays_the_emptying_and_does_not_prevent_it(
    tmp_path: Path,
) -> None:
    config = settings.load(None, {"AFTERCART_DATABASE__URL": f"sqlite:///{tmp_path}/shop.db"})
    async with start.ready(config) as (database, ground):
        contact_id = await _person(database)
        reader = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM event").fetchone() == (200,)
        async with database.transaction() as session:
            await contacts.erase(session, ground.secret, contact_id, NOON)
        assert _bytes(tmp_path) > 0
        reader.close()
        await asyncio.sleep(0)
        async with database.transaction() as session:
            session.add(Contact(first_name="Ada", created_at=NOON))
        assert _bytes(tmp_path) == 0
