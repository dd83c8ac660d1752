"""Pages for customers: `templates/pages/*.html` filled with our texts, no script, nothing from elsewhere."""

import base64
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

import jinja2
from babel.core import negotiate_locale
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import FunctionLoader
from markupsafe import Markup

from bot.base import logs, page_files, render, texts
from bot.base.errors import Finding
from bot.base.ground import Ground
from bot.base.page_files import PageFiles

log = logs.get(__name__)


class Pages:
    """Answers with a page in the reader's language. `files` are those in use, and may change meanwhile."""

    def __init__(self, ground: Ground, files: PageFiles | None = None) -> None:
        self.ground = ground
        self.files = files or PageFiles(page_files.sound(texts.folders(ground.config.templates.folder))[0])
        self._environment = _environment(self.files)
        self._ours = _environment(PageFiles(page_files.shipped()))

    def language(self, request: Request, known: str | None = None) -> str:
        """What the reader's contact says, else their browser, else the shop."""
        if known in self.ground.texts.languages:
            return str(known)
        asked = [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "")[:200].split(",")]
        return _nearest(asked, self.ground.texts.languages) or self.ground.config.shop.language

    def answer(self, name: str, language: str, status: int = 200, **values: Any) -> HTMLResponse:
        """The page `templates/pages/{name}.html`; in it `say("text.name", …)`, `shop`, `language` and the values."""

        def say(text: str, **words: Any) -> str:
            return self.ground.texts.say(language, text, **words)

        style = self.files.sources[page_files.STYLE]
        given = {
            "say": say,
            "style": Markup(style),  # noqa: S704 - our own file, and the CSP names its hash
            "shop": {"name": self.ground.config.shop.name, "url": self.ground.config.shop.url},
            "language": language.replace("_", "-"),
            **values,
        }
        try:
            html = self._environment.get_template(f"{name}.html").render(given)
        except render.TemplateError as error:  # the reader gets ours: what they came for must not wait for a mend
            self._say_failed(name, error)
            html = self._ours.get_template(f"{name}.html").render(given)
        return HTMLResponse(html, status, _headers(style))

    def _say_failed(self, name: str, error: Exception) -> None:
        """Once, however many readers come by."""
        if name not in self.files.failed:
            words = f"cannot be written for a reader, ours is shown: {logs.clean(str(error))[:200]}"
            self.files.failed[name] = Finding(words, f"pages/{name}.html")
            log.error("a page of the shop's own cannot be written", finding=str(self.files.failed[name]))


def _environment(files: PageFiles) -> jinja2.Environment:
    def load(name: str) -> tuple[str, None, Callable[[], bool]] | None:
        source = files.sources.get(name)
        return None if source is None else (source, None, lambda: files.sources.get(name) is source)

    return page_files.environment(FunctionLoader(load))


@lru_cache(maxsize=4)
def _headers(style: str) -> dict[str, str]:
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
    }


def _nearest(asked: Sequence[str], spoken: Sequence[str]) -> str | None:
    """`zh`, `zh-Hans-CN` and `zh-TW` all get our Chinese: closer than English."""
    by_word = {language.split("_")[0]: language for language in spoken}
    for tag in asked:
        exact = negotiate_locale([tag.replace("-", "_")], list(spoken))
        if found := exact or by_word.get(tag.split("-")[0].lower()):
            return found
    return None
