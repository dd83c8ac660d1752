"""A template that was given up because it asks for too much is seen, and told, until somebody mends it."""

import os
from pathlib import Path
from typing import Any

import make
import pytest
import shop_world
import sqlalchemy as sa
from conftest import NOON
from shop_world import HOUR, ShopWorld

from bot import checks
from bot.base import paths
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.inbound.web import health
from bot.outbound.email.templates import MailTemplates
from bot.support.desk import Desk
from bot.support.escalation import template_alarm
from bot.tables.outbox import Message

LEAD, GROUP, BOSS = 60, -1001, "boss@shop.example"
NAME = "email/abandoned_cart (en)"
_BODY = "<mjml><mj-body><mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section></mj-body></mjml>"
_ENDLESS = "{% for a in unsubscribe_url %}{% for b in unsubscribe_url %}{% for c in unsubscribe_url %}x{% endfor %}"
_ENDLESS += "{% endfor %}{% endfor %}"


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    return await shop_world.opened(database, texts, shop_world.only("abandoned_cart"))


@pytest.fixture
def desk(texts: Texts) -> Desk:
    support = {"alarm_mails": [BOSS], "departments": [{"name": "lamps", "groups": [GROUP], "leads": [LEAD]}]}
    return Desk.build(make.ground(texts, support=support, mail={"smtp_url": "smtp://relay", "from": "a@shop.example"}))


def _written(shop: ShopWorld, folder: Path, words: str) -> None:
    (folder / "email" / "abandoned_cart").mkdir(parents=True, exist_ok=True)
    (folder / "email" / "abandoned_cart" / "en.mjml").write_text('+++\nsubject = "Hi"\n+++\n' + _BODY.format(words))
    shop.gate.mails = MailTemplates([paths.templates(), folder])


async def _left_by(shop: ShopWorld, number: int) -> None:
    who = f"reader{number}@example.org"
    await shop.person(who)
    lamp = {"product_id": "lamp", "name": "Lamp", "price": 19.9, "quantity": 1, "currency": "EUR"}
    await shop.happens("Product Added", who, cart_id=f"c{number}", **lamp)


async def _given_up(shop: ShopWorld, folder: Path, readers: int = 3) -> None:
    _written(shop, folder, _ENDLESS)
    for number in range(readers):
        await _left_by(shop, number)
    await shop.passes(HOUR)


async def _seen(database: Database) -> tuple[list[str], object]:
    """By `check` and by `/healthz`."""
    findings = await checks.templates_given_up(database)
    _, answer = await health.Pulse(database).answer()
    return [str(one) for one in findings if not one.warning], answer["templates_given_up"]


async def _told(database: Database) -> list[str]:
    """Since this was asked last."""
    rows = table(Message)
    asked = sa.select(rows.c.receiver, rows.c.payload).where(rows.c.purpose == "notice").order_by(rows.c.receiver)
    async with database.transaction() as session:
        found: list[Any] = list((await session.execute(asked)).all())
        await session.execute(sa.delete(rows).where(rows.c.purpose == "notice"))
    assert all(NAME in payload["text"] for _, payload in found)
    return [receiver for receiver, _ in found]


async def test_it_stands_in_check_and_healthz_until_it_is_changed(shop: ShopWorld, tmp_path: Path) -> None:
    await _given_up(shop, tmp_path, readers=2)
    assert await _seen(shop.database) == ([], []), "one reader with very many things makes no template wrong"
    await _left_by(shop, 2)
    await shop.passes(HOUR)
    (finding,), named = await _seen(shop.database)
    assert "abandoned_cart/en.mjml" in finding and "steps" in finding and named == [NAME]
    _written(shop, tmp_path, "Your cart")
    assert await _seen(shop.database) == ([], [])


async def test_who_leads_is_told_once_of_each_version(shop: ShopWorld, desk: Desk, tmp_path: Path) -> None:
    await _given_up(shop, tmp_path)
    for _ in range(2):
        async with shop.database.transaction() as session:
            await template_alarm.look(session, desk, NOON)
    everybody = [BOSS, f"staff:{GROUP}"]  # the lead never opened a chat
    assert await _told(shop.database) == everybody
    _written(shop, tmp_path, "still " + _ENDLESS)
    for number in range(3, 6):
        await _left_by(shop, number)
    await shop.passes(HOUR)
    async with shop.database.transaction() as session:
        await template_alarm.look(session, desk, NOON + HOUR)
    assert await _told(shop.database) == everybody


async def test_one_that_renders_again_is_listed_no_more(shop: ShopWorld, tmp_path: Path) -> None:
    """After a restart it has three readers again: what it asked for too much of may have been data."""
    await _given_up(shop, tmp_path)
    shop.gate.spending = type(shop.gate.spending)()
    file = tmp_path / "email" / "abandoned_cart" / "en.mjml"
    at = file.stat().st_mtime_ns
    _written(shop, tmp_path, "Your cart")
    os.utime(file, ns=(at, at))
    assert (await _seen(shop.database))[1] == [NAME]
    await _left_by(shop, 3)
    await shop.passes(HOUR)
    assert len(shop.mails.sent) == 4 and await _seen(shop.database) == ([], [])
