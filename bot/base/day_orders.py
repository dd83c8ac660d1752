"""Which of day, month and year stands first in dates such as `03/04/25`, as far as dates of the same source show it."""

import re
import unicodedata
from enum import StrEnum

_CELL = re.compile(r"[\s']*(\d{1,2})(?:/(\d{1,2})(?:/\d{4}(?!\d)|(?![\d/]))|-(\d{1,2})-\d{4}(?!\d))")


class DayOrder(StrEnum):
    UNKNOWN = ""
    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"
    YEAR_FIRST = "year-first"
    REPUBLIC = "republic-years"
    """The year stands first and is counted from 1911, as in Taiwan."""
    MIXED = "mixed"
    """Some dates of the source can only be the one, some only the other."""

    @property
    def is_settled(self) -> bool:
        return self not in (DayOrder.UNKNOWN, DayOrder.MIXED)


def of_date(text: str) -> DayOrder | None:
    """What this date shows: unknown if it can be either, None if it is not written with a number for each of both."""
    found = _CELL.match(text if text.isascii() else unicodedata.normalize("NFKC", text))
    if found is None:
        return None
    one, two = int(found[1]), int(found[2] or found[3])
    if not (1 <= one <= 31 and 1 <= two <= 31) or one == two or (one > 12 and two > 12):
        return None
    return DayOrder.DAY_FIRST if one > 12 else DayOrder.MONTH_FIRST if two > 12 else DayOrder.UNKNOWN
