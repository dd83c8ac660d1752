"""`aftercart backup` while others write, `aftercart restore`, and what is held until a person lets it go on."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import postgres
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from bot import start
from bot.__main__ import cli
from bot.base import clock, due
from bot.base import config as settings
from bot.base.database import Database, table
from bot.outbound import held, outbox
from bot.tables.automations import Enrolment, FlowVersion
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.support import SlaTimer, Ticket

MESSAGES = table(Message)
Found = TypeVar("Found")


class Shop:
    """A folder with a configuration and a database."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        self.db = folder / "aftercart.db"
        self.config = folder / "config.toml"
        self.config.write_text(f'[database]\nurl = "{url or f"sqlite:///{self.db}"}"\n', "utf-8")

    def says(self, *words: str, status: int = 0) -> str:
        done = CliRunner().invoke(cli, [*words, "--config", str(self.config)])
        assert done.exit_code == status, (done.output, done.exception)
        return done.output

    def with_database(self, work: Callable[[Database], Awaitable[Found]]) -> Found:
        async def run() -> Found:
            async with start.ready(settings.load(self.config)) as (database, _):
                return await work(database)

        return asyncio.run(run())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.with_database(_filled)
    return made


async def _filled(database: Database) -> None:
    """Of every kind something that is due, something that will be, and something that is over."""
    now = clock.now()
    async with database.transaction() as session:
        person = Contact(first_name="Ada", language="en", created_at=now)
        session.add(person)
        await session.flush()
        for number, (away, once) in enumerate([(0, True), (0, False), (86_400, True)]):
            await outbox.queue(
                session, channel="email", purpose="marketing" if once else "answer", receiver="ada@example.org",
                payload={"text": "Hi"}, key=f"m{number}", now=now, due_at=now + timedelta(seconds=away), once=once,
            )  # fmt: skip
        handed = await outbox.queue(
            session, channel="email", purpose="marketing", receiver="x", payload={}, key="handed", now=now, once=True
        )
        await session.execute(sa.update(MESSAGES).where(MESSAGES.c.id == handed).values(status="handed"))
        await due.register(session, now - timedelta(minutes=5))


async def _messages(database: Database) -> dict[str, tuple[str, bool]]:
    """By key: status, and whether it is due by tomorrow."""
    soon = clock.now() + timedelta(days=2)
    async with database.reading() as session:
        rows = (await session.execute(sa.select(MESSAGES.c.key, MESSAGES.c.status, MESSAGES.c.due_at))).all()
        return {row.key: (row.status, row.due_at is not None and row.due_at < soon) for row in rows}


def _content(file: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(file)) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for name in names}


def test_a_backup_is_the_whole_database_for_its_owner_only_and_never_replaces_by_itself(shop: Shop) -> None:
    file = shop.folder / "monday.backup"
    said = shop.says("backup", str(file))
    assert "checked" in said and "config.toml" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    there, copied = _content(shop.db), _content(file)
    assert held.BACKED_UP in {row[0] for row in copied["setting"]}
    copied["setting"] = [row for row in copied["setting"] if row[0] != held.BACKED_UP]
    assert copied == there
    assert "--force" in shop.says("backup", str(file), status=1)
    shop.says("backup", str(file), "--force")
    assert not list(shop.folder.glob(".*.part*"))


def test_a_backup_taken_while_others_write_is_of_one_moment(shop: Shop) -> None:
    with closing(sqlite3.connect(shop.db)) as database:
        database.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
        database.execute("INSERT INTO pairs VALUES (0, 0)")
        database.commit()
    over = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        with closing(sqlite3.connect(shop.db, timeout=30, isolation_level=None)) as database:
            while not over.is_set():
                database.execute("BEGIN IMMEDIATE")
                database.execute("UPDATE pairs SET a = a + 1")
                database.execute("INSERT INTO pairs VALUES (1, 1)")
                database.execute("UPDATE pairs SET b = a")
                database.execute("COMMIT")
                written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            file = shop.folder / f"{number}.backup"
            before = written
            shop.says("backup", str(file))
            assert written > before  # nobody was held up
            with closing(sqlite3.connect(file)) as copy:
                assert copy.execute("SELECT count(*) FROM pairs WHERE a <> b").fetchone() == (0,)
                assert copy.execute("SELECT count(*) FROM pairs").fetchone()[0] > before
    finally:
        over.set()
        writer.join()


def test_a_restored_database_has_all_that_was_acknowledged_and_holds_what_may_have_left(shop: Shop) -> None:
    file = shop.folder / "monday.backup"
    shop.says("backup", str(file))
    shop.db.unlink()
    said = shop.says("restore", str(file))
    assert "2  messages" in said and "aftercart held release" in said
    assert shop.with_database(_messages) == {
        "m0": ("planned", False), "m1": ("planned", False), "m2": ("planned", True), "handed": ("handed", True)
    }  # fmt: skip
    assert "2  messages" in shop.says("held", "list")
    assert "released: 2" in shop.says("held", "release", "--only", "message")
    assert {key: soon for key, (_, soon) in shop.with_database(_messages).items()} == dict.fromkeys(
        ("m0", "m1", "m2", "handed"), True
    )
    assert "nothing waits" in shop.says("held", "list")
    assert "write one of" in shop.says("held", "release", "--only", "mails", status=1)


def test_a_move_to_another_machine_holds_nothing(shop: Shop, tmp_path: Path) -> None:
    file = shop.folder / "moving.backup"
    shop.says("backup", str(file))
    there = tmp_path / "there"
    there.mkdir()
    other = Shop(there)
    assert "nothing waits" in other.says("restore", str(file), "--go-on")
    assert other.with_database(_messages) == shop.with_database(_messages)
    assert stat.S_IMODE(other.db.stat().st_mode) == 0o600


