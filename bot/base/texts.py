"""Short texts by name and language: gettext catalogues in `templates/locale/*.po`, read at start, no compile step.

The msgid is a name (`ticket.opened`), the words of every language stand in its file. `{values}` are filled in.
"""

from collections.abc import Sequence
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from bot.base import paths
from bot.base.errors import Finding, FindingsError


class Texts:
    """All short texts. Folders later in the list stand over earlier ones (a shop's own words over ours)."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._catalogues: dict[str, list[GNUTranslations]] = {}
        self._names: dict[str, set[str]] = {}
        for folder in folders:
            for file in sorted(folder.glob("locale/*.po")):
                self._read(file)

    def _read(self, file: Path) -> None:
        compiled = BytesIO()
        try:
            with file.open("rb") as stream:
                catalogue = read_po(stream, locale=file.stem, abort_invalid=True)
            write_mo(compiled, catalogue)
        except Exception as error:  # babel raises its own, ValueError and UnicodeDecodeError here
            raise FindingsError(Finding(f"not a valid catalogue: {error}", paths.shown(file))) from None
        compiled.seek(0)
        self._catalogues.setdefault(file.stem, []).insert(0, GNUTranslations(compiled))
        names = {str(message.id[0] if isinstance(message.id, tuple | list) else message.id) for message in catalogue}
        self._names.setdefault(file.stem, set()).update(names - {""})

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
            words = catalogue.gettext(name) if count is None else catalogue.ngettext(name, name, count)
            if words != name:
                return words
        return None


def folders(own: Path | None) -> list[Path]:
    """The template folders in use: ours, then the shop's own over it."""
    return [paths.templates(), *([own] if own else [])]
