"""What of an event fits the columns that it will be written to; the rest is left out and named in its `flags`."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from bot.base import clock, values

_PARTS = ("properties", "traits", "context", "extra")
_IDS = ("userId", "anonymousId", "previousId", "email")
_ID_LENGTH = 255
_NAMED = 20  # places; more would be a list of their own
_MOST_MONEY = 2.0**53 / 100  # in a currency of cents
_MOST_PIECES = 2.0**31 - 1
_AMOUNTS = frozenset((
    "price", "compare_at_price", "total", "value", "revenue", "subtotal", "shipping", "tax", "discount", "amount",
))  # fmt: skip
_PIECES = frozenset(("quantity", "stock", "inventory_quantity", "position", "rating"))
_ID = re.compile(r"(.*_)?id|sku|order_number|number|coupon", re.I)
_TIME = re.compile(r".*_at|timestamp|time", re.I)


def fit(body: Mapping[str, Any], ts: datetime, received_at: datetime) -> tuple[dict[str, Any], datetime]:
    """Body and time of an event with nothing in them that a column refuses."""
    dropped: list[str] = []
    kept = {key: _part(key, value, dropped) for key, value in body.items()}
    if not values.is_kept(ts):
        ts = received_at
        dropped.append("timestamp")
    if dropped:
        kept = {key: value for key, value in kept.items() if value is not values.DROPPED}
        flags = kept.get("flags")
        kept["flags"] = [*(flags if isinstance(flags, list) else ()), *map("dropped: {}".format, dropped[:_NAMED])]
    return kept, ts


def message_id(given: str) -> str:
    """The key of an event, short enough for an index."""
    return (
        given
        if not given or len(given) <= _ID_LENGTH
        else "long:" + sha256(given.encode("utf-8", "replace")).hexdigest()
    )


def _part(key: str, value: Any, dropped: list[str]) -> Any:
    kept = values.fitting(value, key, dropped)
    if key in _IDS:
        return kept if _is_id(kept) else _drop(key, dropped)
    return _looked_at(kept, key, dropped) if key in _PARTS else kept


def _looked_at(value: Any, where: str, dropped: list[str]) -> Any:
    """Without what its name promises and it is not: an amount beyond all money, an id of thousands of digits."""
    if isinstance(value, list):
        return [_looked_at(one, f"{where}[{at}]", dropped) for at, one in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    kept = {}
    for key, one in value.items():
        place = f"{where}.{key}"
        if isinstance(one, Mapping | list):
            kept[key] = _looked_at(one, place, dropped)
        elif _fits(key, one):
            kept[key] = one
        else:
            _drop(place, dropped)
    return kept


def _fits(key: str, value: Any) -> bool:
    for names, check in _CHECKS:
        if names(key):
            return check(value)
    return True


def _is_id(value: Any) -> bool:
    return not isinstance(value, str) or len(value) <= _ID_LENGTH


def _within(most: float) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return True  # `19,90 €`: whoever asks for it reads it
        return not isinstance(value, int | float) or -most <= value <= most

    return check


def _is_time(value: Any) -> bool:
    """Words that are no time are looked at by whoever asks for one."""
    if not isinstance(value, str):
        return True
    try:
        found: datetime = clock.parse(value)
    except OverflowError:
        return False
    except ValueError:
        return True
    return values.is_kept(found)


_CHECKS: tuple[tuple[Callable[[str], object], Callable[[Any], bool]], ...] = (
    (_AMOUNTS.__contains__, _within(_MOST_MONEY)),
    (_PIECES.__contains__, _within(_MOST_PIECES)),
    (_ID.fullmatch, _is_id),
    (_TIME.fullmatch, _is_time),
)


def _drop(where: str, dropped: list[str]) -> object:
    dropped.append(where[:120])
    return values.DROPPED
