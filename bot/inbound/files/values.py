"""What stands in the cells: money, dates and numbers as people and exports write them. Each raises ValueError."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import ParamSpec, TypeVar

from bot.base import answers, money, short_years
from bot.base.day_orders import DayOrder

_P = ParamSpec("_P")
_T = TypeVar("_T")
_BLANK = " \t-–—"
_ROUNDED = re.compile(r"\d[.,]\d+E\+\d+", re.I)
_CLOCK = re.compile(r"[ T](\d{1,2}):(\d{2})(?::(\d{2}))?(\.\d+)?\s*([ap]\.?m\.?)?\s*", re.I)


def amount(text: str, currency: str) -> int | None:
    """`19.90`, `1,299.00`, `1.299,00 €`, `¥88`, `5.9万` in the smallest unit; None for an empty cell."""
    return money.to_minor(text, currency, by_people=True) if text.strip(_BLANK) else None


def read_field(field: str, read: Callable[_P, _T], *given: _P.args, **more: _P.kwargs) -> _T:
    """What `read` makes of a cell; a mistake names the field, for of "one" alone nobody knows where it stands."""
    try:
        return read(*given, **more)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def currency(column: str, amounts: Iterable[str], shops: str) -> str:
    """What the column says, else what the amounts name (`19.90 USD`, `59元`), else the shop's."""
    yen = "JPY" if shops == "JPY" else "CNY"
    named = (money.named_currency(text, yen=yen) for text in (f"{column} 0", *amounts) if text)
    return next((one for one in named if one), shops)


