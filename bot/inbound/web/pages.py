"""Pages for customers: `templates/pages/*.html` filled with our texts, no script, nothing from elsewhere."""

import base64
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from babel.core import negotiate_locale
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import FileSystemLoader
from markupsafe import Markup

from bot.base import render, texts
from bot.base.ground import Ground


class Pages:
    """Answers with a page in the reader's language. The shop's own folder stands over ours, file by file."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        folders = [str(folder / "pages") for folder in reversed(texts.folders(ground.config.templates.folder))]
        loader = FileSystemLoader(folders)
        self._environment = render.environment(html=True).overlay(loader=loader, cache_size=50)
        self._style = loader.get_source(self._environment, "style.css")[0]
        digest = base64.b64encode(sha256(self._style.encode()).digest()).decode()
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'; "
                "frame-ancestors 'none'"
            ),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex",
        }

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

        html = self._environment.get_template(f"{name}.html").render(
            say=say,
            style=Markup(self._style),  # noqa: S704 - our own file, and the CSP names its hash
            shop={"name": self.ground.config.shop.name, "url": self.ground.config.shop.url},
            language=language.replace("_", "-"),
            **values,
        )
        return HTMLResponse(html, status, self._headers)


def _nearest(asked: Sequence[str], spoken: Sequence[str]) -> str | None:
    """`zh`, `zh-Hans-CN` and `zh-TW` all get our Chinese: closer than English."""
    by_word = {language.split("_")[0]: language for language in spoken}
    for tag in asked:
        exact = negotiate_locale([tag.replace("-", "_")], list(spoken))
        if found := exact or by_word.get(tag.split("-")[0].lower()):
            return found
    return None
