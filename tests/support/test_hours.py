from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.base.config import Hours
from bot.base.errors import FindingsError
from bot.support import hours

WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
START = datetime(2026, 1, 1, tzinfo=UTC)


def _calendar(tz: str, days: Sequence[str], *windows: str, special: Sequence[dict[str, object]] = ()) -> hours.Calendar:
    read = Hours.model_validate({"timezone": tz, **dict.fromkeys(days, windows), "special": tuple(special)})
    return hours.calendar(read, "UTC", START)


B = _calendar("Europe/Berlin", WORKDAYS, "09:00-17:00")
CHRISTMAS = [
    {"date": date(2026, 12, 24), "open": ("09:00-12:00",)},
    {"date": date(2026, 12, 25), "name": "Christmas"},
]
H = _calendar("Europe/Berlin", WORKDAYS, "09:00-17:00", special=CHRISTMAS)
A = hours.ALWAYS
D = _calendar("Europe/Berlin", (*WORKDAYS, "sat", "sun"), "00:00-24:00")
N = _calendar("Europe/Warsaw", WORKDAYS, "22:00-06:00")
FRIDAY_OFF = date(2026, 6, 12)
N_DATE = _calendar("Europe/Warsaw", WORKDAYS, "22:00-06:00", special=[{"date": FRIDAY_OFF}])
N_SHIFT = _calendar("Europe/Warsaw", WORKDAYS, "22:00-06:00", special=[{"date": FRIDAY_OFF, "scope": "shift"}])
S = _calendar("America/Sao_Paulo", WORKDAYS, "08:00-12:00", "13:30-18:00")
NY = _calendar("America/New_York", WORKDAYS, "09:00-18:00")
K = _calendar("Asia/Kolkata", (*WORKDAYS, "sat"), "10:00-19:00")


def _local(cal: hours.Calendar, text: str) -> datetime:
    if text.endswith("Z"):
        return datetime.fromisoformat(text)
    return datetime.fromisoformat(text).replace(tzinfo=cal.tz).astimezone(UTC)


@pytest.mark.parametrize(
    ("row", "cal", "start", "hours_open", "due"),
    [
        (1, A, "2026-03-04T12:00:00", 30 / 3600, "2026-03-04T12:00:30Z"),
        (3, B, "2026-03-06T15:30", 4, "2026-03-09T10:30:00Z"),
        (3, B, "2026-03-06T15:30", 4 * 0.8, "2026-03-09T10:42"),
        (4, B, "2026-03-27T16:00", 4, "2026-03-30T10:00:00Z"),
        (5, D, "2026-10-25T00:30", 4, "2026-10-25T02:30:00Z"),
        (8, N, "2026-06-11T05:30", 4, "2026-06-11T23:30:00Z"),
        (9, N_DATE, "2026-06-11T05:30", 4, "2026-06-15T23:30"),
        (10, N_SHIFT, "2026-06-11T05:30", 4, "2026-06-12T01:30"),
        (12, H, "2026-12-23T16:00", 4, "2026-12-24T11:00:00Z"),
        (12, H, "2026-12-23T16:00", 4 + 1 / 3600, "2026-12-28T09:00:01"),
        (14, B, "2026-03-04T17:00", 0.5, "2026-03-05T09:30"),
        (14, B, "2026-03-04T16:30", 0.5, "2026-03-04T17:00"),
        (16, B, "2026-03-02T09:00", 8, "2026-03-02T17:00"),
        (16, B, "2026-03-04T10:00", 4, "2026-03-04T14:00"),
        (18, A, "2026-03-04T10:00", 60 / 3600, "2026-03-04T10:01:00Z"),
        (19, B, "2026-03-04T10:00", 4, "2026-03-04T14:00"),
        (19, B, "2026-03-04T10:00", 1, "2026-03-04T11:00"),
        (21, B, "2026-03-07T14:00", 30 / 3600, "2026-03-09T09:00:30"),
        ("split", S, "2026-03-04T11:30", 1, "2026-03-04T14:00"),
        ("split", S, "2026-03-04T12:30", 1, "2026-03-04T14:30"),
        ("zone", NY, "2026-03-06T17:00", 2, "2026-03-09T10:00"),
        ("zone", K, "2026-03-07T18:00", 2, "2026-03-09T11:00"),
    ],
)
def test_a_promise_runs_out_when_the_worked_examples_say(
    row: object, cal: hours.Calendar, start: str, hours_open: float, due: str
) -> None:
    target = timedelta(seconds=round(hours_open * 3600))
    assert hours.due(cal, _local(cal, start), target) == _local(cal, due)


