"""Files that are wrong and mails that wait for their mend: told once, and in health as long as it lasts."""

from pathlib import Path

import make
import pytest
import shop_world
import sqlalchemy as sa
from conftest import NOON
from shop_world import HOUR, MINUTE

from bot import checks
from bot.base import paths
from bot.base.database import Database, table
from bot.base.errors import Finding
from bot.base.texts import Texts
from bot.inbound.web import health
from bot.outbound.email.templates import MailTemplates
from bot.support.desk import Desk
from bot.support.escalation import file_alarm
from bot.tables.outbox import Message

LEAD, GROUP, BOSS = 60, -1001, "boss@shop.example"
WRONG = Finding("did you mean first_name?", "/srv/shop/templates/email/welcome/en.mjml", 12)
OTHER = Finding("unknown key", "/srv/shop/flows/hello.toml", 3, "sent")


@pytest.fixture
def desk(texts: Texts) -> Desk:
    support = {"alarm_mails": [BOSS], "departments": [{"name": "lamps", "groups": [GROUP], "leads": [LEAD]}]}
    return Desk.build(make.ground(texts, support=support, mail={"smtp_url": "smtp://relay", "from": "a@shop.example"}))


async def _told(database: Database) -> list[tuple[str, str]]:
    """Since this was asked last."""
    rows = table(Message)
    async with database.transaction() as session:
        asked = sa.select(rows.c.receiver, rows.c.payload).where(rows.c.purpose == "notice").order_by(rows.c.receiver)
        found = [(row.receiver, row.payload["text"]) for row in await session.execute(asked)]
        await session.execute(sa.delete(rows).where(rows.c.purpose == "notice"))
    return found


async def test_who_leads_hears_of_a_wrong_file_once_and_of_its_mend(database: Database, desk: Desk) -> None:
    async def now(*wrong: Finding, minutes: int = 0) -> list[tuple[str, str]]:
        async with database.transaction() as session:
            await file_alarm.found(session, desk, wrong, NOON + minutes * MINUTE)
        return await _told(database)

    first = await now(WRONG)
    assert [receiver for receiver, _ in first] == [BOSS, f"staff:{GROUP}"], "the lead never opened a chat"
    assert all("welcome/en.mjml:12" in text and "first_name" in text for _, text in first)
    _, answer = await health.Pulse(database).answer()
    assert answer["files_to_mend"] == ["welcome/en.mjml:12"], "nothing of where it lies on this machine"
    assert await now(WRONG, minutes=1) == []
    assert len(await now(WRONG, OTHER, minutes=2)) == 2
    assert await now(OTHER, minutes=3) == [], "one less is no news"
    assert len(await now(minutes=4)) == 2 and await now(minutes=5) == []
    _, answer = await health.Pulse(database).answer()
    assert answer["files_to_mend"] == [] and answer["unwritten_mails"] == {}


async def test_what_stands_as_before_is_no_news(database: Database, desk: Desk) -> None:
    async def is_news(*wrong: Finding) -> bool:
        async with database.reading() as session:
            return await file_alarm.is_news(session, wrong)

    assert not await is_news() and await is_news(WRONG)
    async with database.transaction() as session:
        await file_alarm.found(session, desk, [WRONG], NOON)
    assert not await is_news(WRONG) and await is_news(WRONG, OTHER) and await is_news()


async def test_mails_that_wait_to_be_written_are_told_and_checked(
    database: Database, texts: Texts, desk: Desk, tmp_path: Path
) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only("abandoned_cart"))
    folder = tmp_path
    file = folder / "email" / "abandoned_cart" / "en.mjml"
    file.parent.mkdir(parents=True)
    body = "<mjml><mj-body><mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section></mj-body></mjml>"
    file.write_text(f'+++\nsubject = "Hi {{{{ customer.nick }}}}"\n+++\n{body}')
    shop.gate.mails = MailTemplates([paths.templates(), folder])
    await shop.person()
    await shop.adds()
    await shop.passes(2 * HOUR)
    async with database.transaction() as session:
        await file_alarm.found(session, desk, [], shop.now)
    assert all("abandoned_cart" in text and "nick" in text for _, text in await _told(database))
    [found] = await checks.unwritten(database)
    assert found.warning and "1 mails wait" in str(found) and "en.mjml:2" in str(found)
