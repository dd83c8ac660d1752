"""Why somebody did not enter a flow, left it, or did not get a mail: the word that is kept, as a person reads it."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from automations.definition import drawing
from bot.base.texts import Texts

_NOT_SHOWN = frozenset({"reason", "condition", "bucket", "of", "into", "zone_from"})
"""What is kept for programs: numbers of draws and rows, and which question of the flow it was."""


def in_words(texts: Texts, language: str, detail: Mapping[str, Any], *, ended: bool = False) -> str:
    """The end of a sentence that begins with "because", with what else is known of it.

    `ended`: it ended the flow for them; `merged` is another thing there than of a mail.
    """
    word = str(detail.get("reason") or "")
    said = _first(texts, language, *([f"reason.exit.{word}"] if ended else []), f"reason.{word}")
    said = said or texts.say(language, "reason.own", word=word)
    more = [one for name, value in detail.items() if name not in _NOT_SHOWN for one in
            _more(texts, language, word, name, value)]  # fmt: skip
    if not more:
        return said
    return texts.say(language, "why.more", said=said, more=texts.say(language, "why.more.between").join(more))


def of_count(texts: Texts, language: str, word: str, *, ended: bool = False) -> str:
    """The reason or state that people or mails were counted under."""
    if f"reason.{word}" in texts.names("en") or f"why.{word}" not in texts.names("en"):
        return in_words(texts, language, {"reason": word}, ended=ended)
    return texts.say(language, f"why.{'given_up' if word == 'failed' and ended else word}")


def _more(texts: Texts, language: str, word: str, name: str, value: Any) -> Iterator[str]:
    """A word that has words of its own (what a flow is for, why customer service holds a mail), else what it is."""
    if name == "late_seconds":
        yield texts.say(language, "why.late", span=drawing.duration(timedelta(seconds=int(value) // 60 * 60)))
    elif name == "channels" and isinstance(value, Mapping):
        for channel, lack in value.items():
            yield texts.say(language, f"why.more.{lack}", value=channel)
    elif name == "because":
        yield _first(texts, language, f"reason.{word}.{value}", f"reason.{value}") or str(value)
    elif f"why.more.{name}" in texts.names("en"):
        yield texts.say(language, f"why.more.{name}", value=value)
    else:
        yield f"{name.replace('_', ' ')} {value}"


def _first(texts: Texts, language: str, *names: str) -> str | None:
    return next((texts.say(language, name) for name in names if name in texts.names("en")), None)
