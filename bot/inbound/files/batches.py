"""Lines with their columns by name, and how a line is refused."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.inbound.files.csv_lines import Line


@dataclass(frozen=True)
class Cells:
    """A line whose values are asked for by the names in `columns`; a column that is not there is empty."""

    line: Line
    places: Mapping[str, int]
    store: str = ""
    """Whose the ids in it are."""
    named: bool = False
    """Whether it was said so, and not found by us."""

    def __getitem__(self, field: str) -> str:
        at = self.places.get(field)
        return self.line.values[at] if at is not None else ""


@dataclass(frozen=True)
class Refused:
    cells: Cells
    reason: str
