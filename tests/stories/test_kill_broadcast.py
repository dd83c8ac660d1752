"""kill -9 while a broadcast is prepared and while it is sent: nobody gets it twice, and whoever did not is known.

`AFTERCART_KILL_ROUNDS` (default 8) sets how often, `AFTERCART_KILL_SEED` where in time.
"""

import asyncio
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from program import Program

from automations.broadcasts import broadcast_files, control
from automations.broadcasts.broadcast_files import Around
from bot import contacts
from bot.base import clock
from bot.base import config as settings
from bot.base.database import Database, table
from bot.demo import mail_catcher
from bot.start import ready
from bot.tables import broadcasts
from bot.tables.automations import Enrolment
from bot.tables.outbox import Message
from bot.tables.people import Contact, Identity

ROUNDS = int(os.environ.get("AFTERCART_KILL_ROUNDS", "8"))
SEED = int(os.environ.get("AFTERCART_KILL_SEED", "20260304"))
PEOPLE = 600
_GAP = 400  # between the ids of people, so that it takes sixty steps to go through them

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 + ROUNDS * 40)]

_rows, _messages, _enrolments = table(broadcasts.Broadcast), table(Message), table(Enrolment)


async def _fill(file: Path) -> None:
    config = settings.load(file)
    now = clock.now()
    async with ready(config) as (database, ground), database.transaction() as session:
        for number in range(PEOPLE):
            person = Contact(id=1 + number * _GAP, first_name="Ada", language="en", created_at=now)
            session.add(person)
            await session.flush()
            address = f"reader{number}@example.org"
            session.add(Identity(contact_id=person.id, kind="email", value=address, proven=True, created_at=now))
            await contacts.allow(session, ground.secret, person.id, "email", address, "marketing", "checkout", now)
        tree = {"title": "News", "segment": "subscribers", "send": "newsletter", "quiet_hours": "off"}
        await control.put(session, broadcast_files.of_tree("news", tree, Around()), now)
        standing = await control.find(session, config, "news", Around())
        await control.start(session, config, standing, now)


async def _status(database: Database) -> str:
    async with database.reading() as session:
        return str(await session.scalar(sa.select(_rows.c.status)))


async def _far(database: Database) -> int:
    """Steps of sixty that prepare, and mails that have ended."""
    async with database.reading() as session:
        row = (await session.execute(sa.select(_rows.c.status, _rows.c.cursor))).one()
        over = sa.select(sa.func.count()).select_from(_messages).where(_messages.c.due_at.is_(None))
        prepared = 60 if row.status in ("sending", "finished") else row.cursor // 4000
        return prepared + (await session.scalar(over) or 0)


async def _until(database: Database, least: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while await _far(database) < min(least, 60 + PEOPLE) and time.monotonic() < end:
        await asyncio.sleep(0.02)


async def test_killed_while_it_is_prepared_and_sent_nobody_gets_it_twice(tmp_path: Path) -> None:
    choose = random.Random(SEED)
    url = f"sqlite:///{tmp_path / 'aftercart.db'}"
    async with mail_catcher.catch() as catcher:
        config = {
            "database": {"url": url}, "mail": {"smtp_url": catcher.url},
            "automations": {"quiet_hours": "off", "frequency_cap": []},
        }  # fmt: skip
        program = Program(tmp_path, config, only=("work",))
        await _fill(program.file)
        database, seen = Database(url), Counter[str]()
        try:
            for _ in range(ROUNDS):
                before = await _far(database)
                program.start(wait=False)
                await _until(database, before + choose.randint(1, 2 * (60 + PEOPLE) // ROUNDS))
                await asyncio.sleep(choose.uniform(0, 0.1))
                program.kill()
                seen[await _status(database)] += 1
            program.start(wait=False)
            await _until(database, 60 + PEOPLE)
        finally:
            program.kill()
        async with database.reading() as session:
            outcomes = Counter((await session.scalars(sa.select(_messages.c.status))).all())
            enrolled = await session.scalar(sa.select(sa.func.count()).select_from(_enrolments))
            told = await session.scalar(sa.select(_rows.c.enrolled))
            lost = sa.select(_messages.c.receiver).where(_messages.c.status == "unknown")
            unknown = set((await session.scalars(lost)).all())
        await database.close()
        mails = Counter(mail.receivers[0] for mail in catcher.mails)
    assert [to for to, count in mails.items() if count > 1] == []
    assert enrolled == told == PEOPLE == sum(outcomes.values()), (enrolled, told, outcomes, seen)
    assert seen.keys() >= {"preparing", "sending"}, seen
    assert set(outcomes) <= {"sent", "unknown"}, outcomes
    missing = {f"reader{number}@example.org" for number in range(PEOPLE)} - set(mails)
    assert missing <= unknown, "a mail that never left must say that nobody knows"
