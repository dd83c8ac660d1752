"""Macros: answers that staff send often, from `templates/macros/NAME.toml`, and what is done once one was sent."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import nodes

from bot.base import paths, render
from bot.base.config import LANGUAGES
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import NOTHING, Instead, Source

FIELDS: Mapping[str, frozenset[str]] = {
    "shopper": frozenset({"first_name", "last_name", "name", "country"}),
    "order": frozenset(
        {"number", "state", "total", "refunded", "currency", "ordered_at", "shipped_at", "delivered_at", "items"}
    ),
    "parcel": frozenset({"carrier", "number", "url"}),
    "agent": frozenset({"name"}),
    "ticket": frozenset({"number"}),
    "shop": frozenset({"name", "url"}),
}
"""What a text may use. A field that is empty for this shopper is not there at all: `default("...")` or `is defined`."""

VALUES = frozenset({*FIELDS, "language", "timezone"})
ACTIONS = ("close", "snooze", "prio", "tag", "dept", "wait")
"""Commands of a topic that a macro may run, in their order, once the customer has its text."""

_WITHOUT_WORDS = ("close", "wait")  # these may stand alone
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True)
class Words:
    title: str
    text: str
    line: int


@dataclass(frozen=True)
class Macro:
    name: str
    languages: Mapping[str, Words]
    actions: tuple[str, ...]
    file: Path

    def words(self, language: str) -> Words:
        """In that language, else in the first one of the file."""
        return self.languages.get(language) or next(iter(self.languages.values()))

    def title(self, language: str) -> str:
        return self.words(language).title


Macros = Mapping[str, Macro]


@dataclass(frozen=True)
class Rendered:
    """`missing` names what the text asks for and this case does not have; then there is no text to send."""

    text: str
    missing: str | None = None


def fill(macro: Macro, language: str, values: Mapping[str, Any]) -> Rendered:
    words = macro.words(language)
    try:
        return Rendered(render.environment(html=False).from_string(words.text).render(**values).strip())
    except render.UndefinedError as error:
        return Rendered("", _missing(words.text, str(error)))
    except (render.TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        return Rendered("", str(error))


def _missing(text: str, error: str) -> str:
    """`parcel.url` for jinja's `'dict object' has no attribute 'url'`."""
    quoted = re.findall(r"'(\w+)'", error)
    name = quoted[-1] if quoted else error
    dotted = re.search(rf"\b(?:{'|'.join(FIELDS)})\.{re.escape(name)}\b", text)
    return dotted[0] if dotted else name


def load(folders: Sequence[Path]) -> Macros:
    """A file of a later folder replaces one of the same name. Raises FindingsError with every mistake."""
    found, findings = sound(folders)
    errors = [finding for finding in findings if not finding.warning]
    if errors:
        raise FindingsError(*errors)
    return found


def lint(folders: Sequence[Path]) -> list[Finding]:
    """Everything that should be looked at, some of it only a warning."""
    return sound(folders)[1]


@cache
def shipped() -> Macros:
    return load([paths.templates()])


def sound(folders: Sequence[Path], instead: Instead = NOTHING) -> tuple[dict[str, Macro], list[Finding]]:
    """The macros that can be used, and what is wrong (or worth a warning)."""
    found: dict[str, Macro] = {}
    findings: list[Finding] = []
    for folder in folders:
        for file in sorted(folder.glob("macros/*.toml")):
            source = Source(file, instead)
            body = source.read(findings)
            if body is None:
                continue
            wrong = list(_mistakes(body, file, source.text))
            findings += wrong
            if body.get("off"):
                found.pop(file.stem, None)
            elif all(finding.warning for finding in wrong):
                found[file.stem] = _macro(body, file, source.text)
    return found, findings


def _macro(body: Mapping[str, Any], file: Path, source: str) -> Macro:
    languages = {
        language: Words(body[language]["title"], body[language]["text"], _line(source, rf"\[\s*{language}\s*\]"))
        for language in LANGUAGES
        if language in body
    }
    return Macro(file.stem, languages, tuple(body.get("actions", ())), file)


