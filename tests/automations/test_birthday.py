from datetime import UTC, date, datetime
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
import shop_world
from shop_world import DAY, HOUR, ShopWorld

from automations.running.sweeps.yearly import occurrence
from bot.base import clock
from bot.base.database import Database
from bot.base.texts import Texts


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    return await shop_world.opened(database, texts)


async def hours(shop: ShopWorld, count: int) -> None:
    """The clock runs with the hourly sweep."""
    for _ in range(count):
        await shop.sweeps.run(shop.now)
        await shop.passes(HOUR)


async def test_a_week_before_and_at_nine_on_the_day_where_the_person_lives(shop: ShopWorld) -> None:
    await shop.person(birthday="1990-03-14", timezone="America/New_York")
    await hours(shop, 24 * 11)
    assert shop.templates() == ["birthday_soon", "birthday"]
    local = [message.row["planned_at"].astimezone(ZoneInfo("America/New_York")) for message in shop.mails.sent]
    assert [f"{at:%m-%d %H:%M}" for at in local] == ["03-07 09:00", "03-14 09:00"]


async def test_a_birthday_learned_on_the_day_is_wished_at_once(shop: ShopWorld) -> None:
    await shop.person()
    await shop.sweeps.run(shop.now)
    await shop.happens("", kind="identify", traits={"birthday": "1990-03-04"})
    await shop.settle()
    assert shop.templates() == ["birthday"] and await shop.skipped() == ["stale"]


async def test_t34_one_wish_a_year_for_whoever_moves_on_the_day(shop: ShopWorld) -> None:
    person = await shop.person(birthday="1990-03-05", timezone="Pacific/Auckland")
    await hours(shop, 24)
    await shop.change(person, timezone="Pacific/Honolulu", birthday="1990-03-06")
    await hours(shop, 24 * 4)
    assert shop.templates() == ["birthday"]


async def test_an_outage_over_the_birthday_is_made_up_for_within_36_hours(shop: ShopWorld) -> None:
    await shop.sweeps.run(shop.now)
    await shop.person(birthday="--03-05", birthday_known_at=shop.now - DAY)
    await shop.sleeps(30 * HOUR)
    await shop.sweeps.run(shop.now)
    await shop.settle()
    assert shop.templates() == ["birthday"]


async def test_after_two_days_of_outage_it_is_too_late_for_a_wish(shop: ShopWorld) -> None:
    await shop.sweeps.run(shop.now)
    await shop.person(birthday="--03-05")
    await shop.sleeps(60 * HOUR)
    await shop.sweeps.run(shop.now)
    await shop.passes(HOUR)
    assert shop.templates() == [] and await shop.skipped() == ["stale", "stale"]


async def test_the_sweep_run_twice_enrols_once(shop: ShopWorld) -> None:
    await shop.person(birthday="1990-03-08")
    assert await shop.sweeps.run(shop.now) == 1
    assert await shop.sweeps.run(shop.now) == 0
    await shop.sleeps(DAY)
    assert await shop.sweeps.run(shop.now) == 0


async def test_nobody_too_young_is_written_to(shop: ShopWorld) -> None:
    await shop.person(birthday="2015-03-05")
    assert await shop.sweeps.run(shop.now) == 0


async def test_the_sweep_on_the_day_of_the_change_to_summer_time_wishes_once(shop: ShopWorld) -> None:
    shop.now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    await shop.person(birthday="--03-29", timezone="Europe/Berlin")
    await hours(shop, 48)
    assert shop.templates() == ["birthday"]


@pytest.mark.parametrize(
    ("birthday", "year", "rule", "day"),
    [
        ("1996-02-29", 2027, "feb28", date(2027, 2, 28)),
        ("1996-02-29", 2028, "feb28", date(2028, 2, 29)),
        ("--02-29", 2027, "mar1", date(2027, 3, 1)),
        ("--12-31", 2026, "feb28", date(2026, 12, 31)),
        ("2030-01-01", 2027, "feb28", None),
        ("2020-05-05", 2027, "feb28", None),
        ("nonsense", 2027, "feb28", None),
        ("1990-02-30", 2027, "feb28", None),
    ],
)
def test_when_a_birthday_is_kept(birthday: str, year: int, rule: str, day: date | None) -> None:
    assert occurrence(birthday, year, rule, 16) == day


async def test_t33_the_29th_of_february_comes_once_in_every_year(shop: ShopWorld) -> None:
    await shop.person(birthday="1996-02-29")
    for start, expected in ((datetime(2027, 2, 27, tzinfo=UTC), 1), (datetime(2028, 2, 27, tzinfo=UTC), 2)):
        shop.now = start
        await hours(shop, 24 * 4)
        assert shop.templates().count("birthday") == expected


async def test_t36_new_rules_of_a_zone_move_a_mail_that_waits(shop: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A government does away with the winter hour: nine o'clock is nine o'clock by the new rules."""
    await shop.person(birthday="1990-03-14", timezone="Europe/Berlin")
    await shop.passes(4 * DAY)
    await shop.sweeps.run(shop.now)
    await shop.passes(5 * DAY)
    (row,) = await shop.enrolled("birthday")
    assert row["due_at"] == datetime(2026, 3, 14, 8, tzinfo=UTC)
    with resources.files("tzdata.zoneinfo.Europe").joinpath("London").open("rb") as rules:
        changed = ZoneInfo.from_file(rules, key="Europe/Berlin")
    monkeypatch.setattr(clock, "zone", lambda _name: changed)
    await shop.passes(DAY)
    assert [mail.row["planned_at"] for mail in shop.mails.sent][-1] == datetime(2026, 3, 14, 9, tzinfo=UTC)
    assert shop.templates().count("birthday") == 1
