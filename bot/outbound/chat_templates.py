"""Marketing for chats: `templates/chat/NAME/LANGUAGE.txt`, sandboxed Jinja with an optional button to the shop.

A file may open with front matter between `+++` lines: `button` (its words), `url` (where it leads), `shows` (which of
cart, checkout, products, … it needs). The way out ("send STOP") is added by the program, so that none can lack it.
"""

import re
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template

from bot.base import logs, paths, render, toml_source
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import NOTHING, Instead, text_of
from bot.outbound.email import fields, tracking
from bot.outbound.email.tracking import LinkTokens

log = logs.get(__name__)
LONGEST = 4000  # UTF-16 units of what a template makes; Telegram takes 4096, the way out needs some
_LOOK_AGAIN_AFTER = 2.0
_KEYS = ("button", "url", "shows")
_FENCE = re.compile(r"\s*\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.S | re.M)
_BUTTON = 1
"""The number of the button's link; the text of a chat has no links that we count."""
_ALWAYS_SHOWN = ("customer", "shop", "coupon")


@dataclass(frozen=True)
class Chat:
    """A message as its reader sees it; `button` and `url` are empty together."""

    text: str
    button: str = ""
    url: str = ""


@dataclass(frozen=True)
class ChatTemplate:
    name: str
    language: str
    file: Path
    changed_at: int
    shows: tuple[str, ...]
    parts: Mapping[str, tuple[str, Template, int]]
    """By text, button and url: the source, compiled, and its first line."""

    def render(self, values: Mapping[str, Any], links: LinkTokens | None) -> Chat:
        """The message for one reader. Raises jinja2's TemplateError."""
        given = {"language": self.language, **values}
        text = "\n".join(line.rstrip() for line in self._made("text", given).strip().splitlines())
        text = re.sub(r"\n{3,}", "\n\n", text)
        if len(text.encode("utf-16-le")) // 2 > LONGEST:
            raise render.TemplateError(f"longer than {LONGEST} characters")
        if not text:
            raise render.TemplateError("it says nothing")
        button, url = (" ".join(self._made(part, given).split()) for part in ("button", "url"))
        target = tracking.safe(url) if url else ""
        if not button or not target.startswith("http"):
            return Chat(text)
        own = tuple(tracking.named_hosts(f'"{self.parts["url"][0]}"'))
        return Chat(text, button, links.carrying(_BUTTON, target, own) if links else target)

    def _made(self, part: str, given: Mapping[str, Any]) -> str:
        return self.parts[part][1].render(given) if part in self.parts else ""


@dataclass(frozen=True)
class Chats:
    """What may be sent, by name and language; `off` are those that may not, with what is wrong with them."""

    used: Mapping[tuple[str, str], ChatTemplate]
    off: Mapping[tuple[str, str], Sequence[Finding]]


class ChatTemplates:
    """`folders` are template folders as `texts.folders()` gives them. `language` is the shop's.

    By itself it looks at the files whenever it is asked. A running program says what may be used (`take`).
    """

    def __init__(self, folders: Sequence[Path], language: str = "en") -> None:
        self.folders = [folder / "chat" for folder in folders]
        self.samples = [folder / "email" for folder in folders]
        self.language = language
        self._held: dict[tuple[str, str], tuple[ChatTemplate, float]] = {}
        self._names: tuple[dict[str, list[str]], float] = ({}, float("-inf"))
        self._taken: Chats | None = None

    def take(self, found: Chats) -> None:
        """From now on these and no others, whatever the files say."""
        self._taken = found

    def sound(self, instead: Instead = NOTHING) -> tuple[Chats, list[Finding]]:
        """All that pass lint, and what is wrong with the others: ours stands in for one of the same name."""
        used, off, findings = (
            dict[tuple[str, str], ChatTemplate](),
            dict[tuple[str, str], list[Finding]](),
            list[Finding](),
        )
        for name, languages in self._on_disk().items():
            for language in languages:
                wrong: list[Finding] = []
                for file in filter(Path.is_file, [one / name / f"{language}.txt" for one in reversed(self.folders)]):
                    made, mine = self._looked_at(file, name, language, instead)
                    findings += mine
                    wrong += mine
                    if made is not None:
                        used[name, language] = made
                        break
                else:
                    off[name, language] = wrong
        return Chats(used, off), findings

    def _looked_at(
        self, file: Path, name: str, language: str, instead: Instead
    ) -> tuple[ChatTemplate | None, list[Finding]]:
        try:
            made = _read(file, name, language, instead)
        except FindingsError as error:
            return None, list(error.findings)
        found = list(_looked_at(made, self._sample(made)))
        return (None if found else made), found

    def names(self) -> dict[str, list[str]]:
        """Every template with the languages it has."""
        if self._taken is not None:
            return _by_name([*self._taken.used, *self._taken.off])
        if time.monotonic() - self._names[1] > _LOOK_AGAIN_AFTER:
            self._names = (self._on_disk(), time.monotonic())
        return self._names[0]

    def _on_disk(self) -> dict[str, list[str]]:
        files = [file for folder in self.folders for file in folder.glob("*/*.txt")]
        return _by_name([(file.parent.name, file.stem) for file in files])

    def find(self, name: str, language: str | None = None) -> ChatTemplate:
        """In that language, else the shop's, else English. Raises LookupError and FindingsError."""
        there = self.names().get(name, [])
        for wanted in (language, self.language, "en", *there):
            if wanted is not None and wanted in there:
                return self._get(name, wanted)
        raise LookupError(f"no chat template named {name!r}")

    def lint(self) -> list[Finding]:
        """Everything wrong with the chat templates."""
        found: list[Finding] = []
        for name, languages in self.names().items():
            for language in languages:
                try:
                    template = self._get(name, language)
                except FindingsError as error:
                    found += error.findings
                else:
                    found += _looked_at(template, self._sample(template))
        return found

    def _sample(self, template: ChatTemplate) -> dict[str, Any]:
        names = (f"_sample.{template.language}.toml", "_sample.en.toml")
        files = [file for name in names for one in reversed(self.samples) if (file := one / name).is_file()]
        found = (toml_source.Source(file).read([]) for file in files)  # of one that is wrong mails tell
        shared = next((tree for tree in found if tree is not None), {})
        shown = (*_ALWAYS_SHOWN, *template.shows)
        return {**{key: shared[key] for key in shown if key in shared}, "language": template.language}

    def _get(self, name: str, language: str) -> ChatTemplate:
        if self._taken is not None:
            if (name, language) in self._taken.off:
                raise FindingsError(*self._taken.off[name, language])
            return self._taken.used[name, language]
        held, now = self._held.get((name, language)), time.monotonic()
        if held and now - held[1] < _LOOK_AGAIN_AFTER:
            return held[0]
        file = _find(self.folders, f"{name}/{language}.txt")
        if file is None:
            raise LookupError(f"no chat template {name!r} in {language}")
        if held and held[0].file == file and held[0].changed_at == file.stat().st_mtime_ns:
            made = held[0]
        else:
            try:
                made = _read(file, name, language)
            except FindingsError as error:
                if held is None:
                    raise
                log.warning("a changed chat template cannot be used, the one before it stays", reason=str(error))
                made = held[0]
        self._held[name, language] = (made, now)
        return made


def _by_name(keys: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    return {
        name: sorted({language for one, language in keys if one == name}) for name in sorted({one for one, _ in keys})
    }


def _find(folders: Sequence[Path], path: str) -> Path | None:
    return next((found for folder in reversed(folders) if (found := folder / path).is_file()), None)


def _read(file: Path, name: str, language: str, instead: Instead = NOTHING) -> ChatTemplate:
    shown, unread = paths.shown(file), list[Finding]()
    text = text_of(file, unread, instead)
    if text is None:
        raise FindingsError(*unread)
    fence = _FENCE.match(text)
    head: dict[str, Any] = {}
    if fence:
        try:
            head = toml_source.parse(fence[1])
        except tomllib.TOMLDecodeError as error:
            line = text.count("\n", 0, fence.start(1)) + toml_source.line_of(error, fence[1])
            raise FindingsError(Finding(f"front matter is {toml_source.in_words(error)}", shown, line)) from None
    if wrong := list(_complaints(head)):
        raise FindingsError(*(Finding(message, shown, 1, key) for key, message in wrong))
    begin = text.count("\n", 0, fence.end()) + 1 if fence else 1
    sources = {"text": (text[fence.end() :] if fence else text, begin)}
    sources |= {key: (head[key], 1) for key in ("button", "url") if key in head}
    environment, parts = render.environment(html=False), {}
    for part, (source, line) in sources.items():
        try:
            parts[part] = (source, environment.from_string(source), line)
        except render.TemplateSyntaxError as error:
            raise FindingsError(Finding(f"{error.message}", shown, line + error.lineno - 1)) from None
    return ChatTemplate(name, language, file, file.stat().st_mtime_ns, tuple(head.get("shows", ())), parts)


def _complaints(head: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in head:
        if key not in _KEYS:
            yield key, f"unknown key {key}; known here: {', '.join(_KEYS)}"
    if ("button" in head) != ("url" in head):
        yield "button", 'a button needs both: button = "To your cart" and url = "{{ cart.url }}"'
    if not all(isinstance(head.get(key, ""), str) for key in ("button", "url")):
        yield "button", "button and url are texts in quotes"
    shows = head.get("shows", [])
    if not isinstance(shows, list) or not all(isinstance(one, str) for one in shows):
        yield "shows", 'must be a list of names, such as ["cart"]'


def _looked_at(template: ChatTemplate, sample: Mapping[str, Any]) -> Iterator[Finding]:
    shown, environment = paths.shown(template.file), render.environment(html=False)
    wrong = False
    for source, _, line in template.parts.values():
        for at, message in dict.fromkeys(fields.used(environment, source, sample, given=frozenset()).missing):
            wrong = True
            yield Finding(message, shown, line + at - 1)
    if wrong:
        return
    try:
        template.render(sample, None)
    except Exception as error:  # whatever a template does with its sample, it is a finding
        yield Finding(f"does not render with its sample: {type(error).__name__}: {error}", shown, 1)
