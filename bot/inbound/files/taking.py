"""Takes a whole file: batches of lines, each in a transaction of its own, and a report of what was refused."""

import csv
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, paths, private, stores
from bot.base.database import Database
from bot.base.day_orders import DayOrder
from bot.base.ground import Ground
from bot.inbound.files import columns, customers, first_look, orders, products, suppressions
from bot.inbound.files.aftermath import Aftermath
from bot.inbound.files.batches import Cells, Refused
from bot.inbound.files.csv_lines import Line, Sheet
from bot.shops import stores as shop_stores

SUBJECTS: Mapping[str, ModuleType] = {
    "customers": customers, "products": products, "orders": orders, "suppressions": suppressions
}  # fmt: skip
_BATCH = 500
_EXAMPLES = 3
_MOST_NOTES = 1000  # of different words: a column may hold a text of its own in each line
_OURS = ("refused_line", "refused_because")
"""What we write before each refused line. No file has such columns of its own; read again, they are left out."""

_Take = Callable[[AsyncSession, Ground, Sequence[Cells], datetime], Awaitable[list[Refused]]]


@dataclass
class Report:
    """What came of a file. `refused_file` holds the refused lines, as they were, with line number and reason."""

    lines: int = 0
    refused: int = 0
    refused_file: Path | None = None
    store: str = ""
    reasons: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    """What is worth a word about lines that were taken: values that were left out, and how often."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """The first of them, by the words of the note."""
    used: list[tuple[str, str]] = field(default_factory=list)
    """Columns of the file, and what they were taken for."""
    left_out: list[str] = field(default_factory=list)
    """Columns that were not read."""
    consents: dict[str, int] = field(default_factory=dict)
    """How many said yes and no to marketing, and how many of them changed nothing."""
    dates: list[first_look.DateColumn] = field(default_factory=list)
    """Columns with dates that may be two days."""
    first_refused: list[str] = field(default_factory=list)
    """The first refused lines, with number and reason."""

    @property
    def taken(self) -> int:
        return self.lines - self.refused


async def take(
    database: Database,
    ground: Ground,
    subject: str,
    sheet: Sheet,
    progress: Callable[[int], None] = lambda _done: None,
    *,
    dry: bool = False,
    store: str = "",
    mapped: Sequence[str] = (),
    dates: DayOrder | None = None,
) -> Report:
    """Write the facts of a file down. Running it again, or after a crash in the middle, does no harm.

    `dry` says what would come of it, and keeps nothing. `store` is whose the ids are; if it is not said, the only store
    that is known, else one for files alone. `mapped` are `COLUMN=FIELD` of a person who knows better than the names.
    `dates` is the order of day and month where the file leaves it open.
    `progress` hears how many bytes are done. Raises FindingsError if the columns are not there.
    """
    module = SUBJECTS[subject]
    places = columns.places(sheet.header, module.KNOWN, columns.read_map(mapped, sheet.header, module.KNOWN))
    columns.need(paths.shown(sheet.path), places, *module.ONE_OF, header=sheet.header, line=sheet.begins)
    whose = await _store(database, store, dry=dry)
    report, refusals = Report(store=whose), _Refusals(sheet)
    after = Aftermath.of(ground.config)
    report.used, report.left_out = _columns(sheet, places)
    about: dict[str, str] = dict(module.prepare(sheet.header)) if hasattr(module, "prepare") else {}
    notice = module.noticing(places, about) if hasattr(module, "noticing") else None
    cells_of = partial(
        Cells, places=places, store=whose, named=bool(store), file_name=sheet.path.name.lower(), about=about
    )
    found = first_look.read(sheet, places, notice, cells_of, customers.country_of(sheet.header))
    report.dates = [column for column in found.values() if column.unclear or column.serial]
    cells_of = partial(cells_of, orders={at: column.order_or(dates) for at, column in found.items()})
    try:
        for batch, done in _batches(sheet, cells_of, getattr(module, "key", None)):
            broken = [Refused(cells, cells.line.error) for cells in batch if cells.line.error]
            sound = [cells for cells in batch if not cells.line.error]
            refused = broken + (await _write(database, ground, module.take, sound, after, dry=dry) if sound else [])
            report.lines += len(batch)
            report.refused += len(refused)
            _note(report, sound, refused)
            for one in refused if len(report.first_refused) < _EXAMPLES else ():
                report.first_refused.append(
                    f"line {one.cells.line.number}: {one.reason}: {one.cells.line.text[:80].strip()}"
                )
            refusals.add(refused)
            progress(done)
    finally:
        report.refused_file, report.reasons = refusals.close()
    if not dry and module in (customers, orders):
        await after.at_end(database)
    return report


def _columns(sheet: Sheet, places: columns.Places) -> tuple[list[tuple[str, str]], list[str]]:
    fields: dict[int, list[str]] = {}
    for name, where in places.items():
        for at in where:
            fields.setdefault(at, []).append(name)
    used = [(sheet.header[at], " and ".join(fields[at])) for at in sorted(fields)]
    ours = [name for at, name in enumerate(sheet.header) if at not in fields and name and name not in _OURS]
    return used, ours


async def _store(database: Database, named: str, *, dry: bool) -> str:
    async with database.transaction() as session:
        if named and not dry:
            await shop_stores.know(session, named, clock.now())
        return named or await shop_stores.only(session) or stores.IMPORT


def _note(report: Report, lines: Sequence[Cells], refused: Sequence[Refused]) -> None:
    not_taken = {one.cells.line.number for one in refused}
    for one in lines:
        for answer in one.taken.values() if one.line.number not in not_taken else ():
            report.consents[answer] = report.consents.get(answer, 0) + 1
        for words, value in one.told.items() if one.line.number not in not_taken else ():
            if words in report.notes or len(report.notes) < _MOST_NOTES:
                report.notes[words] = report.notes.get(words, 0) + 1
                shown = report.examples.setdefault(words, [])
                if value and len(shown) < _EXAMPLES:
                    shown.append(f"line {one.line.number}: {value[:60]!r}")


async def _write(
    database: Database, ground: Ground, take_lines: _Take, lines: list[Cells], after: Aftermath, *, dry: bool
) -> list[Refused]:
    """A batch at once; if the database refuses it, line by line, so that only the guilty one is lost."""
    try:
        async with database.transaction() as session:
            now = clock.now()
            for one in lines:
                one.whose.clear()
            refused = await take_lines(session, ground, lines, now)
            if dry:
                await session.rollback()
            else:
                await after.after_batch(session, {each for one in lines for each in one.whose.values()}, now)
            return refused
    except (DBAPIError, OverflowError) as error:
        if isinstance(error, OperationalError | InterfaceError):
            raise  # the database is away: that is not the line's fault
        if len(lines) == 1:
            return [Refused(lines[0], "the database cannot hold one of its values (too large, or out of range)")]
    return [one for line in lines for one in await _write(database, ground, take_lines, [line], after, dry=dry)]


def _batches(
    sheet: Sheet, cells_of: Callable[[Line], Cells], key: Callable[[Cells], str] | None
) -> Iterator[tuple[list[Cells], int]]:
    """Batches of about `_BATCH` lines; lines with the same `key` that follow each other stay together."""
    batch: list[Cells] = []
    for line, done in sheet.lines():
        cells = cells_of(line)
        full = len(batch) >= _BATCH
        if full and (key is None or line.error or batch[-1].line.error or key(cells) != key(batch[-1])):
            yield batch, done
            batch = []
        batch.append(cells)
    if batch:
        yield batch, sheet.size


class _Refusals:
    """`FILE.refused.csv` beside the file, made when the first line is refused."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._theirs = [at for at, name in enumerate(sheet.header) if name not in _OURS]
        self._path = sheet.path.with_suffix(".refused.csv")
        self._path.unlink(missing_ok=True)  # of the last time
        self._stream: Any = None
        self._reasons: dict[str, int] = {}

    def add(self, refused: Sequence[Refused]) -> None:
        if refused and self._stream is None:
            self._stream = private.open_new(self._path, encoding="utf-8-sig", newline="")
            csv.writer(self._stream).writerow([*_OURS, *(self._sheet.header[at] for at in self._theirs)])
        for one in sorted(refused, key=lambda one: one.cells.line.number):
            self._reasons[one.reason] = self._reasons.get(one.reason, 0) + 1
            csv.writer(self._stream).writerow([one.cells.line.number, one.reason, *self._values(one.cells.line)])

    def _values(self, line: Line) -> list[str]:
        """As they stood there, also where they are more or fewer than the header names."""
        if not line.values:
            return [line.text.rstrip("\r\n")]
        beyond = range(len(self._sheet.header), len(line.values))
        return [line.values[at] for at in (*self._theirs, *beyond) if at < len(line.values)]

    def close(self) -> tuple[Path | None, dict[str, int]]:
        if self._stream is None:
            return None, {}
        self._stream.close()
        return self._path, self._reasons
