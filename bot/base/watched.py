"""Small files that people write, as they run: what is wrong on disk is used as it was when it was last right.

One that never was right is left out as far as it is wrong; what comes with the program stands in its place.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Generic, TypeVar

from bot.base import logs, paths
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import Instead, marks

log = logs.get(__name__)

Found = TypeVar("Found")


@dataclass
class Watched(Generic[Found]):
    """One kind of files. `files` lists the shop's own, by the name under which each is kept. `read` makes of all files,
    the given texts instead of those on disk, what can be used of them, and finds what is wrong. `take` puts it to use.
    """

    kind: str
    files: Callable[[], Mapping[str, Path]]
    read: Callable[[Instead], tuple[Found, list[Finding]]]
    take: Callable[[Found], None]
    wrong: tuple[Finding, ...] = ()
    _kept: dict[str, str] = field(default_factory=dict)
    _seen: frozenset[tuple[str, int, int]] = frozenset()

    def begin(self, kept: Mapping[str, Any]) -> None:
        """The first look. `kept` are the last good ones of before, as `stored` made them. Raises what `read` raises."""
        self._kept = {name: str(tree["text"]) for name, tree in kept.items() if "text" in tree}
        self._seen = marks(self.files().values())
        self.take(self._settle())

    def look(self) -> Found | None:
        """What to use from now on; None if no file changed. Call it in a thread: it takes its time."""
        mark = marks(self.files().values())
        if mark == self._seen:
            return None
        self._seen = mark
        try:
            return self._settle()
        except FindingsError as error:  # so it cannot be used at all: as it was before
            self._tell(error.findings, self.files())
            return None

    def stored(self) -> dict[str, dict[str, Any]]:
        """What is used of the shop's own: to be kept until the next start."""
        return {name: {"digest": _digest(text), "text": text} for name, text in self._kept.items()}

    def _settle(self) -> Found:
        files = self.files()
        texts = {files[name]: text for name, text in _texts(files)}
        found, findings = self.read(texts)
        errors = [one for one in findings if not one.warning]
        wrong = _named(files, errors)
        if errors:
            found = self._as_before(files, texts, wrong)
        self._tell(errors, files)
        self._kept = {
            name: self._kept[name] if name in wrong else texts[file]
            for name, file in files.items()
            if (name in self._kept if name in wrong else file in texts)
        }
        return found

    def _as_before(self, files: Mapping[str, Path], texts: Instead, wrong: Iterable[str]) -> Found:
        """Those that are wrong as they were; where they do not go with what is new, all as they were."""
        for names in (wrong, files):
            before = {files[name]: self._kept[name] for name in names if name in self._kept}
            found, findings = self.read({**texts, **before})
            if not before.keys() & {files[name] for name in _named(files, findings)}:
                break
        return found

    def _tell(self, errors: Sequence[Finding], files: Mapping[str, Path]) -> None:
        before = {paths.shown(file) for name, file in files.items() if name in self._kept}
        for one in errors:
            if one not in self.wrong:
                goes_on = "the one before it goes on" if one.file in before else "what is wrong is off"
                log.error(f"a file is wrong, {goes_on}", kind=self.kind, finding=str(one))
        if self.wrong and not errors:
            log.info("files are right again", kind=self.kind)
        self.wrong = tuple(errors)


def _named(files: Mapping[str, Path], findings: Iterable[Finding]) -> set[str]:
    """The files that are wrong; all of them where none of them is named."""
    places = {one.file for one in findings if not one.warning}
    found = {name for name, file in files.items() if paths.shown(file) in places}
    return found or (set(files) if places else set())


def _texts(files: Mapping[str, Path]) -> Iterable[tuple[str, str]]:
    for name, file in files.items():
        try:
            text = file.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError):  # whoever reads it says so
            continue
        if "\0" not in text:  # no database keeps that
            yield name, text


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()
