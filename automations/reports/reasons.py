"""Why somebody did not enter a flow, left it, or did not get a mail: the word that is kept, as a person reads it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from automations.definition import drawing
from bot.base.texts import Texts

_NOT_SHOWN = frozenset({"reason", "condition"})


def in_words(texts: Texts, language: str, detail: Mapping[str, Any]) -> str:
    """The end of a sentence that begins with "because", with what else is known of it."""
    word = str(detail.get("reason") or "")
    known = f"reason.{word}" in texts.names("en")
    said = texts.say(language, f"reason.{word}") if known else texts.say(language, "reason.own", word=word)
    more = [_more(texts, language, name, value) for name, value in detail.items() if name not in _NOT_SHOWN]
    return f"{said} ({', '.join(more)})" if more else said


def _more(texts: Texts, language: str, name: str, value: Any) -> str:
    """A word that has words of its own (what a flow is for, why customer service holds a mail), else what it is."""
    if name == "late_seconds":
        return texts.say(language, "why.late", span=drawing.duration(timedelta(seconds=int(value) // 60 * 60)))
    if name == "because" and f"reason.{value}" in texts.names("en"):
        return texts.say(language, f"reason.{value}")
    return f"{name.replace('_', ' ')} {value}"
