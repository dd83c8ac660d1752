from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.definition.step import Wait
from automations.running import waits
from bot.base import quiet
from bot.base.config import Config
from bot.contacts import zones

ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
     "America/Sao_Paulo", "Asia/Shanghai", "Pacific/Auckland", "Africa/Casablanca"]
).map(ZoneInfo)  # fmt: skip
MOMENTS = st.integers(0, 5 * 366 * 24 * 60).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))


def wait(**values: object) -> Wait:
    return Wait.model_validate(values)


@given(MOMENTS, ZONES, st.integers(1, 40 * 24))
def test_a_duration_is_elapsed_time_whatever_the_clocks_do(start: datetime, zone: ZoneInfo, hours: int) -> None:
    assert waits.end(wait(elapsed=f"{hours}h"), start, zone, {}) - start == timedelta(hours=hours)


@given(MOMENTS, ZONES, st.integers(0, 40), TIMES)
def test_days_at_a_time_end_at_that_wall_time_of_that_day(start: datetime, zone: ZoneInfo, days: int, at: time) -> None:
    end = waits.end(wait(days=days, at=f"{at:%H:%M}"), start, zone, {})
    local = end.astimezone(zone)
    assert end > start
    wanted = start.astimezone(zone).date() + timedelta(days=days)
    assert local.date() in (wanted, wanted + timedelta(days=1)) or zone.key == "Pacific/Apia"
    if (local.hour, local.minute) != (at.hour, at.minute):  # the hour that spring takes away: an hour later
        earlier = (end - timedelta(hours=3)).astimezone(zone).utcoffset()
        gap = (local.utcoffset() or timedelta()) - (earlier or timedelta())
        assert timedelta(0) < gap and local.replace(tzinfo=None) - gap == datetime.combine(local.date(), at)


@given(MOMENTS, ZONES, st.integers(0, 40), TIMES)
def test_a_repeated_hour_in_autumn_is_its_first_one(start: datetime, zone: ZoneInfo, days: int, at: time) -> None:
    assert waits.end(wait(days=days, at=f"{at:%H:%M}"), start, zone, {}).astimezone(zone).fold == 0


@pytest.mark.parametrize(
    ("start", "day", "expected"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), "02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # 03:30
        (datetime(2026, 10, 24, 12, tzinfo=UTC), "02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # the first
        (datetime(2026, 7, 1, 14, tzinfo=UTC), "15:00", datetime(2026, 7, 2, 13, 0, tzinfo=UTC)),
    ],
)
def test_t35_tomorrow_in_berlin_when_the_clocks_change(start: datetime, day: str, expected: datetime) -> None:
    assert waits.end(wait(days=1, at=day), start, ZoneInfo("Europe/Berlin"), {}) == expected


def test_a_wait_since_delivery_is_counted_from_the_guess_until_it_is_known() -> None:
    start = datetime(2026, 3, 4, 12, tzinfo=UTC)
    context = {"ordered_at": start.isoformat()}
    care = wait(days=2, since="delivery", at="10:00")
    assert waits.end(care, start, ZoneInfo("UTC"), context) == datetime(2026, 3, 13, 10, tzinfo=UTC)
    known = {**context, "delivered_at": "2026-03-06T09:00:00Z"}
    assert waits.end(care, start, ZoneInfo("UTC"), known) == datetime(2026, 3, 8, 10, tzinfo=UTC)


@given(MOMENTS, ZONES, TIMES, TIMES, st.text(min_size=1, max_size=8))
def test_quiet_hours_end_by_day_and_soon(now: datetime, zone: ZoneInfo, begin: time, end: time, key: str) -> None:
    if begin == end:
        return
    until = quiet.until((begin, end), now, zone, key)
    if until is not None:
        assert timedelta(0) < until - now <= timedelta(hours=26)
        assert until == quiet.until((begin, end), now, zone, key)


@pytest.mark.parametrize(
    ("local", "night"),
    [("20:59", False), ("21:00", True), ("23:59", True), ("00:00", True), ("07:59", True), ("08:00", False)],
)
def test_the_night_is_half_open(local: str, night: bool) -> None:
    now = datetime.combine(date(2026, 3, 4), time.fromisoformat(local), UTC)
    assert (quiet.until((time(21), time(8)), now, ZoneInfo("UTC"), "k") is not None) is night


@pytest.mark.parametrize(
    ("timezone", "traits", "country", "zone", "source"),
    [
        ("Asia/Tokyo", {"timezone": "Asia/Tokyo"}, "DE", "Asia/Tokyo", "profile"),
        ("Asia/Tokyo", {}, "DE", "Asia/Tokyo", "event"),
        ("GMT+2", {}, "FR", "Europe/Paris", "country"),
        ("", {}, "US", "America/New_York", "country"),
        ("null", {}, "XX", "Europe/Vienna", "shop"),
        (None, {}, None, "Europe/Vienna", "shop"),
    ],
)
def test_the_zone_comes_from_the_best_source_that_names_a_real_one(
    timezone: str | None, traits: dict[str, str], country: str | None, zone: str, source: str
) -> None:
    config = Config.model_validate({"shop": {"timezone": "Europe/Vienna"}})
    found = zones.local(config, {"timezone": timezone, "traits": traits, "country": country})
    assert (found.zone.key, found.source) == (zone, source)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-03-04T11:00:00+00:00", "2026-03-10T09:00:00+00:00"),  # a Wednesday: the Tuesday to come
        ("2026-03-10T08:59:00+00:00", "2026-03-10T09:00:00+00:00"),  # that morning
        ("2026-03-10T09:00:00+00:00", "2026-03-17T09:00:00+00:00"),  # strictly after
        ("2026-03-09T23:30:00+00:00", "2026-03-10T09:00:00+00:00"),  # it is Tuesday there already
        ("2026-03-26T12:00:00+00:00", "2026-03-31T08:00:00+00:00"),  # summer time has begun
    ],
)
def test_a_wait_for_a_weekday_ends_on_the_next_one_where_they_live(start: str, expected: str) -> None:
    wait = Wait(weekday="tuesday", at=time(10))
    ended = waits.end(wait, datetime.fromisoformat(start), ZoneInfo("Europe/Berlin"), {})
    assert ended == datetime.fromisoformat(expected)
    assert wait.local, "it is worked out again when the zone of the person changes"
