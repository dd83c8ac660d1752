"""A shop whose API refuses us is seen in check and healthz, and told to whoever leads, until it answers again."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import make
import pytest
import sqlalchemy as sa
from intake import Intake
from pulled_shop import pull, shopify_section

from automations.definition.versions import Versions
from bot import checks
from bot.base import clock
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.demo.shopify_api import ShopifyShop
from bot.house import House
from bot.inbound.shops import alarm, progress
from bot.inbound.shops.connection import ShopApiError
from bot.inbound.web import health
from bot.jobs import Jobs
from bot.shops import troubles
from bot.support.desk import Desk
from bot.tables.outbox import Message

LEAD, GROUP, BOSS = 60, -1001, "boss@shop.example"
STORE = "shopify:goods.myshopify.com"


def _ground(texts: Texts, site: ShopifyShop, **more: Any) -> Ground:
    support = {"alarm_mails": [BOSS], "departments": [{"name": "lamps", "groups": [GROUP], "leads": [LEAD]}]}
    mail = {"smtp_url": "smtp://relay", "from": "a@shop.example"}
    return make.ground(texts, shops={"shopify": shopify_section(site, **more)}, support=support, mail=mail)


def _jobs(database: Database, ground: Ground) -> Jobs:
    nobody: Any = None
    return Jobs(House(database, ground, 1, Desk.build(ground), nobody, nobody, Versions(), None))


async def _long_ago(database: Database) -> None:
    """The last good night."""
    async with database.transaction() as session:
        begun = clock.now() - timedelta(days=3)
        await session.execute(sa.update(progress.rows).values(finished_at=begun, good_at=begun, compared_at=begun))


async def _seen(database: Database) -> tuple[list[str], object]:
    """By `check` and by `/healthz`."""
    _, answer = await health.Pulse(database).answer()
    return [str(one) for one in await checks.shops_in_trouble(database)], answer["shops_in_trouble"]


async def _told(database: Database) -> list[tuple[str, str]]:
    """Whom, and what, since this was asked last."""
    rows = table(Message)
    asked = sa.select(rows.c.receiver, rows.c.payload).where(rows.c.purpose == "notice").order_by(rows.c.receiver)
    async with database.transaction() as session:
        found: Sequence[Any] = (await session.execute(asked)).all()
        await session.execute(sa.delete(rows).where(rows.c.purpose == "notice"))
    return [(receiver, payload["text"]) for receiver, payload in found]


async def test_a_key_that_was_taken_back_is_told_once_and_once_when_it_is_good_again(
    database: Database, texts: Texts
) -> None:
    async with ShopifyShop(orders=2) as site:
        ground, token = _ground(texts, site), site.token
        await pull(database, ground)
        await _long_ago(database)
        site.token = "another"
        for _ in range(3):
            await _jobs(database, ground).compare_shops()
        told = await _told(database)
        assert [receiver for receiver, _ in told] == [BOSS, f"staff:{GROUP}"]
        assert all(STORE in text and "401" in text for _, text in told)
        (finding,), named = await _seen(database)
        assert "refuses" in finding and named == {STORE: ["refused"]}

        site.token = token
        await _jobs(database, ground).compare_shops()
        assert await _seen(database) == ([], {})
        assert [receiver for receiver, _ in await _told(database)] == [BOSS, f"staff:{GROUP}"]
        await _jobs(database, ground).compare_shops()
        assert await _told(database) == []


async def test_who_mends_it_by_day_need_not_wait_for_the_night(database: Database, texts: Texts) -> None:
    async with ShopifyShop(orders=1) as site:
        ground = _ground(texts, site)
        await pull(database, ground)
        async with database.transaction() as session:
            await troubles.remember(session, "shopify", STORE, troubles.REFUSED, "401", clock.now())
        await _jobs(database, ground).compare_shops()  # the pull is of now: nothing is due
        assert await _seen(database) == ([], {})


@pytest.mark.parametrize(
    ("status", "kind"),
    [(0, "silent"), (429, "silent"), (502, "silent"), (401, "refused"), (402, "refused"), (404, "refused")],
)
async def test_a_shop_that_is_silent_for_some_hours_calls_nobody(
    database: Database, texts: Texts, status: int, kind: str
) -> None:
    error = ShopApiError("words", "shops.shopify", status=status)
    night = datetime(2026, 3, 4, 3, tzinfo=UTC)
    async with ShopifyShop() as site:
        desk = Desk.build(_ground(texts, site))
    heard = []
    for hours in (0, 3, 23):
        now = night + timedelta(hours=hours)
        await alarm.remember(database, "shopify", STORE, error, now)
        async with database.transaction() as session:
            heard.append(await alarm.look(session, desk, now))
    assert (await _seen(database))[1] == {STORE: [kind]}
    assert heard == ([0, 0, 1] if kind == "silent" else [1, 0, 0])


async def test_an_app_that_was_taken_away_is_told(database: Database, texts: Texts) -> None:
    async with ShopifyShop() as site:
        ground = _ground(texts, site)
        intake = Intake(database)
        await intake.deliver("shopify", "app/uninstalled", {"id": 1}, site.domain)
        async with database.transaction() as session:
            assert await alarm.look(session, Desk.build(ground), clock.now()) == 1
        assert (await _seen(database))[1] == {STORE: ["uninstalled"]}
        assert len(await _told(database)) == 2
