"""Ranking example phrasings by shared words and letters: TF-IDF over word 1-2-grams and character n-grams, no numpy.

Latin text gives words, word pairs and letter runs of 2-5 inside words; Chinese, Japanese and Korean give single
characters and pairs. The measured choice for short shop questions (no dictionary, no word cutter, sturdy under typos).
"""

import itertools
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:['’][^\W_{_CJK}]+)*")
_IS_CJK = re.compile(rf"[{_CJK}]")
_LETTERS = 0.7  # share of the character block against the word block (cross-validated on phrasings)


def normalise(text: str) -> str:
    """One form for what looks the same: NFKC, lower case, single spaces, straight apostrophes."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().replace("’", "'").split())


_FILLER = re.compile(
    r"^(?:(?:hi|hello|hey|dear|sorry|please|excuse me|good (?:morning|day|afternoon|evening)|there|team|so|ok|and|but|"
    r"(?:can|could|would) you (?:please |kindly )?(?:tell me|let me know|say|help me)|i (?:would|'d) like to know|"
    r"i (?:want|wanted) to (?:know|ask)|may i ask|do you know)\b[\s,.!:;-]*|"
    r"(?:您好|你好|亲|请问(?:一下)?|麻烦(?:问一下)?|想问(?:一下|下)?|我想问(?:一下|下)?|问一下|那个|请)[\s,.!，。！～~、]*)+"
)
_SHORT = (
    (re.compile(r"\b(where|what|how|who|when|it|that|there|here)'s\b"), r"\1 is"),
    (re.compile(r"\bcan't\b"), "can not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'(?:d|ll)\b"), " will"),
    (re.compile(r"'ve\b"), " have"),
)


def bare(text: str) -> str:
    """Normalised text without polite openings, short forms written out; a mere greeting stays what it is."""
    for short, long in _SHORT:
        text = short.sub(long, text)
    return _FILLER.sub("", text).strip() or text


def tokens(text: str) -> list[str]:
    """Words of normalised text; a run of Chinese characters is one token."""
    return _TOKEN.findall(text)


def is_cjk(text: str) -> bool:
    return _IS_CJK.search(text) is not None


def features(text: str) -> tuple[Counter[str], Counter[str]]:
    """The word block and the character block of normalised text."""
    words: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    latin: list[str] = []
    for token in tokens(text):
        if is_cjk(token):
            letters.update("z" + token[at : at + size] for size in (1, 2) for at in range(len(token) - size + 1))
            latin.append("")
            continue
        latin.append(token)
        padded = f" {token} "
        letters.update("c" + padded[at : at + size] for size in range(2, 6) for at in range(len(padded) - size + 1))
    words.update("w" + token for token in latin if token)
    words.update(f"p{one} {two}" for one, two in itertools.pairwise(latin) if one and two)
    return words, letters


@dataclass(frozen=True)
class Hit:
    """A group (entry, product) with how alike its best phrasing is, 0 to 1."""

    group: int
    score: float


class Ranking:
    """Phrasings, each of a group. `near` is the share of the best phrasing in a score; the rest is the group's."""

    near = 0.4

    def __init__(self, phrasings: Sequence[tuple[int, str]]) -> None:
        blocks = [features(text) for _group, text in phrasings]
        self.groups = [group for group, _text in phrasings]
        counts = Counter(name for words, letters in blocks for name in (*words, *letters))
        self._rarity = {name: math.log((1 + len(blocks)) / (1 + seen)) + 1 for name, seen in counts.items()}
        self._unknown = math.log(1 + len(blocks)) + 1
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for index, block in enumerate(blocks):
            for name, weight in self._weights(*block).items():
                self._postings[name].append((index, weight))

    def _weights(self, words: Counter[str], letters: Counter[str]) -> dict[str, float]:
        weighted: dict[str, float] = {}
        for block, share in ((words, 1 - _LETTERS), (letters, _LETTERS)):
            made = {name: (1 + math.log(seen)) * self._rarity.get(name, self._unknown) for name, seen in block.items()}
            length = math.sqrt(sum(value * value for value in made.values()))
            weighted.update({name: value / length * math.sqrt(share) for name, value in made.items()})
        length = math.sqrt(sum(value * value for value in weighted.values()))
        return {name: value / length for name, value in weighted.items()} if length else {}

    def alike(self, text: str) -> dict[int, float]:
        """Cosine of normalised text with every phrasing that shares anything, by number of the phrasing."""
        found: dict[int, float] = defaultdict(float)
        for name, weight in self._weights(*features(text)).items():
            for index, other in self._postings.get(name, ()):
                found[index] += weight * other
        return found

    def rank(self, alike: dict[int, float], leave_out: Iterable[int] = ()) -> list[Hit]:
        """Groups, best first. `leave_out` are phrasings to think away (to judge the ranking by itself)."""
        out = set(leave_out)
        by_group: dict[int, list[float]] = defaultdict(list)
        for index, score in alike.items():
            if index not in out:
                by_group[self.groups[index]].append(score)
        hits = []
        for group, scores in by_group.items():
            scores.sort(reverse=True)
            follow = sum(scores[:3]) / 3
            hits.append(Hit(group, self.near * scores[0] + (1 - self.near) * follow))
        return sorted(hits, key=lambda hit: -hit.score)
