"""Ready answers: read from `templates/answers/<language>.toml`, found by meaning, rendered for one shopper.

One call, `Index.match`, decides between an answer, three suggestions and a person, so that a better matcher can stand
behind it later. How sure is sure is learnt from the entries themselves (each phrasing judged without itself, and
without its whole entry for questions that have no answer), not from a fixed score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rapidfuzz import fuzz, process

from bot.base import render
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import NOTHING, Instead
from bot.support.answers import files as answer_files
from bot.support.answers import guards, mentions
from bot.support.answers.files import Entry
from bot.support.answers.ranking import Hit, Ranking, bare, normalise, tokens

_FOREIGN = 0.3  # assumed share of messages that no entry answers
_PRECISION = 0.9  # of what is answered at once
_WORTH = 0.6  # of three suggestions shown, how often the right one must be among them
_JUDGED = 400  # phrasings looked at to learn the thresholds
_READ, _COMPARED = 6000, 2000  # signs of a message that are looked at, and compared: questions are short, time is not
_LOW, _HIGH = 0.08, 0.95

__all__ = ["Entry", "Index", "Match", "lint", "load", "sound"]


@dataclass(frozen=True)
class Match:
    """What to do with a message. `entry` with kind answer, up to three `suggestions` with kind suggest.

    `why` of a hand-over is danger, human, complaint or unsure. `confidence` is 0 to 1 and orders matches of one index
    only.
    """

    kind: Literal["answer", "suggest", "hand_over"]
    entry: Entry | None = None
    suggestions: tuple[Entry, ...] = ()
    confidence: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Thresholds:
    answer: float = 0.55
    suggest: float = 0.15


@dataclass
class Index:
    """All entries of all languages: a question is found in whatever language it is asked."""

    entries: Sequence[Entry]
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        self.by_id = {entry.id: entry for entry in self.entries}
        pairs = [
            (at, bare(normalise(phrasing)))
            for at, entry in enumerate(self.entries)
            for words in entry.languages.values()
            for phrasing in words.phrasings
        ]
        self._phrasings = [text for _at, text in pairs]
        self._ranking = Ranking(pairs)
        self._known = frozenset(token for text in self._phrasings for token in tokens(text))
        self._vocabulary = sorted(token for token in self._known if len(token) >= 4)
        if len(self.entries) > 2:
            self.thresholds = self._learn(pairs)

    def take(self, other: "Index") -> None:
        """Become what the other is: whoever holds this index finds the new entries."""
        vars(self).update(vars(other))

    def match(self, text: str, language: str, products: mentions.ProductNames | None = None) -> Match:
        """Answer, suggest or hand over. `language` is that of the shopper: entries without words in it are not used."""
        asked = normalise(text)[:_READ]  # after it: one sign may stand for a sentence
        if guards.in_danger(text):
            return Match("hand_over", confidence=1.0, why="danger")
        if guards.wants_human(text):
            return Match("hand_over", confidence=1.0, why="human")
        if guards.is_angry(text, asked):
            return Match("hand_over", confidence=1.0, why="complaint")
        hits = self._hits(asked, products)
        sound = [hit for hit in hits if not self._blocked(self.entries[hit.group], asked)]
        usable = [hit for hit in sound if self.entries[hit.group].speaks(language)]
        if not usable or usable[0].score < self.thresholds.suggest:
            return Match("hand_over", confidence=usable[0].score if usable else 0.0, why="unsure")
        best = self.entries[usable[0].group]
        if usable[0].score >= self.thresholds.answer and hits[0] == usable[0]:
            return self._answer(best, usable[0].score)
        return Match("suggest", None, tuple(self.entries[hit.group] for hit in usable[:3]), usable[0].score)

    def _answer(self, entry: Entry, score: float) -> Match:
        if entry.action == "human":
            return Match("hand_over", entry, confidence=score, why="human")
        return Match("answer", entry, confidence=score)

    def _blocked(self, entry: Entry, asked: str) -> bool:
        return entry.request and guards.only_sounds_like_a_request(asked)

    def _hits(self, asked: str, products: mentions.ProductNames | None) -> list[Hit]:
        asked = bare(asked[:_COMPARED])
        near = process.extractOne(asked, self._phrasings, scorer=fuzz.ratio, score_cutoff=95) if asked else None
        if near is not None:
            return [Hit(self._ranking.groups[near[2]], 1.0)]
        named = products.find(asked) if products else None
        asked = mentions.without(asked, named) if named else asked
        mended = mentions.repair(asked, self._vocabulary, self._known)
        return self._ranking.rank(self._ranking.alike(mended))

    def _learn(self, pairs: Sequence[tuple[int, str]]) -> Thresholds:
        """The lowest scores at which answers and suggestions of this index are right often enough."""
        judged: list[tuple[float, int]] = []  # score, place of the right entry (0 first, -1 not among three)
        foreign: list[float] = []
        members: dict[int, list[int]] = {}
        for number, (group, _text) in enumerate(pairs):
            members.setdefault(group, []).append(number)
        for number in range(0, len(pairs), max(1, len(pairs) // _JUDGED)):
            group, text = pairs[number]
            alike = self._ranking.alike(text)
            hits = self._ranking.rank(alike, [number])
            place = next((at for at, hit in enumerate(hits[:3]) if hit.group == group), -1)
            judged.append((hits[0].score if hits else 0.0, place))
            others = self._ranking.rank(alike, members[group])
            foreign.append(others[0].score if others else 0.0)
        answer = _lowest([(s, at == 0) for s, at in judged], foreign, _PRECISION)
        return Thresholds(answer, min(answer, _lowest([(s, at >= 0) for s, at in judged], foreign, _WORTH)))


def _lowest(judged: Sequence[tuple[float, bool]], foreign: Sequence[float], wanted: float) -> float:
    """The lowest threshold above which the share of right ones is `wanted`, foreign questions counted in."""
    best = _HIGH
    for threshold in sorted({score for score, _right in judged}, reverse=True):
        taken = [right for score, right in judged if score >= threshold]
        right = sum(taken) / len(judged) * (1 - _FOREIGN)
        wrong = (len(taken) - sum(taken)) / len(judged) * (1 - _FOREIGN)
        strange = sum(score >= threshold for score in foreign) / len(foreign) * _FOREIGN
        if right / (right + wrong + strange or 1) >= wanted:
            best = threshold
    return max(_LOW, min(best, _HIGH))


def say(entry: Entry, language: str, values: Mapping[str, Any]) -> str:
    """The answer in the shopper's language. Raises render.TemplateError if the template asks for what is not there."""
    words = entry.languages.get(language) or next(iter(entry.languages.values()))
    return render.environment(html=False).from_string(words.answer).render(**values).strip()


def load(folders: Sequence[Path]) -> Index:
    """Entries of later folders replace those of the same id. Raises FindingsError with every mistake."""
    entries, findings = answer_files.read(folders)
    errors = [finding for finding in findings if not finding.warning]
    if errors:
        raise FindingsError(*errors)
    return Index(entries)


def sound(folders: Sequence[Path], instead: Instead = NOTHING) -> tuple[Index, list[Finding]]:
    """The entries that can be used, and what is wrong (or worth a warning)."""
    entries, findings = answer_files.read(folders, instead)
    return Index(entries), findings


def lint(folders: Sequence[Path]) -> list[Any]:
    """Everything that should be looked at in the answer files, with file and line: list of `errors.Finding`."""
    return answer_files.read(folders)[1]
