"""What a database can keep: whole numbers of 64 bits, finite numbers, text that is text, times that we live in.

Doors drop what cannot be kept and say what they dropped; below them the database's own columns (`Whole`, `Words`, …)
take nothing else, so that no value of a stranger ends in a trace.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
LARGEST = 2**63 - 1
_DIGITS = 18  # of a number that fits whatever they are
_DEEPEST = 64
_AT_ONCE = 256 * 1024
_LAYERS = 8
"""Each is one look at the whole of it; a text without end of brackets in brackets gets no more of them."""
_BAD = re.compile("[\x00\ud800-\udfff]")
DROPPED = object()
"""In place of a value that cannot be kept."""


def text(value: str) -> str:
    """Without NUL, and with `?` for halves of surrogates: what no database keeps."""
    if value.isascii():
        return value.replace("\x00", "") if "\x00" in value else value
    return _BAD.sub(lambda found: "" if found[0] == "\x00" else "?", value) if _BAD.search(value) else value


def whole(value: int, bits: int = 64) -> int:
    """The nearest number of so many bits."""
    most = (1 << (bits - 1)) - 1
    return max(-most - 1, min(most, value))


def moment(value: datetime) -> datetime:
    """The nearest time from 1970 to 2200; `value` is aware."""
    return max(FIRST, min(LAST, value))


def is_kept(value: datetime) -> bool:
    return FIRST <= value < LAST


def number(words: str) -> int | None:
    """Plain digits as the number of a row, or None: also for more digits than a number has."""
    if not (words.isascii() and words.isdigit()) or len(words) > _DIGITS + 1:
        return None
    found = int(words)
    return found if found <= LARGEST else None


def fitting(value: Any, where: str, dropped: list[str], depth: int = 0) -> Any:
    """JSON as it can be kept. What cannot is left out of its object (null in a list), and its place added to `dropped`
    (`properties.products[0].quantity`). At the top it is DROPPED."""
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -LARGEST <= value <= LARGEST else _drop(where, dropped)
    if isinstance(value, float):
        return value if math.isfinite(value) else _drop(where, dropped)
    if depth > _DEEPEST or not isinstance(value, Mapping | list | tuple):
        return _drop(where, dropped)
    if isinstance(value, Mapping):
        kept = ((str(key), fitting(one, f"{where}.{key}", dropped, depth + 1)) for key, one in value.items())
        return {text(key): one for key, one in kept if one is not DROPPED}
    listed = (fitting(one, f"{where}[{at}]", dropped, depth + 1) for at, one in enumerate(value))
    return [None if one is DROPPED else one for one in listed]


def _drop(where: str, dropped: list[str]) -> object:
    dropped.append(text(where.lstrip("."))[:120])
    return DROPPED


def read_json(raw: bytes | str) -> Any:
    """JSON as the world writes it: a number of thousands of digits, NaN and half a surrogate do not spoil the rest.

    Numbers that are none are null. Raises ValueError for what is no JSON, or nested too deep.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # may be garbage, may be one bad value
        words = raw if isinstance(raw, str) else raw.decode()
    try:
        found = json.loads(words, parse_constant=lambda _word: None, parse_float=_finite, parse_int=_short)
    except RecursionError:
        raise ValueError("the JSON is nested too deep") from None
    return fitting(found, "", [])


def read_large_json(raw: bytes) -> Any:
    """As `read_json`, for a thread: read whole, a large text would stop every other thread until it is done. Here no
    step takes longer than a small part does, or than to see where the parts of one begin."""
    try:
        return _read_in_parts(msgspec.Raw(raw), _LAYERS)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return read_json(raw)


def _read_in_parts(raw: msgspec.Raw, layers: int) -> Any:
    view = memoryview(raw)
    begins = bytes(view[:64]).lstrip()[:1]
    if view.nbytes <= _AT_ONCE or not layers or begins not in (b"[", b"{"):
        return read_json(bytes(view))
    if begins == b"[":
        return [_read_in_parts(one, layers - 1) for one in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    named = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    return {name: _read_in_parts(one, layers - 1) for name, one in named.items()}


def write_json(value: Any) -> str:
    """JSON that both databases keep."""
    try:
        written = msgspec.json.encode(value)
    except (ValueError, OverflowError, RecursionError):  # half a surrogate, a number of thousands of digits
        written = msgspec.json.encode(_kept(value))
    return written.decode() if b"\\u0000" not in written else msgspec.json.encode(_kept(value)).decode()


def _kept(value: Any) -> Any:
    found = fitting(msgspec.to_builtins(value), "", [])
    return None if found is DROPPED else found


def _finite(words: str) -> float | None:
    found = float(words)
    return found if math.isfinite(found) else None


def _short(words: str) -> int | None:
    return int(words) if len(words) <= 40 else None
