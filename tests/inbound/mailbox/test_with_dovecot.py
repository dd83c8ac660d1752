"""The same against a server that others wrote."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dovecot
import letters
import pytest
from sqlmodel import col, select

from bot.base.config import Config
from bot.base.config.mailbox import Mailbox as Settings
from bot.base.database import Database
from bot.inbound.mailbox import setup
from bot.inbound.mailbox.reading import Reading
from bot.tables.mail import ReceivedMail

pytestmark = pytest.mark.skipif(dovecot.missing() is not None, reason=str(dovecot.missing()))


@asynccontextmanager
async def _at_work(database: Database, **settings: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    reader = Reading(database, Settings.model_validate(settings), 1)
    task = asyncio.create_task(reader.read(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def _until_stored(database: Database, count: int) -> list[ReceivedMail]:
    found: list[ReceivedMail] = []
    async with asyncio.timeout(15):
        while len(found) < count or not all(one.put_away for one in found):
            await asyncio.sleep(0.05)
            async with database.reading() as session:
                found = list(await session.scalars(select(ReceivedMail).order_by(col(ReceivedMail.id))))
    return found


async def test_mail_comes_in_by_idle_and_goes_into_a_folder_of_its_own(database: Database) -> None:
    with dovecot.server() as (port, maildir):
        url = f"imap://ada:secret@127.0.0.1:{port}?tls=none"
        raw = letters.letter("Grüße 您好", message_id="<1@x.example>", subject="灯")
        dovecot.deliver(maildir, raw, "1.first")
        async with _at_work(database, imap_url=url, done_folder="Erledigt & ä", poll="60s"):
            await _until_stored(database, 1)
            dovecot.deliver(maildir, letters.letter(message_id="<2@x.example>"), "2.second")
            found = await _until_stored(database, 2)
        assert [one.message_id for one in found] == ["1@x.example", "2@x.example"]
        assert found[0].raw.replace(b"\r\n", b"\n") == raw.replace(b"\r\n", b"\n")
        assert list((maildir / "new").iterdir()) == list((maildir / "cur").iterdir()) == []
        moved = [one for one in maildir.rglob("*") if one.is_file() and one.parent.name in ("new", "cur")]
        assert len(moved) == 2


async def test_what_check_says() -> None:
    with dovecot.server() as (port, _):
        url = f"imap://ada:secret@127.0.0.1:{port}?tls=none"

        async def told(**mailbox: str) -> list[str]:
            config = Config.model_validate({"mailbox": {"imap_url": url, **mailbox}})
            return [str(one) for one in await setup.check(config)]

        assert await told() == []
        (folder,) = await told(folder="Nowhere")
        assert folder.startswith("mailbox.folder: the folder cannot be opened: ")
        (password,) = await told(imap_url=url.replace("secret", "hunter2"))
        assert password.startswith("mailbox.imap_url: the mailbox cannot be read: not let in: ")
        assert "hunter2" not in password
        (away,) = await told(imap_url="imap://ada:secret@127.0.0.1:9?tls=none")
        assert "no connection" in away
