"""Anniversaries of the first order and of signing up: once a year, in the morning of the person."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import shop_world
from shop_world import DAY, HOUR, ShopWorld

from automations.audiences.standings import Standings
from automations.definition import flow_files
from automations.running.sweeps.yearly import occurrence
from bot.base.config import Config
from bot.base.database import Database
from bot.base.texts import Texts
from bot.tables.shop import Order

FLOW = "anniversary"


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    return await shop_world.opened(database, texts, shop_world.only(FLOW))


@pytest.fixture
async def signed(database: Database, texts: Texts, tmp_path: Path) -> ShopWorld:
    """With the flow that is off by default."""
    file = flow_files.load(flow_files.folders(Config())).files["sign_up_anniversary"]
    (tmp_path / file.name).write_text(file.read_text("utf-8").replace("enabled = false", ""), "utf-8")
    return await shop_world.opened(database, texts, flow_files.load([tmp_path]))


async def bought(shop: ShopWorld, *moments: datetime, **fields: Any) -> int:
    person = await shop.person(**fields)
    async with shop.database.transaction() as session:
        for number, at in enumerate(moments):
            session.add(Order(order_id=f"o{person}-{number}", contact_id=person, status="paid", currency="EUR",
                              revenue=100, net=100, ordered_at=at, paid_at=at, changed_at=at))  # fmt: skip
    await Standings(shop.ground.config).recount(shop.database, shop.now)
    return person


async def hours(shop: ShopWorld, count: int) -> None:
    for _ in range(count):
        await shop.sweeps.run(shop.now)
        await shop.passes(HOUR)


async def test_at_nine_in_their_morning_of_the_day_of_the_first_order(shop: ShopWorld) -> None:
    at = datetime(2024, 3, 6, 3, tzinfo=UTC)  # the 5th of March in New York
    await bought(shop, at, at + 100 * DAY, timezone="America/New_York")
    await hours(shop, 72)
    (mail,) = shop.mails.sent
    local = mail.row["planned_at"].astimezone(ZoneInfo("America/New_York"))
    assert f"{local:%Y-%m-%d %H:%M}" == "2026-03-05 09:00"
    assert mail.payload["subject"].startswith("2 years")
    (row,) = await shop.enrolled(FLOW)
    assert row["dedupe_key"] == f"anniversary:{row['contact_id']}:first_order:2026"


async def test_there_is_none_before_a_year_is_over(shop: ShopWorld) -> None:
    await bought(shop, shop.now - DAY)
    await bought(shop, shop.now - 364 * DAY, email="bob@example.org")
    assert await shop.sweeps.run(shop.now) == 0
    await hours(shop, 48)
    assert [mail.payload["to"] for mail in shop.mails.sent] == ["bob@example.org"]


async def test_it_comes_again_every_year(shop: ShopWorld) -> None:
    await bought(shop, datetime(2025, 3, 5, 12, tzinfo=UTC))
    for year in (2026, 2027):
        shop.now = datetime(year, 3, 4, tzinfo=UTC)
        await hours(shop, 60)
    assert [mail.payload["subject"][:7] for mail in shop.mails.sent] == ["1 year ", "2 years"]


async def test_missed_days_are_made_up_for_and_never_twice(shop: ShopWorld) -> None:
    await shop.sweeps.run(shop.now)
    await bought(shop, datetime(2025, 3, 5, 12, tzinfo=UTC))
    await shop.sleeps(30 * HOUR)
    assert await shop.sweeps.run(shop.now) == 1
    await shop.settle()
    await hours(shop, 30)
    assert shop.templates() == [FLOW]


async def test_two_days_late_is_too_late(shop: ShopWorld) -> None:
    await shop.sweeps.run(shop.now)
    await bought(shop, datetime(2025, 3, 5, 12, tzinfo=UTC))
    await shop.sleeps(60 * HOUR)
    await hours(shop, 2)
    assert shop.templates() == [] and await shop.skipped() == ["stale"]


@pytest.mark.parametrize(("rule", "day"), [("feb28", date(2027, 2, 28)), ("mar1", date(2027, 3, 1))])
def test_a_first_order_of_the_29th_of_february_is_kept_in_other_years_too(rule: str, day: date) -> None:
    assert occurrence("2024-02-29", 2027, rule, 1) == day
    assert occurrence("2024-02-29", 2028, rule, 1) == date(2028, 2, 29)
    assert occurrence("2024-02-29", 2024, rule, 1) is None


async def test_the_29th_of_february_comes_once_in_every_year(shop: ShopWorld) -> None:
    await bought(shop, datetime(2024, 2, 29, 12, tzinfo=UTC))
    for start, expected in ((datetime(2027, 2, 26, tzinfo=UTC), 1), (datetime(2028, 2, 27, tzinfo=UTC), 2)):
        shop.now = start
        await hours(shop, 24 * 4)
        assert shop.templates().count(FLOW) == expected


@pytest.mark.parametrize("told", ["2023-03-05", "2023-03-05T10:00:00Z", "2023-03-04T23:30:00-05:00"])
async def test_signing_up_counts_from_what_the_shop_told(signed: ShopWorld, told: str) -> None:
    await signed.person(timezone="Europe/Berlin", traits={"createdAt": told})
    await signed.person("bob@example.org", created_at=signed.now - timedelta(days=365))  # when we first saw him: no day
    await signed.person("cyd@example.org", traits={"createdAt": 1678000000})
    await hours(signed, 48)
    assert [mail.payload["to"] for mail in signed.mails.sent] == ["ada@example.org"]
    assert "signed up" in signed.mails.sent[0].payload["text"]


async def test_signing_up_that_is_learned_on_the_day_counts_at_once(signed: ShopWorld) -> None:
    await signed.person()
    await signed.sweeps.run(signed.now)
    await signed.happens("", kind="identify", traits={"createdAt": "2020-03-04"})
    await signed.settle()
    assert signed.templates() == [FLOW]
