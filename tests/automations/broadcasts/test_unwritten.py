"""A broadcast whose mail cannot be written is not started: it would be spent, and nobody would have got it."""

import asyncio
from pathlib import Path

import httpx
import make
import newsroom
import pytest
from newsroom import PLAIN, Newsroom
from shop_world import MINUTE
from typer.testing import CliRunner

from automations.broadcasts import broadcast_files, control, preview
from automations.broadcasts.broadcast_files import Around
from automations.broadcasts.control import Standing
from bot import contacts, start
from bot.__main__ import cli
from bot.base import clock, paths
from bot.base import config as settings
from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.inbound.web import broadcasts_api, each_request
from bot.outbound.email.templates import MailTemplates
from bot.tables.people import Contact, Identity

NO_CODE = "One of {{ 12 // (coupon.code | length) }}"
"""It can be written for somebody with a code: only a mail that is really written shows that nobody has one."""


@pytest.fixture
async def room(database: Database, texts: Texts) -> Newsroom:
    return await newsroom.opened(database, texts)


@pytest.mark.parametrize(
    ("subject", "reason"), [("At {{ shop.nam }}", "no attribute 'nam'"), (NO_CODE, "by zero")], ids=["name", "value"]
)
async def test_a_look_tells_what_keeps_the_mail_from_being_written(room: Newsroom, subject: str, reason: str) -> None:
    await room.readers(1)
    variants = [{"name": "plain"}, {"name": "short", "subject": subject}]
    tree = {**PLAIN, "test": {"share": 0.5, "wait": "2h", "variants": variants}}
    found = broadcast_files.of_tree("news", tree, Around())
    standing = Standing(found.broadcast, found.tree, None)
    mails = MailTemplates([paths.templates()])
    async with room.shop.database.reading() as session:
        with pytest.raises(FindingsError) as error:
            await preview.look(session, room.shop.ground, newsroom.segments(), mails, standing, room.shop.now)
    said = str(error.value)
    assert said.startswith("test variant short: the mail newsletter to reader0@example.org cannot be written: ")
    assert reason in said


async def test_the_api_does_not_start_it_and_it_may_be_put_again(room: Newsroom) -> None:
    await room.readers(1)
    ground = make.ground(room.shop.ground.texts, web={"api_key": "a-long-key-of-the-shop"})
    app = each_request.build([broadcasts_api.routes(room.shop.database, ground, newsroom.segments())])
    headers = {"authorization": "Bearer a-long-key-of-the-shop"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test/api/v1/broadcasts/", headers=headers
    ) as http:
        wrong = await http.put("news", json={**PLAIN, "subject": "At {{ shop.nam }}"})
        assert wrong.status_code == 422 and "did you mean name?" in wrong.json()["message"]
        assert (await http.put("news", json={**PLAIN, "subject": NO_CODE})).status_code == 200
        refused = await http.post("news/start")
        assert refused.status_code == 409 and "cannot be written" in refused.json()["message"]
        assert (await room.row())["status"] == "draft"
        assert (await http.put("news", json=PLAIN)).status_code == 200
        assert (await http.post("news/start")).json()["status"] == "scheduled"


async def test_when_a_mail_cannot_be_written_others_are(room: Newsroom) -> None:
    """Whatever a template makes of its values, it is the reason of that one mail."""
    await room.readers(1)
    await room.starts(subject=NO_CODE)
    await room.passes(MINUTE)
    [waits] = await room.shop.written()
    assert (waits["status"], waits["skip_reason"]) == ("deferred", "render_error")
    await room.starts("other")
    await room.passes(5 * MINUTE)
    assert len(room.addresses()) == 1


async def _reader(config: Path) -> None:
    loaded, now = settings.load(config), clock.now()
    async with start.ready(loaded) as (database, ground), database.transaction() as session:
        person = Contact(first_name="Ada", language="en", created_at=now, last_seen_at=now)
        session.add(person)
        await session.flush()
        address = "ada@example.org"
        session.add(Identity(contact_id=person.id or 0, kind="email", value=address, proven=True, created_at=now))
        await contacts.allow(session, ground.secret, person.id or 0, "email", address, "marketing", "checkout", now)


async def _standing(config: Path) -> str:
    loaded = settings.load(config)
    async with start.ready(loaded) as (database, _), database.reading() as session:
        return (await control.find(session, loaded, "news", Around())).status


def test_the_commands_tell_it_in_one_line_and_start_nothing(tmp_path: Path) -> None:
    file, config = tmp_path / "broadcasts" / "news.toml", tmp_path / "config.toml"
    file.parent.mkdir()
    database = f"sqlite:///{tmp_path}/shop.db"
    config.write_text(f'[database]\nurl = "{database}"\n[automations]\nbroadcasts_folder = "broadcasts"\n', "utf-8")
    words = 'title = "News"\nsegment = "subscribers"\nsend = "newsletter"\n'
    file.write_text(f'{words}subject = "{NO_CODE}"\n', "utf-8")
    asyncio.run(_reader(config))
    for command in (["preview", "news"], ["start", "news", "--yes"]):
        result = CliRunner().invoke(cli, ["broadcast", *command, "--config", str(config)])
        assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.output
        assert "the mail newsletter to ada@example.org cannot be written" in result.output
    assert asyncio.run(_standing(config)) == "draft"
    file.write_text(f'{words}subject = "At {{{{ shop.nam }}}}"\n', "utf-8")
    for command in (["check", "news"], ["preview", "news"], ["start", "news", "--yes"]):
        result = CliRunner().invoke(cli, ["broadcast", *command, "--config", str(config)])
        assert result.exit_code == 1 and "news.toml:4: subject: shop.nam is not a value" in result.output
    file.write_text(words, "utf-8")
    assert (
        "Ada, what is new" in CliRunner().invoke(cli, ["broadcast", "preview", "news", "--config", str(config)]).output
    )
    done = CliRunner().invoke(cli, ["broadcast", "start", "news", "--yes", "--config", str(config)])
    assert done.exit_code == 0 and "on its way to 1" in done.output
