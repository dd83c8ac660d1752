"""What is kept of mails: people get a copy of theirs, it goes when they are forgotten and when its time is over."""

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta

import letters
import pytest
import sqlalchemy as sa
from mail_office import MailOffice, opened

from bot import contacts
from bot.base import clock
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.contacts import export, retention
from bot.tables.mail import ReceivedMail
from bot.tables.support import Ticket

WORDS = "I want to talk to a human please: the blue lamp came broken."


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[MailOffice]:
    async with opened(database, texts) as made:
        await made.comes(letters.letter(WORDS, subject="Broken lamp"))
        yield made


async def test_the_copy_has_the_mails_as_they_came(office: MailOffice) -> None:
    (mail,) = await office.rows(ReceivedMail)
    async with office.here.database.reading() as session:
        data = await export.zipped(session, mail.contact_id, "", clock.now())
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.read(f"mails/received-{mail.id}.eml") == mail.raw
    assert b"Broken lamp" in archive.read("mails_received.json")


async def test_whoever_is_forgotten_leaves_no_mail_and_no_bounce_of_theirs(office: MailOffice) -> None:
    answer = await office.answers("Sorry!")
    await office.comes(letters.bounce(to=answer.return_path))
    first, second = await office.rows(ReceivedMail)
    assert first.contact_id == second.contact_id
    async with office.here.database.transaction() as session:
        await contacts.erase(session, office.secret, first.contact_id, clock.now())
    for mail in await office.rows(ReceivedMail):
        assert (mail.raw, mail.sender, mail.subject, mail.thread) == (b"", "", "", [])


async def test_words_older_than_the_shop_keeps_go_with_their_mails(office: MailOffice) -> None:
    answer = await office.answers("Sorry!")
    await office.comes(letters.bounce(to=answer.return_path))
    now = clock.now()
    async with office.here.database.transaction() as session:
        await session.execute(sa.update(table(Ticket)).values(status="resolved", resolved_at=now))
    kept = Config.model_validate({"support": {"retention": {"conversations": "30d", "messages": "60d"}}})
    await retention.run(office.here.database, kept, now + timedelta(days=31))
    assert [bool(mail.raw) for mail in await office.rows(ReceivedMail)] == [False, True]
    await retention.run(office.here.database, kept, now + timedelta(days=61))
    assert [bool(mail.raw) for mail in await office.rows(ReceivedMail)] == [False, False]
    assert all(mail.sender == mail.subject == "" for mail in await office.rows(ReceivedMail))
