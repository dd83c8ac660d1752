from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.base import clock

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1h 30m", 5400), ("1.5h", 5400), ("7d", 604_800), ("2 w", 1_209_600), ("250ms", 0.25)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert clock.duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "h", "5 apples", "5h and", "-3h"])
def test_what_is_no_duration_is_refused_with_the_units(text: str) -> None:
    with pytest.raises(ValueError, match="30s, 15m, 4h, 7d"):
        clock.duration(text)


@pytest.mark.parametrize(
    ("day", "at", "zone", "last", "utc"),
    [
        (date(2026, 3, 29), time(2, 30), "Europe/Berlin", False, "2026-03-29T01:00Z"),  # gap: its end
        (date(2026, 10, 25), time(2, 30), "Europe/Berlin", False, "2026-10-25T00:30Z"),  # first of two
        (date(2026, 10, 25), time(2, 30), "Europe/Berlin", True, "2026-10-25T01:30Z"),  # second of two
        (date(2026, 7, 1), time(9), "Europe/Berlin", False, "2026-07-01T07:00Z"),
        (date(2026, 10, 4), time(2, 15), "Australia/Lord_Howe", False, "2026-10-03T15:30Z"),  # half an hour of gap
        (date(2011, 12, 30), time(12), "Pacific/Apia", False, "2011-12-30T10:00Z"),  # a day that never was
    ],
)
def test_a_local_time_becomes_one_instant(day: date, at: time, zone: str, last: bool, utc: str) -> None:
    assert clock.instant(day, at, ZoneInfo(zone), last=last) == clock.parse(utc)


@pytest.mark.parametrize("name", ["", None, "GMT+2", "null", "../etc/passwd", "Mars/Olympus"])
def test_a_zone_that_is_none_falls_through(name: str | None) -> None:
    assert clock.zone(name) is None


def test_an_instant_is_read_with_any_offset_and_kept_to_the_millisecond() -> None:
    assert clock.parse("2026-11-22T07:26:50.265955+01:00") == datetime(2026, 11, 22, 6, 26, 50, 265_000, UTC)
    assert clock.parse("2026-11-22T07:26:50") == datetime(2026, 11, 22, 7, 26, 50, tzinfo=UTC)
