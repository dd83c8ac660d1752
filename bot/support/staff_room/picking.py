"""Which macro is meant: by its name, its title in any language, or words of its text."""

from collections.abc import Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz

from bot.support.answers.ranking import normalise
from bot.support.macros import Macro, Macros

MOST = 5
_CLEAR = 75.0  # alike enough to show it at once ...
_AHEAD = 12.0  # ... if it is so far ahead of the next
_ALIKE = 62.0


@dataclass(frozen=True)
class Found:
    """Likeliest first. `clear`: the first one is surely meant."""

    macros: tuple[Macro, ...]
    clear: bool


def search(macros: Macros, asked: str, used: Mapping[str, int]) -> Found:
    """The macros that `asked` may mean; among equals the most used. `used` counts by name."""
    said = normalise(asked)
    if (named := macros.get(said.replace(" ", "_"))) is not None:
        return Found((named,), clear=True)
    scored = [(_score(macro, said), used.get(macro.name, 0), macro) for macro in macros.values()]
    likely = sorted((one for one in scored if one[0] >= _ALIKE), key=lambda one: (-one[0], -one[1], one[2].name))
    if not likely:
        return Found((), clear=False)
    second = likely[1][0] if len(likely) > 1 else 0.0
    clear = likely[0][0] >= _CLEAR and likely[0][0] - second >= _AHEAD
    return Found(tuple(macro for _score, _used, macro in likely[:MOST]), clear)


def _score(macro: Macro, said: str) -> float:
    """0 to 100: most for a name or a title with a word that begins so, least for words in the middle of a text."""
    titles = [normalise(words.title) for words in macro.languages.values()]
    names = [macro.name.replace("_", " "), *titles]
    begins = any(part.startswith(said) for name in names for part in (name, *name.split()))
    named = max(max(fuzz.ratio(said, name), fuzz.partial_ratio(said, name) * 0.9) for name in names)
    texts = [normalise(words.text) for words in macro.languages.values()]
    inside = max(fuzz.partial_ratio(said, text) for text in texts) * 0.7 if len(said) >= 4 else 0.0
    return max(95.0 if begins else 0.0, named, inside)
