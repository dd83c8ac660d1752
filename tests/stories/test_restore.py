"""A copy of the database brought back: nothing acknowledged is lost, and nobody gets anything a second time."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from program import ROOT, Program

from bot.base import clock
from bot.base import config as settings
from bot.base.database import Database, table
from bot.demo import mail_catcher
from bot.demo.telegram import Telegram
from bot.outbound import outbox
from bot.start import ready
from bot.tables.outbox import Message

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_rows = table(Message)


_QUEUED = ("mail0", "mail1", "mail2", "chat", "tomorrow")


async def _queue(file: Path, chat: int) -> None:
    now = clock.now()
    async with ready(settings.load(file)) as (database, _), database.transaction() as session:
        for number, purpose in enumerate(("answer", "code", "notice")):
            payload = {"to": "ada@example.org", "from": "service", "subject": purpose, "text": "Hi\n"}
            await outbox.queue(
                session, channel="email", purpose=f"plain_{purpose}", receiver="ada@example.org", payload=payload,
                key=f"mail{number}", now=now, once=number == 0,
            )  # fmt: skip
        await outbox.queue(
            session, channel="telegram", purpose="plain", receiver=str(chat), key="chat", now=now,
            payload={"chat_id": chat, "text": "your answer"},
        )  # fmt: skip
        later = {"to": "ada@example.org", "from": "service", "subject": "tomorrow", "text": "Hi\n"}
        await outbox.queue(
            session, channel="email", purpose="plain", receiver="ada@example.org", payload=later, key="tomorrow",
            now=now, due_at=now + timedelta(days=1), once=True,
        )  # fmt: skip


async def _aftercart(program: Program, *words: str) -> str:
    line = [sys.executable, "-m", "bot", *words, "--config", str(program.file)]
    done = await asyncio.to_thread(subprocess.run, line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def _statuses(url: str) -> dict[str, str]:
    """Of what we queued ourselves; the bot says hello as well."""
    database = Database(url)
    try:
        async with database.reading() as session:
            found = await session.execute(sa.select(_rows.c.key, _rows.c.status).where(_rows.c.key.in_(_QUEUED)))
            return {row.key: row.status for row in found}
    finally:
        await database.close()


async def test_what_had_left_after_the_backup_does_not_leave_again_and_what_had_not_can(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'aftercart.db'}"
    async with mail_catcher.catch() as catcher, Telegram() as telegram:
        ada = telegram.shopper(7, "Ada")
        ada.says("/start")
        config = {
            "database": {"url": url}, "mail": {"smtp_url": catcher.url},
            "telegram": {"token": telegram.token, "api_base": telegram.url, "staff_chat_id": telegram.group.id},
        }  # fmt: skip
        program = Program(tmp_path, config)
        copy = tmp_path / "monday.backup"

        def answers() -> int:
            return sum("your answer" in one.text for one in ada.received)

        try:
            await _queue(program.file, ada.id)
            await _aftercart(program, "backup", str(copy))
            await asyncio.to_thread(program.start)
            await catcher.wait_for(3, 60)
            await telegram.wait_for(lambda: answers() == 1, 60)
            await asyncio.to_thread(program.stop)

            said = await _aftercart(program, "restore", str(copy), "--force")
            assert "4  messages" in said
            await asyncio.to_thread(program.start)
            await asyncio.sleep(4)
            assert (len(catcher.mails), answers()) == (3, 1)
            assert "held since a backup was restored" in program.output()
            statuses = await _statuses(url)
            assert set(statuses) == set(_QUEUED)
            assert "4  messages" in await _aftercart(program, "held", "list")

            await _aftercart(program, "held", "release")  # somebody looked, and says that they had not left
            await catcher.wait_for(6, 60)
            await telegram.wait_for(lambda: answers() == 2, 60)
            await _until_written_down(url)
        finally:
            await asyncio.to_thread(program.kill)
    statuses = await _statuses(url)
    assert {statuses[key] for key in _QUEUED if key != "tomorrow"} == {"sent"}


async def _until_written_down(url: str) -> None:
    """The relay has a mail before its row says so."""
    async with asyncio.timeout(60):
        while {status for key, status in (await _statuses(url)).items() if key != "tomorrow"} != {"sent"}:
            await asyncio.sleep(0.1)