def _line(source: str, pattern: str, after: int = 0) -> int:
    """The first line behind line `after` that begins with the pattern, else line `after` (or 1)."""
    lines = source.splitlines()
    for number, line in enumerate(lines[after:], after + 1):
        if re.match(rf"\s*{pattern}", line):
            return number
    return after or 1


def _mistakes(body: Mapping[str, Any], file: Path, source: str) -> Iterator[Finding]:
    shown = paths.shown(file)
    if not _NAME.fullmatch(file.stem):
        yield Finding("name the file with small letters, digits and _, at most 32", shown, 1)
    for key in body.keys() - {"actions", "off", *LANGUAGES}:
        known = f"actions, off, {', '.join(LANGUAGES)}"
        yield Finding(f"unknown here; known: {known}", shown, _line(source, rf"\[?\s*{re.escape(key)}\b"), key)
    if body.get("off"):
        return
    yield from _wrong_actions(body.get("actions", []), shown, _line(source, r"actions\b"))
    if not any(language in body for language in LANGUAGES):
        yield Finding(f"needs a text: a section [{LANGUAGES[0]}] with title and text", shown, 1)
    for language in LANGUAGES:
        line = _line(source, rf"\[\s*{language}\s*\]")
        if language in body:
            yield from _wrong_words(body[language], shown, source, line)
        else:
            yield Finding(f"no words in {language}: the other language is sent instead", shown, 1, warning=True)


def _wrong_actions(actions: Any, shown: Path, line: int) -> Iterator[Finding]:
    if not isinstance(actions, list) or not all(isinstance(one, str) for one in actions):
        yield Finding('a list of commands in quotes, such as ["tag parcel", "close"]', shown, line, "actions")
        return
    for action in actions:
        verb, _, words = action.partition(" ")
        if verb not in ACTIONS:
            yield Finding(f"unknown action {verb!r}; known: {', '.join(ACTIONS)}", shown, line, "actions")
        elif not words.strip() and verb not in _WITHOUT_WORDS:
            yield Finding(f"{verb} needs a word behind it", shown, line, "actions")


def _wrong_words(words: Any, shown: Path, source: str, section: int) -> Iterator[Finding]:
    if not isinstance(words, dict):
        yield Finding("a section with title and text", shown, section)
        return
    for key in words.keys() - {"title", "text"}:
        yield Finding("unknown here; known: title, text", shown, _line(source, re.escape(key), section), key)
    for key in ("title", "text"):
        if not isinstance(words.get(key), str) or not words[key].strip():
            yield Finding(f"the macro needs a {key} in quotes", shown, section, key)
            return
    at = _line(source, "text", section)
    try:
        parsed = render.environment(html=False).parse(words["text"])
        render.environment(html=False).from_string(words["text"])
    except render.TemplateError as error:
        inside = (getattr(error, "lineno", None) or 1) - (0 if _opens(source, at) else 1)
        yield Finding(f"the template is not right: {error}", shown, at + inside, "text")
        return
    yield from _wrong_names(parsed, shown, at)


def _opens(source: str, line: int) -> bool:
    """Whether the text begins on the line below (after three quotation marks), so that its line 1 is the next one."""
    return source.splitlines()[line - 1].rstrip().endswith(('"""', "'''"))


def _wrong_names(parsed: nodes.Template, shown: Path, line: int) -> Iterator[Finding]:
    ours = {node.name for node in parsed.find_all(nodes.Name) if node.ctx == "store"}
    for name in sorted({node.name for node in parsed.find_all(nodes.Name) if node.ctx == "load"} - VALUES - ours):
        yield Finding(f"{name} is not known here; there are {', '.join(sorted(VALUES))}", shown, line, "text")
    for node in parsed.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name) and node.attr not in FIELDS.get(node.node.name, {node.attr}):
            known = ", ".join(sorted(FIELDS[node.node.name]))
            yield Finding(f"{node.node.name} has no {node.attr}; there are {known}", shown, line, "text")
