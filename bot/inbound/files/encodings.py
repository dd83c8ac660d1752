"""How the letters of a file are written: decided over the whole of it by what people's words look like.

That a file decodes proves nothing, nearly every file of Windows decodes as Chinese. A reading is good when the letters
outside ASCII are usual ones of a language and stand in words as that language has them; chardet, which knows what
pairs of letters are usual, has a voice as well.
"""

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import chardet

_LATIN = {
    "cp1252": ("äöüß", "éèêëàâçîïôûùüœæÿ", "áéíóúñüçàèòïº", "ãõáéíóúâêôçàü", "åäöéæøüá", "àèéìòùíóáçü", "ëïéüöèáóäç",
               "áéíóúýæöåþð"),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýžöü", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüűä", "čćđšžöü", "ăâîşţéáöüő"),
    "iso8859_2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýžöü", "áéíóöőúüű"),
    "cp1254": ("çğıİöşüâîû",),
    "cp1257": ("āčēģīķļņšūž", "ąčęėįšųūž", "äõöüšžå"),
    "mac_roman": ("äöüß", "éèêëàâçîïôûùœ", "áéíóúñü", "åäöéæø"),
    "cp850": ("äöüß", "éèêëàâçîïôûù", "áéíóúñü", "åäöéæø"),
}  # fmt: skip
"""The letters beside a to z that one language of an encoding uses. A file is nearly always of one language."""
_MIXED = "äöüßéèêëàâçîïôûùñáíóúãåæøìòœ"  # customers of a shop in Western Europe
_RUSSIAN = "оеаинтсрвлкмдпуябгзжчйхшюьыэщцёфъіїєґўјљњћђџ"
_RUSSIAN_VOWELS = frozenset("аеёиоуыэюяіїє")
_GREEK = "ααάβγδεέζηήθιίϊΐκλμνξοόπρστυύϋΰφχψωώς"
_MARKS = frozenset("’‘“”„–—…°€£¥№«»®™©´ª§½²³¡¿•\u00a0（）、。，：；！？《》【】“”・ー～￥「」／－＆　")
_NEVER_FIRST = tuple("ßÿъьыςΐΰ")
_WORD = re.compile(r"[^\W\d_]+(?:['’´-][^\W\d_]+)*")
# No letter, though letters are around it.
_INSIDE = re.compile(r"(?<=[^\W\d_])[^\x00-\x7f\w\s’‘´–—・·](?=[^\W\d_])|(?<=[a-ln-z])[²³]")
_CELLS = re.compile(rb"[^,;\t\r\n\"]+")
_OTHERS = (
    "cp1251",
    "koi8_r",
    "cp866",
    "cp1253",
    "cp1255",
    "cp1256",
    "gb18030",
    "big5hkscs",
    "cp932",
    "cp949",
    "euc_jp",
)
_ALIKE = {
    "gbk": "gb18030", "gb2312": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932", "euc_kr": "cp949",
    "iso_8859_1": "cp1252", "iso_8859_15": "cp1252", "iso_8859_2": "iso8859_2", "iso_8859_7": "cp1253",
    "iso_8859_9": "cp1254", "koi8_u": "koi8_r", "ibm866": "cp866", "ibm850": "cp850", "macroman": "mac_roman",
}  # fmt: skip
_MOST_CELLS, _CHUNK, _MOST_BYTES = 4000, 1 << 20, 4000
_UTF8_LINES = 0.9  # of the lines with such letters: the rest is broken, and each such line is refused
_VOICE, _CLOSE = 0.15, 0.2
_SHOWN = 3


@dataclass(frozen=True)
class Found:
    """`others` are further encodings in which the words look like words, too; `sample` shows some of them as read."""

    encoding: str
    sample: str = ""
    others: tuple[tuple[str, str], ...] = ()


