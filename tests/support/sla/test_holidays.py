"""Holidays from iCalendar files, and calendars by name."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import make
import pytest

from bot.base import config
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.support import holidays, hours
from bot.support.desk import Desk

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
FEED = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//shop//holidays//EN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
DTSTART:19810329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:xmas
DTSTART;VALUE=DATE:20101225
DTEND;VALUE=DATE:20101227
RRULE:FREQ=YEARLY
SUMMARY:Christmas
END:VEVENT
BEGIN:VEVENT
UID:labour
DTSTART;VALUE=DATE:20260501
SUMMARY:Labour Day
END:VEVENT
BEGIN:VEVENT
UID:labour-moved
DTSTART;VALUE=DATE:20250502
RRULE:FREQ=YEARLY;UNTIL=20270502T000000Z
EXDATE;VALUE=DATE:20260502
SUMMARY:Bridge day
END:VEVENT
BEGIN:VEVENT
UID:dst
DTSTART;VALUE=DATE:20260329
SUMMARY:Daylight Saving Time starts
END:VEVENT
BEGIN:VEVENT
UID:party
DTSTART:20260710T150000Z
DTEND:20260710T200000Z
SUMMARY:Summer party
END:VEVENT
BEGIN:VEVENT
UID:off
DTSTART;VALUE=DATE:20260811
STATUS:CANCELLED
SUMMARY:Not this year
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    file = tmp_path / "holidays.ics"
    file.write_text(FEED, "utf-8")
    return file


def test_whole_days_of_the_next_years_are_closed(feed: Path) -> None:
    found = holidays.read(feed, NOW)
    of_2026 = sorted(day for day in found if day.year == 2026)
    assert of_2026 == [date(2026, 5, 1), date(2026, 12, 25), date(2026, 12, 26)]
    assert {day.year for day in found} == set(range(2025, 2030))
    assert date(2025, 5, 2) in found and date(2027, 5, 2) in found
    assert found[date(2026, 12, 26)].name == "Christmas" and found[date(2026, 12, 26)].open == ()


def test_a_day_of_the_configuration_stands_over_the_file(feed: Path) -> None:
    read = config.Hours.model_validate(
        {
            "timezone": "Europe/Berlin",
            **dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00-17:00",)),
            "ical": [feed.name],
            "special": [{"date": date(2026, 12, 25), "open": ("10:00-12:00",)}],
        }
    )
    made = hours.calendar(read, "UTC", NOW, folder=feed.parent)
    day = datetime(2026, 12, 25, tzinfo=UTC)
    assert hours.elapsed(made, day, day + timedelta(days=1)) == timedelta(hours=2)
    labour = datetime(2026, 5, 1, tzinfo=UTC)
    assert hours.elapsed(made, labour, labour + timedelta(days=1)) == timedelta()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("<html>", "not a valid iCalendar file"),
        ("", "not a valid iCalendar file"),
        (FEED.replace("20260501", "2026x"), "not a valid iCalendar file"),
        (FEED.replace("FREQ=YEARLY\nSUMMARY", "FREQ=NEVER\nSUMMARY"), "holidays.ics"),
    ],
)
def test_a_broken_file_is_named(text: str | None, words: str, tmp_path: Path) -> None:
    file = tmp_path / "holidays.ics"
    if text is not None:
        file.write_text(text, "utf-8")
    with pytest.raises(FindingsError) as refused:
        holidays.read(file, NOW)
    assert words in str(refused.value) and "holidays.ics" in str(refused.value)


def test_nothing_is_fetched_from_the_web(tmp_path: Path) -> None:
    read = config.Hours.model_validate({"ical": ["https://example.org/holidays.ics"]})
    with pytest.raises(FindingsError, match="save it as a file"):
        hours.calendar(read, "UTC", NOW, folder=tmp_path)


def test_every_mistake_in_calendars_is_told_at_once(texts: Texts, tmp_path: Path) -> None:
    closed = [{"date": NOW.date() + timedelta(days=number)} for number in range(-1, 400)]
    support = {
        "hours": {"ical": [str(tmp_path / "gone.ics")]},
        "calendars": [{"name": "never", "mon": ["09:00-10:00"], "special": closed}],
        "sla": [{"name": "chat", "calendar": "berlin"}],
        "departments": [{"name": "orders", "calendar": "never"}],
    }
    with pytest.raises(FindingsError) as refused:
        hours.calendars(make.ground(texts, support=support).config, NOW)
    told = [str(one) for one in refused.value.findings]
    assert len(told) == 3
    for part in ("gone.ics: cannot be read", "would not open once", "chat names the calendar berlin; known: never"):
        assert any(part in one for one in told), told


def test_a_version_is_the_same_for_the_same_hours_and_rebuilds_them(feed: Path) -> None:
    read = config.Hours.model_validate({"timezone": "Europe/Berlin", "mon": ["22:00-06:00"], "ical": [str(feed)]})
    one, two = (hours.calendar(read, "UTC", NOW) for _ in range(2))
    again = hours.of_body(one.body)
    assert one.version == two.version == again.version
    assert hours.due(again, NOW, timedelta(hours=9)) == hours.due(one, NOW, timedelta(hours=9))


def test_the_desk_has_calendars_by_name(texts: Texts) -> None:
    support = {"calendars": [{"name": "night", "timezone": "Europe/Warsaw", "mon": ["22:00-06:00"]}]}
    desk = Desk.build(make.ground(texts, support=support), NOW)
    assert desk.calendar_of("") is desk.calendar
    assert desk.calendar_of("night").tz.key == "Europe/Warsaw"
