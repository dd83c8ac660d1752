"""Bytes of foreign mails as text: what their label means to mailers and browsers, or a look at the words."""

import codecs
import re
from functools import lru_cache

from bot.inbound.files import encodings

_MEANT = {
    # What browsers read under these names (the Encoding standard), and what mail programs invent.
    "ascii": "cp1252", "us-ascii": "cp1252", "iso8859-1": "cp1252", "latin-1": "cp1252", "iso8859-9": "cp1254",
    "iso8859-11": "cp874", "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932",
    "euc_kr": "cp949", "big5": "big5hkscs", "iso8859-8-i": "iso8859-8", "iso8859-6-i": "iso8859-6",
}  # fmt: skip
_ALIASES = {
    "x-sjis": "cp932", "sjis": "cp932", "ks_c_5601-1987": "cp949", "ks_c_5601": "cp949", "cn-gb": "gb18030",
    "x-gbk": "gb18030", "gb_2312-80": "gb18030", "x-x-big5": "big5hkscs", "cn-big5": "big5hkscs", "x-euc-jp": "euc_jp",
    "unicode-1-1-utf-8": "utf-8", "utf8mb4": "utf-8", "x-unicode20utf8": "utf-8", "unicode-1-1-utf-7": "utf-7",
    "x-cp1250": "cp1250", "x-cp1251": "cp1251", "x-cp1252": "cp1252", "ansi_x3.4-1968": "cp1252", "dos-874": "cp874",
    "x-mac-roman": "mac_roman", "macintosh": "mac_roman", "x-mac-cyrillic": "mac_cyrillic", "logical": "iso8859-8",
    "visual": "iso8859-8", "iso-2022-jp-ms": "iso2022_jp_ext", "cp50220": "iso2022_jp_ext", "utf-16": "utf-16",
}  # fmt: skip
_LIKELY = re.compile(
    r"utf-?8|iso-?8859-\d{1,2}|windows-\d{3,4}|cp-?\d{3,4}|koi8-[ru]|gb\w{2,5}|big5|shift_jis|euc-\w\w"
)
_NO_TEXT = frozenset({"unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined", "mbcs", "oem"})
_META = re.compile(rb"""<meta[^>]{0,300}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{2,40})""", re.I)
_ESCAPES = re.compile(rb"\x1b[$(][@BJI(D]")
_LATIN = frozenset({"cp1250", "cp1252", "cp1254", "cp1257", "iso8859-2", "iso8859-15", "mac-roman"})
_NO_LATIN = re.compile(rb"[\x80-\xff]{4}")
"""Nobody's Latin words have so many in a row."""
_JAPANESE = re.compile(rb"\x1b(?:\$[@B]|\$\([@BD]|\([BJIH])")
_FAR = re.compile(rb"[\x80-\xff]")
_BAD = 0.02
_WESTERN = "aftercart.western"
"""How the bytes are read that are no UTF-8 in the midst of it."""
_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""They turn what follows around: `photo` and an end that is not its own."""


def text(raw: bytes, label: str | None, beside: str | None = None) -> str:
    """Never fails. `beside` is what another part of the mail says that is written alike."""
    encoding = known(label)
    if encoding is None or (encoding == "cp1252" and "1252" not in str(label)):
        likely = known(beside)
        if likely in _LATIN and _NO_LATIN.search(raw) and len(_FAR.findall(raw)) * 3 > len(raw):
            likely = None
        encoding = _sure(raw) or encoding or likely
    return clean(_decoded(raw, encoding))


def in_html(raw: bytes, label: str | None, beside: str | None = None) -> str:
    """A page says its encoding itself where its part does not."""
    if known(label) is None and (said := _META.search(raw[:4096])) is not None:
        label = said[1].decode("ascii", "replace")
    return text(raw, label, beside)


def clean(words: str) -> str:
    """Without what no database takes, and without what turns words around."""
    return _OVERRIDES.sub("", words.encode("utf-8", "replace").decode().replace("\0", "")).removeprefix("\ufeff")


@lru_cache(maxsize=500)
def known(label: str | None) -> str | None:
    """The encoding that a label means, None if nobody knows."""
    name = (label or "").strip("\"' \t;").lower()
    for one in (name, *(found[0] for found in _LIKELY.finditer(name))):
        if one in _ALIASES:
            return _ALIASES[one]
        try:
            info = codecs.lookup(one)
        except (LookupError, ValueError, UnicodeError):
            continue
        if info._is_text_encoding and info.name.replace("-", "_") not in _NO_TEXT and info.name not in _NO_TEXT:
            return _MEANT.get(info.name, info.name)
    return None


def _sure(raw: bytes) -> str | None:
    """What shows by itself."""
    if _ESCAPES.search(raw[:4096]):
        return "iso2022_jp_ext"
    if raw.isascii():
        return "utf-8"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _decoded(raw: bytes, encoding: str | None) -> str:
    if encoding is not None:
        try:
            return raw.decode(encoding)
        except (UnicodeError, ValueError):
            pass
        read = _japanese(raw) if encoding.startswith("iso2022_jp") else raw.decode(encoding, "replace")
        if read.count("\ufffd") <= len(raw) * _BAD and encoding != "utf-8":
            return read
    if (sure := _sure(raw)) is not None:
        return raw.decode(sure, "replace")
    read = raw.decode("utf-8", "replace")
    if read.count("\ufffd") <= sum(map(_is_far, read)) * 0.2:
        return raw.decode("utf-8", _WESTERN)  # two programs wrote it, or a few letters are broken
    enough = len(_FAR.findall(raw[:4096])) > 1  # one letter may be anything
    return raw.decode(encodings.of_words(raw) if enough else "cp1252", "replace")


def _japanese(raw: bytes) -> str:
    """What the standard does not have (`①`, `㈱`) as mail programs of Windows write it: in its own rows."""
    out: list[str] = []
    at, wide = 0, False
    for found in [*_JAPANESE.finditer(raw), None]:
        piece = raw[at : found.start() if found else len(raw)]
        out.append(_wide(piece) if wide else piece.decode("cp932", "replace"))
        if found:
            at, wide = found.end(), found[0][1:2] == b"$"
    return "".join(out)


def _wide(piece: bytes) -> str:
    """Pairs of JIS X 0208 as Shift JIS has them."""
    shifted = bytearray()
    for first, second in zip(piece[::2], piece[1::2], strict=False):
        if not (0x21 <= first <= 0x7E and 0x21 <= second <= 0x7E):
            shifted += b"?"
            continue
        row = (first + 1) // 2 + (0x70 if first < 0x5F else 0xB0)
        shifted += bytes((row, second + (0x1F if second < 0x60 else 0x20) if first % 2 else second + 0x7E))
    return shifted.decode("cp932", "replace")


def _as_western(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_WESTERN, _as_western)


def _is_far(letter: str) -> bool:
    return letter > "\x7f"