def test_steps_of_flows_and_alarms_are_held_and_what_ends_meanwhile_stays_ended(shop: Shop) -> None:
    async def more(database: Database) -> None:
        now = clock.now()
        async with database.transaction() as session:
            ticket = Ticket(number=1001, contact_id=1, channel="telegram", status="open", opened_at=now)
            version = FlowVersion(flow="cart", number=1, digest="d", definition={}, published_at=now)
            session.add_all([ticket, version])
            await session.flush()
            session.add(
                Enrolment(
                    flow="cart", version_id=version.id, contact_id=1, dedupe_key="k", status="active", step_id="first",
                    entered_at=now, anchor_ts=now, step_entered_at=now, due_at=now,
                )
            )  # fmt: skip
            session.add(
                SlaTimer(
                    ticket_id=ticket.id, metric="first_response", policy="p", target_seconds=60, calendar="c",
                    start_at=now, target_at=now, state="running", due_at=now, channel="telegram",
                )
            )  # fmt: skip

    shop.with_database(more)
    file = shop.folder / "monday.backup"
    shop.says("backup", str(file))
    said = shop.says("restore", str(file), "--force")
    assert "steps of flows" in said and "alarms of promises" in said

    async def ended(database: Database) -> None:
        async with database.transaction() as session:
            await session.execute(sa.update(table(Enrolment)).values(due_at=None, status="exited"))

    shop.with_database(ended)
    shop.says("held", "release")

    async def look(database: Database) -> Any:
        async with database.reading() as session:
            return await session.scalar(sa.select(table(Enrolment).c.due_at))

    assert shop.with_database(look) is None


def test_nothing_is_replaced_while_the_program_runs_or_without_being_told(shop: Shop) -> None:
    file = shop.folder / "monday.backup"
    shop.says("backup", str(file))
    before = shop.db.read_bytes()
    assert "--force" in shop.says("restore", str(file), status=1)

    async def running(database: Database) -> None:
        async with database.transaction() as session:
            await due.register(session, clock.now())

    shop.with_database(running)
    assert "stop it first" in shop.says("restore", str(file), "--force", status=1)
    assert len(before) <= len(shop.db.read_bytes())


def test_what_a_restore_replaces_is_kept(shop: Shop) -> None:
    file = shop.folder / "monday.backup"
    shop.says("backup", str(file))
    there = _content(shop.db)
    shop.says("restore", str(file), "--force")
    [kept] = [one for one in shop.folder.glob("aftercart.db.before-*") if one.suffix not in ("-wal", "-shm")]
    assert _content(kept) == there


@pytest.mark.parametrize("harm", ["empty", "no database", "cut", "bytes", "another", "newer", "rows"])
def test_a_backup_that_is_damaged_is_refused_before_anything_is_replaced(shop: Shop, harm: str) -> None:
    file = shop.folder / "monday.backup"
    shop.says("backup", str(file))
    raw = bytearray(file.read_bytes())
    if harm == "empty":
        file.write_bytes(b"")
    elif harm == "no database":
        file.write_bytes(b"hello" * 1000)
    elif harm == "cut":
        file.write_bytes(raw[: len(raw) // 2])
    elif harm == "bytes":
        raw[len(raw) // 3 : len(raw) // 3 + 20_000] = b"\xff" * 20_000
        file.write_bytes(raw)
    else:
        with closing(sqlite3.connect(file)) as database:
            database.execute({
                "another": "DROP TABLE alembic_version",
                "newer": "UPDATE alembic_version SET version_num = '9999'",
                "rows": "UPDATE message SET contact_id = 4711",
            }[harm])  # fmt: skip
            database.commit()
    before = _content(shop.db)
    said = shop.says("restore", str(file), "--force", status=1)
    assert said.count("\n") == 1  # one line for a person
    assert _content(shop.db) == before
    assert not list(shop.folder.glob(".*.part*"))


def test_there_must_be_something_to_back_up(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    assert "there is no database yet" in shop.says("backup", str(tmp_path / "b"), status=1)
    assert not (tmp_path / "b").exists() and not shop.db.exists()


@pytest.mark.skipif(postgres.missing() is not None, reason="no PostgreSQL")
def test_on_postgresql_the_programs_of_the_server_do_it(
    tmp_path: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{postgres_server}/aftercart_test_backup"

    async def fresh() -> None:
        engine = sa.ext.asyncio.create_async_engine(
            "postgresql+asyncpg://" + f"{postgres_server}/postgres".split("://", 1)[1], isolation_level="AUTOCOMMIT"
        )
        async with engine.connect() as connection:
            await connection.exec_driver_sql("DROP DATABASE IF EXISTS aftercart_test_backup")
            await connection.exec_driver_sql("CREATE DATABASE aftercart_test_backup")
        await engine.dispose()

    asyncio.run(fresh())
    shop = Shop(tmp_path, url)
    shop.says("migrate")
    shop.with_database(_filled)
    file = tmp_path / "monday.backup"
    monkeypatch.setenv("PATH", str(tmp_path))
    without = shop.says("backup", str(file), status=1)
    assert "pg_dump is not installed here; where it is, run: pg_dump --host=" in without
    monkeypatch.undo()
    if programs := postgres.programs():  # of the same version as the server
        monkeypatch.setenv("PATH", str(programs))
    shop.says("backup", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "--force" in shop.says("restore", str(file), status=1)
    assert "2  messages" in shop.says("restore", str(file), "--force")
    assert shop.with_database(_messages)["m0"] == ("planned", False)
