"""Short texts by name and language: gettext catalogues in `templates/locale/*.po`, read at start, no compile step.

The msgid is a name (`ticket.opened`), the words of every language stand in its file. `{values}` are filled in.
"""

import re
from collections.abc import Iterator, Sequence
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from string import Formatter
from typing import Any

from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from rapidfuzz import fuzz, process

from bot.base import paths
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import NOTHING, Instead, text_of

_ALIKE = 85  # of 100: a name like that of a text of ours is that name misspelt, any other one is the shop's own
_OPEN = re.compile(r'\s*(msg\w+(\[\d+\])?\s*)?"([^"\\]|\\.)*\s*$')
"""A line that begins with a quote and never ends it."""


class Texts:
    """All short texts. Folders later in the list stand over earlier ones (a shop's own words over ours).

    Raises FindingsError with every mistake; `sound` leaves out what is wrong.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._catalogues: dict[str, list[GNUTranslations]] = {}
        self._names: dict[str, set[str]] = {}
        self._values: dict[str, set[str]] = {}
        if wrong := self._read_all(folders, NOTHING):
            raise FindingsError(*wrong)

    def take(self, other: "Texts") -> None:
        """Become what the other is: whoever holds these texts says the new ones."""
        self._catalogues, self._names, self._values = other._catalogues, other._names, other._values

    def _read_all(self, folders: Sequence[Path], instead: Instead) -> list[Finding]:
        findings: list[Finding] = []
        for number, folder in enumerate(folders):
            for file in sorted(folder.glob("locale/*.po")):
                self._read(file, findings, instead, own=number > 0)
        return findings

    def _read(self, file: Path, findings: list[Finding], instead: Instead, *, own: bool) -> None:
        text = text_of(file, findings, instead)
        if text is None:
            return
        if open_at := next((at for at, line in enumerate(text.splitlines(), 1) if _OPEN.match(line)), None):
            words = "a quote is left open: the words of each line stand between two of them"
            findings.append(Finding(words, paths.shown(file), open_at))  # babel would cut the last letter off
            return
        compiled = BytesIO()
        try:
            catalogue = read_po(BytesIO(text.encode()), locale=file.stem, abort_invalid=True)
            if own:
                findings += self._leave_out_wrong(catalogue, file)
            write_mo(compiled, catalogue)
            compiled.seek(0)
            made = GNUTranslations(compiled)
        except Exception as error:  # babel raises its own, ValueError and others here
            line = error.lineno + 1 if isinstance(error, PoFileError) else None
            findings.append(Finding(f"not a valid catalogue: {error}", paths.shown(file), line))
            return
        self._catalogues.setdefault(file.stem, []).insert(0, made)
        self._names.setdefault(file.stem, set()).update(name for name in map(_name, catalogue) if name)
        if not own:
            for message in catalogue:
                self._values.setdefault(_name(message), set()).update(*map(_values, _forms(message)))

    def _leave_out_wrong(self, catalogue: Catalog, file: Path) -> Iterator[Finding]:
        for message in list(catalogue):
            if (name := _name(message)) and (why := self._mistake(name, message)):
                yield Finding(why, paths.shown(file), message.lineno, name)
                catalogue.delete(message.id, message.context)

    def _mistake(self, name: str, message: Message) -> str:
        """What is wrong with words of the shop's own; empty if nothing is."""
        known = self._values.get(name)
        if known is None:
            near = process.extractOne(name, list(self._values), scorer=fuzz.ratio, score_cutoff=_ALIKE)
            return f"there is no text of that name; did you mean {near[0]}?" if near else ""
        for words in _forms(message):
            try:
                strange = sorted(_values(words) - known - {"count"})
            except ValueError as error:
                return f"cannot be filled in: {error}; write a brace that stays as {{{{ or }}}}"
            if strange:
                has = ", ".join(f"{{{one}}}" for one in sorted(known)) or "none"
                return f"{{{strange[0]}}} is not a value of this text; there are: {has}"
        return ""

    @property
    def languages(self) -> list[str]:
        return sorted(self._catalogues)

    def names(self, language: str) -> set[str]:
        """Every name that the language has words for."""
        return self._names.get(language, set())

    def say(self, language: str | None, name: str, /, count: int | None = None, **values: Any) -> str:
        """The text in that language, else in English. `count` picks the plural form and fills `{count}`."""
        words = self._find(language or "en", name, count) or self._find("en", name, count)
        if words is None:
            raise KeyError(f"no text named {name!r} in templates/locale/en.po")
        return words.format(count=count, **values) if "{" in words else words

    def _find(self, language: str, name: str, count: int | None) -> str | None:
        for catalogue in self._catalogues.get(language, ()):
            words = name if count is None else catalogue.ngettext(name, name, count)
            words = catalogue.gettext(name) if words == name else words  # a text may hold a number and have one form
            if words != name:
                return words
        return None


def sound(folders: Sequence[Path], instead: Instead = NOTHING) -> tuple[Texts, list[Finding]]:
    """What can be said, and what is wrong: words of ours stand in for those."""
    found = Texts(())
    return found, found._read_all(folders, instead)


def _name(message: Message) -> str:
    return str(message.id[0] if isinstance(message.id, tuple | list) else message.id)


def _forms(message: Message) -> Sequence[str]:
    words = message.string
    return [str(one) for one in words] if isinstance(words, tuple | list) else [str(words or "")]


def _values(words: str) -> set[str]:
    """The names of what is filled in. Raises ValueError."""
    return {name for _, name, _, _ in Formatter().parse(words) if name is not None} if "{" in words else set()


def folders(own: Path | None) -> list[Path]:
    """The template folders in use: ours, then the shop's own over it."""
    return [paths.templates(), *([own] if own else [])]
