"""`aftercart mail …`: what nobody could take is shown, and taken again when asked for."""

import asyncio
import os
from pathlib import Path

import letters
import program
import pytest
from conftest import NOON

from bot import start
from bot.base import config as settings
from bot.base.database import Database
from bot.tables.mail import ReceivedMail

RAW = letters.letter("Hello")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with a mail that failed and one that was taken."""
    made = f"sqlite:///{tmp_path / 'aftercart.db'}"
    asyncio.run(_filled(made))
    return made


async def _filled(url: str) -> None:
    await start.migrate(settings.load(None, {"AFTERCART_DATABASE__URL": url}))
    database = Database(url)
    plain = {"folder": "INBOX", "uid_validity": 1, "received_at": NOON, "stored_at": NOON, "size": len(RAW)}
    async with database.transaction() as session:
        failed = ReceivedMail(
            **plain, uid=1, digest="a", raw=RAW, status="failed", error="nobody to answer", attempts=7
        )
        session.add(failed)
        session.add(ReceivedMail(**plain, uid=2, digest="b", status="done", kind="person"))
    await database.close()


def _says(url: str, folder: Path, *words: str, status: int = 0) -> tuple[bytes, str]:
    out, errors = folder / "out", folder / "errors"
    out.write_bytes(b"")
    errors.write_bytes(b"")
    process = program.begin(words, folder, {**os.environ, "AFTERCART_DATABASE__URL": url}, out, errors)
    process.join(60)
    assert process.exitcode == status, errors.read_text("utf-8")
    return out.read_bytes(), errors.read_text("utf-8")


def test_what_failed_is_listed_shown_and_taken_again(url: str, tmp_path: Path) -> None:
    shown = _says(url, tmp_path, "mail", "list")[0].decode().splitlines()
    assert len(shown) == 2
    assert shown[1].split() == ["1", "2026-03-04", "12:00", str(len(RAW)), "failed", "nobody", "to", "answer"]
    assert len(_says(url, tmp_path, "mail", "list", "--all")[0].decode().splitlines()) == 3
    assert _says(url, tmp_path, "mail", "show", "1")[0] == RAW
    assert b"taken again" in _says(url, tmp_path, "mail", "retry", "1")[0]
    assert _says(url, tmp_path, "mail", "list")[0] == b"no mail failed or was set aside\n"


def test_one_that_is_not_there_or_not_kept_says_so(url: str, tmp_path: Path) -> None:
    assert "mail 9: there is none" in _says(url, tmp_path, "mail", "show", "9", status=1)[1]
    assert "nothing of it is kept" in _says(url, tmp_path, "mail", "retry", "2", status=1)[1]
