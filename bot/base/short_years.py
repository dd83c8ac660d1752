"""Dates whose year has two digits (`02/03/24`) or is counted from 1911, as in Taiwan (`民國113年3月5日`, `113/03/05`).

One of them may be three days; what all of a column can be together is often one.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from bot.base.day_orders import DayOrder

_FIRST_YEAR = 1911
_REPUBLIC = re.compile(
    r"(?:(?:中華)?(?:民國|民国)\s*(?P<named>\d{1,3})|(?P<three>1\d\d)(?=[-/.年]))\s*[-/.年]\s*"
    r"(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日號号]?(?!\d)"
)
_SHORT = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{1,2})(?![\d/.-])")
_PLACES = {DayOrder.DAY_FIRST: (2, 1, 0), DayOrder.MONTH_FIRST: (2, 0, 1), DayOrder.YEAR_FIRST: (0, 1, 2)}
"""Where year, month and day stand."""
_YEAR_FIRST = ("CN", "JP", "KR")
"""Countries that write the year first."""
_ENOUGH = 3
"""Dates that show whether years or days stand first."""

Numbers = tuple[str, str, str]


class UnclearError(ValueError):
    """It may be several days."""


class FutureError(ValueError):
    """The day is still to come, and must not be."""


def is_republican(text: str) -> bool:
    return _REPUBLIC.match(text) is not None


def read(text: str, order: DayOrder, latest: date | None, *, a_life: bool = False) -> tuple[date, str] | None:
    """The day, and what stands behind it; None for what is no such date. Raises ValueError for what is no day.

    `order` is what the column shows. `latest`: the last day that it can be, None if it may be to come. `a_life`: the
    year is of the last hundred, as of birthdays, and else of this century.
    """
    if found := _REPUBLIC.match(text):
        day = date(int(found["named"] or found["three"]) + _FIRST_YEAR, int(found["month"]), int(found["day"]))
        return _past(day, latest), text[found.end() :]
    found = _SHORT.match(text)
    if found is None:
        return None
    numbers: Numbers = (found[1], found[3], found[4])
    if order is DayOrder.REPUBLIC:
        day = date(int(numbers[0]) + _FIRST_YEAR, int(numbers[1]), int(numbers[2]))
        return _past(day, latest), text[found.end() :]
    if order not in _PLACES:
        raise UnclearError(f"{text!r} may be several days")
    return _day(numbers, order, latest, a_life), text[found.end() :]


def _past(day: date, latest: date | None) -> date:
    if latest is not None and day > latest + timedelta(days=1):  # of the zone that is furthest ahead
        raise FutureError(f"{day} is in the future")
    return day


def _day(numbers: Numbers, order: DayOrder, latest: date | None, a_life: bool) -> date:
    year, month, day = (numbers[at] for at in _PLACES[order])
    if len(year) != 2:
        raise ValueError(f"{year} is no year")
    this_century = 2000 + int(year)
    in_time = latest is None or (this_century, int(month), int(day)) <= (latest.year, latest.month, latest.day)
    return _past(date(this_century if in_time or not a_life else this_century - 100, int(month), int(day)), latest)


class Column:
    """The dates with short years of one column: what all of them can be together."""

    def __init__(self, latest: date | None, *, a_life: bool, country: str) -> None:
        """`country` is the one of the sheet, as far as its words show it."""
        self.count = 0
        self._latest, self._a_life, self._country = latest, a_life, country
        self._possible = set(_PLACES)
        self._excluded = ""
        self._signs, self._firsts, self._lasts = set[str](), set[str](), set[str]()

    def add(self, text: str, where: str) -> bool:
        """Whether it is such a date. One that is no day at all says nothing."""
        found = _SHORT.match(text)
        if found is None:
            return False
        numbers: Numbers = (found[1], found[3], found[4])
        possible = set(self._orders(numbers))
        if possible:
            self.count += 1
            self._signs.add(found[2])
            self._firsts.add(numbers[0])
            self._lasts.add(numbers[2])
            if self._possible - possible:
                self._excluded = self._excluded or where
            self._possible &= possible
        return True

    def _orders(self, numbers: Numbers) -> Iterator[DayOrder]:
        for order in _PLACES:
            try:
                _day(numbers, order, self._latest, self._a_life)
            except ValueError:
                continue
            yield order

    def settle(self, shown: set[DayOrder]) -> tuple[DayOrder, str]:
        """The order, and why; `shown` are those of other dates of the column."""
        left = set(self._possible)
        if len(left) > 1 and left & shown:
            left &= shown
        if DayOrder.YEAR_FIRST in left and (len(left) > 1 or self._country == "TW"):
            left, why = self._without_year(left)
            if len(left) == 1:
                return left.pop(), why
        if len(left) > 1 and self._signs == {"."}:
            return DayOrder.DAY_FIRST, "they have points"
        if len(left) == 1:
            return left.pop(), self._excluded or "by their numbers"
        return (DayOrder.UNKNOWN if left else DayOrder.MIXED), ""

    def _without_year(self, left: set[DayOrder]) -> tuple[set[DayOrder], str]:
        """Whether the first number is the year: the years of a column are few, its days are many."""
        firsts, lasts = len(self._firsts), len(self._lasts)
        if self._country == "TW":  # 75 may be 1975 or, of the Republic, 1986
            return {*left, DayOrder.REPUBLIC}, ""
        if self._country in _YEAR_FIRST:
            return {DayOrder.YEAR_FIRST}, "as in the country of the sheet"
        if lasts >= _ENOUGH and firsts * 2 <= lasts:
            return {DayOrder.YEAR_FIRST}, "the first numbers are few, as years are"
        day_surely = firsts >= _ENOUGH and lasts * 2 <= firsts
        if not day_surely and ("-" in self._signs or self._is_newer_with_year()):
            return left, ""
        return left - {DayOrder.YEAR_FIRST}, "by their numbers"

    def _is_newer_with_year(self) -> bool:
        """Whether it would all be of the last ten years with the year first, and all older without: `24/03/05`."""
        if self._latest is None or self._a_life:
            return False
        since = self._latest.year % 100 - 10
        return min(map(int, self._firsts)) >= since > max(map(int, self._lasts))
