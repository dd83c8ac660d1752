"""The pages for customers as somebody wrote them: `templates/pages/*.html` with `style.css`, own files over ours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jinja2.meta
from jinja2 import BaseLoader, DictLoader, Environment, nodes

from bot.base import paths, render, texts
from bot.base.errors import Finding
from bot.base.toml_source import NOTHING, Instead, near, text_of

STYLE = "style.css"
_ALWAYS = frozenset({"say", "style", "shop", "language"})
_OF_SHOP = ("name", "url")


@dataclass
class PageFiles:
    """The text of each file by its name, as it is used. `failed` are pages that could not be written for a reader."""

    sources: Mapping[str, str] = field(default_factory=dict)
    failed: dict[str, Finding] = field(default_factory=dict)

    def take(self, found: Mapping[str, str]) -> None:
        self.sources = found
        self.failed.clear()


@cache
def shipped() -> Mapping[str, str]:
    return {file.name: file.read_text("utf-8") for file in (paths.templates() / "pages").iterdir()}


def sound(folders: Sequence[Path], instead: Instead = NOTHING) -> tuple[dict[str, str], list[Finding]]:
    """What can be used: one that is wrong leaves its place to ours. `folders` as `texts.folders()` gives them."""
    found, findings = dict(shipped()), list[Finding]()
    every = [file for folder in folders[1:] for file in sorted(folder.glob("pages/*.*"))]
    files = [file for file in every if file.suffix in (".html", ".css")]
    own = {file.name: text for file in files if (text := text_of(file, findings, instead)) is not None}
    known = texts.sound(folders)[0].names("en") if own else set()
    for file in files:
        if file.name in own:
            wrong = list(_mistakes(file, own[file.name], {*found, *own}, known)) if file.suffix == ".html" else []
            findings += wrong
            if not wrong:
                found[file.name] = own[file.name]
    return found, findings


def environment(loader: BaseLoader) -> Environment:
    return render.environment(html=True).overlay(loader=loader, cache_size=50)


def _mistakes(file: Path, text: str, pages: set[str], known: set[str]) -> Iterator[Finding]:
    shown, reader = paths.shown(file), environment(DictLoader(shipped()))
    try:
        reader.from_string(text)
        tree = reader.parse(text)
    except render.TemplateSyntaxError as error:
        yield Finding(str(error.message), shown, error.lineno)
        return
    except render.TemplateError as error:
        yield Finding(str(error), shown, 1)
        return
    for other in jinja2.meta.find_referenced_templates(tree):
        if other is not None and other not in pages:
            yield Finding(f"there is no page {other!r}; {near(other, pages)}", shown, 1)
    for line, message in (*_strange_values(tree, file.name), *_strange_texts(tree, known)):
        yield Finding(message, shown, line)


def _strange_values(tree: nodes.Template, page: str) -> Iterator[tuple[int, str]]:
    given = sorted(_ALWAYS | _given(page))
    strange = jinja2.meta.find_undeclared_variables(tree) - set(given)
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name in strange:
            yield name.lineno, f"{name.name} is not a value of this page; {near(name.name, given)}"
    for part in tree.find_all(nodes.Getattr):
        if isinstance(part.node, nodes.Name) and part.node.name == "shop" and part.attr not in _OF_SHOP:
            yield part.lineno, f"shop has no {part.attr}; {near(part.attr, _OF_SHOP)}"


def _strange_texts(tree: nodes.Template, known: set[str]) -> Iterator[tuple[int, str]]:
    for call in tree.find_all(nodes.Call):
        said = call.args[0] if call.args and isinstance(call.node, nodes.Name) and call.node.name == "say" else None
        if isinstance(said, nodes.Const) and said.value not in known:
            yield call.lineno, f"there is no text {said.value!r}; {near(str(said.value), known)}"


@cache
def _given(page: str) -> frozenset[str]:
    """What our page of that name is given; of any other page, what any of ours is given."""
    reader, ours = environment(DictLoader(shipped())), shipped()
    read = [page] if page in ours and page != "base.html" else [name for name in ours if name.endswith(".html")]
    return frozenset().union(*(jinja2.meta.find_undeclared_variables(reader.parse(ours[name])) for name in read))
