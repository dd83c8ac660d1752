"""Reads CSV as shops write it: any usual encoding and delimiter, quotes over lines, and broken lines told apart."""

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from bot.base import paths
from bot.base.errors import Finding, FindingsError
from bot.inbound.files import encodings

_DELIMITERS = ",;\t|"
_MOST_LINES = 200  # of one record: a quote that is still open then was never meant as one
_CHUNK = 1 << 20
_START, _SLIPS = 4096, 4
_SEP = re.compile(r'"?sep=(.)"?[,;\t|]*\s*', re.I)
"""The first line that Excel writes and reads to name the delimiter."""
_TITLES = 10
"""Lines that may stand above the header: a title, blank ones, heads over several columns."""
_SUMS = frozenset({
    "total", "totals", "grand total", "sum", "summe", "gesamt", "gesamtsumme", "endsumme", "totaux", "total général",
    "total general", "suma", "totale", "totaal", "合计", "总计", "总和", "合計", "總計", "итого", "합계", "总额",
    "共计",
})  # fmt: skip
"""What stands before the sums in the last line of a sheet."""
_ALONE = 2
"""The first line below the header: no other shows how long lines are."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True)
class Line:
    """A record, or why it is none (`error`). `number` is where it begins, `text` how it stood in the file."""

    number: int
    text: str
    values: list[str]
    error: str = ""
    lacks: int = 0
    """How many values fewer it has than the header names."""


@dataclass(frozen=True)
class Sheet:
    """A file that was looked at: `size` in bytes, `header` as it stands there.

    `sample` shows words of it as they were read; `others` are encodings that it may be in as well, with theirs.
    """

    path: Path
    encoding: str
    delimiter: str
    header: list[str]
    size: int
    begins: int = 1
    """The line of the header."""
    titles: int = 0
    """How many lines with words stand above it and name no columns."""
    sample: str = ""
    others: tuple[tuple[str, str], ...] = ()

    def lines(self) -> Iterator[tuple[Line, int]]:
        """Each record after the header, with the number of bytes read so far (about, for a progress bar)."""
        with self.path.open("r", encoding=self.encoding, errors="replace", newline="") as stream:
            for _line in range(1, self.begins):
                stream.readline()
            records = _records(stream, self.delimiter, len(self.header), self.begins)
            done, _ = 0, next(records, None)
            for line in _sound(records):
                done += len(line.text.encode(self.encoding, "replace"))
                if line.error or any(value.strip() for value in line.values):
                    yield line, min(done, self.size)


def look(path: Path, encoding: str | None = None) -> Sheet:
    """Find out how the file is written. Raises FindingsError if it is no CSV with a header."""
    shown = paths.shown(path)
    try:
        found = encodings.Found(encoding) if encoding else encodings.find(path)
        with path.open("r", encoding=found.encoding, errors="replace", newline="") as stream:
            first = stream.readline()
            named = _SEP.fullmatch(first.lstrip("\ufeff").rstrip("\r\n"))
            begins = 2 if named else 1
            if not named:
                stream.seek(0)
            body = stream.tell()
            delimiter = named[1] if named else _delimiter([stream.readline() for _line in range(_TITLES)])
            stream.seek(body)
            head, titles = _head(_records(stream, delimiter, 0, begins))
            stream.seek(0)
            start = stream.read(_START)
    except OSError as error:
        raise FindingsError(Finding(f"cannot be read: {error.strerror}", shown)) from None
    except LookupError:
        raise FindingsError(Finding(f"{encoding!r} is not an encoding; leave it out or write utf-8", shown)) from None
    if _no_text(start):
        raise FindingsError(Finding("is no text: save it as CSV in UTF-8, or name its --encoding", shown))
    if head is not None and head.error:
        raise FindingsError(Finding(f"the first line must name the columns, but: {head.error}", shown, head.number))
    if head is None or not any(head.values):
        raise FindingsError(Finding("is empty: the first line must name the columns", shown, 1))
    header = [name.strip().strip("\ufeff") for name in head.values]
    size = path.stat().st_size
    return Sheet(
        path, found.encoding, delimiter, header, size, head.number, titles, sample=found.sample, others=found.others
    )


def _sound(records: Iterator[Line]) -> Iterator[Line]:
    """Each line; the last one with words is none if it sums up the others, or ends before its end."""
    before, whole = list[Line](), True
    for line in records:
        whole = whole and not (before and before[-1].lacks)
        if before and (line.error or any(line.values)):
            yield from before
            before = []
        before.append(line)
    for line in before:
        first = next((value for value in line.values if value.strip()), "")
        error = line.error
        if not error and first.strip(" :：*").lower() in _SUMS:
            error = "sums up the lines above it"
        elif not error and line.lacks and whole and line.number > _ALONE and not line.text.endswith(("\n", "\r")):
            error = f"ends in the middle, {line.lacks} values are lacking: the file may be cut off"
        yield replace(line, error=error)


def _head(records: Iterator[Line]) -> tuple[Line | None, int]:
    """The line that names the columns: above it may stand titles, which fill few of them; and how many do."""
    first = list(islice(records, _TITLES))
    most = max((_filled(line) for line in first), default=0)
    above = 0
    for line in first:
        if line.error or _filled(line) * 2 > most or (most < _FEW_COLUMNS and any(line.values)):
            return line, above
        above += 1 if any(line.values) else 0
    return next((line for line in first if any(line.values)), None), 0


_FEW_COLUMNS = 3
"""So few that a title looks like a header."""


def _filled(line: Line) -> int:
    return sum(1 for value in line.values if value.strip())


def _delimiter(lines: Sequence[str]) -> str:
    """The one that parts the names best, or most lines where the first names hardly any: it may be a title.

    Those inside quotes part nothing.
    """
    first, *below = (re.sub(r'"[^"]*"', "", line) for line in lines)
    best = max(_DELIMITERS, key=first.count)
    if first.count(best) > 1:
        return best
    whole = (first, *below)
    return max(_DELIMITERS, key=lambda one: (sum(one in line for line in whole), sum(map(_counter(one), whole))))


def _counter(delimiter: str) -> Callable[[str], int]:
    return lambda line: line.count(delimiter)


def _no_text(start: str) -> bool:
    """A picture, an archive, a workbook: zeros and the like in the first line, or many of them. One may be a slip."""
    first, found = start.partition("\n")[0], _CONTROL.findall(start)
    return bool(_CONTROL.search(first)) or (len(found) > _SLIPS and len(found) * 20 > len(start))


def _records(stream: io.TextIOBase, delimiter: str, columns: int, number: int = 1) -> Iterator[Line]:
    waiting: deque[str] = deque()
    while True:
        if not waiting and not (text := stream.readline()):
            return
        first = waiting.popleft() if waiting else text
        lines = [first]
        found = _parse(first, delimiter, columns)
        while found is None and len(lines) < _MOST_LINES and sum(map(len, lines)) < _CHUNK:
            more = waiting.popleft() if waiting else stream.readline()
            if not more:
                break
            lines.append(more)
            found = _parse("".join(lines), delimiter, columns) if more.count('"') else None
        if found is None:  # the quote never ends: only the line where it begins is lost
            waiting.extendleft(reversed(lines[1:]))
            lines, found = [first], []
            yield Line(number, first, [], "a quote in this line never ends")
        else:
            yield _line(number, "".join(lines), found, columns)
        number += len(lines)


def _line(number: int, text: str, values: list[str], columns: int) -> Line:
    if columns and len(values) > columns and any(value.strip() for value in values[columns:]):
        return Line(number, text, values, f"{len(values)} values, but the header names {columns} columns")
    if "\x00" in text:
        return Line(number, text, values, "holds a zero byte")
    if "�" in text:
        return Line(number, text, values, "holds bytes that are no text in this encoding")
    lacks = max(0, columns - len(values))
    return Line(number, text, [value.strip() for value in values] + [""] * lacks, lacks=lacks)


def _parse(text: str, delimiter: str, columns: int) -> list[str] | None:
    """The values, or None while a quoted value is still open."""
    if text.count('"') % 2:
        try:
            rows = list(csv.reader([text], delimiter=delimiter, strict=True))
        except csv.Error:
            # An odd quote inside a plain value (a 5" pipe) is part of it, if the line is whole with it.
            values = next(csv.reader([text], delimiter=delimiter), [])
            whole = len(text.splitlines()) == 1 and len(values) == columns and not _opens(text, delimiter)
            return values if whole else None
        return rows[0] if rows else []
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else [] if not rows else None


def _opens(text: str, delimiter: str) -> bool:
    """Whether a value of the line begins with a quote, so that it may go on in the next line."""
    return any(part.lstrip().startswith('"') for part in text.split(delimiter))