@pytest.mark.parametrize(
    ("cal", "start", "days", "due"),
    [
        (B, "2026-03-03T10:00", 3, "2026-03-06T10:00"),
        (B, "2026-03-05T16:00", 3, "2026-03-10T16:00"),  # over a weekend
        (B, "2026-03-07T12:00", 1, "2026-03-09T17:00"),  # on a Saturday: all of Monday
        (B, "2026-03-04T17:00", 1, "2026-03-05T17:00"),
        (B, "2026-03-04T09:00", 0.5, "2026-03-04T13:00"),
        (H, "2026-12-23T13:00", 1, "2026-12-24T10:30"),  # half of a short day, which is a day all the same
        (H, "2026-12-23T09:00", 3, "2026-12-28T17:00"),
        (S, "2026-03-04T09:00", 1, "2026-03-05T09:00"),
        (N, "2026-06-11T23:00", 1, "2026-06-12T23:00"),
        (D, "2026-03-28T10:00", 1, "2026-03-29T11:00"),  # it never closes: 24 hours
        (A, "2026-03-04T10:00", 3, "2026-03-07T10:00Z"),
    ],
)
def test_days_are_working_days_however_long_they_are(cal: hours.Calendar, start: str, days: float, due: str) -> None:
    found = hours.due_in_days(cal, _local(cal, start), timedelta(days=days))
    assert found == _local(cal, due)
    assert abs(hours.working_days(cal, _local(cal, start), found) - timedelta(days=days)) < timedelta(seconds=1)


def test_a_pause_of_a_working_day_moves_the_promise_by_one() -> None:
    pause = (_local(B, "2026-03-03T12:00"), _local(B, "2026-03-04T12:00"))
    start, three = _local(B, "2026-03-03T10:00"), timedelta(days=3)
    assert hours.due_in_days(B, start, three, [pause]) == _local(B, "2026-03-09T10:00")
    assert hours.working_days(B, start, _local(B, "2026-03-09T10:00"), [pause]) == three


def test_time_while_resolved_is_a_pause() -> None:
    pause = (_local(B, "2026-03-02T12:00"), _local(B, "2026-03-04T10:00"))
    assert hours.due(B, _local(B, "2026-03-02T09:00"), timedelta(hours=8), [pause]) == _local(B, "2026-03-04T15:00")


def test_a_repeated_hour_is_open_twice_and_a_skipped_one_not_at_all() -> None:
    night = _calendar("Europe/Berlin", ("sun",), "02:30-03:30")
    autumn, spring = datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC)
    day = timedelta(days=1)
    assert hours.elapsed(night, autumn - day, autumn + day) == timedelta(hours=2)
    assert hours.elapsed(night, spring - day, spring + day) == timedelta(minutes=30)


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_whole_day_lasts_as_long_as_the_clock_says(day: str, length: int) -> None:
    start = _local(D, f"{day}T00:00")
    end = _local(D, (date.fromisoformat(day) + timedelta(days=1)).isoformat() + "T00:00")
    assert hours.elapsed(D, start, end) == timedelta(hours=length)


def test_overlapping_windows_count_once() -> None:
    twice = _calendar("UTC", ("mon",), "09:00-12:00", "11:00-13:00", "13:00-14:00")
    assert hours.elapsed(twice, datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)) == timedelta(
        hours=5
    )


def test_a_day_that_a_country_skipped_has_no_open_time() -> None:
    apia = _calendar("Pacific/Apia", ("thu", "fri", "sat"), "00:00-24:00")
    thursday, saturday = _local(apia, "2011-12-29T00:00"), _local(apia, "2012-01-01T00:00")
    assert hours.elapsed(apia, thursday, saturday) == timedelta(hours=48)


