"""When the bot loses its rights in a staff group, whoever can still hear it does: once, and once when it has them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from mail_office import MailOffice, opened

from bot import checks
from bot.base import clock
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.inbound.telegram.group_health import GroupHealth
from bot.inbound.web import health
from bot.tables.outbox import Message

LEAD, OTHER = 60, -1007777777777
MAILS = ["boss@shop.example"]


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[MailOffice]:
    departments = [{"name": "lamps", "groups": [OTHER], "leads": [LEAD]}]
    support = {"alarm_mails": MAILS, "departments": departments}
    async with opened(database, texts, support=support) as made:
        made.telegram.add_group(OTHER, "Lamps")
        yield made


def _general(office: MailOffice, group: int) -> list[str]:
    said = [one.text or "" for one in office.telegram.messages(group)]
    return [text for text in said if "About the staff group" in text]


async def _looks(office: MailOffice, minutes: int) -> None:
    looking = GroupHealth(office.here.database, office.here.bot, office.desk)
    await looking.look(clock.now() - timedelta(hours=2) + timedelta(minutes=minutes))
    await office.settle()


async def _healthz(office: MailOffice) -> dict[str, object]:
    app = FastAPI()
    config = Config.model_validate({"web": {"api_key": "a key of the API"}})
    app.include_router(health.routes(office.here.database, config=config))
    headers = {"Authorization": "Bearer a key of the API"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x", headers=headers) as client:
        return dict((await client.get("/healthz")).json()["staff_groups"])


async def test_rights_that_are_taken_are_told_in_general_by_mail_and_by_healthz_once(office: MailOffice) -> None:
    lead = office.telegram.shopper(LEAD, "Lei")
    lead.starts()
    await office.settle()
    group = office.telegram.group
    await _looks(office, 0)
    assert _general(office, group.id) == [] and office.catcher.mails == [] and await _healthz(office) == {}
    group.bot_manages_topics = False
    for minutes in (10, 20):
        await _looks(office, minutes)
    (told,) = _general(office, group.id)
    assert "may not manage topics" in told
    (mail,) = office.catcher.mails
    assert mail.receivers == tuple(MAILS) and "may not manage topics" in mail.message.get_content()
    assert sum("may not manage topics" in (one.text or "") for one in lead.received) == 1
    assert await _healthz(office) == {str(group.id): ["no_rights"]}
    group.bot_manages_topics = True
    for minutes in (30, 40):
        await _looks(office, minutes)
    assert "works again" in _general(office, group.id)[-1] and len(_general(office, group.id)) == 2
    assert "works again" in office.catcher.mails[-1].message.get_content() and len(office.catcher.mails) == 2
    assert await _healthz(office) == {}


async def test_who_puts_the_bot_out_is_heard_of_at_once_in_another_group(office: MailOffice) -> None:
    mia = office.mia
    office.telegram.removes_bot(mia)
    await office.settle()
    (told,) = _general(office, OTHER)
    assert "cannot see the group" in told
    assert _general(office, office.telegram.group.id) == []
    (mail,) = office.catcher.mails
    assert "cannot see the group" in mail.message.get_content()
    await _looks(office, 10)
    assert len(_general(office, OTHER)) == 1 and len(office.catcher.mails) == 1


async def test_what_is_no_longer_true_when_its_turn_comes_is_not_said(office: MailOffice) -> None:
    group, health_of = office.telegram.group, GroupHealth(office.here.database, office.here.bot, office.desk)
    group.bot_manages_topics = False
    await health_of.look(clock.now() - timedelta(hours=2))
    group.bot_manages_topics = True
    await health_of.look(clock.now() - timedelta(hours=1))
    await office.settle()
    (told,) = _general(office, group.id)
    assert "works again" in told


@asynccontextmanager
async def _led(database: Database, texts: Texts, *addresses: str) -> AsyncIterator[MailOffice]:
    departments = [{"name": "lamps", "groups": [OTHER], "leads": [LEAD]}]
    known = [{"lead": LEAD, "mail": address} for address in addresses]
    async with opened(database, texts, support={"departments": departments, "lead_mails": known}) as made:
        made.telegram.add_group(OTHER, "Lamps")
        yield made


async def _unheard(office: MailOffice) -> tuple[int, list[str]]:
    config = office.here.ground.config
    app = FastAPI()
    app.include_router(health.routes(office.here.database, config=config))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        counted = (await client.get("/healthz")).json()["unreachable_leads"]
    return counted, [str(one) for one in await checks.unreachable_leads(office.here.database, config)]


async def test_a_lead_without_an_open_chat_is_told_by_mail(database: Database, texts: Texts) -> None:
    async with _led(database, texts, "lei@shop.example") as office:
        office.telegram.memory.chats[OTHER].bot_manages_topics = False
        await _looks(office, 10)
        (mail,) = office.catcher.mails
        assert mail.receivers == ("lei@shop.example",) and "may not manage topics" in mail.message.get_content()
        assert await _unheard(office) == (0, [])
        async with database.reading() as session:
            chats = sa.select(table(Message).c.id).where(table(Message).c.channel == "telegram")
            assert (await session.scalars(chats)).all() == []


async def test_a_lead_who_blocked_the_bot_is_told_by_mail(database: Database, texts: Texts) -> None:
    async with _led(database, texts, "lei@shop.example") as office:
        lead = office.telegram.shopper(LEAD, "Lei")
        lead.starts()
        await office.settle()
        lead.chat.reach = "blocked"
        office.telegram.memory.chats[OTHER].bot_manages_topics = False
        await _looks(office, 10)
        (mail,) = office.catcher.mails
        assert "may not manage topics" in mail.message.get_content()


async def test_a_lead_whom_nothing_reaches_stands_in_healthz_and_in_check(database: Database, texts: Texts) -> None:
    async with _led(database, texts) as office:
        counted, found = await _unheard(office)
        assert counted == 1
        assert len(found) == 1 and str(LEAD) in found[0]
        office.telegram.shopper(LEAD, "Lei").starts()
        await office.settle()
        assert await _unheard(office) == (0, [])
