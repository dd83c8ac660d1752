"""A TOML file that somebody wrote: its tree, and for every mistake the line, the key and the nearest known word."""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rapidfuzz import fuzz, process

from bot.base import paths
from bot.base.errors import Finding

Instead = Mapping[Path, str]
"""What is read of files instead of what stands on disk."""

NOTHING: Instead = MappingProxyType({})
_MOST_NAMES = 20
_DEEPEST = 50  # tables inside tables; what reads them goes as deep


def parse(text: str) -> dict[str, Any]:
    """Raises TOMLDecodeError, also for what is nested deeper than anybody writes."""
    try:
        tree = tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("lists or tables inside one another, too deep") from None
    waiting: list[tuple[Any, int]] = [(tree, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise tomllib.TOMLDecodeError("lists or tables inside one another, too deep")
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += ((one, depth + 1) for one in inner)
    return tree


_IN_WORDS = (
    (r"Illegal character '(\\r)?\\n'|Unterminated string", 'the text is not closed: a " is missing'),
    (
        r"Cannot declare \((?P<path>.+)\) twice",
        "[{path}] stands here a second time; join the two, or write [[{path}]] for several",
    ),
    (r"Cannot overwrite a value|Cannot mutate immutable", "this key stands here a second time"),
    (r"Invalid value", 'no value; a text stands in quotes, such as "text"'),
    (r"Expected '=' after a key", "= is missing behind the key"),
    (r"Expected newline or end of document", "something more stands behind the value; write one key a line"),
    (r"Expected '(?P<path>\]\]?)' at the end", "{path} is missing"),
    (r"Unescaped '\\' in a string", "write \\\\ for one \\, or '…' instead of \"…\""),
    (r"Unclosed array", "the list is not closed: ] is missing"),
    (r"Unclosed inline table", "the table is not closed: }} is missing"),
)


def in_words(error: tomllib.TOMLDecodeError) -> str:
    """What the parser says, for people who do not know its language; the line stands beside it."""
    said = re.sub(r" \(at .*\)$", "", str(error))
    for pattern, words in _IN_WORDS:
        if found := re.match(pattern, said):
            path = (found.groupdict().get("path") or "").replace("', '", ".").strip("',")
            return f"not valid TOML: {words.format(path=path)}"
    return f"not valid TOML: {said}"


def line_of(error: tomllib.TOMLDecodeError, text: str) -> int:
    """Where it is; what breaks at the end of a text began on the last line that says something."""
    named = re.search(r"line (\d+)", str(error))
    return int(named[1]) if named else text.rstrip().count("\n") + 1


def text_of(file: Path, findings: list[Finding], instead: Instead) -> str | None:
    """The text of the file; None if it cannot be read, and the finding says why."""
    if file in instead:
        return instead[file]
    try:
        return file.read_text("utf-8-sig")  # Windows editors begin with a mark
    except UnicodeDecodeError as error:
        words = "it is not UTF-8 text; save it as UTF-8"
        findings.append(Finding(words, paths.shown(file), error.object.count(b"\n", 0, error.start) + 1))
    except OSError as error:
        findings.append(Finding(f"cannot be read: {error.strerror}", paths.shown(file)))
    return None


class Source:
    """One file and its lines."""

    def __init__(self, file: Path, instead: Instead = NOTHING) -> None:
        self.file, self.text, self._instead = file, "", instead

    def read(self, findings: list[Finding]) -> dict[str, Any] | None:
        text = text_of(self.file, findings, self._instead)
        if text is None:
            return None
        self.text = text
        try:
            return parse(text)
        except tomllib.TOMLDecodeError as error:
            findings.append(Finding(in_words(error), paths.shown(self.file), line_of(error, text)))
        return None

    def finding(self, path: Sequence[str | int], message: str) -> Finding:
        key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        return Finding(message, paths.shown(self.file), self._line(path), key or None)

    def _line(self, path: Sequence[str | int]) -> int | None:
        """Where the key stands, or else the nearest table around it."""
        section: list[str | int] = []
        many: dict[str, int] = {}
        best = (0, 1)
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*(\[\[?)\s*([\w.\"-]+)\s*\]\]?", line):
                if header[1] == "[[":
                    many[header[2]] = many.get(header[2], -1) + 1
                section = _numbered(header[2].split("."), many)
                here = section
            elif pair := re.match(r"\s*([\w\"-]+)\s*=", line):
                here = [*section, pair[1].strip('"')]
            else:
                continue
            if list(path[: len(here)]) == here and len(here) > best[0]:
                best = len(here), number
        return best[1]


def _numbered(parts: Sequence[str], many: Mapping[str, int]) -> list[str | int]:
    """The path of a table; one within an array of tables stands in the newest of them."""
    path: list[str | int] = []
    for count, part in enumerate(parts, 1):
        path.append(part.strip('"'))
        if (number := many.get(".".join(parts[:count]))) is not None:
            path.append(number)
    return path


def near(word: str, known: Collection[str]) -> str:
    """`did you mean cart?`, or the list of what is known; of a long one what is nearest."""
    names = sorted(set(known))
    if not names:
        return "none is known here"
    found = process.extractOne(word.lower(), names, scorer=fuzz.ratio, score_cutoff=60)
    if found:
        return f"did you mean {found[0]}?"
    if len(names) <= _MOST_NAMES:
        return f"known here: {', '.join(names)}"
    nearest = process.extract(word.lower(), names, scorer=fuzz.ratio, limit=5)
    return f"the nearest of {len(names)}: {', '.join(one[0] for one in nearest)}"


def mistake(error: Any, known: Collection[str], unknown: str = "unknown key") -> str:
    """What a pydantic error says to whoever wrote the file. `known` are the keys that may stand where it points."""
    if error["type"] == "extra_forbidden":
        return f"{unknown}; {near(str(error['loc'][-1]), known)}"
    if error["type"] == "missing":
        return "this is missing"
    if error["type"] == "literal_error":
        allowed = re.findall(r"'([^']+)'", str(error["ctx"]["expected"]))
        return f"{error['input']!r} is not one of them; {near(str(error['input']), allowed)}"
    if error["type"] == "string_pattern_mismatch" and (may := _NAMES.get(error["ctx"]["pattern"])):
        return f"{error['input']!r} is no name here: {may}"
    return _WANTED.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")


_NAMES = {
    "^[a-z][a-z0-9_]{0,39}$": "write small letters, digits and _, a letter first, 40 at most",
    "^[a-z_]+$": "write small letters and _",
}
_WANTED = {
    **dict.fromkeys(("tuple_type", "list_type", "set_type"), 'write a list, such as ["one"]'),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), 'write a table, such as {name = "one"}'),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "write a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "write a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "write true or false"),
    "string_type": 'write a text in quotes, such as "one"',
}
"""What pydantic says of values of another kind, for people who know no Python."""


def marks(files: Iterable[Path]) -> frozenset[tuple[str, int, int]]:
    """Names, times of change and sizes: these differ as soon as a file was written, came or went."""
    found = set()
    for file in files:
        try:
            about = file.stat()
        except OSError:  # gone between the two looks
            continue
        found.add((str(file), about.st_mtime_ns, about.st_size))
    return frozenset(found)
