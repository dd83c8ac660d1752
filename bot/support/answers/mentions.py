"""What a message mentions: order numbers, products by name, and words with a typo put right.

RapidFuzz does here what it is good at: single tokens by OSA distance. It never judges whole sentences.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.support.answers import ranking

_NUMBER = re.compile(r"(?<![0-9A-Za-z])#?\s?((?:[A-Za-z]{1,4}-?)?\d[\d-]{2,18}\d)(?![0-9A-Za-z])", re.ASCII)
_PLAIN = re.compile(r"[^A-Z0-9]")
_WORD = re.compile(r"[^\W\d_]{4,}")


def plain_number(text: str) -> str:
    """An order number without what people add or leave out: `# 10-01` and `1001` are the same."""
    return _PLAIN.sub("", text.upper())


def numbers(text: str) -> list[str]:
    """What looks like an order number in raw text, plain, in order. Years and prices of less than 4 signs do not."""
    return list(dict.fromkeys(plain_number(found) for found in _NUMBER.findall(text)))


def nearest_number(number: str, known: Iterable[str]) -> str | None:
    """The one known number that is at most one slip away; None when none or several are. Ask before using it."""
    near = [other for other in known if OSA.distance(number, plain_number(other), score_cutoff=1) <= 1]
    return near[0] if len(near) == 1 else None


def repair(text: str, vocabulary: Sequence[str], known: frozenset[str]) -> str:
    """Normalised text with unknown Latin words of four letters and more replaced by the known word they nearly are.

    .75 alike with the same first letter, else .80 (measured: +1 to +9 points under typos, about none without).
    """
    if not vocabulary:
        return text

    def mend(match: re.Match[str]) -> str:
        word = match[0]
        if word in known or ranking.is_cjk(word):
            return word
        best = process.extractOne(word, vocabulary, scorer=OSA.normalized_similarity, score_cutoff=0.75)
        if best is None or (best[1] < 0.8 and best[0][0] != word[0]):
            return word
        return str(best[0])

    return _WORD.sub(mend, text)


@dataclass(frozen=True)
class Named:
    """A product that a message names. `share` is how much of the name was found, by rarity of its words, 0 to 1."""

    name: str
    share: float
    words: tuple[str, ...]


class ProductNames:
    """Finds a product by its name in free text: character TF-IDF for the first 50, then token by token."""

    surely = 0.7

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(dict.fromkeys(names))
        self._tokens = [ranking.tokens(ranking.normalise(name)) for name in self.names]
        counts = Counter(token for found in self._tokens for token in set(found))
        self._rarity = {token: math.log((1 + len(self.names)) / (1 + seen)) + 1 for token, seen in counts.items()}
        self._ranking = ranking.Ranking([(at, ranking.normalise(name)) for at, name in enumerate(self.names)])

    def find(self, text: str) -> Named | None:
        """The product that the normalised text names nearly in full, or None."""
        said = ranking.tokens(text)
        alike = self._ranking.alike(text)
        best: Named | None = None
        for at in sorted(alike, key=lambda number: -alike[number])[:50]:
            named = self._named(at, said, text)
            if named.share >= self.surely and (best is None or named.share > best.share):
                best = named
        return best

    def _named(self, at: int, said: Sequence[str], text: str) -> Named:
        total = found = 0.0
        words = []
        for token in self._tokens[at]:
            total += self._rarity[token]
            if ranking.is_cjk(token):
                alike, match = (1.0, token) if token in text else (0.0, "")
            else:
                near = process.extractOne(token, said, scorer=OSA.normalized_similarity, score_cutoff=0.7)
                alike, match = (float(near[1]), near[0]) if near else (0.0, "")
            found += alike * self._rarity[token]
            words += [match] if match else []
        return Named(self.names[at], found / total if total else 0.0, tuple(words))


def without(text: str, named: Named) -> str:
    """The text with the product's words replaced by `this item`, so that its name does not steer the answer."""
    rest = text
    for word in sorted(named.words, key=len, reverse=True):
        rest = re.sub(
            rf"(?<![^\W_]){re.escape(word)}(?![^\W_])" if not ranking.is_cjk(word) else re.escape(word), "\0", rest
        )
    filler = "这个商品" if ranking.is_cjk(rest) else "this item"
    return " ".join(re.sub(r"\0(?:[\s\0]*\0)*", filler, rest).split())
