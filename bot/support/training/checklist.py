"""Did the answers make the points of a script: phrases looked for as people write them, typos and gaps allowed."""

from collections.abc import Sequence

from rapidfuzz import fuzz

from bot.support.answers.ranking import is_cjk, normalise
from bot.support.scripts import Point, Script

_ALIKE = 85.0
"""Of 100, between two words: one wrong letter in a word of seven passes, another word does not."""


def made(script: Script, answers: Sequence[str]) -> dict[str, bool]:
    """By the name of each point, in the order of the script."""
    said = normalise(" \n ".join(answers))
    return {point.name: _is_made(point, said) for point in script.points}


def _is_made(point: Point, said: str) -> bool:
    return any(_stands_in(normalise(phrase), said) for phrase in point.phrases)


def _stands_in(phrase: str, said: str) -> bool:
    if is_cjk(said) or len(phrase) < 5:  # words of Chinese have no gaps to go by
        return phrase in said or (len(phrase) >= 4 and fuzz.partial_ratio(phrase, said, score_cutoff=_ALIKE) > 0)
    # Words may stand apart ("send you a new one" for "send a new one"): all of them in a window a bit longer.
    words, asked = said.split(), phrase.split()
    long = [word for word in asked if len(word) > 2]
    wanted = long if len(long) > 1 else asked
    width = len(asked) + 2
    return any(
        all(any(_alike(word, one) for one in words[start : start + width]) for word in wanted)
        for start in range(max(1, len(words) - width + 1))
    )


def _alike(word: str, said: str) -> bool:
    """The word, with an ending ("ask", "asked") or a typo."""
    return (len(word) > 2 and said.startswith(word)) or fuzz.ratio(word, said) >= _ALIKE


def score(script: Script, points: Sequence[bool], waits: Sequence[float]) -> int:
    """0 to 100: 70 for the points, 30 for answers within the target (a wait of twice as long gives nothing)."""
    if not points:
        return 0
    target = script.target.total_seconds()
    quick = [max(0.0, min(1.0, 2 - wait / target)) for wait in waits]
    pace = sum(quick) / len(quick) if quick else 0.0
    return round(70 * sum(points) / len(points) + 30 * pace)
