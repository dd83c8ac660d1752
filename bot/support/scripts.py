"""Scripted customers, from `templates/drills/NAME.toml`: what they say, what a good answer has, how one would read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from bot.base import clock, paths
from bot.base.config import LANGUAGES
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import NOTHING, Instead, Source

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_WORDS = {"title", "shopper", "says", "model", "points"}


@dataclass(frozen=True)
class Point:
    """Something that a good answer says. One of the phrases, or what is like it, is enough."""

    name: str
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Script:
    """One customer in one language: `says` are their messages, each after an answer to the one before."""

    name: str
    language: str
    title: str
    shopper: str
    says: tuple[str, ...]
    points: tuple[Point, ...]
    model: str
    target: timedelta


Scripts = Mapping[tuple[str, str], Script]
"""By name and language."""


def load(folders: Sequence[Path]) -> Scripts:
    """A file of a later folder replaces one of the same name. Raises FindingsError with every mistake."""
    found, findings = sound(folders)
    if findings:
        raise FindingsError(*findings)
    return found


def lint(folders: Sequence[Path]) -> list[Finding]:
    return sound(folders)[1]


@cache
def shipped() -> Scripts:
    return load([paths.templates()])


def of(scripts: Scripts, name: str, language: str) -> Script | None:
    """In that language, else in whatever it has."""
    spoken = [language, *LANGUAGES]
    return next((scripts[name, one] for one in spoken if (name, one) in scripts), None)


def names(scripts: Scripts) -> list[str]:
    return sorted({name for name, _ in scripts})


def sound(folders: Sequence[Path], instead: Instead = NOTHING) -> tuple[dict[tuple[str, str], Script], list[Finding]]:
    """The drills that can be played, and what is wrong with the others."""
    found: dict[tuple[str, str], Script] = {}
    findings: list[Finding] = []
    for folder in folders:
        for file in sorted(folder.glob("drills/*.toml")):
            source = Source(file, instead)
            body = source.read(findings)
            if body is None:
                continue
            wrong = [source.finding(key.split(".") if key else (), words) for key, words in _mistakes(body, file)]
            findings += wrong
            if not wrong:
                for one in _scripts(body, file):
                    found[one.name, one.language] = one
    return found, findings


def _scripts(body: Mapping[str, Any], file: Path) -> Iterator[Script]:
    for language in LANGUAGES:
        if words := body.get(language):
            yield Script(
                file.stem,
                language,
                words["title"],
                words["shopper"],
                tuple(words["says"]),
                tuple(Point(point["name"], tuple(point["phrases"])) for point in words["points"]),
                words["model"].strip(),
                clock.duration(body.get("target", "30s")),
            )


def _mistakes(body: Mapping[str, Any], file: Path) -> Iterator[tuple[str | None, str]]:
    if not _NAME.fullmatch(file.stem):
        yield None, "the name of the file is a short word of small letters, digits and _"
    for key in sorted(set(body) - {"target", *LANGUAGES}):
        yield key, f"unknown; a drill has target and a section for each language: {', '.join(LANGUAGES)}"
    try:
        clock.duration(body.get("target", "30s"))
    except (ValueError, TypeError, AttributeError) as error:
        yield "target", str(error)
    if not set(body) & set(LANGUAGES):
        yield None, f"has no words: add a section [{LANGUAGES[0]}]"
    for language in LANGUAGES:
        if language in body:
            yield from ((f"{language}.{key}", words) for key, words in _wrong_words(body[language]))


def _wrong_words(words: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(words, dict):
        yield "", "must be a section"
        return
    for key in sorted(set(words) - _WORDS):
        yield key, f"unknown; write {', '.join(sorted(_WORDS))}"
    for key in ("title", "shopper", "model"):
        if not isinstance(words.get(key), str) or not words[key].strip():
            yield key, "must be a text"
    says, points = words.get("says"), words.get("points")
    if not isinstance(says, list) or not says or not all(isinstance(one, str) and one.strip() for one in says):
        yield "says", "must be a list of the customer's messages, one at least"
    if not isinstance(points, list) or not points or not all(_is_point(one) for one in points):
        yield "points", "must be sections [[points]] with a name and a list of phrases, one at least"


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, dict)
        and set(point) == {"name", "phrases"}
        and isinstance(point["name"], str)
        and isinstance(point["phrases"], list)
        and bool(point["phrases"])
        and all(isinstance(one, str) and one.strip() for one in point["phrases"])
    )
