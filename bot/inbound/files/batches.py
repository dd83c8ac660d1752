"""Lines with their columns by name, and how a line is refused."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.base.day_orders import DayOrder
from bot.inbound.files.csv_lines import Line

_NOTHING = frozenset({
    "NULL", "null", "\\N", "nan", "NaN", "undefined", "#N/A", "#NV", "#REF!", "#VALUE!", "#WERT!", "#NAME?", "(null)",
    "N/A", "n/a", "<null>", "[null]",
})  # fmt: skip
"""Somebody may be called Null: written so, it is a name."""
_KEPT_AS_TEXT = re.compile(r'="(.*)"', re.S)


@dataclass(frozen=True)
class Cells:
    """A line whose values are asked for by the names in `columns`; a column that is not there is empty."""

    line: Line
    places: Mapping[str, Sequence[int]]
    store: str = ""
    """Whose the ids in it are."""
    named: bool = False
    """Whether it was said so, and not found by us."""
    told: dict[str, str] = field(default_factory=dict)
    """What was left out of a line that is taken, and the value that it was."""
    taken: dict[str, str] = field(default_factory=dict)
    """What of a line is worth a count: `consent` yes or no."""
    whose: dict[str, int] = field(default_factory=dict)
    """The contact that the line is about, once it is known."""
    file_name: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    """What the subject found out about the whole file before (`prepare`)."""
    orders: Mapping[int, DayOrder] = field(default_factory=dict)
    """Whether the dates of a column have the day first."""

    def __getitem__(self, name: str) -> str:
        """Of several columns for the same the first that is filled here."""
        values = self.line.values
        for at in self.places.get(name, ()):
            if found := plain(values[at]):
                return found
        return ""

    def all(self, name: str) -> list[str]:
        return [plain(self.line.values[at]) for at in self.places.get(name, ())]

    def day_order(self, name: str) -> DayOrder:
        """Of the column that the value is taken from."""
        filled = (at for at in self.places.get(name, ()) if plain(self.line.values[at]))
        return self.orders.get(next(filled, -1), DayOrder.UNKNOWN)

    def has(self, name: str) -> bool:
        return name in self.places


def plain(value: str) -> str:
    """Without what keeps a spreadsheet from reading a number: `="0012"`. What programs write for nothing is nothing."""
    found = _KEPT_AS_TEXT.fullmatch(value) if value.startswith("=") else None
    bare = found[1].replace('""', '"').strip() if found else value
    return "" if bare.lstrip("'") in _NOTHING else bare


@dataclass(frozen=True)
class Refused:
    cells: Cells
    reason: str
