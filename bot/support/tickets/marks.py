"""Signs in what a colleague writes: what begins with a slash stays inside."""

import re

_NOTE = re.compile(r"//|/note(?:@\w+)?(?=\s|$)", re.IGNORECASE)


def plain(text: str) -> str:
    """Without space around; a Chinese keyboard's slash is a slash."""
    text = text.strip()
    slashes = len(text) - len(text.lstrip("/／"))
    return "/" * slashes + text[slashes:]


def noted(text: str) -> str | None:
    """The words of what is marked as a note (may be empty). None: not marked."""
    text = plain(text)
    marked = _NOTE.match(text)
    return text[marked.end() :].strip() if marked else None
