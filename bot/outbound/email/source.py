"""A mail template as a person wrote it: TOML front matter between `+++` lines, then MJML with Jinja, parts included.

`<mj-include path="../_head.mjml" />` is replaced by that file before anything else, looked for in the shop's own folder
first. Every line remembers where it came from, so that a finding names the file that somebody can mend.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

from rapidfuzz import fuzz, process

from bot.base import paths, toml_source
from bot.base.errors import Finding, FindingsError

_KEYS = ("subject", "preheader", "kind", "shows", "variant", "sample")
_VARIANT_KEYS = ("name", "subject", "preheader")
_KINDS = ("marketing", "service")
_FENCE = re.compile(r"\s*\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.S | re.M)
_INCLUDE = re.compile(r"<mj-include\s+path=\"([^\"]*)\"\s*/?>(?:\s*</mj-include>)?")
_ALWAYS_SHOWN = ("customer", "shop", "coupon", "unsubscribe_url", "preferences_url")
_DEEPEST = 5
_MOST_PARTS = 100
_LARGEST = 400_000  # bytes of one file, characters of all parts together


@dataclass(frozen=True)
class Variant:
    """One wording of the lines that a reader sees before opening: the base of an A/B test."""

    name: str
    subject: str
    preheader: str


@dataclass(frozen=True)
class Source:
    """`mjml` has every part in it; `origins[n]` is the file and line of its line n. `sample` is a possible reader.

    `kind` is marketing (must offer to unsubscribe) or service. `lines` are the lines of the front matter's keys.
    """

    name: str
    language: str
    file: Path
    kind: str
    variants: tuple[Variant, ...]
    sample: Mapping[str, Any]
    mjml: str
    origins: tuple[tuple[Path, int], ...]
    lines: Mapping[str, int]
    files: tuple[tuple[Path, int], ...] = field(compare=False)
    """Every file that went in, with its time of change in nanoseconds."""

    def place(self, line: int) -> tuple[Path, int]:
        """The file and line behind a line of `mjml`, counted from 1."""
        file, number = self.origins[min(max(line, 1), len(self.origins)) - 1] if self.origins else (self.file, 1)
        return paths.shown(file), number

    def finding(self, message: str, line: int, *, warning: bool = False) -> Finding:
        file, number = self.place(line)
        return Finding(message, file, number, warning=warning)

    def head_finding(self, key: str, message: str, *, warning: bool = False) -> Finding:
        """About a key of the front matter."""
        return Finding(message, paths.shown(self.file), self.lines.get(key, 1), key, warning)

    def changed(self) -> bool:
        """Somebody saved one of its files since it was read."""
        return any(_changed_at(file) != before for file, before in self.files)


def digest(one: Source) -> str:
    """Changes with anything that lint looks at, and with the release that looks."""
    parts = (_release(), one.name, one.language, one.kind, one.mjml, repr(one.variants), repr(one.sample))
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


@cache
def _release() -> str:
    try:
        return version("aftercart")
    except PackageNotFoundError:
        return ""


def stored(one: Source) -> dict[str, Any]:
    """As JSON keeps it: all that mails are written from. The sample is only for whoever looks at the file."""
    return {
        "name": one.name, "language": one.language, "file": str(one.file), "kind": one.kind, "mjml": one.mjml,
        "variants": [[line.name, line.subject, line.preheader] for line in one.variants],
        "origins": [[str(file), line] for file, line in one.origins], "lines": dict(one.lines),
        "files": [[str(file), at] for file, at in one.files],
    }  # fmt: skip


def restored(tree: Mapping[str, Any]) -> Source:
    """Raises KeyError, TypeError and ValueError for what `stored` did not make."""
    return Source(
        name=tree["name"],
        language=tree["language"],
        file=Path(tree["file"]),
        kind=tree["kind"],
        variants=tuple(Variant(*line) for line in tree["variants"]),
        sample={},
        mjml=tree["mjml"],
        origins=tuple((Path(file), int(line)) for file, line in tree["origins"]),
        lines=tree["lines"],
        files=tuple((Path(file), int(at)) for file, at in tree["files"]),
    )


def read(folders: Sequence[Path], name: str, language: str) -> Source:
    """Read a template; folders later in the list stand over earlier ones. Raises FindingsError, or LookupError."""
    file = _find(folders, PurePosixPath(name) / f"{language}.mjml")
    if file is None:
        raise LookupError(f"no mail template {name!r} in {language}")
    text = _text(file)
    fence = _FENCE.match(text)
    if not fence:
        raise FindingsError(
            Finding(
                'begins without front matter; write these three lines first: +++, subject = "…", +++',
                paths.shown(file),
                1,
            )
        )
    head_line = text.count("\n", 0, fence.start(1)) + 1
    head = _toml(file, fence[1], head_line)
    lines = {match[1]: head_line + number for number, line in enumerate(fence[1].splitlines())
             if (match := re.match(r"\s*([\w-]+)\s*=", line))}  # fmt: skip
    _check(file, head, lines)
    reader = _Reader(folders, [(file, _changed_at(file))])
    reader.add(file, text[fence.end() :], text.count("\n", 0, fence.end()) + 1, PurePosixPath(name), 0)
    return Source(
        name=name,
        language=language,
        file=file,
        kind=head.get("kind", "marketing"),
        variants=_variants(head),
        sample=_sample(reader, head, language),
        mjml="\n".join(reader.lines) + "\n",
        origins=tuple(reader.origins),
        lines=lines,
        files=tuple(reader.files),
    )


def names(folders: Sequence[Path]) -> dict[str, list[str]]:
    """Every template with the languages it has: `{"abandoned_cart": ["en", "zh_CN"]}`."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for file in folder.glob("*/*.mjml"):
            if not file.name.startswith("_") and not file.parent.name.startswith("_"):
                found.setdefault(file.parent.name, set()).add(file.stem)
    return {name: sorted(found[name]) for name in sorted(found)}


class _Reader:
    """Collects lines with their origin, following includes."""

    def __init__(self, folders: Sequence[Path], files: list[tuple[Path, int]]) -> None:
        self.folders = folders
        self.files = files
        self.lines: list[str] = []
        self.origins: list[tuple[Path, int]] = []
        self.length = 0

    def add(self, file: Path, text: str, first_line: int, inside: PurePosixPath, depth: int) -> None:
        self.length += len(text)
        for number, line in enumerate(text.splitlines(), first_line):
            position = 0
            for include in _INCLUDE.finditer(line):
                self._keep(line[position : include.start()], file, number)
                self._include(include[1], file, number, inside, depth)
                position = include.end()
            if position == 0 or line[position:].strip():
                self._keep(line[position:], file, number, always=True)

    def _keep(self, line: str, file: Path, number: int, *, always: bool = False) -> None:
        if line.strip() or always:
            self.lines.append(line)
            self.origins.append((file, number))

    def _include(self, path: str, file: Path, number: int, inside: PurePosixPath, depth: int) -> None:
        wanted = _inside(inside / path)
        found = _find(self.folders, wanted) if wanted else None
        if wanted is None or found is None:
            raise FindingsError(Finding(f"includes {path}, which is not there", paths.shown(file), number))
        if depth >= _DEEPEST:
            raise FindingsError(Finding(f"includes {path}: parts inside parts, too deep", paths.shown(file), number))
        if len(self.files) > _MOST_PARTS or self.length > _LARGEST:
            raise FindingsError(
                Finding(f"includes {path}: too many parts, or too long ones", paths.shown(file), number)
            )
        self.files.append((found, _changed_at(found)))
        self.add(found, _text(found), 1, wanted.parent, depth + 1)


def _inside(path: PurePosixPath) -> PurePosixPath | None:
    """The path without `..`, or None if it leaves the folder of mail templates."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return None if path.is_absolute() else PurePosixPath(*parts)


def _find(folders: Sequence[Path], path: PurePosixPath) -> Path | None:
    return next((found for folder in reversed(folders) if (found := folder / path).is_file()), None)


def _changed_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise FindingsError(Finding(f"larger than {_LARGEST // 1000} KB: no mail is", paths.shown(file)))
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise FindingsError(Finding("it is not UTF-8 text; save it as UTF-8", paths.shown(file), line)) from None
    except OSError as error:
        raise FindingsError(Finding(f"cannot be read: {error.strerror}", paths.shown(file))) from None


def _toml(file: Path, text: str, first_line: int) -> dict[str, Any]:
    try:
        return toml_source.parse(text)
    except tomllib.TOMLDecodeError as error:
        at = first_line - 1 + toml_source.line_of(error, text)
        raise FindingsError(Finding(f"front matter is {toml_source.in_words(error)}", paths.shown(file), at)) from None


def _check(file: Path, head: Mapping[str, Any], lines: Mapping[str, int]) -> None:
    wrong = list(_complaints(head))
    if wrong:
        shown = paths.shown(file)
        raise FindingsError(*(Finding(message, shown, lines.get(key, 1), key) for key, message in wrong))


def _complaints(head: Mapping[str, Any]) -> list[tuple[str, str]]:
    wrong = [(key, _unknown(key, _KEYS)) for key in head if key not in _KEYS]
    if not isinstance(head.get("subject"), str) or not head["subject"].strip():
        wrong.append(("subject", 'missing; write subject = "…"'))
    if not isinstance(head.get("preheader", ""), str):
        wrong.append(("preheader", "must be text in quotes"))
    if head.get("kind", "marketing") not in _KINDS:
        wrong.append(("kind", f"must be {' or '.join(_KINDS)}"))
    if not isinstance(head.get("sample", {}), dict):
        wrong.append(("sample", "must be a table: [sample.customer] …"))
    shows = head.get("shows", [])
    if not isinstance(shows, list) or not all(isinstance(name, str) for name in shows):
        wrong.append(("shows", 'must be a list of names, such as ["cart"]'))
    variants = head.get("variant", [])
    if not isinstance(variants, list) or not all(isinstance(one, dict) for one in variants):
        return [*wrong, ("variant", "must be a list of tables: [[variant]] …")]
    return wrong + [
        ("variant", _unknown(key, _VARIANT_KEYS)) for one in variants for key in one if key not in _VARIANT_KEYS
    ]


def _unknown(key: str, known: Sequence[str]) -> str:
    near = process.extractOne(key, known, scorer=fuzz.ratio, score_cutoff=50)
    return f"unknown key {key}; " + (f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}")


def _variants(head: Mapping[str, Any]) -> tuple[Variant, ...]:
    found = [Variant("a", head["subject"], head.get("preheader", ""))]
    for one in head.get("variant", []):
        name = str(one.get("name", chr(ord("a") + len(found))))
        lines = [str(one.get(key, head.get(key, ""))) for key in ("subject", "preheader")]
        found.append(Variant(name, *lines))
    return tuple(found)


def _sample(reader: _Reader, head: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What the template's own [sample] says, over the shared `_sample.<language>.toml`."""
    shared: dict[str, Any] = {}
    file = _find(reader.folders, PurePosixPath(f"_sample.{language}.toml"))
    if file:
        reader.files.append((file, _changed_at(file)))
        shared = _toml(file, _text(file), 1)
    shown = {key: shared[key] for key in (*_ALWAYS_SHOWN, *head.get("shows", [])) if key in shared}
    own: Mapping[str, Any] = head.get("sample", {})
    return {**shown, **{key: _over(shown.get(key), value) for key, value in own.items()}, "language": language}


def _over(below: Any, above: Any) -> Any:
    return {**below, **above} if isinstance(below, dict) and isinstance(above, dict) else above
