"""Reading `templates/answers/<language>.toml`: entries, their phrasings and answers, what is wrong there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jinja2.meta

from bot.base import paths, render
from bot.base.config import LANGUAGES
from bot.base.errors import Finding
from bot.base.toml_source import NOTHING, Instead, Source
from bot.support.answers.ranking import normalise

ACTIONS = ("order_status", "human")
VALUES = frozenset({"ask", "Ask", "first_name", "shop", "orders", "hours", "language", "timezone", "product"})
"""What an answer template may use; see `ready.values`."""

_KEYS = {"id", "title", "phrasings", "answer", "action", "request", "off"}
_ID = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Words:
    """An entry in one language: `title` stands on a button."""

    title: str
    phrasings: tuple[str, ...]
    answer: str
    file: Path
    line: int


@dataclass(frozen=True)
class Entry:
    """A ready answer. `request`: it is about doing something, so a negation or a past state must not fetch it."""

    id: str
    languages: Mapping[str, Words] = field(default_factory=dict)
    action: str | None = None
    request: bool = False

    def speaks(self, language: str) -> bool:
        return language in self.languages

    def title(self, language: str) -> str:
        return (self.languages.get(language) or next(iter(self.languages.values()))).title


def read(folders: Sequence[Path], instead: Instead = NOTHING) -> tuple[list[Entry], list[Finding]]:
    """The entries that can be used, later folders over earlier, and the findings (some only warnings)."""
    entries: dict[str, Entry] = {}
    findings: list[Finding] = []
    for folder in folders:
        for file in sorted(folder.glob("answers/*.toml")):
            if file.stem not in LANGUAGES:
                findings.append(
                    Finding(f"no language of ours; name it {' or '.join(LANGUAGES)}.toml", paths.shown(file))
                )
                continue
            for item, line in _items(Source(file, instead), findings):
                _take(entries, item, file, line, findings)
    findings += _duplicates(entries)
    findings += _missing_languages(entries)
    return list(entries.values()), findings


def _items(source: Source, findings: list[Finding]) -> Iterator[tuple[dict[str, Any], int]]:
    found = source.read(findings)
    if found is None:
        return
    numbered = enumerate(source.text.splitlines(), 1)
    lines = [number for number, line in numbered if re.match(r"\s*\[\[\s*answer\s*\]\]", line)]
    items = found.pop("answer", [])
    if found or not isinstance(items, list):
        findings.append(Finding("only [[answer]] may stand here", paths.shown(source.file), 1, next(iter(found), None)))
    if isinstance(items, list):
        for at, item in enumerate(items):
            yield item, lines[at] if at < len(lines) else 1


def _take(entries: dict[str, Entry], item: Any, file: Path, line: int, findings: list[Finding]) -> None:
    wrong = list(_mistakes(item, file, line))
    findings += wrong
    if any(not finding.warning for finding in wrong):
        return
    if item.get("off"):
        entries.pop(item["id"], None)
        return
    words = Words(item.get("title", item["id"]), tuple(item["phrasings"]), item.get("answer", ""), file, line)
    entry = entries.get(item["id"], Entry(item["id"]))
    entries[item["id"]] = replace(
        entry,
        languages={**entry.languages, file.stem: words},
        action=item.get("action", entry.action),
        request=item.get("request", entry.request),
    )


def _mistakes(item: Any, file: Path, line: int) -> Iterator[Finding]:
    def wrong(message: str, key: str | None = None) -> Finding:
        return Finding(message, paths.shown(file), line, key)

    if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not _ID.fullmatch(item["id"]):
        yield wrong("an entry needs an id of small letters, digits and _, at most 40", "id")
        return
    for key in item.keys() - _KEYS:
        yield wrong(f"unknown key; known here: {', '.join(sorted(_KEYS))}", key)
    if item.get("off"):
        return
    phrasings = item.get("phrasings")
    if not isinstance(phrasings, list) or not phrasings or not all(isinstance(one, str) and one for one in phrasings):
        yield wrong(f"{item['id']} needs a list of example phrasings in quotes", "phrasings")
    if not isinstance(item.get("title", ""), str):
        yield wrong("the title is a text in quotes", "title")
    if not isinstance(item.get("request", False), bool):
        yield wrong("request is true or false, without quotes", "request")
    if "action" in item and item["action"] not in ACTIONS:
        yield wrong(f"unknown action {item['action']!r}; known: {', '.join(ACTIONS)}", "action")
    elif "action" not in item and not (isinstance(item.get("answer"), str) and item["answer"].strip()):
        yield wrong(f"{item['id']} needs an answer or an action", "answer")
    yield from _template_mistakes(item, wrong)


def _template_mistakes(item: Mapping[str, Any], wrong: Any) -> Iterator[Finding]:
    answer = item.get("answer", "")
    if not isinstance(answer, str):
        yield wrong("the answer is a text in quotes", "answer")
        return
    environment = render.environment(html=False)
    try:
        parsed = environment.parse(answer)
        environment.from_string(answer)
    except render.TemplateError as error:
        yield wrong(f"the template of {item['id']} is not right: {error}", "answer")
        return
    for name in sorted(jinja2.meta.find_undeclared_variables(parsed) - VALUES):
        yield wrong(
            f"{item['id']} uses {name}, which answers do not have; there are {', '.join(sorted(VALUES))}", "answer"
        )


def _duplicates(entries: Mapping[str, Entry]) -> Iterator[Finding]:
    seen: dict[str, Entry] = {}
    for entry in entries.values():
        for words in entry.languages.values():
            for phrasing in words.phrasings:
                other = seen.setdefault(normalise(phrasing), entry)
                if other is not entry:
                    yield _twice(phrasing, entry, words, other)


def _twice(phrasing: str, entry: Entry, words: Words, other: Entry) -> Finding:
    """Told where the shop wrote it, if one of the two is the shop's own."""
    theirs = next((one for one in other.languages.values() if phrasing in one.phrasings), None)
    if theirs and words.file.is_relative_to(paths.templates()) and not theirs.file.is_relative_to(paths.templates()):
        entry, words, other = other, theirs, entry
    message = f"{phrasing!r} stands in {other.id} too; a phrasing can lead to one answer only"
    return Finding(message, paths.shown(words.file), words.line, entry.id)


def _missing_languages(entries: Mapping[str, Entry]) -> Iterator[Finding]:
    for entry in entries.values():
        for language in LANGUAGES:
            if language not in entry.languages:
                words = next(iter(entry.languages.values()))
                message = f"no words in {language}: shoppers of that language get a person instead"
                yield Finding(message, paths.shown(words.file), words.line, entry.id, warning=True)
