"""Words as they were meant: spread out letters, long drawn ones, signs that nobody sees, and slips of the finger."""

import re
import unicodedata
from collections.abc import Collection

from rapidfuzz.distance import OSA

from bot.support.answers.ranking import normalise

_HAN = "\u3400-\u9fff"
_APART = re.compile(rf"(?<=[{_HAN}])[\s.,·_*|/、，。~\-]+(?=[{_HAN}])")
_DRAWN = re.compile(r"([a-z])\1{2,}")
_LETTERS = re.compile(r"(?<![\w'])(?:[a-z][ .\-_*]+){3,}[a-z](?![\w'])")
_BETWEEN = re.compile(r"[ .\-_*]+")
_WORD = re.compile(r"[a-z]{6,}")
_RUN = re.compile(r"(?<=\W{12})\W+")  # marks in a row: more say no more, and each is a place where patterns begin anew
_BEGINNING, _END = 4000, 2000  # signs of a long text that are looked at: whoever needs help says so early or last


def plain(raw: str) -> str:
    """`raw` as `ranking.normalise` has it, without what parts or hides the letters of a word."""
    seen = "".join(sign for sign in _cut(raw) if unicodedata.category(sign) != "Cf")
    text = _RUN.sub("", _cut(_DRAWN.sub(r"\1", normalise(seen))))  # one sign may stand for a sentence
    return _LETTERS.sub(lambda found: _BETWEEN.sub("", found[0]), text)


def _cut(text: str) -> str:
    return text if len(text) <= _BEGINNING + _END else f"{text[:_BEGINNING]} {text[-_END:]}"


def joined(text: str) -> str:
    """Plain text without blanks and marks between Chinese signs: `转 人 工` is `转人工`."""
    return _APART.sub("", text)


def mended(text: str, meant: Collection[str], sound: Collection[str] = ()) -> str:
    """Plain text with long words that are one slip away from one of `meant` (two from ten letters on) written right.

    `sound` are words that are near to one and mean something else.
    """

    def mend(found: re.Match[str]) -> str:
        word = found[0]
        if word in meant or word in sound:
            return word
        return next((one for one in meant if _is_near(word, one)), word)

    return _WORD.sub(mend, text)


def _is_near(word: str, meant: str) -> bool:
    slips = 2 if len(meant) >= 10 else 1
    return abs(len(word) - len(meant)) <= slips and OSA.distance(word, meant, score_cutoff=slips) <= slips
