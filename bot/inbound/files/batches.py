"""Lines with their columns by name, and how a line is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.inbound.files.csv_lines import Line

_KEPT_AS_TEXT = re.compile(r'="(.*)"', re.S)


@dataclass(frozen=True)
class Cells:
    """A line whose values are asked for by the names in `columns`; a column that is not there is empty."""

    line: Line
    places: Mapping[str, int]
    store: str = ""
    """Whose the ids in it are."""
    named: bool = False
    """Whether it was said so, and not found by us."""
    told: dict[str, str] = field(default_factory=dict)
    """What was left out of a line that is taken, and the value that it was."""

    def __getitem__(self, name: str) -> str:
        at = self.places.get(name)
        return plain(self.line.values[at]) if at is not None else ""


def plain(value: str) -> str:
    """Without what keeps a spreadsheet from reading a number: `="0012"`."""
    found = _KEPT_AS_TEXT.fullmatch(value)
    return found[1].replace('""', '"').strip() if found else value


@dataclass(frozen=True)
class Refused:
    cells: Cells
    reason: str
