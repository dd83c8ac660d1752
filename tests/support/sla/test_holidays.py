"""Holidays from iCalendar files, and calendars by name."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

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


def _days(tmp_path: Path, *events: str, zone: str = "Europe/Berlin") -> set[date]:
    file = tmp_path / "feed.ics"
    lines = [f"BEGIN:VEVENT\nUID:{number}\n{event}\nEND:VEVENT" for number, event in enumerate(events)]
    file.write_text("\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""]), "utf-8")
    return set(holidays.read(file, NOW, tz=ZoneInfo(zone)))


_ON = "DTSTART;VALUE=DATE:202605{day:02}\nSUMMARY:{name}\n{more}"


@pytest.mark.parametrize(
    "more",
    [
        "DESCRIPTION:Observance\\nTo hide observances\\, go to Google Calendar Settings > Holidays in Germany",
        "DESCRIPTION:Gedenktag\\nDu kannst sie in den Einstellungen von Google Kalender ausblenden",
        "DESCRIPTION:祭日\\n祭日を非表示にするには、Google カレンダーの [設定] > [日本の祝日] に移動してください",
        "DESCRIPTION:纪念日", "DESCRIPTION:Journée commémorative", "DESCRIPTION:Mother's Day is not a public holiday",
        "CATEGORIES:Observance", "CATEGORIES:Family,Local observance", "CATEGORIES:Season",
    ],
)  # fmt: skip
def test_what_a_feed_only_remembers_is_no_day_off(more: str, tmp_path: Path) -> None:
    mothers = _ON.format(day=10, name="Mother's Day", more=more)
    labour = _ON.format(day=1, name="Labour Day", more="DESCRIPTION:Public holiday")
    assert _days(tmp_path, mothers, labour) == {date(2026, 5, 1)}


@pytest.mark.parametrize(
    "more",
    [
        "DESCRIPTION:Public holiday", "DESCRIPTION:Public holiday in Bavaria\\, Saxony",
        "DESCRIPTION:Gesetzlicher Feiertag", "DESCRIPTION:Public holiday\\nThis is a half-day holiday.",
        "DESCRIPTION:国定假日", "CATEGORIES:Holidays", "CLASS:PUBLIC",
        "DESCRIPTION:We are closed in observance of the founder's birthday",
    ],
)  # fmt: skip
def test_a_day_off_stays_one(more: str, tmp_path: Path) -> None:
    assert _days(tmp_path, _ON.format(day=1, name="Labour Day", more=more)) == {date(2026, 5, 1)}


def test_a_day_that_is_worked_to_make_up_for_a_holiday_is_not_closed(tmp_path: Path) -> None:
    named = (("劳动节（休）", 1), ("劳动节（班）", 9), ("国庆节补班", 16))
    assert _days(tmp_path, *(_ON.format(day=day, name=name, more="") for name, day in named)) == {date(2026, 5, 1)}
    apple = [
        _ON.format(day=1, name="劳动节", more="X-APPLE-SPECIAL-DAY:WORK-HOLIDAY"),
        _ON.format(day=9, name="劳动节", more="X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY"),
        _ON.format(day=10, name="母亲节", more="X-APPLE-UNIVERSAL-ID:4f3a"),
    ]
    assert _days(tmp_path, *apple) == {date(2026, 5, 1)}


@pytest.mark.parametrize(
    ("start", "end", "zone", "days"),
    [
        ("20261224T230000Z", "20261225T230000Z", "Europe/Berlin", ["2026-12-25"]),
        ("20261224T230000Z", "20261226T230000Z", "Europe/Berlin", ["2026-12-25", "2026-12-26"]),
        ("20260930T160000Z", "20261001T160000Z", "Asia/Shanghai", ["2026-10-01"]),
        ("20261225T050000Z", "20261226T050000Z", "America/New_York", ["2026-12-25"]),
        ("20261225T000000Z", "20261226T000000Z", "America/New_York", ["2026-12-25"]),
        ("20261225T000000Z", "20261226T000000Z", "Asia/Shanghai", ["2026-12-25"]),
        ("20261225T000000", "20261226T000000", "Asia/Shanghai", ["2026-12-25"]),
        ("20261025T220000Z", "20261026T230000Z", "Europe/Berlin", []),
        ("20261024T220000Z", "20261025T230000Z", "Europe/Berlin", ["2026-10-25"]),
        ("20261225T090000Z", "20261226T090000Z", "Europe/Berlin", []),
    ],
)
def test_a_midnight_written_in_utc_begins_a_day_of_the_desk(
    start: str, end: str, zone: str, days: list[str], tmp_path: Path
) -> None:
    found = _days(tmp_path, f"DTSTART:{start}\nDTEND:{end}\nSUMMARY:Closed", zone=zone)
    assert found == {date.fromisoformat(day) for day in days}


def test_a_series_of_midnights_in_utc_stays_on_its_days(tmp_path: Path) -> None:
    event = "DTSTART:20251224T230000Z\nDTEND:20251225T230000Z\nRRULE:FREQ=YEARLY;COUNT=3\nEXDATE:20261224T230000Z"
    assert _days(tmp_path, event) == {date(2025, 12, 25), date(2027, 12, 25)}


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
