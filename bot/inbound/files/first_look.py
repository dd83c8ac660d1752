"""What one line cannot tell: a first pass over the whole file before anything of it is written down."""

import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date

from bot.base import clock, short_years
from bot.base.day_orders import DayOrder, of_date
from bot.inbound.files.aliases import DATES
from bot.inbound.files.batches import Cells, plain
from bot.inbound.files.csv_lines import Line, Sheet
from bot.inbound.files.values import is_serial

_TO_COME = ("sale_from", "sale_until", "until")
"""Dates that may be in the future."""


@dataclass
class DateColumn:
    """The dates of a column: `unclear` of them may be two days; `shown` is the first that can only be one, by order.

    `serial` is the first that a spreadsheet wrote as a number.
    """

    name: str
    unclear: int
    shown: Mapping[DayOrder, str]
    serial: str = ""

    @property
    def order(self) -> DayOrder:
        if DayOrder.REPUBLIC in self.shown:
            return DayOrder.REPUBLIC
        if len(self.shown) > 1:
            return DayOrder.MIXED
        return next(iter(self.shown), DayOrder.UNKNOWN)

    def order_or(self, said: DayOrder | None) -> DayOrder:
        """What somebody said counts where the dates themselves leave it open."""
        return self.order if self.order.is_settled else said or self.order


class _Column:
    """What is seen of a column while its lines go by."""

    def __init__(self, name: str, field: str, today: date, country: str) -> None:
        self.name, self.serial = name, ""
        self._unclear, self._shown = 0, dict[DayOrder, str]()
        latest = None if field in _TO_COME else today
        self._short = short_years.Column(latest, a_life=field == "birthday", country=country)

    def add(self, value: str, number: int) -> None:
        text = unicodedata.normalize("NFKC", value).strip().strip("'")
        where = f"line {number}: {value[:60]!r}"
        if short_years.is_republican(text):
            self._shown.setdefault(DayOrder.REPUBLIC, where)
        elif is_serial(text):
            self.serial = self.serial or where
        elif not self._short.add(text, where):
            order = of_date(text)
            if order is DayOrder.UNKNOWN:
                self._unclear += 1
            elif order is not None:
                self._shown.setdefault(order, where)

    def found(self) -> DateColumn:
        shown = dict(self._shown)
        if self._short.count and DayOrder.REPUBLIC not in shown:
            order, why = self._short.settle(set(shown))
            if order.is_settled:
                shown.setdefault(order, why)
        return DateColumn(self.name, self._unclear + self._short.count, shown, self.serial)


def read(
    sheet: Sheet, places: Mapping[str, Collection[int]], notice: Callable[[Cells], None] | None,
    cells_of: Callable[[Line], Cells], country: str = "",
) -> dict[int, DateColumn]:  # fmt: skip
    """The columns with dates, by place. `notice` sees each sound line: what its subject has to know beforehand.

    `country` is the one of the sheet, as far as its words show it.
    """
    fields = {at: field for field in DATES for at in places.get(field, ())}
    if not fields and notice is None:
        return {}
    today = clock.now().date()
    seen = {at: _Column(sheet.header[at], field, today, country) for at, field in sorted(fields.items())}
    for line, _done in sheet.lines():
        if line.error:
            continue
        for at, column in seen.items():
            if value := plain(line.values[at]):
                column.add(value, line.number)
        if notice is not None:
            notice(cells_of(line))
    return {at: column.found() for at, column in seen.items()}