class TwoDaysError(ValueError):
    """A date that may be two days."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} may be two days; --dates day-first or --dates month-first says which")


def moment(
    text: str, zone: tzinfo, order: DayOrder = DayOrder.UNKNOWN, *, until: datetime | None = None
) -> datetime | None:
    """An instant; without an offset it is meant in `zone`, the shop's. None for an empty cell.

    Taken: ISO, `2025/11/11 0:03`, `2025年11月11日 下午2:03`, `11.11.2025`, `13-11-2025`, `11/13/2025 3:04 PM`,
    `Nov 11, 2025`, `民國114年11月11日`, days as spreadsheets count them (`45972.5`), seconds since 1970; `a/b/2025` and
    `a/b/25` only where one day can be meant, by itself or by the `order` of its column. What is later than the day
    after `until` is refused.
    """
    bare = unicodedata.normalize("NFKC", text).strip().strip("'")
    if bare in ("", "-", "--") or bare.startswith("0000-00-00"):
        return None
    found = _counted(bare, zone) or _written(bare, text, zone, order, until)
    if until is not None and found > until + timedelta(days=1):
        raise ValueError(f"{text!r} is in the future")
    return found


_FIRST_DAY = datetime(1899, 12, 30)  # noqa: DTZ001 - of a spreadsheet, in nobody's zone
_HALVES = re.compile(r"(上午|下午|오전|오후)\s*(\d{1,2}:\d{2}(?::\d{2})?)")


def _counted(bare: str, zone: tzinfo) -> datetime | None:
    """Days as a spreadsheet counts them, or seconds or thousandths of them since 1970."""
    if is_serial(bare):
        days = float(bare.replace(",", "."))
        return (_FIRST_DAY + timedelta(seconds=round(days * 86_400))).replace(tzinfo=zone).astimezone(UTC)
    if re.fullmatch(r"1\d{9}|1\d{12}", bare):
        return datetime.fromtimestamp(int(bare[:10]), UTC)
    return None


def is_serial(text: str) -> bool:
    """A day of 1954 to 2064 as spreadsheets count them."""
    return re.fullmatch(r"[2-5]\d{4}([.,]\d+)?", text) is not None


def _written(bare: str, text: str, zone: tzinfo, order: DayOrder, until: datetime | None) -> datetime:
    bare = _HALVES.sub(lambda half: f" {half[2]} {'AM' if half[1] in '上午오전' else 'PM'}", bare)
    for name, offset in ((" UTC", "+00:00"), (" GMT", "+00:00")):
        bare = bare.removesuffix(name) + offset if bare.endswith(name) else bare
    found, rest = _day_and_rest(bare, text, order, until)
    rest = rest.replace(", ", " ", 1).replace("  ", " ")
    clock = _CLOCK.match(rest) if rest else None
    hour = int(clock[1]) if clock else 0
    if clock and clock[5]:
        hour = hour % 12 + (12 if clock[5].lower().startswith("p") else 0)
    seconds = f"{hour:02}:{clock[2]}:{clock[3] or '00'}{(clock[4] or '')[:4]}" if clock else "00:00:00"
    offset = re.sub(r"\s", "", rest[clock.end() :] if clock else rest)
    try:
        value = datetime.fromisoformat(f"{found}T{seconds}{offset}")
    except ValueError:
        raise ValueError(f"{text!r} is not a date; write it like 2026-03-04 12:30:00 +0100") from None
    value = (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _day_and_rest(bare: str, text: str, order: DayOrder, until: datetime | None) -> tuple[str, str]:
    latest: date | None = until.date() if until else None
    try:
        short = short_years.read(bare, order, latest)
    except short_years.UnclearError:
        raise TwoDaysError(text) from None
    except short_years.FutureError:
        raise ValueError(f"{text!r} is in the future") from None
    except ValueError:
        raise ValueError(f"{text!r} is not a date; write it like 2026-03-04 12:30:00 +0100") from None
    if short is not None:
        return short[0].isoformat(), short[1]
    day = _DAY.match(bare)
    found = _day(day, order) if day else None
    if day is not None and day["year"] and found is None:
        raise TwoDaysError(text)
    if day is None or found is None:
        raise ValueError(f"{text!r} is not a date; write it like 2026-03-04 12:30:00 +0100")
    return found, bare[day.end() :]


_MONTHS = {
    "jan": 1, "ene": 1, "jän": 1, "feb": 2, "fév": 2, "mar": 3, "mär": 3, "apr": 4, "avr": 4, "abr": 4, "may": 5,
    "mai": 5, "jun": 6, "juin": 6, "jul": 7, "juil": 7, "aug": 8, "aoû": 8, "ago": 8, "sep": 9, "oct": 10, "okt": 10,
    "nov": 11, "dec": 12, "dez": 12, "déc": 12, "dic": 12,
}  # fmt: skip
_DAY = re.compile(
    r"(?P<y>\d{4})[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?(?!\d)"
    r"|(?P<y8>(?:19|20)\d\d)(?P<m8>\d\d)(?P<d8>\d\d)(?!\d)"
    r"|(?P<one>\d{1,2})(?P<sign>[-/.])(?P<two>\d{1,2})(?P=sign)(?P<year>\d{4})"
    r"|(?P<name>[^\W\d_]{3,})\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?,? (?P<yr>\d{4})"
    r"|(?P<day2>\d{1,2})\.? (?P<name2>[^\W\d_]{3,})\.?,? (?P<yr2>\d{4})"
)


def _day(found: re.Match[str], order: DayOrder) -> str | None:
    """`2026-03-04`, or None where it may be two days."""
    if found["y"]:
        return f"{found['y']}-{int(found['m']):02}-{int(found['d']):02}"
    if found["y8"]:
        return f"{found['y8']}-{found['m8']}-{found['d8']}"
    if found["year"]:
        one, two = int(found["one"]), int(found["two"])
        clear = one > 12 or two > 12 or one == two
        usual = found["sign"] == "." or (found["sign"] == "-" and order is DayOrder.UNKNOWN)
        if not clear and not usual and order not in (DayOrder.DAY_FIRST, DayOrder.MONTH_FIRST):
            return None
        month_first = two > 12 or (not clear and not usual and order is DayOrder.MONTH_FIRST)
        day, month = (two, one) if month_first else (one, two)
        return f"{found['year']}-{month:02}-{day:02}"
    name = (found["name"] or found["name2"]).lower()
    named = _MONTHS.get(name[:4]) or _MONTHS.get(name[:3])
    if not named:
        return None
    return f"{found['yr'] or found['yr2']}-{named:02}-{int(found['day'] or found['day2']):02}"


_GROUPS = re.compile(r"[1-9]\d{0,2}(?:([.,'])\d{3})(?:\1\d{3})+|[1-9]\d{0,2}(?:'\d{3})+")


def number(text: str) -> int | None:
    """A whole number, of `2.5` the 2; None for an empty cell. `1.234` may be one or a thousand, and is neither."""
    bare = re.sub(r"\s", "", unicodedata.normalize("NFKC", text).replace("’", "'"))
    if not bare:
        return None
    if re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", bare):
        raise ValueError(f"{text!r} may be {bare[:-4]} or {re.sub('[.,]', '', bare)}; write it without a sign in it")
    try:
        return int(re.sub(r"\D", "", bare)) if _GROUPS.fullmatch(bare) else int(float(bare.replace(",", ".")))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a number") from None


def yes(text: str) -> bool:
    return answers.read(text) is True


def key(text: str) -> str:
    """An id without the apostrophe that Shopify writes so that Excel keeps it as text."""
    found = text.strip().lstrip("'").removesuffix(".0")
    if _ROUNDED.fullmatch(found):
        raise ValueError(f"{text!r} is an id that a spreadsheet rounded; format the column as text and export again")
    return found
