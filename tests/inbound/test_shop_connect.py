"""`aftercart shop connect`: webhooks are made once, strangers' are left, and nights make good what they lose."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import make
import pytest
import sqlalchemy as sa
from intake import Intake
from pulled_shop import opened, pull, shopify_ground, shopify_section, woo_ground, woo_section
from typer.testing import CliRunner

from automations.definition.versions import Versions
from bot import checks
from bot.__main__ import cli
from bot.base import clock
from bot.base.config import Config
from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.demo.shop_trouble import Trouble
from bot.demo.shopify_api import ShopifyShop
from bot.demo.woocommerce_api import WooCommerceSite
from bot.house import House
from bot.inbound.shops import comparing, hooks, opening, progress
from bot.jobs import Jobs
from bot.support.desk import Desk
from bot.tables.shop import Order

OURS = "https://desk.example"
Site = WooCommerceSite | ShopifyShop


@pytest.fixture(params=["woocommerce", "shopify"])
async def connected(request: pytest.FixtureRequest, texts: Texts) -> AsyncIterator[tuple[Site, Ground]]:
    """A site with an API, and the ground of a program that is connected to it."""
    async with AsyncExitStack() as stack:
        if request.param == "woocommerce":
            woo = await stack.enter_async_context(WooCommerceSite(customers=2, orders=3))
            yield woo, woo_ground(texts, woo)
        else:
            shop = await stack.enter_async_context(ShopifyShop(customers=2, orders=3))
            yield shop, shopify_ground(texts, shop)


async def test_webhooks_are_made_once_and_others_are_left(connected: tuple[Site, Ground]) -> None:
    site, ground = connected
    async with opened(ground) as shop:
        await shop.make_hook(shop.topics[0], "https://somebody.example/else")
        before = await hooks.look(shop, OURS)
        assert before.missing == list(shop.topics)
        assert len(site.hooks) == 1
        made = await hooks.make(shop, OURS)
        assert not made.failed
        after = await hooks.look(shop, OURS)
        assert (after.present, after.missing, after.foreign) == (list(shop.topics), [], 1)
        count = len(site.hooks)
        await hooks.make(shop, OURS)
        assert len(site.hooks) == count
        assert hooks.lacking(after, shop.system) == []


async def test_no_webhook_is_made_twice_though_answers_are_lost(connected: tuple[Site, Ground]) -> None:
    site, ground = connected
    site.trouble = Trouble(0.3, seed=5, kinds=("cut", "no_answer"))
    async with opened(ground) as shop:
        await hooks.make(shop, OURS)
        site.trouble = Trouble()
        await hooks.make(shop, OURS)
    topics = [hook["topic"] for hook in site.hooks]
    assert len(topics) == len(set(topics)) == len(shop.topics)


async def test_one_that_the_shop_refuses_is_named_and_the_others_are_made(connected: tuple[Site, Ground]) -> None:
    site, ground = connected
    async with opened(ground) as shop:
        wanted = shop.topics[1]
        site.refuses = {wanted, wanted.upper().replace("/", "_")}
        made = await hooks.make(shop, OURS)
        assert [wanted in str(finding) for finding in made.failed] == [True]
        assert len(site.hooks) == len(shop.topics) - 1


async def test_woocommerce_gave_one_up_and_it_is_switched_on_again(texts: Texts) -> None:
    async with WooCommerceSite() as site, opened(woo_ground(texts, site)) as shop:
        await hooks.make(shop, OURS)
        site.hooks[0]["status"] = "disabled"
        assert len((await hooks.look(shop, OURS)).asleep) == 1
        await hooks.make(shop, OURS)
        assert site.hooks[0]["status"] == "active"


async def test_check_tells_of_topics_that_are_missing(connected: tuple[Site, Ground]) -> None:
    _site, ground = connected
    (finding,) = await checks.shops(ground.config)
    assert finding.warning
    assert "shop connect" in str(finding)
    async with opened(ground) as shop:
        await hooks.make(shop, ground.config.web.url)
    assert await checks.shops(ground.config) == []


async def test_a_store_that_is_not_declared_beside_others_is_refused(texts: Texts) -> None:
    async with WooCommerceSite() as site:
        ground = woo_ground(texts, site)
        stores = [{"name": "main", "woocommerce": "https://another.example"}]
        raw = {"shops": {"woocommerce": ground.config.shops.woocommerce.model_dump(), "stores": stores}}
        assert opening.wanting(Config.model_validate(raw), "woocommerce")


async def test_an_address_by_which_the_shop_does_not_call_itself_is_refused(connected: tuple[Site, Ground]) -> None:
    site, ground = connected
    async with opened(ground) as shop:
        await opening.make_sure(ground.config, shop)
        if isinstance(site, WooCommerceSite):
            site.home = "https://www.shop.example"
        else:
            site.domain = "another.myshopify.com"
        with pytest.raises(FindingsError, match="calls itself"):
            await opening.make_sure(ground.config, shop)


async def test_what_webhooks_lost_comes_in_at_night_and_is_counted(
    database: Database, connected: tuple[Site, Ground]
) -> None:
    site, ground = connected
    await pull(database, ground)
    intake = Intake(database)
    _change(site, "orders", 4)  # made while webhooks were lost
    _change(site, "orders", 1)
    _change(site, "customers", 2)
    async with opened(ground) as shop:
        found = await comparing.compare(database, ground, shop)
        assert {one.resource: one.lost for one in found} == {"products": 0, "customers": 1, "orders": 2}
        await _work_off(intake)
        assert len(await intake.rows(Order)) == 4
        assert "Order Completed" in intake.names
        again = await comparing.compare(database, ground, shop)
        assert {one.lost for one in again} == {0}
    async with database.reading() as session:
        assert [row["lost_in_all"] for row in await progress.every(session)] == [0, 1, 2]


async def test_a_shop_that_refuses_us_keeps_no_other_from_being_compared(database: Database, texts: Texts) -> None:
    async with ShopifyShop() as refusing, WooCommerceSite(orders=1) as site:
        sections = {"shopify": shopify_section(refusing, token="taken back"), "woocommerce": woo_section(site)}
        ground = make.ground(texts, shops=sections)
        begun = clock.now() - timedelta(days=3)
        async with database.transaction() as session:
            for system in opening.SYSTEMS:
                await progress.begin(session, opening.source_of(ground.config, system), begun)
            await session.execute(sa.update(progress.rows).values(cursor={}, finished_at=begun, good_at=begun))
        nobody: Any = None
        house = House(database, ground, 1, Desk.build(ground), nobody, nobody, Versions(), None)
        await Jobs(house).compare_shops()
        async with database.reading() as session:
            compared = {row["store"].partition(":")[0]: row["compared_at"] for row in await progress.every(session)}
    assert compared["shopify"] is None and compared["woocommerce"] is not None


def _change(site: Site, resource: str, number: int) -> None:
    now = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
    gmt = {"date_modified_gmt": now} | ({"date_created_gmt": now} if number > 3 else {})
    utc = {"updated_at": f"{now}Z"} | ({"created_at": f"{now}Z"} if number > 3 else {})
    site.things[resource].change(number, **(gmt if isinstance(site, WooCommerceSite) else utc))


async def _work_off(intake: Intake) -> None:
    while await intake.inbox.translate_due():
        pass
    intake.now = clock.now() + timedelta(seconds=5)
    await intake.apply()


async def test_nothing_is_compared_before_all_is_pulled(database: Database, connected: tuple[Site, Ground]) -> None:
    _site, ground = connected
    async with opened(ground) as shop:
        assert await comparing.compare(database, ground, shop) == []


def test_it_is_compared_once_a_night_and_by_day_only_if_nights_were_missed() -> None:
    berlin, night = ZoneInfo("Europe/Berlin"), datetime(2026, 3, 4, 2, 13, tzinfo=UTC)
    row = {"finished_at": night - timedelta(hours=14), "compared_at": None}
    assert comparing.is_due([row], night, berlin)
    assert not comparing.is_due([{**row, "compared_at": night - timedelta(hours=1)}], night, berlin)
    assert not comparing.is_due([row], night + timedelta(hours=8), berlin)
    assert comparing.is_due([row], night + timedelta(hours=20), berlin)
    assert not comparing.is_due([{**row, "finished_at": None}], night, berlin)
    assert not comparing.is_due([], night, berlin)


def test_the_command_says_what_it_would_do_and_needs_to_be_reachable(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[shops.woocommerce]\naddress = "https://shop.example"\n', "utf-8")
    said = CliRunner().invoke(cli, ["shop", "connect", "woocommerce", "--config", str(file)])
    assert said.exit_code == 1
    assert "web.public_url" in said.output
    said = CliRunner().invoke(cli, ["shop", "connect", "woocommerce", "--no-webhooks", "--config", str(file)])
    assert said.exit_code == 1
    assert "shops.woocommerce.consumer_key" in said.output
