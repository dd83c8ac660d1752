"""What one line cannot tell: a first pass over the whole file before anything of it is written down."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from bot.base.day_orders import DayOrder, of_date
from bot.inbound.files.batches import Cells
from bot.inbound.files.columns import DATES
from bot.inbound.files.csv_lines import Line, Sheet


@dataclass
class DateColumn:
    """The dates of a column: `unclear` of them may be two days; `shown` is the first that can only be one, by order."""

    name: str
    unclear: int
    shown: Mapping[DayOrder, str]

    @property
    def order(self) -> DayOrder:
        if len(self.shown) > 1:
            return DayOrder.MIXED
        return next(iter(self.shown), DayOrder.UNKNOWN)

    def order_or(self, said: DayOrder | None) -> DayOrder:
        """What somebody said counts where the dates themselves leave it open."""
        return self.order if self.order in (DayOrder.DAY_FIRST, DayOrder.MONTH_FIRST) else said or self.order


def read(
    sheet: Sheet, places: Mapping[str, Collection[int]], notice: Callable[[Cells], None] | None,
    cells_of: Callable[[Line], Cells],
) -> dict[int, DateColumn]:  # fmt: skip
    """The columns with dates, by place. `notice` sees each sound line: what its subject has to know beforehand."""
    where = sorted({at for field in DATES for at in places.get(field, ())})
    if not where and notice is None:
        return {}
    unclear, shown = dict.fromkeys(where, 0), {at: dict[DayOrder, str]() for at in where}
    for line, _done in sheet.lines():
        if line.error:
            continue
        for at in where:
            order = of_date(line.values[at]) if line.values[at] else None
            if order is DayOrder.UNKNOWN:
                unclear[at] += 1
            elif order is not None and order not in shown[at]:
                shown[at][order] = f"line {line.number}: {line.values[at][:60]!r}"
        if notice is not None:
            notice(cells_of(line))
    return {at: DateColumn(sheet.header[at], unclear[at], shown[at]) for at in where}