def test_hours_that_never_open_are_refused_at_the_start() -> None:
    closed = [{"date": (START + timedelta(days=number)).date()} for number in range(-1, 400)]
    with pytest.raises(FindingsError, match="would not open once"):
        _calendar("UTC", ("mon",), "09:00-10:00", special=closed)


ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "Asia/Kathmandu", "Africa/Cairo")
clock_times = st.integers(0, 287).map(lambda five: five * 5)
windows = st.tuples(clock_times, clock_times).map(lambda pair: (pair[0], pair[1] + (1440 if pair[1] <= pair[0] else 0)))
days = st.lists(windows, max_size=3).map(tuple)
AUTUMN_2011 = datetime(2011, 11, 1, tzinfo=UTC)
instants = st.integers(0, 34_300_000_000).map(lambda ms: AUTUMN_2011 + timedelta(milliseconds=ms))
targets = st.integers(5, 400_000).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def calendars(draw: st.DrawFn) -> hours.Calendar:
    week = tuple(draw(st.lists(days, min_size=7, max_size=7)))
    assume(any(week))
    specials = draw(
        st.dictionaries(
            st.dates(date(2011, 12, 1), date(2012, 11, 1)),
            st.builds(
                hours.SpecialDay.model_construct,
                open=days,
                scope=st.sampled_from(["date", "shift"]),
            ),
            max_size=4,
        )
    )
    return hours.Calendar(ZoneInfo(draw(st.sampled_from(ZONES))), week, specials)


@given(calendars(), instants, targets)
@settings(max_examples=150, deadline=None)
def test_when_a_promise_runs_out_exactly_its_budget_has_passed(
    cal: hours.Calendar, start: datetime, target: timedelta
) -> None:
    due = hours.due(cal, start, target)
    assert hours.elapsed(cal, start, due) == target
    assert hours.elapsed(cal, start, due - timedelta(milliseconds=1)) < target


@given(calendars(), instants, instants, targets, targets)
@settings(max_examples=100, deadline=None)
def test_later_starts_and_longer_targets_are_never_due_earlier(
    cal: hours.Calendar, one: datetime, two: datetime, short: timedelta, more: timedelta
) -> None:
    early, late = sorted((one, two))
    assert hours.due(cal, early, short) <= hours.due(cal, late, short)
    assert hours.due(cal, early, short) <= hours.due(cal, early, short + more)


@given(calendars(), instants, st.integers(1, 20), st.tuples(instants, targets))
@settings(max_examples=100, deadline=None)
def test_a_promise_in_days_has_passed_when_it_runs_out(
    cal: hours.Calendar, start: datetime, quarters: int, pause: tuple[datetime, timedelta]
) -> None:
    target, pauses = timedelta(hours=6 * quarters), [(pause[0], pause[0] + pause[1])]
    due = hours.due_in_days(cal, start, target, pauses)
    assert due >= hours.due_in_days(cal, start, target)
    second = timedelta(seconds=1)  # a short day passes many times faster than the clock
    early, late = (hours.working_days(cal, start, due + step, pauses) for step in (-second, second))
    assert early <= target <= late


@given(calendars(), instants, targets, targets)
@settings(max_examples=100, deadline=None)
def test_two_budgets_one_after_the_other_are_due_like_one_budget(
    cal: hours.Calendar, start: datetime, first: timedelta, second: timedelta
) -> None:
    assert hours.due(cal, start, first + second) == hours.due(cal, hours.due(cal, start, first), second)


@given(calendars(), instants, targets, st.tuples(instants, targets))
@settings(max_examples=100, deadline=None)
def test_a_pause_never_makes_a_promise_due_earlier(
    cal: hours.Calendar, start: datetime, target: timedelta, pause: tuple[datetime, timedelta]
) -> None:
    pauses = [(pause[0], pause[0] + pause[1])]
    due = hours.due(cal, start, target, pauses)
    assert due >= hours.due(cal, start, target)
    assert hours.elapsed(cal, start, due, pauses) == target


@given(calendars(), instants, targets)
@settings(max_examples=50, deadline=None)
def test_the_zone_in_which_an_instant_is_written_changes_nothing(
    cal: hours.Calendar, start: datetime, target: timedelta
) -> None:
    written_elsewhere = start.astimezone(ZoneInfo("America/New_York"))
    assert hours.due(cal, written_elsewhere, target) == hours.due(cal, start, target)


@given(instants, targets)
def test_a_desk_that_never_closes_adds_plainly(start: datetime, target: timedelta) -> None:
    assert hours.due(hours.ALWAYS, start, target) == start + target