def find(path: Path) -> Found:
    """Look at the whole file. Raises OSError."""
    with path.open("rb") as stream:
        start = stream.read(4096)
    if marked := _marked(start):
        return Found(marked)
    lines = sound = 0
    cells, whole = dict[bytes, None](), dict[bytes, None]()
    alive = dict.fromkeys((*_LATIN, *_OTHERS), 0)
    for line in _lines(path):
        if line.isascii():
            continue
        lines += 1
        sound += _decodes(line, "utf-8")
        for name in alive:
            alive[name] += not _decodes(line, name)
        if len(cells) < _MOST_CELLS:
            whole[line] = None
            cells.update((cell.strip(), None) for cell in _CELLS.findall(line) if not cell.isascii())
    if sound >= lines * _UTF8_LINES:
        return Found("utf-8-sig", _shown(list(cells), "utf-8"))
    least = max(min(alive.values()), lines // 100)
    return _choose(list(cells), _voice(whole), [name for name, broken in alive.items() if broken <= least])


def of_words(raw: bytes) -> str:
    """The encoding of some words that do not say theirs, as far as a few thousand bytes show it."""
    if marked := _marked(raw[:4096]):
        return marked
    cells = dict.fromkeys(cell.strip() for cell in _CELLS.findall(raw[:_MOST_BYTES]) if not cell.isascii())
    if not cells:
        return "utf-8"
    if sum(_decodes(cell, "utf-8") for cell in cells) >= len(cells) * _UTF8_LINES:
        return "utf-8"
    broken = {name: sum(not _decodes(cell, name) for cell in cells) for name in (*_LATIN, *_OTHERS)}
    least = min(broken.values())
    return _choose(list(cells), _voice(cells), [name for name, count in broken.items() if count == least]).encoding


def _marked(start: bytes) -> str | None:
    """UTF-16 by its mark, or by zeros at every other place, which no other text has."""
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if max(even, odd) > max(len(start) // 20, 8 * min(even, odd)):
        found = "utf-16-le" if odd > even else "utf-16-be"
        return found if _decodes(start[: len(start) // 2 * 2], found) else None
    return None


def _lines(path: Path) -> Iterator[bytes]:
    """Lines, or parts of them where a line has no end."""
    with path.open("rb") as stream:
        while line := stream.readline(_CHUNK):
            yield line


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _choose(cells: Sequence[bytes], voice: str, names: Sequence[str]) -> Found:
    ranked: list[tuple[float, str, list[str]]] = []
    for name in names:
        texts = [cell.decode(name, "replace") for cell in cells]
        ranked.append((plausibility(texts, name) + (_VOICE if name == voice else 0), name, texts))
    ranked.sort(key=lambda one: -one[0])
    best, chosen, read = ranked[0]
    close = _CLOSE if sum(map(len, read)) < 300 else _CLOSE / 2  # many words settle it
    others: list[tuple[str, str]] = []
    seen = [read]
    for score, name, texts in ranked[1:]:
        if score > best - close and texts not in seen:
            seen.append(texts)
            others.append((name, _differing(texts, read)))
    return Found(chosen, " · ".join(read[:_SHOWN]), tuple(others[:_SHOWN]))


def _differing(texts: Sequence[str], read: Sequence[str]) -> str:
    return " · ".join([one for one, other in zip(texts, read, strict=True) if one != other][:_SHOWN])


def _shown(cells: Sequence[bytes], encoding: str) -> str:
    return " · ".join(cell.decode(encoding, "replace") for cell in cells[:_SHOWN])


def _voice(lines: Iterable[bytes]) -> str:
    name = str(chardet.detect(b"\n".join(lines))["encoding"]).lower().replace("-", "_")
    return _ALIKE.get(name, name.replace("windows_", "cp"))


def plausibility(texts: Sequence[str], encoding: str) -> float:
    """From about 1, where all letters outside ASCII are usual ones in usual places, down to 0 and below."""
    words = [word for text in texts for word in _WORD.findall(text) if not word.isascii()]
    letters = "".join(words)
    strange = [one for one in "".join(texts) if not one.isascii() and not one.isalpha()]
    marks = sum(1.5 for one in strange if one not in _MARKS and not "\uff00" < one < "\uff60")
    marks += len(_INSIDE.findall(" ".join(texts)))
    far = [one for one in letters if not one.isascii() and one.isalpha()]
    if not far:
        return (1.0 if encoding == "cp1252" else 0.9) - marks / max(1, len(strange))
    usual = _usual(encoding, far)
    odd = sum(_oddness(word) for word in words) / len(words)
    return usual - odd - marks / len(far)


def _usual(encoding: str, far: Sequence[str]) -> float:
    if encoding in _LATIN:
        sets = [*((one, 1.0) for one in _LATIN[encoding]), *([(_MIXED, 0.97)] if encoding != "cp1250" else [])]
        rare = 0.18 if encoding in ("cp850", "mac_roman", "cp1257") else 0.0  # of old machines and few shops
        return (
            max(sum(one.lower() in usual or one in usual for one in far) / len(far) * of for usual, of in sets) - rare
        )
    known = _WORTH.get(encoding)
    return sum(known(one) for one in far) / len(far) if known else 0.0


def _oddness(word: str) -> float:
    """Of a word: letters of two scripts, a capital after a small letter, hardly a plain letter among Latin ones."""
    scripts = {_script(one) for one in word if one.isalpha()}
    if len(scripts - {"CJK", "HIRAGANA", "KATAKANA"}) + bool(scripts & {"CJK", "HIRAGANA", "KATAKANA"}) > 1:
        return 0.4 if word[-1:].isupper() and word[-1:].isascii() else 1.0
    if scripts == {"LATIN"}:
        far = sum(not one.isascii() for one in word)
        if far * 2 > len(word) > 1:
            return 1.0
    if scripts == {"CYRILLIC"} and len(word) > 2 and not _RUSSIAN_VOWELS.intersection(word.lower()):
        return 1.0
    for part in re.split(r"['’´-]", word):
        turns = sum(a.islower() and b.isupper() for a, b in pairwise(part))
        shouts = part[:2].isupper() and part[2:] != part[2:].upper() and not part.isascii()
        begins = part[:1] in _NEVER_FIRST
        if turns > 1 or begins or shouts or (turns and not part[:1].isupper()):
            return 1.0
        if turns and not part.startswith(("Mc", "Mac", "De", "Le", "La", "Di", "O")):
            return 0.5
    return 0.0


@lru_cache(maxsize=70_000)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "NONE").split(" ")[0].split("-")[0]
    return {"FULLWIDTH": "CJK", "HALFWIDTH": "HALFWIDTH", "MODIFIER": "LATIN", "MICRO": "GREEK"}.get(name, name)


def _of_set(usual: str) -> Callable[[str], float]:
    worth = {one: 1 - at * 0.15 / len(usual) for at, one in reversed(list(enumerate(usual)))}
    return lambda letter: worth.get(letter.lower(), 0.0)


def _in_rows(encoding: str, rows: Sequence[tuple[int, int, float]], kana: float) -> Callable[[str], float]:
    """A table of East Asia begins with the letters in everyday use; `rows` are their first bytes."""

    @lru_cache(maxsize=30_000)
    def worth(letter: str) -> float:
        if "\u3040" <= letter <= "\u30ff" or letter in "々〆ヶ":
            return kana
        if "\uff01" <= letter <= "\uff5e":
            return 0.6
        try:
            first = letter.encode(encoding)
        except UnicodeEncodeError:
            return 0.0
        return next((of for low, high, of in rows if len(first) > 1 and low <= first[0] <= high), 0.0)

    return worth


_WORTH: dict[str, Callable[[str], float]] = {
    "cp1251": _of_set(_RUSSIAN),
    "koi8_r": _of_set(_RUSSIAN[:33]),
    "cp866": _of_set(_RUSSIAN[:33]),
    "cp1253": _of_set(_GREEK),
    "cp1255": lambda letter: 0.95 * ("\u05d0" <= letter <= "\u05ea"),
    "cp1256": lambda letter: 0.95 * ("\u0621" <= letter <= "\u06cc"),
    "gb18030": _in_rows("gb2312", ((0xB0, 0xD7, 0.98), (0xD8, 0xF7, 0.6)), 0.2),
    "big5hkscs": _in_rows("big5", ((0xA4, 0xC6, 0.97), (0xC9, 0xF9, 0.4)), 0.1),
    "cp932": _in_rows("shift_jis", ((0x88, 0x98, 0.95), (0x99, 0x9F, 0.3), (0xE0, 0xEA, 0.3)), 1.0),
    "euc_jp": _in_rows("euc_jp", ((0xB0, 0xCF, 0.8), (0xD0, 0xF4, 0.3)), 1.0),
    "cp949": _in_rows("euc_kr", ((0xB0, 0xC8, 0.97), (0xCA, 0xFD, 0.3)), 0.1),
}
