"""Care tips by category: `templates/care/<language>.toml`, and which shop category belongs to which.

A category without tips (gift cards, downloads) gets no mail.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.base import paths
from bot.base.config import LANGUAGES
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import NOTHING, Instead, Source, mistake


class Tips(BaseModel):
    """What is said about one kind of goods: shortly after it arrived (`basics`) and a month later (`deep`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    words: tuple[str, ...] = Field(min_length=1)
    basics: tuple[str, ...] = Field(min_length=1)
    deep: tuple[str, ...] = ()


@dataclass
class Care:
    """All tips by language and category."""

    tips: Mapping[str, Mapping[str, Tips]]

    def take(self, other: "Care") -> None:
        """Become what the other is: whoever holds these tips gives the new ones."""
        self.tips = other.tips

    def category_of(self, item: Mapping[str, Any]) -> str | None:
        """The care category of an item, by the words of its shop category; the longest word that fits decides."""
        category = str(item.get("category") or "").lower()
        fitting = [(len(word), name) for word, name in self._words() if _stands_in(word, category)]
        return max(fitting)[1] if fitting else None

    def find(self, language: str, category: str | None) -> Tips | None:
        """Tips in that language; there is no other language to fall back to, a wrong one teaches nobody."""
        return self.tips.get(language, {}).get(category or "")

    def _words(self) -> list[tuple[str, str]]:
        return [(word, name) for found in self.tips.values() for name, tips in found.items() for word in tips.words]


@lru_cache(maxsize=2000)
def _stands_in(word: str, category: str) -> bool:
    """As a whole word where the script has word borders (`shoes` is not in `horseshoes`), else anywhere."""
    if word.isascii():
        return re.search(rf"(?<![a-z]){re.escape(word.lower())}(?![a-z])", category) is not None
    return word.lower() in category


def load(folders: Sequence[Path]) -> Care:
    """Read `care/<language>.toml` of every folder, later folders over earlier ones. Raises FindingsError."""
    found, findings = sound(folders)
    if findings:
        raise FindingsError(*findings)
    return found


def sound(folders: Sequence[Path], instead: Instead = NOTHING) -> tuple[Care, list[Finding]]:
    """The tips that can be given, and what is wrong with the others."""
    found: dict[str, dict[str, Tips]] = {}
    findings: list[Finding] = []
    for file in [file for folder in folders for file in sorted(folder.glob("care/*.toml"))]:
        if file.stem not in LANGUAGES:
            words = f"no language of ours; name it {' or '.join(LANGUAGES)}.toml"
            findings.append(Finding(words, paths.shown(file)))
            continue
        source = Source(file, instead)
        for name, tips in (source.read(findings) or {}).items():
            try:
                found.setdefault(file.stem, {})[name] = Tips.model_validate(tips)
            except ValidationError as error:
                known = list(Tips.model_fields)
                findings += [source.finding((name, *one["loc"]), mistake(one, known)) for one in error.errors()]
    return Care(found), findings
